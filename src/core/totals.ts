/**
 * What all runs did, ever: sums that outlive the history they were made from. They are written with every journal
 * entry, as the difference that the entry makes, so that they are never behind it and never count a run twice.
 */
import {
  type Instant,
  type KeepReason,
  MODES,
  type Mode,
  type RemovalReason,
  type RunStatus,
  type SweepName,
  type Tally,
} from "./model.ts";
import type { JournalEntry } from "./ports.ts";

/** Upper bounds of the buckets in which the durations of runs are counted, in milliseconds; above the last is one more. */
export const DURATION_BUCKETS_MS = [1000, 5000, 15_000, 60_000, 300_000, 900_000, 3_600_000] as const;

export interface SweepTotals {
  readonly seen: Tally;
  /** What an earlier run had left over included. */
  readonly removed: Tally;
  readonly failed: Tally;
  readonly kept: Partial<Record<KeepReason, Tally>>;
}

export interface Totals {
  /** Runs that began, each counted once however often it was held and went on. */
  readonly cycles: number;
  /** When the first of them began; null before it. */
  readonly firstRunAt: Instant | null;
  /** How often a run ended, by mode and status. One that was held and went on has ended twice. */
  readonly ended: Readonly<Record<Mode, Partial<Record<RunStatus, number>>>>;
  /** Of runs that remove: a plan does nothing that could be summed. */
  readonly sweeps: Partial<Record<SweepName, SweepTotals>>;
  /** Objects that went, by the reason of their removal. Absent where a version that did not count them wrote the totals. */
  readonly gone?: Partial<Record<RemovalReason, Tally>>;
  readonly calls: Readonly<JournalEntry["calls"]>;
  /** Ends by duration, one for each of {@link DURATION_BUCKETS_MS} and one above. */
  readonly durations: { readonly buckets: readonly number[]; readonly sumMs: number };
  /** Live rows without an object, as the last complete scan found them; null before the first. */
  readonly missing: Tally | null;
  /** When a run last came to its end with no sweep failed or held; null before that. */
  readonly lastSuccessAt: Readonly<Record<Mode, Instant | null>>;
}

export const NO_TOTALS: Totals = {
  cycles: 0,
  firstRunAt: null,
  ended: { remove: {}, plan: {} },
  sweeps: {},
  calls: { database: 0, storage: 0 },
  durations: { buckets: [...DURATION_BUCKETS_MS, 0].map(() => 0), sumMs: 0 },
  missing: null,
  lastSuccessAt: { remove: null, plan: null },
};

/**
 * The totals with what an entry adds, now that it reads `entry`.
 * @param written the same entry as the journal has it, whose share is in `totals` already; null for a new run
 */
export function totalsWith(totals: Totals, written: JournalEntry | null, entry: JournalEntry): Totals {
  const others = written === null ? totals : sum(totals, shareOf(written), -1);
  const isSuccess = entry.finishedAt !== null && succeeded(entry);
  return {
    ...sum(others, shareOf(entry), 1),
    firstRunAt: totals.firstRunAt ?? entry.startedAt,
    missing: missingIn(entry) ?? totals.missing,
    lastSuccessAt: isSuccess ? { ...totals.lastSuccessAt, [entry.mode]: entry.finishedAt } : totals.lastSuccessAt,
  };
}

/** A file that could not be removed is told of by itself; a success is that everything was looked at, and might go. */
function succeeded({ status, sweeps }: JournalEntry): boolean {
  if (status !== "completed" && status !== "completed-with-failures") return false;
  return sweeps.every(({ report }) => report.status !== "failed" && report.status !== "held");
}

function missingIn({ sweeps }: JournalEntry): Tally | null {
  const report = sweeps.find(({ report: { name } }) => name === "missing-objects")?.report;
  if (report === undefined || report.status !== "completed") return null;
  return { ...(report.kept["missing-object"] ?? { count: 0, bytes: 0 }) };
}

type Share = Pick<Totals, "cycles" | "ended" | "sweeps" | "gone" | "calls" | "durations">;

