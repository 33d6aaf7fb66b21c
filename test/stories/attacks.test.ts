/** Stories that tried to make filesweep delete what it must keep, or to get it stuck. Each once succeeded. */
import { expect, test } from "vitest";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { createSweeperOf } from "../../src/core/sweeper.ts";
import { START } from "../support/fake-clock.ts";
import { causes, due, knownSite, names } from "../support/site.ts";
import type { World } from "../support/world.ts";

const count = (world: World, what: string): number =>
  world.store.keys().filter((key) => key.startsWith(`${what}/`)).length;

test("old-records keeps a protecting row of another status that neither expired nor is used up", async () => {
  const world = await knownSite(3);
  await world.upload({ key: "vault", status: "archived", downloaded_at: START - 8 * DAY_MS });
  await world.run();
  world.clock.advance(25 * HOUR_MS);
  await world.run();
  world.clock.advance(25 * HOUR_MS);
  await world.run();
  expect(world.store.has("vault")).toBe(true);
  expect(await world.rows("SELECT key FROM files WHERE key='vault'")).toHaveLength(1);
});

test("held orphans stay when the run goes on with missing-objects added", async () => {
  const world = await knownSite(190, { settings: { quarantineMs: 0, maxRemovals: 1 } });
  world.put([...names("orphan", 30)]);
  await world.insert(...due(6));
  const first = await world.run({ sweeps: ["expired-files", "orphaned-objects"] });
  expect(causes(first)).toEqual(["too-many-orphans"]);
  expect(first.status).toBe("paused");
  for (let n = 0; n < 60; n += 1) await world.run();
  expect(count(world, "orphan")).toBe(30);
});

test("held orphans stay after a crash behind the transaction that closed the scan", async () => {
  const world = await knownSite(190, { settings: { quarantineMs: 0, maxRemovals: 1 } });
  world.put([...names("orphan", 30)]);
  await world.insert(...due(6));
  let dead = false;
  const crashing = await world.createInstance({
    wrapClient: (client) => ({
      ...client,
      batch: async (statements, mode) => {
        if (dead) throw new Error("dead");
        const answer = await client.batch(statements, mode);
        if (statements.some(({ sql }) => sql.includes("'protected', 'gone'"))) {
          dead = true;
          throw new Error("dead");
        }
        return answer;
      },
    }),
  });
  await world.slice({}, crashing).catch(() => null);
  expect(dead).toBe(true);
  world.clock.advance(60_000);
  for (let n = 0; n < 60; n += 1) await world.run();
  expect(count(world, "orphan")).toBe(30);
});

test("after two approvals in one run, what came later is still held", async () => {
  const world = await knownSite(10);
  await world.insert(...due(150));
  const held = await world.run();
  await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
  world.clock.advance(60_000);
  await world.insert(...due(150, "later"));
  const second = await world.run();
  expect(second).toMatchObject({ id: held.id, status: "held" });
  await createSweeperOf(world.parts).approve(second.holds.at(-1)?.id ?? "");
  world.clock.advance(60_000);
  await world.upload({ key: "x" });
  await world.insert(...due(200, "latest"));
  world.put(names("latest", 200));
  const third = await world.run();
  expect(count(world, "latest")).toBe(200);
  expect(third.status).toBe("held");
});

test("approved orphans that the store refused do not make room for others", async () => {
  const world = await knownSite(100, { settings: { quarantineMs: 0 } });
  world.put(names("orphan", 50));
  for (const key of names("orphan", 50)) world.store.refuse(key, "no");
  const held = await world.run();
  expect(causes(held)).toEqual(["too-many-orphans"]);
  await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
  await world.run();
  world.clock.advance(60_000);
  world.put(names("later", 60));
  const report = await world.run();
  expect(count(world, "later")).toBe(60);
  expect(report.status).toBe("held");
});

