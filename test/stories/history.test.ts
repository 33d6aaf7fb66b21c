/** history through whole runs: filesweep's own past is bounded, and what a person decided is never forgotten. */
import { expect, test } from "vitest";
import { DAY_MS } from "../../src/core/safety.ts";
import { createSweeperOf } from "../../src/core/sweeper.ts";
import { START } from "../support/fake-clock.ts";
import { createWorld, sweepOf, type World } from "../support/world.ts";

const KEPT_MS = 90 * DAY_MS;

async function runIds(world: World): Promise<string[]> {
  return (await world.rows<{ id: string }>("SELECT id FROM filesweep_runs ORDER BY id")).map(({ id }) => id);
}

/** The only removal of a key. */
async function idOf(world: World, key: string): Promise<string> {
  const [row] = await world.rows<{ id: string }>("SELECT id FROM filesweep_removals WHERE key = ?", [key]);
  return row?.id ?? expect.unreachable(`there is no removal of ${key}`);
}

test.each([
  { waitMs: KEPT_MS, kept: true },
  { waitMs: KEPT_MS + 1, kept: false },
])("a finished run and a removed removal $waitMs ms later: kept=$kept", async ({ waitMs, kept }) => {
  const world = await createWorld();
  await world.upload({ key: "a", expires_at: START });
  const first = await world.run();
  expect(await world.ledger()).toEqual(["a removed"]);
  world.clock.advance(waitMs);
  const report = await world.run();
  expect(sweepOf(report, "history")).toMatchObject({
    status: "completed",
    seen: { count: kept ? 0 : 2 },
    removed: { count: kept ? 0 : 2, bytes: 0 },
  });
  expect(await world.ledger()).toEqual(kept ? ["a removed"] : []);
  expect(await runIds(world)).toEqual(kept ? [first.id, report.id] : [report.id]);
});

test("a removal that was released because a row protected it is forgotten", async () => {
  const world = await createWorld();
  world.put(["a"]);
  await world.run();
  await world.insert({ key: "a" });
  world.clock.advance(DAY_MS);
  await world.run();
  expect(await world.removals()).toMatchObject([{ state: "released", released_by: "protected" }]);
  world.clock.advance(KEPT_MS + 1);
  await world.run();
  expect(await world.removals()).toEqual([]);
});

test("what a person released is never forgotten, and never removed", async () => {
  const world = await createWorld();
  world.put(["a"]);
  await world.run();
  await createSweeperOf(world.parts).release(await idOf(world, "a"));
  for (let times = 0; times < 5; times += 1) {
    world.clock.advance(KEPT_MS + DAY_MS);
    await world.run();
  }
  expect(world.keys()).toEqual(["a"]);
  expect(await world.removals()).toMatchObject([{ key: "a", state: "released", released_by: "operator" }]);
});

test("what is open is never forgotten", async () => {
  const world = await createWorld();
  await world.upload({ key: "refused", expires_at: START });
  world.store.refuse("refused", "AccessDenied");
  for (let times = 0; times < 12; times += 1) {
    await world.run({ sweeps: ["expired-files", "history"] });
    world.clock.advance(KEPT_MS);
  }
  expect(await world.ledger()).toEqual(["refused abandoned"]);
});

test("a plan forgets nothing, and a run that is held neither", async () => {
  const world = await createWorld();
  await world.upload({ key: "a", expires_at: START });
  await world.run();
  world.clock.advance(KEPT_MS + 1);
  await world.plan();
  await world.execute("DROP TRIGGER filesweep_gate_files_insert");
  expect((await world.run()).status).toBe("held");
  expect(await world.ledger()).toEqual(["a removed"]);
});
