import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SweepReport, Tally } from "../../src/core/model.ts";
import type { LedgerCount, SweepProgress } from "../../src/core/ports.ts";
import {
  accountedFor,
  type Bucket,
  carry,
  count,
  emptyProgress,
  emptyReport,
  move,
  reconcile,
} from "../../src/core/report.ts";

const ZERO: Tally = { count: 0, bytes: 0 };
const of = (amount: number, bytes = amount * 10): Tally => ({ count: amount, bytes });

function reportOf(tallies: Partial<Omit<SweepReport, "name" | "status" | "seen">>): SweepReport {
  const report: SweepReport = { ...emptyReport("expired-files"), ...structuredClone(tallies) };
  return { ...report, seen: accountedFor(report) };
}

function progressWith(report: SweepReport, refused: Tally = ZERO): SweepProgress {
  return { ...emptyProgress(report.name), report, refused };
}

/** As the sweeps of files and orphans set themselves right: what has no removal was kept. */
function setRight(report: SweepReport, counts: readonly LedgerCount[]): void {
  reconcile(progressWith(report), counts, { kept: "changed-meanwhile" });
}

function ledger(...rows: [LedgerCount["state"], number][]): LedgerCount[] {
  return rows.map(([state, amount]) => ({ sweep: "expired-files", state, ...of(amount) }));
}

describe("the sums of a sweep", () => {
  test("what is counted is seen, in its bucket, in count and bytes", () => {
    const report = emptyReport("expired-files");
    count(report, "removed", of(1));
    count(report, { kept: "on-hold" }, of(2));
    count(report, { kept: "on-hold" }, of(3));
    expect(report).toMatchObject({ seen: of(6), removed: of(1), kept: { "on-hold": of(5) } });
  });

  test("what moves between buckets is seen once", () => {
    const report = emptyReport("expired-files");
    count(report, "deferred", of(3));
    move(report, "deferred", "removed", of(2));
    move(report, "deferred", { kept: "still-protected" }, of(1));
    expect(report).toMatchObject({ seen: of(3), removed: of(2), deferred: ZERO, kept: { "still-protected": of(1) } });
  });

  test("what an earlier run had left over is on neither side of the sum", () => {
    const report = emptyReport("expired-files");
    carry(report, of(4));
    expect(report).toMatchObject({ carriedOver: of(4), seen: ZERO });
    expect(accountedFor(report)).toEqual(ZERO);
  });

  test("the sums hold after any sequence of counts and moves", () => {
    const bucket = fc.constantFrom<Bucket>(
      "removed",
      "suspected",
      "deferred",
      "failed",
      { kept: "on-hold" },
      { kept: "too-young" },
    );
    const tally = fc.record({ count: fc.nat(1000), bytes: fc.nat(1e9) });
    const step = fc.record({ from: bucket, to: bucket, tally });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const report = emptyReport("orphaned-objects");
        for (const { from, to, tally: amount } of steps) {
          count(report, from, amount);
          move(report, from, to, amount);
          carry(report, amount);
        }
        expect(accountedFor(report)).toEqual(report.seen);
        const seen = steps.reduce((sum, { tally: amount }) => sum + amount.count, 0);
        expect(report.seen.count).toBe(seen);
      }),
    );
  });
});

describe("reconcile after a crash", () => {
  test("what the ledger removed meanwhile moves from deferred to removed", () => {
    const report = reportOf({ deferred: of(3) });
    setRight(report, ledger(["removed", 2], ["condemned", 1]));
    expect(report).toMatchObject({ removed: of(2), deferred: of(1), seen: of(3), kept: {} });
  });

  test("due and condemned are deferred; failed and abandoned are failed", () => {
    const report = reportOf({ deferred: of(10) });
    setRight(report, ledger(["due", 1], ["condemned", 2], ["failed", 3], ["abandoned", 4]));
    expect(report).toMatchObject({ deferred: of(3), failed: of(7), removed: ZERO, seen: of(10) });
  });

  test("what never became a removal was kept: its row had changed or its key was still protected", () => {
    const report = reportOf({ deferred: of(5) });
    setRight(report, ledger(["removed", 2]));
    expect(report).toMatchObject({ removed: of(2), kept: { "changed-meanwhile": of(3) }, seen: of(5) });
  });

  test("what was kept or suspected stays as it was counted", () => {
    const report = reportOf({ deferred: of(1), suspected: of(2), kept: { "on-hold": of(3) }, carriedOver: of(9) });
    setRight(report, ledger(["removed", 1]));
    expect(report).toMatchObject({
      removed: of(1),
      suspected: of(2),
      kept: { "on-hold": of(3) },
      carriedOver: of(9),
      seen: of(6),
    });
  });

  test("removals of another sweep are not this one's", () => {
    const report = reportOf({ deferred: of(1) });
    setRight(report, [{ sweep: "orphaned-objects", state: "removed", ...of(7) }, ...ledger(["removed", 1])]);
    expect(report).toMatchObject({ removed: of(1), seen: of(1) });
  });

  test("a transaction whose page was saved with it but whose answers were not is made whole", () => {
    const report = reportOf({ removed: of(4), deferred: of(2) });
    setRight(report, ledger(["removed", 6]));
    expect(report).toMatchObject({ removed: of(6), deferred: ZERO, seen: of(6) });
  });

  test("the sums hold, and nothing is negative, whatever the ledger says", () => {
    const tally = fc.record({ count: fc.nat(100), bytes: fc.nat(1000) });
    const state = fc.constantFrom("due", "condemned", "removed", "failed", "abandoned", "released", "suspected");
    const row = fc.record({ state, tally });
    fc.assert(
      fc.property(tally, tally, tally, fc.array(row, { maxLength: 6 }), (removed, failed, deferred, rows) => {
        const report = reportOf({ removed, failed, deferred });
        setRight(
          report,
          rows.map((entry) => ({
            sweep: "expired-files" as const,
            state: entry.state,
            ...entry.tally,
          })) as LedgerCount[],
        );
        expect(accountedFor(report)).toEqual(report.seen);
        for (const { count: amount, bytes } of [
          report.removed,
          report.failed,
          report.deferred,
          ...Object.values(report.kept),
        ]) {
          expect(Math.min(amount, bytes)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test("a record that ended without an object has no removal: it was removed all the same, and took no bytes along", () => {
    const report: SweepReport = { ...reportOf({ deferred: of(5) }), name: "old-records" };
    const own = ledger(["removed", 2], ["condemned", 1]).map((row) => ({ ...row, sweep: "old-records" as const }));
    reconcile(progressWith(report), own, "removed");
    expect(report).toMatchObject({ removed: of(4, 20), deferred: of(1), kept: {}, seen: of(5, 30) });
  });

  test("a row that the application's own rules refused is failed, though no ledger knows of it", () => {
    const report = reportOf({ failed: of(2), deferred: of(3) });
    reconcile(progressWith(report, of(2)), ledger(["removed", 2], ["failed", 1]), { kept: "changed-meanwhile" });
    expect(report).toMatchObject({ removed: of(2), failed: of(3), deferred: ZERO, kept: {}, seen: of(5) });
  });

  test("reconciling twice changes nothing more", () => {
    const report = reportOf({ deferred: of(5) });
    const rows = ledger(["removed", 2], ["failed", 1]);
    setRight(report, rows);
    const once = structuredClone(report);
    setRight(report, rows);
    expect(report).toEqual(once);
  });
});
