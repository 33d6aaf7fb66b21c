/**
 * What is open, by state, remembered where counting it is dear: each open removal is looked at for that, and after a
 * first scan there may be a million. Of few it is counted each time.
 */
import type { RemovalState, Tally } from "../core/model.ts";
import type { JournalEntry } from "../core/ports.ts";

export type OpenTally = Partial<Record<RemovalState, Tally>>;

/** A count that is told again. */
export interface KnownTally {
  readonly open: OpenTally;
  /** {@link stageOf} the last run, by then. */
  readonly stage: string;
  /** By the monotonic clock. */
  readonly until: number;
}

/** So many open removals are counted in about a millisecond, beside a run that writes them. */
const COUNTED_ALWAYS = 1000;

/** How long a count of more is good for, in milliseconds. */
const COUNT_FOR_MS = 1000;

/** Null where it is to be counted each time. */
export function knownTally(open: OpenTally, stage: string, nowMs: number): KnownTally | null {
  const count = Object.values(open).reduce((sum, tally) => sum + tally.count, 0);
  return count > COUNTED_ALWAYS ? { open, stage, until: nowMs + COUNT_FOR_MS } : null;
}

/** Changes when a run begins, goes on or ends: whoever is told of that is shown what was open by then. */
export function stageOf(lastRun: JournalEntry | null): string {
  return lastRun === null ? "" : [lastRun.id, lastRun.status, lastRun.slices].join(" ");
}
