/** What the overview shows: made from the journal and an index, and of few rows however many there are. */
import { describe, expect, test } from "vitest";
import type { SweepName, Tally } from "../../src/core/model.ts";
import type { Activity, Cutoffs } from "../../src/core/ports.ts";
import { emptyReport } from "../../src/core/report.ts";
import { DAY_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { openPorts, type Ports } from "../support/ports.ts";

const SINCE = START - 30 * DAY_MS;
const DUE: Cutoffs = { expiredBefore: START + 7 * DAY_MS, downloadedBefore: START + 7 * DAY_MS };

const ask = ({ database }: Ports): Promise<Activity> => database.desk.activity(SINCE, DUE);

interface Run {
  readonly id: string;
  readonly startedAt: number;
  readonly mode?: "remove" | "plan";
  readonly sweep?: SweepName;
  readonly status?: "completed" | "held" | "failed" | "skipped" | "deferred";
  readonly seen?: Tally;
  readonly removed?: Tally;
  readonly carriedOver?: Tally;
  readonly stillProtected?: Tally;
}

async function add({ execute }: Ports, ...runs: Run[]): Promise<void> {
  for (const { id, startedAt, mode = "remove", sweep = "expired-files", status = "completed", ...counts } of runs) {
    const { stillProtected, ...tallies } = counts;
    const report = { ...emptyReport(sweep), status, ...tallies };
    if (stillProtected !== undefined) report.kept = { "still-protected": stillProtected };
    await execute(
      `INSERT INTO filesweep_runs (id, mode, status, trigger, started_at, finished_at, duration_ms, slices, calls, holds, sweeps)
        VALUES (?, ?, 'completed', 'schedule', ?, ?, 3, 1, '{"database":0,"storage":0}', '[]', ?)`,
      [id, mode, startedAt, startedAt + 3, JSON.stringify([{ report, done: true, place: null }])],
    );
  }
}

const tally = (count: number, bytes: number): Tally => ({ count, bytes });

describe("what was reclaimed", () => {
  test("is summed by day and sweep, what earlier runs had left over included, the oldest day first", async () => {
    const ports = await openPorts();
    await add(
      ports,
      { id: "1", startedAt: START - 2 * DAY_MS, removed: tally(1, 10) },
      { id: "2", startedAt: START - 1, removed: tally(2, 20), carriedOver: tally(3, 30) },
      { id: "3", startedAt: START, removed: tally(4, 40) },
      { id: "4", startedAt: START, sweep: "orphaned-objects", removed: tally(5, 50) },
    );
    const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
    const { reclaimed, wholeSince } = await ask(ports);
    expect(wholeSince).toBeNull();
    const expected = new Map<string, Tally>();
    for (const [at, sweep, count] of [
      [START - 2 * DAY_MS, "expired-files", 1],
      [START - 1, "expired-files", 5],
      [START, "expired-files", 4],
      [START, "orphaned-objects", 5],
    ] as const) {
      const sum = expected.get(`${day(at)} ${sweep}`)?.count ?? 0;
      expected.set(`${day(at)} ${sweep}`, tally(sum + count, 10 * (sum + count)));
    }
    expect(reclaimed.map(({ day: on, sweep, removed }) => [`${on} ${sweep}`, removed])).toEqual([...expected]);
  });

  test.each([
    ["plans", { id: "1", startedAt: START, mode: "plan", removed: tally(1, 10) }],
    ["runs that removed nothing", { id: "1", startedAt: START, removed: tally(0, 0) }],
    ["runs before the time asked for", { id: "1", startedAt: SINCE - 1, removed: tally(1, 10) }],
  ] as const)("leaves out %s", async (_, run) => {
    const ports = await openPorts();
    await add(ports, run);
    expect((await ask(ports)).reclaimed).toEqual([]);
  });

  test("counts a run that began at the very instant asked for", async () => {
    const ports = await openPorts();
    await add(ports, { id: "1", startedAt: SINCE, removed: tally(1, 10) });
    expect((await ask(ports)).reclaimed).toHaveLength(1);
  });

  test("says since when it is whole, where more runs lie in between than are read", async () => {
    const ports = await openPorts();
    const many = 1501;
    await ports.execute(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO filesweep_runs (id, mode, status, trigger, started_at, finished_at, duration_ms, slices, calls, holds, sweeps)
        SELECT printf('%05d', i), 'remove', 'completed', 'schedule', ? + i, 2, 3, 1, '{"database":0,"storage":0}', '[]', '[]' FROM n`,
      [many, START - many],
    );
    expect((await ask(ports)).wholeSince).toBe(START - many + 2);
  });
});

describe("the last scan", () => {
  const scan = { sweep: "orphaned-objects", seen: tally(9, 90), stillProtected: tally(7, 70) } as const;

  test("is the newest that came to its end", async () => {
    const ports = await openPorts();
    await add(
      ports,
      { id: "1", startedAt: 1, ...scan, seen: tally(1, 1) },
      { id: "2", startedAt: 2, ...scan },
      { id: "3", startedAt: 3, ...scan, status: "skipped", seen: tally(0, 0) },
    );
    expect((await ask(ports)).scan).toEqual({ runId: "2", at: 2, listed: tally(9, 90), inCatalog: tally(7, 70) });
  });

  test.each(["completed", "held"] as const)("counts where its orphans are %s", async (status) => {
    const ports = await openPorts();
    await add(ports, { id: "1", startedAt: 1, ...scan, status });
    expect((await ask(ports)).scan).toMatchObject({ runId: "1" });
  });

  test.each(["failed", "deferred", "skipped"] as const)("does not count where it is %s", async (status) => {
    const ports = await openPorts();
    await add(ports, { id: "1", startedAt: 1, ...scan, status });
    expect((await ask(ports)).scan).toBeNull();
  });
});

describe("what will be due", () => {
  async function addFiles({ execute }: Ports, count: number, fields: { expiresAt: number; hold?: number }) {
    await execute(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO files (id, key, status, size_bytes, created_at, expires_at, hold)
        SELECT 'f-' || i || '-' || ?, 'k-' || i, 'active', 10, 1, ?, ? FROM n`,
      [count, fields.expiresAt, fields.expiresAt, fields.hold ?? 0],
    );
  }

  test("is live, not on hold, and expires up to the instant asked for", async () => {
    const ports = await openPorts();
    await addFiles(ports, 2, { expiresAt: DUE.expiredBefore });
    await addFiles(ports, 1, { expiresAt: DUE.expiredBefore + 1 });
    await addFiles(ports, 1, { expiresAt: DUE.expiredBefore - 1, hold: 1 });
    expect((await ask(ports)).dueNext).toEqual({ count: 2, bytes: 20, isMore: false });
  });

  test("is counted up to a thousand", async () => {
    const ports = await openPorts();
    await addFiles(ports, 1001, { expiresAt: START });
    expect((await ask(ports)).dueNext).toEqual({ count: 1000, bytes: 10_000, isMore: true });
  });
});
