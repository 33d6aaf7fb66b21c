/** The totals: what all runs did, written with the journal. */
import { describe, expect, test } from "vitest";
import { emptyProgress } from "../../src/core/report.ts";
import { DAY_MS } from "../../src/core/safety.ts";
import { DURATION_BUCKETS_MS, NO_TOTALS, type Totals, totalsWith } from "../../src/core/totals.ts";
import { START } from "../support/fake-clock.ts";
import { freshEntry } from "../support/ports.ts";
import { due, knownSite } from "../support/site.ts";
import type { World } from "../support/world.ts";

async function totalsOf(world: World): Promise<Totals> {
  return (await world.parts.database.desk.overview()).totals;
}

describe("the totals", () => {
  test("sum what runs removed, saw and kept, and how they ended", async () => {
    const world = await knownSite(3);
    await world.insert(...due(2));
    world.put(["due/00000", "due/00001"]);
    await world.run();
    await world.insert(...due(1, "more"));
    world.put(["more/00000", "orphan"]);
    await world.run();
    const totals = await totalsOf(world);
    expect(totals).toMatchObject({
      cycles: 2,
      firstRunAt: START,
      ended: { remove: { completed: 2 }, plan: {} },
      missing: { count: 0, bytes: 0 },
      lastSuccessAt: { remove: START, plan: null },
    });
    expect(totals.sweeps["expired-files"]?.removed).toEqual({ count: 3, bytes: 30 });
    expect(totals.sweeps["orphaned-objects"]?.seen.count).toBeGreaterThan(0);
    expect(totals.durations.buckets.reduce((sum, one) => sum + one, 0)).toBe(2);
    expect(totals.calls.database).toBeGreaterThan(2);
  });

  test("a plan is a cycle that did nothing", async () => {
    const world = await knownSite(3);
    await world.insert(...due(2));
    await world.plan();
    expect(await totalsOf(world)).toMatchObject({ cycles: 1, ended: { plan: { completed: 1 } }, sweeps: {} });
  });

  test("outlive the history that they were made from", async () => {
    const world = await knownSite(3);
    await world.insert(...due(2));
    world.put(["due/00000", "due/00001"]);
    await world.run();
    world.clock.advance(100 * DAY_MS);
    await world.run();
    const { sweeps, cycles } = await totalsOf(world);
    expect([cycles, sweeps["expired-files"]?.removed]).toEqual([2, { count: 2, bytes: 20 }]);
    expect(await world.rows("SELECT id FROM filesweep_runs")).toHaveLength(1);
    expect(await world.removals()).toEqual([]);
  });

  test("count a run of many slices once, and nothing in it twice", async () => {
    const world = await knownSite(3, { settings: { pageSize: 1, maxRemovals: 1 } });
    await world.insert(...due(3));
    world.put(["due/00000", "due/00001", "due/00002"]);
    let slices = 0;
    for (let status = "paused"; status === "paused"; slices += 1) {
      status = (await world.run()).status;
    }
    expect(slices).toBeGreaterThan(2);
    const { cycles, ended, sweeps } = await totalsOf(world);
    expect([cycles, ended.remove]).toEqual([1, { completed: 1 }]);
    expect(sweeps["expired-files"]?.removed).toEqual({ count: 3, bytes: 30 });
  });

  test("a run that was held and goes on is one cycle with two ends, and no success before the second", async () => {
    const world = await knownSite(1);
    await world.insert(...due(200));
    await world.run();
    expect(await totalsOf(world)).toMatchObject({ cycles: 1, lastSuccessAt: { remove: null } });
    const { database } = world.parts;
    for (const { id } of await database.holds.list({ closed: false })) {
      await database.holds.decide(id, { status: "approved", until: START + DAY_MS });
    }
    await world.run();
    const { cycles, ended, sweeps, lastSuccessAt } = await totalsOf(world);
    expect([cycles, ended.remove, lastSuccessAt.remove]).toEqual([1, { held: 1, completed: 1 }, START]);
    expect(sweeps["expired-files"]?.removed.count).toBe(200);
  });

  test("are written once for an answer that was lost after the commit", async () => {
    const entry = freshEntry("run-1", { status: "completed", finishedAt: START, durationMs: 7 });
    const once = totalsWith(NO_TOTALS, null, entry);
    expect(totalsWith(once, entry, entry)).toEqual(once);
  });

  test("rows that a database counts are summed from the first run on that it counts them in", () => {
    const uncounted = freshEntry("run-1", { calls: { database: 5, storage: 5 } });
    const begun = freshEntry("run-2", { calls: { database: 1, storage: 0, rows: { read: 10, written: 2 } } });
    const grown = { ...begun, calls: { database: 2, storage: 0, rows: { read: 30, written: 4 } } };
    const before = totalsWith(NO_TOTALS, null, uncounted);
    expect(before.calls).not.toHaveProperty("rows");
    const totals = totalsWith(totalsWith(before, null, begun), begun, grown);
    expect(totals.calls).toEqual({ database: 7, storage: 5, rows: { read: 30, written: 4 } });
  });

  test("an entry of a version that kept no totals takes nothing away", () => {
    const entry = freshEntry("run-1", { calls: { database: 5, storage: 5 } });
    const totals = totalsWith(NO_TOTALS, entry, { ...entry, calls: { database: 6, storage: 5 } });
    expect([totals.cycles, totals.calls]).toEqual([1, { database: 6, storage: 5 }]);
  });

  test.each(DURATION_BUCKETS_MS.map((bound, index) => ({ bound, index })))(
    "a run of $bound ms is in bucket $index, one of a millisecond more in the next",
    ({ bound, index }) => {
      const of = (durationMs: number): readonly number[] =>
        totalsWith(NO_TOTALS, null, freshEntry("r", { status: "completed", finishedAt: START, durationMs })).durations
          .buckets;
      expect([of(bound).indexOf(1), of(bound + 1).indexOf(1)]).toEqual([index, index + 1]);
    },
  );

  test.each([
    { status: "completed", failed: false, success: true },
    { status: "completed-with-failures", failed: false, success: true },
    { status: "completed-with-failures", failed: true, success: false },
    { status: "failed", failed: true, success: false },
    { status: "held", failed: false, success: false },
    { status: "cancelled", failed: false, success: false },
  ] as const)("$status, a sweep failed: $failed, is a success: $success", ({ status, failed, success }) => {
    const sweep = emptyProgress("orphaned-objects");
    sweep.report.status = failed ? "failed" : "completed";
    const entry = freshEntry("run-1", { status, finishedAt: START, sweeps: [sweep] });
    expect(totalsWith(NO_TOTALS, null, entry).lastSuccessAt.remove).toBe(success ? START : null);
  });
});
