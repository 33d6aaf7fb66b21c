/**
 * P6 and P7: a fault at any call, two runs at once, a lease taken over at any call. Later runs converge all the same, and
 * no live object is ever missing on the way.
 */
import { expect, test } from "vitest";
import { isSweepError, LeaseLostError } from "../../src/core/errors.ts";
import type { Marker, Twin } from "../../src/core/identity.ts";
import { runSlice } from "../../src/core/run.ts";
import { DAY_MS, HOUR_MS, LEASE_MS } from "../../src/core/safety.ts";
import { START } from "./fake-clock.ts";
import {
  type CallName,
  CrashError,
  createScheduler,
  FAULTS,
  type Fault,
  faultyPorts,
  seeded,
  through,
} from "./faults.ts";
import { type Bytes, createWorld, type World, type WorldOptions } from "./world.ts";

/** Named by live rows that are never due, or kept by a person: their objects are there at any moment, whatever happens. */
const LIVE = ["live-1", "live-2", "shared", "hold", "text", "old-shared", "kept-by-a-person"];
const ORPHANS = ["orphan-1", "orphan-2", "orphan-3", "sub/orphan-4", "sub/orphan-5", "left-over"];

type Stage = Pick<WorldOptions, "bytes">;

export async function createScenario(stage: Stage = {}): Promise<World> {
  const world = await createWorld({ ...stage, settings: { pageSize: 3, oldFilesLive: "remove" } });
  const file = (id: string, key: string, fields = {}): Record<string, unknown> & { key: string } => ({
    id,
    key,
    ...fields,
  });
  await world.insert(
    file("f01", "live-1", { expires_at: START + 1000 * DAY_MS }),
    file("f02", "live-2"),
    file("f03", "shared", { expires_at: START - 1 }),
    file("f04", "shared"),
    file("f05", "expired-1", { expires_at: START - 5 }),
    file("f06", "expired-2", { expires_at: START - 5 }),
    file("f07", "expired-3", { expires_at: START - 5 }),
    file("f08", "twice", { expires_at: START - 5 }),
    file("f09", "twice", { expires_at: START - 1 }),
    file("f10", "hold", { expires_at: START - 1, hold: 1 }),
    file("f11", "text", { expires_at: "soon" }),
    file("f12", "used", { downloads: 1, max_downloads: 1, created_at: START - HOUR_MS }),
    file("f13", "left-over", { status: "expired" }),
    file("f14", "old-1", { downloaded_at: LONG_AGO }),
    file("f15", "old-2", { downloaded_at: LONG_AGO - 9 }),
    file("f16", "old-2", { downloaded_at: LONG_AGO }),
    file("f17", "old-shared", { downloaded_at: LONG_AGO }),
    file("f18", "old-shared"),
    file("f19", "old-marked", { status: "expired", downloaded_at: LONG_AGO }),
    file("f20", "missing", { created_at: LONG_AGO }),
  );
  world.put(["expired-1", "expired-2", "expired-3", "twice", "used", "old-1", "old-2", ...LIVE, ...ORPHANS]);
  for (const key of ["upload", "upload", "live-1"]) world.bytes.beginUpload?.(key, LONG_AGO - HOUR_MS);
  world.bytes.beginUpload?.("under-way", START + 1000 * DAY_MS);
  await addHistory(world);
  return world;
}

const LONG_AGO = START - 8 * DAY_MS;

/** What is older than the history is kept: a run, a removal that was done, and one that a person called off. */
async function addHistory(world: World): Promise<void> {
  const then = START - 200 * DAY_MS;
  await world.execute(
    `INSERT INTO filesweep_runs (id, mode, status, trigger, started_at, finished_at, duration_ms, slices, calls, holds, sweeps)
      VALUES ('ancient', 'remove', 'completed', 'cli', ?, ?, 0, 1, '{"database":0,"storage":0}', '[]', '[]')`,
    [then, then],
  );
  const removal = `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, size_bytes, modified_at,
      created_at, finished_at, released_by) VALUES (?, ?, ?, 'unreferenced', 'orphaned-objects', 'ancient', 10, ?, ?, ?, ?)`;
  const modifiedAt = START - 1000 * HOUR_MS;
  await world.execute(removal, ["ancient-1", "gone", "removed", modifiedAt, then, then, null]);
  await world.execute(removal, ["ancient-2", "kept-by-a-person", "released", modifiedAt, then, then, "operator"]);
}

