/** The sums of a sweep: `seen = removed + suspected + kept + failed + deferred`, in count and in bytes. */
import type { KeepReason, RunReport, SweepName, SweepReport, Tally } from "./model.ts";
import type { JournalEntry, LedgerCount, SweepProgress } from "./ports.ts";

export type Bucket = "removed" | "suspected" | "deferred" | "failed" | { readonly kept: KeepReason };

export function emptyReport(name: SweepName): SweepReport {
  return {
    name,
    status: "deferred",
    seen: zero(),
    removed: zero(),
    suspected: zero(),
    deferred: zero(),
    failed: zero(),
    carriedOver: zero(),
    kept: {},
  };
}

/** A sweep that has everything before it. */
export function emptyProgress(name: SweepName): SweepProgress {
  return { report: emptyReport(name), done: false, place: null, carriedFailed: 0, refused: zero(), letThrough: 0 };
}

/** Something was seen, and this became of it. */
export function count(report: SweepReport, bucket: Bucket, tally: Tally): void {
  add(report.seen, tally);
  add(tallyOf(report, bucket), tally);
}

/** What was counted as one thing turned out to be another. */
export function move(report: SweepReport, from: Bucket, to: Bucket, tally: Tally): void {
  // A reason that kept nothing is not named.
  if (tally.count === 0 && tally.bytes === 0) return;
  subtract(tallyOf(report, from), tally);
  add(tallyOf(report, to), tally);
}

/** What was counted turned out to be on neither side of the sum. */
export function discount(report: SweepReport, bucket: Bucket, tally: Tally): void {
  subtract(report.seen, tally);
  subtract(tallyOf(report, bucket), tally);
}

/** What an earlier run had left over is done. */
export function carry(report: SweepReport, tally: Tally): void {
  add(report.carriedOver, tally);
}

/** The sum of everything a report says became of what was seen. */
export function accountedFor(report: SweepReport): Tally {
  const sum = zero();
  for (const tally of [report.removed, report.suspected, report.deferred, report.failed]) add(sum, tally);
  for (const tally of Object.values(report.kept)) add(sum, tally);
  return sum;
}

/**
 * Sets a report right after a crash. What was nominated was first counted as deferred; what became of it since stands
 * in the ledger. What has no removal there was kept, or for a record ended without an object: `withoutRemoval`. A record
 * that went without its object took no bytes along.
 */
export function reconcile(
  { report, refused }: SweepProgress,
  ledger: readonly LedgerCount[],
  withoutRemoval: Bucket,
): void {
  const own = ledger.filter(({ sweep }) => sweep === report.name);
  const nominated = sum([report.removed, report.failed, report.deferred]);
  report.removed = inStates(own, ["removed"]);
  report.failed = sum([refused, inStates(own, ["failed", "abandoned"])]);
  report.deferred = inStates(own, ["due", "condemned"]);
  const rest = subtracted(nominated, [report.removed, report.failed, report.deferred]);
  if (withoutRemoval === "removed") rest.bytes = 0;
  if (rest.count > 0 || rest.bytes > 0) add(tallyOf(report, withoutRemoval), rest);
  report.seen = accountedFor(report);
}

function inStates(ledger: readonly LedgerCount[], states: readonly string[]): Tally {
  return sum(ledger.filter(({ state }) => states.includes(state)));
}

/** Of none: nothing. */
export function sum(tallies: readonly Tally[]): Tally {
  const total = zero();
  for (const tally of tallies) add(total, tally);
  return total;
}

function subtracted(from: Tally, tallies: readonly Tally[]): Tally {
  const taken = sum(tallies);
  return { count: Math.max(0, from.count - taken.count), bytes: Math.max(0, from.bytes - taken.bytes) };
}

function tallyOf(report: SweepReport, bucket: Bucket): Tally {
  if (typeof bucket === "string") return report[bucket];
  const existing = report.kept[bucket.kept];
  if (existing !== undefined) return existing;
  const created = zero();
  report.kept[bucket.kept] = created;
  return created;
}

function zero(): Tally {
  return { count: 0, bytes: 0 };
}

function add(tally: Tally, other: Tally): void {
  tally.count += other.count;
  tally.bytes += other.bytes;
}

function subtract(tally: Tally, other: Tally): void {
  tally.count -= other.count;
  tally.bytes -= other.bytes;
}

/** A run as everybody outside sees it: without the saved places. A copy, which later slices do not change. */
export function toReport(entry: JournalEntry): RunReport {
  const { id, mode, status, trigger, startedAt, finishedAt, durationMs, slices, calls, holds, sweeps } = entry;
  return structuredClone({
    id,
    mode,
    status,
    trigger,
    startedAt,
    finishedAt,
    durationMs,
    slices,
    sweeps: sweeps.map(({ report }) => report),
    holds,
    calls: { database: calls.database, storage: calls.storage },
  });
}