function shareOf(entry: JournalEntry): Share {
  const { mode, status, finishedAt, durationMs, calls, sweeps } = entry;
  const hasEnded = finishedAt !== null;
  const bucket = DURATION_BUCKETS_MS.findIndex((bound) => durationMs <= bound);
  const at = bucket < 0 ? DURATION_BUCKETS_MS.length : bucket;
  return {
    cycles: 1,
    ended: { ...NO_TOTALS.ended, [mode]: hasEnded ? { [status]: 1 } : {} },
    sweeps: mode === "plan" ? {} : Object.fromEntries(sweeps.map(({ report }) => [report.name, sweepShare(report)])),
    gone: sweeps.reduce((all, { gone = {} }) => addEach(all, gone, NO_TALLY, plus), NO_GONE),
    calls,
    durations: {
      buckets: NO_TOTALS.durations.buckets.map((_, index) => (hasEnded && index === at ? 1 : 0)),
      sumMs: hasEnded ? durationMs : 0,
    },
  };
}

function sweepShare(report: JournalEntry["sweeps"][number]["report"]): SweepTotals {
  const { seen, removed, carriedOver, failed, kept } = report;
  return { seen, removed: addTally(removed, carriedOver, 1), failed, kept };
}

/** Nothing is ever below zero: an entry of a version that kept no totals has no share to take away. */
function add(a: number, b: number, sign: 1 | -1): number {
  return Math.max(0, a + sign * b);
}

/** Rows are told of where either side knows of some. */
export function addCalls(a: Totals["calls"], b: Totals["calls"], sign: 1 | -1): JournalEntry["calls"] {
  const [rows, more] = [a.rows ?? NO_ROWS, b.rows ?? NO_ROWS];
  const counted = { read: add(rows.read, more.read, sign), written: add(rows.written, more.written, sign) };
  return {
    database: add(a.database, b.database, sign),
    storage: add(a.storage, b.storage, sign),
    ...((a.rows ?? b.rows) !== undefined && { rows: counted }),
  };
}

const NO_ROWS = { read: 0, written: 0 };

function addTally(a: Tally, b: Tally, sign: 1 | -1): Tally {
  return { count: add(a.count, b.count, sign), bytes: add(a.bytes, b.bytes, sign) };
}

function addEach<Name extends string, Value>(
  a: Partial<Record<Name, Value>>,
  b: Partial<Record<Name, Value>>,
  zero: Value,
  addValues: (a: Value, b: Value) => Value,
): Partial<Record<Name, Value>> {
  const result: Partial<Record<Name, Value>> = { ...a };
  // The names are those of `b`'s own type: `Object.keys` forgets that.
  for (const name of Object.keys(b) as Name[]) {
    const more = b[name];
    if (more !== undefined) result[name] = addValues(a[name] ?? zero, more);
  }
  return result;
}

const NO_TALLY: Tally = { count: 0, bytes: 0 };
const NO_GONE: Partial<Record<RemovalReason, Tally>> = {};
const plus = (a: Tally, b: Tally): Tally => addTally(a, b, 1);
const NO_SWEEP: SweepTotals = { seen: NO_TALLY, removed: NO_TALLY, failed: NO_TALLY, kept: {} };

function sum(totals: Totals, share: Share, sign: 1 | -1): Totals {
  const tally = (a: Tally, b: Tally): Tally => addTally(a, b, sign);
  const count = (a: number, b: number): number => add(a, b, sign);
  const sweep = (a: SweepTotals, b: SweepTotals): SweepTotals => ({
    seen: tally(a.seen, b.seen),
    removed: tally(a.removed, b.removed),
    failed: tally(a.failed, b.failed),
    kept: addEach(a.kept, b.kept, NO_TALLY, tally),
  });
  const [remove, plan] = MODES.map((mode) => addEach(totals.ended[mode], share.ended[mode], 0, count));
  return {
    ...totals,
    cycles: count(totals.cycles, share.cycles),
    ended: { remove: remove ?? {}, plan: plan ?? {} },
    sweeps: addEach(totals.sweeps, share.sweeps, NO_SWEEP, sweep),
    gone: addEach(totals.gone ?? NO_GONE, share.gone ?? NO_GONE, NO_TALLY, tally),
    calls: addCalls(totals.calls, share.calls, sign),
    durations: {
      buckets: totals.durations.buckets.map((value, index) => count(value, share.durations.buckets[index] ?? 0)),
      sumMs: count(totals.durations.sumMs, share.durations.sumMs),
    },
  };
}