export function expectLiveObjects(bytes: Bytes): void {
  for (const key of LIVE) if (!bytes.has(key)) expect.unreachable(`${key} is live, and its object is missing`);
}

export interface State {
  readonly objects: string[];
  /** Keys of the multipart uploads under way; where the store has no such thing, as if it were as it should be. */
  readonly uploads: string[];
  readonly files: Record<string, string>;
  readonly removals: string[];
  /** Runs from before the history that is kept. */
  readonly ancientRuns: number;
  /** Whether the store's marker and the database's twin name the same pair, and neither is ahead of what it may be. */
  readonly isPair: boolean;
}

export async function stateOf(world: World): Promise<State> {
  const ancient = await world.rows("SELECT 1 FROM filesweep_runs WHERE id = 'ancient'");
  return {
    objects: world.keys(),
    uploads: world.bytes.uploads?.() ?? ["under-way"],
    files: await world.statuses(),
    removals: await world.ledger(),
    ancientRuns: ancient.length,
    isPair: await isPair(world),
  };
}

async function isPair(world: World): Promise<boolean> {
  const [row] = await world.rows<{ value: string }>("SELECT value FROM filesweep_meta WHERE name = 'twin'");
  const text = await world.bytes.store.readMarker();
  if (row === undefined || text === null) return false;
  // Ours: written by filesweep a moment ago.
  const [twin, marker] = [JSON.parse(row.value) as Twin, JSON.parse(text) as Marker];
  return twin.confirmed && twin.instance === marker.instance && marker.epoch <= twin.epoch;
}

/** Runs of a fresh instance, a day apart, until two in a row change nothing. */
export async function converge(world: World): Promise<State> {
  let before = await stateOf(world);
  const fresh = await world.createInstance();
  for (let unchanged = 0, runs = 0; unchanged < 2; runs += 1) {
    if (runs > 20) throw new Error("the runs do not converge");
    world.clock.advance(25 * HOUR_MS);
    await world.run({}, fresh);
    expectLiveObjects(world.bytes);
    const after = await stateOf(world);
    unchanged = JSON.stringify(after) === JSON.stringify(before) ? unchanged + 1 : 0;
    before = after;
  }
  return before;
}

/** Two runs of one instance, the second after the quarantine, whatever fails on the way. Answers the calls made. */
async function twoRuns(world: World, plan: { at: number; fault: Fault } | null): Promise<number> {
  const ports = faultyPorts(plan, () => expectLiveObjects(world.bytes));
  const instance = await world.createInstance(ports);
  for (const waitMs of [25 * HOUR_MS, LEASE_MS + 1000]) {
    try {
      await world.slice({}, instance);
    } catch (error) {
      if (!(error instanceof CrashError || isSweepError(error, "unavailable"))) throw error;
    }
    if (ports.crashed()) break;
    world.clock.advance(waitMs);
  }
  world.clock.advance(LEASE_MS + 1000);
  return ports.calls();
}

export const END: State = {
  objects: [...LIVE].sort(),
  uploads: ["under-way"],
  files: {
    ...Object.fromEntries(["f01", "f02", "f04", "f10", "f11", "f18", "f20"].map((id) => [id, "active"])),
    ...Object.fromEntries(["f03", "f05", "f06", "f07", "f08", "f09", "f12", "f13"].map((id) => [id, "expired"])),
  },
  removals: [
    ...["expired-1", "expired-2", "expired-3", ...ORPHANS, "twice", "used", "old-1", "old-2"].map(
      (key) => `${key} removed`,
    ),
    "kept-by-a-person released",
  ].sort(),
  ancientRuns: 0,
  isPair: true,
};