test("a run that was cancelled goes no further", async () => {
  const world = await knownSite(10, { settings: { maxRemovals: 2 } });
  await world.insert(...due(6));
  world.put(names("due", 6));
  const first = await world.run();
  expect(first.status).toBe("paused");
  expect(count(world, "due")).toBe(4);
  let said: unknown = null;
  const instance = await world.createInstance({
    settings: { maxRemovals: 2 },
    wrapStore: (store) => ({
      ...store,
      list: async (options) => {
        said ??= await createSweeperOf(world.parts)
          .cancel(first.id)
          .then(
            () => "cancelled",
            (e: unknown) => e,
          );
        return store.list(options);
      },
    }),
  });
  await world.slice({}, instance).catch(() => null);
  const [row] = await world.rows<{ status: string }>("SELECT status FROM filesweep_runs WHERE id = ?", [first.id]);
  if (said === "cancelled")
    expect({ status: row?.status, left: count(world, "due") }).toEqual({ status: "cancelled", left: 4 });
});

test("a plan does not use an approval up", async () => {
  const world = await knownSite(3, { settings: { firstRun: "hold" } });
  const held = await world.run();
  await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
  await world.plan();
  expect((await world.run()).status).toBe("completed");
});

test("a run that something else holds does not use an approval up", async () => {
  const world = await knownSite(3, { settings: { firstRun: "hold" } });
  const held = await world.run();
  await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
  await world.execute("UPDATE files SET status = 'paused'");
  expect(causes(await world.run())).toEqual(["no-live-files"]);
  await world.execute("UPDATE files SET status = 'active'");
  expect((await world.run()).status).toBe("completed");
});

test("plans do not put off the scans of scheduled runs", async () => {
  const world = await knownSite(30);
  world.put(["orphan"]);
  for (let hour = 0; hour < 24 * 10; hour += 1) {
    if (hour % 12 === 0) await world.plan();
    await world.run({ trigger: "schedule" });
    world.clock.advance(HOUR_MS);
  }
  expect(world.store.has("orphan")).toBe(false);
});

test("a plan between two slices does not make listed suspects gone", async () => {
  const world = await knownSite(30, { settings: { pageSize: 10, maxCalls: 18 } });
  world.put(names("a", 5));
  const first = await world.run();
  expect(first.status).toBe("paused");
  const big = await world.createInstance({ settings: { maxCalls: null } });
  await world.run({ mode: "plan" }, big);
  let report = await world.run();
  for (let n = 0; report.status === "paused" && n < 30; n += 1) report = await world.run();
  expect(report.id).toBe(first.id);
  expect((await world.removals()).filter(({ released_by }) => released_by === "gone")).toEqual([]);
});

test("what a person kept stays, although a later row that names it expires", async () => {
  const world = await knownSite(3);
  await world.upload({ key: "k", expires_at: START - HOUR_MS });
  world.store.refuse("k", "no");
  await world.run();
  const [failed] = await world.rows<{ id: string }>("SELECT id FROM filesweep_removals WHERE key = 'k'");
  await createSweeperOf(world.parts).release(failed?.id ?? "");
  world.store.refuse("k", null);
  world.clock.advance(HOUR_MS);
  await world.insert({ key: "k", expires_at: world.clock.now() + HOUR_MS });
  world.clock.advance(2 * HOUR_MS);
  await world.run();
  expect(world.store.has("k")).toBe(true);
});

test("an approval of 150 lets no 1,000 through", async () => {
  const world = await knownSite(1000);
  await world.execute("UPDATE files SET created_at = created_at - 1000000");
  await world.insert(...due(1100).map((row) => ({ ...row, created_at: START - DAY_MS })));
  const held = await world.run();
  expect(causes(held)).toEqual(["too-many-expired"]);
  await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
  world.clock.advance(60_000);
  await world.execute("UPDATE files SET expires_at = ? WHERE key LIKE 'live/%'", [START - HOUR_MS]);
  await world.run();
  expect(count(world, "live")).toBe(1000);
});

test("what expired-files holds is not ended by old-records", async () => {
  const world = await knownSite(10);
  await world.insert(...due(150).map((row, i) => (i < 100 ? { ...row, downloaded_at: START - 8 * DAY_MS } : row)));
  world.put(names("due", 150));
  const report = await world.run();
  expect(causes(report)).toEqual(["too-many-expired"]);
  expect(count(world, "due")).toBe(150);
});

