/** A run in several slices: it goes on under its id, saves its place, and its sums hold across them. */
import { describe, expect, test } from "vitest";
import { LeaseLostError } from "../../src/core/errors.ts";
import type { RunReport } from "../../src/core/model.ts";
import type { RunRequest } from "../../src/core/run.ts";
import { DAY_MS, HOUR_MS, LEASE_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { createWorld, sweepOf, type World } from "../support/world.ts";

const keysOf = (prefix: string, amount: number): string[] =>
  Array.from({ length: amount }, (_, index) => `${prefix}${String(index).padStart(3, "0")}`);

/** Slices until the run ends; their reports in order. */
async function toTheEnd(world: World, request: Partial<RunRequest> = {}): Promise<RunReport[]> {
  const reports: RunReport[] = [];
  for (let turn = 0; turn < 200; turn += 1) {
    const report = await world.run(request);
    reports.push(report);
    if (report.status !== "paused") return reports;
  }
  throw new Error("the run does not come to its end");
}

function last(reports: readonly RunReport[]): RunReport {
  const report = reports.at(-1);
  if (report === undefined) throw new Error("there was no slice");
  return report;
}

describe("a budget", () => {
  test.each([
    ["removals", { maxRemovals: 3, pageSize: 2 }],
    ["calls", { maxCalls: 20, pageSize: 2 }],
    ["removals, one a slice", { maxRemovals: 1, pageSize: 3 }],
  ])(
    "of %s ends a slice; the run goes on under its id, and its sums are those of a run in one slice",
    async (_of, settings) => {
      const world = await createWorld({ settings: { ...settings, quarantineMs: 0 } });
      for (const key of keysOf("e", 13)) await world.upload({ key, expires_at: START });
      for (const key of keysOf("h", 5)) await world.upload({ key, expires_at: START - 1, hold: 1 });
      for (const key of keysOf("l", 7)) await world.upload({ key });
      world.put(keysOf("o", 11));
      const reports = await toTheEnd(world);
      expect(new Set(reports.map(({ id }) => id)).size).toBe(1);
      expect(reports.map(({ slices }) => slices)).toEqual(reports.map((_report, index) => index + 1));
      expect(reports.length).toBeGreaterThan(2);
      const end = last(reports);
      expect(end.status).toBe("completed");
      expect(sweepOf(end, "expired-files")).toMatchObject({
        seen: { count: 18, bytes: 180 },
        removed: { count: 13, bytes: 130 },
        kept: { "on-hold": { count: 5, bytes: 50 } },
        deferred: { count: 0 },
        carriedOver: { count: 0 },
      });
      // The scan goes on while removals wait: it may see files that have not ended yet.
      const scan = sweepOf(end, "orphaned-objects");
      expect(scan).toMatchObject({
        removed: { count: 11, bytes: 110 },
        deferred: { count: 0 },
        carriedOver: { count: 0 },
      });
      expect(scan.kept["still-protected"]?.count).toBeGreaterThanOrEqual(12);
      expect(world.keys()).toEqual([...keysOf("h", 5), ...keysOf("l", 7)]);
    },
  );

  test("of removals is never exceeded by a slice", async () => {
    const world = await createWorld({ settings: { maxRemovals: 3, pageSize: 2, quarantineMs: 0 } });
    for (const key of keysOf("e", 7)) await world.upload({ key, expires_at: START });
    world.put(keysOf("o", 7));
    let before = world.keys().length;
    let status = "paused";
    while (status === "paused") {
      status = (await world.run()).status;
      expect(before - world.keys().length).toBeLessThanOrEqual(3);
      before = world.keys().length;
    }
    expect(before).toBe(0);
  });

  test("of calls is never exceeded by a slice", async () => {
    const world = await createWorld({ settings: { maxCalls: 20, pageSize: 1, quarantineMs: 0 } });
    for (const key of keysOf("e", 17)) await world.upload({ key, expires_at: START });
    world.put(keysOf("o", 17));
    const calls = (): number => world.parts.database.calls() + world.parts.storeCalls();
    let status = "paused";
    while (status === "paused") {
      const before = calls();
      status = (await world.run()).status;
      expect(calls() - before).toBeLessThanOrEqual(20);
    }
    expect(world.keys()).toEqual([]);
  });

  test("of time ends a slice", async () => {
    const world: World = await createWorld({
      settings: { maxDurationMs: 1000, pageSize: 1 },
      wrapStore: (store) => ({
        ...store,
        delete(requests) {
          world.clock.advance(600);
          return store.delete(requests);
        },
      }),
    });
    for (const key of keysOf("e", 5)) await world.upload({ key, expires_at: START });
    const reports = await toTheEnd(world);
    expect(reports).toHaveLength(3);
    expect(last(reports)).toMatchObject({ status: "completed", durationMs: 3000 });
  });

  test("a signal ends the slice after the batch in flight, and the place is saved", async () => {
    const stop = new AbortController();
    const world = await createWorld({
      settings: { pageSize: 2 },
      wrapStore: (store) => ({
        ...store,
        delete(requests) {
          stop.abort();
          return store.delete(requests);
        },
      }),
    });
    for (const key of keysOf("e", 5)) await world.upload({ key, expires_at: START });
    const first = await world.run({ signal: stop.signal });
    expect(first.status).toBe("paused");
    expect(await world.ledger()).toEqual(["e000 removed", "e001 removed"]);
    expect(await world.run()).toMatchObject({ id: first.id, slices: 2, status: "completed" });
  });

  test("a long page of what is kept does not starve the orphans behind it", async () => {
    const world = await createWorld({ settings: { maxCalls: 20, pageSize: 2, quarantineMs: 0 } });
    for (const key of keysOf("live", 120)) await world.upload({ key });
    world.put(["zzz"]);
    const end = last(await toTheEnd(world));
    expect(sweepOf(end, "orphaned-objects")).toMatchObject({ seen: { count: 121 }, removed: { count: 1 } });
  });
});

describe("a scan in several slices", () => {
  test("no orphan is condemned before the scan is complete", async () => {
    const world = await createWorld({ settings: { maxCalls: 20, pageSize: 1, quarantineMs: 0 } });
    world.put(keysOf("o", 20));
    for (let status = "paused"; status === "paused"; ) {
      const report = await world.run();
      status = report.status;
      const scanned = sweepOf(report, "orphaned-objects").seen.count;
      if (scanned < 20) {
        expect(world.keys()).toHaveLength(20);
        expect((await world.ledger()).every((line) => line.endsWith(" suspected"))).toBe(true);
      }
    }
    expect(world.keys()).toEqual([]);
  });

  test("a run that was paused for longer than the quarantine does not see its own suspects again", async () => {
    const world = await createWorld({ settings: { maxCalls: 20, pageSize: 1 } });
    world.put(keysOf("o", 20));
    const first = await world.run();
    expect(first.status).toBe("paused");
    world.clock.advance(30 * DAY_MS);
    const end = last(await toTheEnd(world));
    expect(end.id).toBe(first.id);
    expect(sweepOf(end, "orphaned-objects")).toMatchObject({ suspected: { count: 20 }, removed: { count: 0 } });
    expect(world.keys()).toHaveLength(20);
  });

  test("a scan that fails in a later slice removes nothing and makes nothing gone", async () => {
    const world = await createWorld({ settings: { maxCalls: 20, pageSize: 1 } });
    world.put(keysOf("o", 20));
    await toTheEnd(world);
    world.clock.advance(25 * HOUR_MS);
    await world.run();
    const broken = await world.createInstance({
      wrapStore: (store) => ({
        ...store,
        list: (options) =>
          options.after === null ? store.list(options) : Promise.reject(new Error("the store did not answer")),
      }),
    });
    expect(sweepOf(await world.run({}, broken), "orphaned-objects")).toMatchObject({
      status: "failed",
      removed: { count: 0 },
    });
    expect(world.keys()).toHaveLength(20);
    expect((await world.ledger()).every((line) => line.endsWith(" suspected"))).toBe(true);
  });
});

describe("going on", () => {
  test("a run asked for other sweeps continues the unfinished one and adds them", async () => {
    const world = await createWorld({ settings: { maxRemovals: 2, pageSize: 2, quarantineMs: 0 } });
    for (const key of keysOf("e", 3)) await world.upload({ key, expires_at: START });
    world.put(["orphan"]);
    const first = await world.run({ sweeps: ["expired-files"] });
    expect(first.status).toBe("paused");
    expect(sweepOf(first, "orphaned-objects").status).toBe("skipped");
    const reports = await toTheEnd(world, { sweeps: ["orphaned-objects"] });
    const end = last(reports);
    expect(end.id).toBe(first.id);
    expect(sweepOf(end, "expired-files")).toMatchObject({ status: "completed", removed: { count: 3 } });
    expect(sweepOf(end, "orphaned-objects")).toMatchObject({ status: "completed", removed: { count: 1 } });
    expect(world.keys()).toEqual([]);
  });

  test("a row that was refused in one slice is still a failure in the report of the next", async () => {
    const world = await createWorld({ settings: { maxRemovals: 2, pageSize: 2 } });
    for (const key of keysOf("e", 6)) await world.upload({ id: key, key, expires_at: START });
    await world.execute(
      "CREATE TRIGGER legal BEFORE UPDATE ON files WHEN OLD.id = 'e000' BEGIN SELECT RAISE(ABORT, 'legal hold'); END",
    );
    const reports = await toTheEnd(world);
    expect(reports.length).toBeGreaterThan(1);
    expect(last(reports).status).toBe("completed-with-failures");
    expect(sweepOf(last(reports), "expired-files")).toMatchObject({
      seen: { count: 6 },
      removed: { count: 5 },
      failed: { count: 1, bytes: 10 },
      kept: {},
    });
  });

  test("what a crash interrupts on the last page is not counted twice when the run goes on", async () => {
    let crash = true;
    const world: World = await createWorld({
      settings: { sweeps: ["expired-files"] },
      wrapStore: (store) => ({
        ...store,
        async delete(requests) {
          if (crash) throw new LeaseLostError();
          return store.delete(requests);
        },
      }),
    });
    await world.upload({ key: "expired", expires_at: START });
    await world.upload({ key: "hold", expires_at: START, hold: 1 });
    await expect(world.slice()).rejects.toThrow(LeaseLostError);
    crash = false;
    world.clock.advance(LEASE_MS);
    const report = await world.run();
    expect(report).toMatchObject({ slices: 2, status: "completed" });
    expect(sweepOf(report, "expired-files")).toMatchObject({
      seen: { count: 2 },
      removed: { count: 1 },
      kept: { "on-hold": { count: 1 } },
    });
  });

  test("a run after a finished one is another", async () => {
    const world = await createWorld();
    const first = await world.run();
    const second = await world.run();
    expect(second.id).not.toBe(first.id);
    expect(second.slices).toBe(1);
  });

  test("files that came after a slice are seen by the run that follows, at the latest", async () => {
    const world = await createWorld({ settings: { maxRemovals: 1, pageSize: 1, sweeps: ["expired-files"] } });
    await world.upload({ key: "b", expires_at: START });
    await world.upload({ key: "c", expires_at: START });
    await world.run();
    // It lies before the saved place.
    await world.upload({ key: "a", expires_at: START - DAY_MS });
    await toTheEnd(world);
    await toTheEnd(world);
    expect(world.keys()).toEqual([]);
  });
});
