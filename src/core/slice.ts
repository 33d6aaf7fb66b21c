/** What the parts of a run share while one slice of it is worked off. */

import type { SliceBudget } from "./budget.ts";
import { SweepError } from "./errors.ts";
import type { HoldBook } from "./holds.ts";
import type { Decision, Hold, Instant, RestoreWindow, SweepName } from "./model.ts";
import type { Clock, Database, HeldLease, JournalEntry, Log, MakeId, ReadableStore, SweepProgress } from "./ports.ts";
import type { Remover } from "./remover.ts";
import type { Bucket } from "./report.ts";
import { LEASE_MS, LEASE_RENEW_AFTER_MS } from "./safety.ts";
import type { RunSettings } from "./settings.ts";
import type { UploadAborter } from "./upload-aborter.ts";

/** One decision, as `--list` shows it. */
export interface DecisionRecord {
  readonly sweep: SweepName;
  readonly key: string | null;
  readonly file?: string;
  readonly verdict: Decision["verdict"];
  readonly reason: Decision["reason"] | "stale-upload";
  readonly bytes: number;
}

export interface Slice {
  readonly entry: JournalEntry;
  readonly held: HeldLease;
  readonly database: Database;
  /** In a plan it cannot delete, whoever asks. */
  readonly store: ReadableStore;
  /** Null in a plan: there is nothing to remove with. */
  readonly remover: Remover | null;
  /** Null in a plan, and while something holds: there is nothing to abort uploads with. */
  readonly uploadAborter: UploadAborter | null;
  readonly settings: RunSettings;
  readonly holds: HoldBook;
  /** What a page's finds count as that only would be removed: by a plan, or while something holds. */
  readonly wouldBe: Bucket;
  /** A person allowed a held run what was due or suspected up to this instant, and nothing later; null: no such limit. */
  readonly coveredUpTo: Instant | null;
  /** False while who saw what, or when, is in doubt: then not even sightings are written down. */
  readonly recordsSightings: boolean;
  readonly hasUntypedKeys: boolean;
  /** When the database was restored from backups. */
  readonly restored: readonly RestoreWindow[];
  /** Ended or removed by a sweep in the last 24 hours, earlier slices of this run included. */
  readonly endedLately: (sweep: SweepName) => number;
  /** Taken once, before the slice's first read. Every decision of the slice is made by it. */
  readonly now: Instant;
  readonly clock: Clock;
  readonly makeId: MakeId;
  readonly budget: SliceBudget;
  readonly log: Log;
  readonly decided: (record: DecisionRecord) => void;
  /** What would have gone in this run, had nothing held all of it: for whoever decides about such a hold. */
  readonly heldBack: () => Pick<Hold, "count" | "bytes" | "sample">;
  /** Called after every page. */
  readonly progressed: () => void;
}

/** How a sweep's share of a slice ended: `deferred` goes on in a later slice. */
export type SweepEnd = "completed" | "deferred" | "held" | "not-supported";

/** Renews a lease that no round trip has renewed for a while. @throws LeaseLostError */
export async function keepLease(slice: Pick<Slice, "database" | "held">): Promise<void> {
  if (slice.held.timeLeftMs() > LEASE_MS - LEASE_RENEW_AFTER_MS) return;
  await slice.database.leases.renew(slice.held);
}

/** The progress of a sweep in this run. Every run keeps one for each sweep, also for those that it was not asked for. */
export function progressOf(entry: JournalEntry, name: SweepName): SweepProgress {
  const found = entry.sweeps.find((progress) => progress.report.name === name);
  if (found !== undefined) return found;
  throw new SweepError("bug", `run ${entry.id} has no progress for the sweep ${name}`);
}