/** The tests, for one kind of store. */
export function crashMatrix(stage: Stage, options: { readonly seeds: number }): void {
  test("the scenario undisturbed ends as it should, in two runs", async () => {
    const world = await createScenario(stage);
    await twoRuns(world, null);
    expect(await stateOf(world)).toEqual(END);
    expect(await converge(world)).toEqual(END);
  });

  test.each(FAULTS)("with the fault %s at any call, later runs come to the same end", async (fault) => {
    const calls = await twoRuns(await createScenario(stage), null);
    expect(calls).toBeGreaterThan(30);
    for (let at = 1; at <= calls; at += 1) {
      const world = await createScenario(stage);
      await twoRuns(world, { at, fault });
      expect(await converge(world), `${fault} at call ${at} of ${calls}`).toEqual(END);
    }
  });

  test("a lease taken over at any call: whoever lost it writes nothing more, and starts no delete", async () => {
    const calls = await untilTakenOver(stage, null);
    expect(calls).toContain("delete");
    for (const [index, name] of calls.entries()) {
      // The first call takes the lease: before it, there is none to lose.
      if (index === 0) continue;
      // What changes the store was started before the lease was lost, or not at all: only its effect, or its answer, can
      // come late.
      const changesStore = name === "delete" || name === "writeMarker";
      await untilTakenOver(stage, { at: index + 1, moment: changesStore ? "effect-late" : "before" });
      await untilTakenOver(stage, { at: index + 1, moment: "answer-late" });
    }
  });

  test.each(Array.from({ length: options.seeds }, (_, index) => index + 1))(
    "two instances at once, interleaved by seed %i",
    async (seed) => {
      const world = await createScenario(stage);
      await twoAtOnce(world, seed);
      world.clock.advance(25 * HOUR_MS);
      await twoAtOnce(world, seed + 1000);
      expect(await converge(world)).toEqual(END);
    },
  );
}

/** A marker that comes late says an earlier epoch than the database: that is behind, which is harmless. */
async function dumpFor(world: World, call: CallName | undefined): Promise<unknown> {
  if (call !== "writeMarker") return world.dumpOfAll();
  const tables = await world.rows("SELECT * FROM filesweep_meta ORDER BY name");
  return [tables, await world.removals(), await world.dumpOfOthers()];
}

type Moment = "before" | "effect-late" | "answer-late";

/**
 * The second run of the scenario, the one that removes most, by an instance that stops at a call (before its effect, or
 * with the answer on its way) while another takes the lease over and runs to the end. Answers the calls made.
 */
async function untilTakenOver(stage: Stage, pause: { at: number; moment: Moment } | null): Promise<CallName[]> {
  const world = await createScenario(stage);
  world.clock.advance(HOUR_MS);
  await world.run({ sweeps: ["orphaned-objects"] });
  world.clock.advance(25 * HOUR_MS);

  const calls: CallName[] = [];
  let deletes = 0;
  let before: unknown = null;
  const takeOver = async (): Promise<void> => {
    world.clock.advance(LEASE_MS + 1000);
    await world.run({}, await world.createInstance());
    before = await dumpFor(world, calls.at(-1));
    deletes = 0;
  };
  const slow = await world.createInstance(
    through(async (name, work) => {
      calls.push(name);
      if (name === "delete") deletes += 1;
      const moment = pause?.at === calls.length ? pause.moment : null;
      if (moment === "before" || moment === "effect-late") await takeOver();
      const answer = await work();
      expectLiveObjects(world.bytes);
      if (moment === "answer-late") await takeOver();
      return answer;
    }),
  );
  const request = { mode: "remove", sweeps: slow.settings.sweeps, trigger: "library" } as const;
  if (pause === null) {
    await runSlice(slow, request);
    return calls;
  }
  const where = `call ${pause.at}: ${pause.moment}`;
  const outcome = await runSlice(slow, request).catch((error: unknown) => error);
  if (pause.moment === "answer-late" && !(outcome instanceof Error)) {
    // The last call was the lease's own release: its answer came late, and there was nothing left to do.
    expect(outcome, where).toMatchObject({ kind: "ran" });
  } else {
    expect(outcome, where).toBeInstanceOf(LeaseLostError);
  }
  expect(deletes, where).toBe(0);
  expect(await dumpFor(world, calls[pause.at - 1]), where).toEqual(before);
  if (pause.moment !== "answer-late") expect(await converge(world), where).toEqual(END);
  return calls;
}

/** How often, while two run at once, one of them is stopped for longer than its lease lasts. */
const STOPPED = 0.03;

/** Two instances run at once; before every call, a seeded draw says which of them goes on, and whether time went by. */
async function twoAtOnce(world: World, seed: number): Promise<void> {
  const random = seeded(seed);
  const scheduler = createScheduler(random);
  const ports = through(async (_name, work) => {
    await scheduler.turn();
    if (random() < STOPPED) world.clock.advance(LEASE_MS + 1000);
    const answer = await work();
    expectLiveObjects(world.bytes);
    return answer;
  });
  const instances = [await world.createInstance(ports), await world.createInstance(ports)];
  const outcomes = Promise.all(
    instances.map((instance) =>
      world.slice({}, instance).catch((error: unknown) => {
        if (!(error instanceof LeaseLostError)) throw error;
      }),
    ),
  );
  await scheduler.drive(outcomes);
  await outcomes;
}