test("sums stay whole where a run is taken up again after refused orphans", async () => {
  const world = await knownSite(100, { settings: { quarantineMs: 0 } });
  world.put(names("orphan", 50));
  for (const key of names("orphan", 5)) world.store.refuse(key, "no");
  const held = await world.run();
  await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
  world.clock.advance(1000);
  world.put(names("later", 200));
  const second = await world.run();
  expect(second).toMatchObject({ id: held.id, status: "held" });
  for (const key of names("orphan", 5)) world.store.refuse(key, null);
  world.clock.advance(10 * 60_000);
  await createSweeperOf(world.parts).approve(second.holds.at(-1)?.id ?? "");
  await world.run();
});

test("no key stays behind the gate for ever once its removal is released", async () => {
  const world = await knownSite(3, { settings: { pageSize: 1 } });
  let broken = true;
  const instance = await world.createInstance({
    settings: { pageSize: 1 },
    wrapStore: (store) => ({ ...store, delete: (r) => (broken ? Promise.reject(new Error("lost")) : store.delete(r)) }),
  });
  await world.upload({ key: "a", expires_at: START - HOUR_MS });
  await world.run({}, instance);
  await world.upload({ key: "k", expires_at: START - HOUR_MS });
  await world.run({}, instance);
  // The gate is lost for a while, and two rows come through; then a person puts it back.
  const triggers = await world.rows<{ name: string; sql: string }>(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
  );
  for (const { name } of triggers) await world.execute(`DROP TRIGGER "${name}"`);
  await world.insert({ key: "k" }, { key: "k", expires_at: START - HOUR_MS });
  for (const { sql } of triggers) await world.execute(sql);
  await world.run({}, instance);
  broken = false;
  for (let n = 0; n < 3; n += 1) {
    world.clock.advance(DAY_MS);
    await world.run({}, instance);
  }
  expect(await world.rows("SELECT * FROM filesweep_gate")).toEqual([]);
});

test("deleting old records does not cascade into the application's tables", async () => {
  const world = await knownSite(3);
  await world.execute(
    "CREATE TABLE invoices (id INTEGER PRIMARY KEY, file_id TEXT REFERENCES files(id) ON DELETE CASCADE)",
  );
  await world.insert({ id: "old", key: "old", status: "expired", downloaded_at: START - 8 * DAY_MS });
  await world.execute("INSERT INTO invoices (file_id) VALUES ('old')");
  await world.run();
  expect(await world.rows("SELECT file_id FROM invoices")).toHaveLength(1);
});

test("a live row whose key is a blob protects what it might mean", async () => {
  const world = await knownSite(3);
  await world.insert({ key: new TextEncoder().encode("k") });
  await world.upload({ key: "k", expires_at: START - HOUR_MS });
  await world.run();
  expect(world.store.has("k")).toBe(true);
});

test("approving what is closed changes no run", async () => {
  const world = await knownSite(10, { settings: { quarantineMs: 0 } });
  world.put(names("orphan", 50));
  await world.insert(...due(150));
  const held = await world.run();
  const hold = held.holds.find(({ cause }) => cause === "too-many-orphans");
  await world.execute("UPDATE filesweep_holds SET status = 'closed' WHERE id = ?", [hold?.id ?? ""]);
  await expect(createSweeperOf(world.parts).approve(hold?.id ?? "")).rejects.toThrow();
  expect(await world.rows("SELECT status FROM filesweep_runs")).toEqual([{ status: "held" }]);
});

test("two holds of a run, approved one after the other, both go on in it", async () => {
  const world = await knownSite(10, { settings: { quarantineMs: 0 } });
  world.put(names("orphan", 50));
  await world.insert(...due(150));
  const held = await world.run();
  expect(causes(held).sort()).toEqual(["too-many-expired", "too-many-orphans"]);
  for (const { id } of held.holds) await createSweeperOf(world.parts).approve(id);
  const report = await world.run();
  expect(report.id).toBe(held.id);
  expect(report.status).toBe("completed");
});
