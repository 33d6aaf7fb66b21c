/** What operators ask and decide. */
import type {
  Hold,
  HoldStatus,
  Instant,
  RemovalReason,
  RemovalState,
  RestoreWindow,
  SweepName,
  Tally,
} from "../model.ts";
import type { Totals } from "../totals.ts";
import type { Cutoffs, FileRow, KeyFacts } from "./catalog.ts";
import type { JournalEntry } from "./journal.ts";
import type { ObjectLook } from "./store.ts";

/** A removal as an operator sees it. */
export interface Removal {
  readonly id: string;
  readonly key: string;
  readonly state: RemovalState;
  readonly reason: RemovalReason;
  readonly sweep: SweepName;
  readonly runId: string;
  readonly sizeBytes: number;
  readonly createdAt: Instant;
  readonly firstSeenAt: Instant | null;
  readonly attempts: number;
  readonly nextAttemptAt: Instant | null;
  readonly error: string | null;
  /** Why it was released: `operator`, `protected`, `gone`, `changed`, `restored`. */
  readonly releasedBy: string | null;
  readonly finishedAt: Instant | null;
}

export interface RemovalFilter extends PageRequest {
  readonly state?: RemovalState;
  readonly reason?: RemovalReason;
  readonly runId?: string;
  readonly keyPrefix?: string;
}

/** A page of a list, the newest first. It may be short, or empty, without being the last. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** The id behind which the list goes on; null at its end. */
  readonly next: string | null;
}

export interface PageRequest {
  /** What lies behind this id. */
  readonly after?: string;
  readonly limit: number;
}

/** How things stand: what all runs did, the last of them, and what is open. */
export interface Overview {
  readonly totals: Totals;
  readonly lastRun: JournalEntry | null;
  readonly open: Partial<Record<RemovalState, Tally>>;
  /** Those that are not closed, the newest first. */
  readonly holds: readonly Hold[];
}

/** What removing runs reclaimed on one day, of one kind. */
export interface Reclaimed {
  /** The UTC day on which the run began: `2026-11-25`. */
  readonly day: string;
  readonly sweep: SweepName;
  readonly removed: Tally;
}

/** What went lately, what there is, and what goes next. Made from what runs left in the journal: nothing is counted anew. */
export interface Activity {
  /** The oldest day first. */
  readonly reclaimed: readonly Reclaimed[];
  /** From here on `reclaimed` is whole, where more runs were made than are read; null where all were read. */
  readonly wholeSince: Instant | null;
  /** The newest scan of the store that came to its end; null before the first. */
  readonly scan: {
    readonly runId: string;
    readonly at: Instant;
    /** Every object that was looked at. */
    readonly listed: Tally;
    /** Those of them that something protects. */
    readonly inCatalog: Tally;
  } | null;
  /** Live rows that will be due; null where no index leads to them. With `isMore`, there are more than were counted. */
  readonly dueNext: (Tally & { readonly isMore: boolean }) | null;
}

/** What the database holds about one key. */
export interface KeyRecord {
  readonly files: readonly FileRow[];
  readonly facts: KeyFacts | undefined;
  /** The newest first. */
  readonly removals: readonly Removal[];
  /** Until when new rows may not name it: null while an attempt is not answered; undefined where the gate is open. */
  readonly gateUntil: Instant | null | undefined;
  /** When the database was restored from backups. */
  readonly restored: readonly RestoreWindow[];
}

/** What operators ask and decide. Nothing here needs the lease: each decision is one statement. */
export interface Desk {
  /**
   * One round trip: how things stand. The count of what is open may be up to a second old where that is much, but never
   * older than the last beginning or end of a run, or than what was decided here.
   */
  overview(): Promise<Overview>;
  /** One round trip, which reads a few thousand rows at most. @param due up to when rows will be due */
  activity(since: Instant, due: Cutoffs): Promise<Activity>;
  /** One round trip. */
  runs(page: PageRequest): Promise<Page<JournalEntry>>;
  /** One round trip. */
  run(id: string): Promise<JournalEntry | null>;
  /** One round trip: holds of one status, or all that are not closed. */
  holds(page: PageRequest & { readonly status?: HoldStatus }): Promise<Page<Hold>>;
  /** One round trip. */
  hold(id: string): Promise<Hold | null>;
  /** One round trip, the newest first. */
  removals(filter: RemovalFilter): Promise<Page<Removal>>;
  /** One round trip. */
  removal(id: string): Promise<Removal | null>;
  /**
   * One round trip: a person keeps the object. Answers false where the removal is not suspected, due, failed or abandoned.
   * @param look what the object looks like now: the release lasts until that changes
   */
  release(id: string, at: Instant, look: ObjectLook | null): Promise<boolean>;
  /** One round trip: a failed or abandoned removal is due again. Answers false where it is neither. */
  retry(id: string): Promise<boolean>;
  /**
   * One round trip: a run that is not finished, or held, goes no further; one that is under way ends after what is in
   * flight. Null where there is none; false where it is over.
   */
  cancelRun(id: string, at: Instant): Promise<boolean | null>;
  /** One round trip. */
  keyOf(fileId: string): Promise<string | null>;
  /** One round trip. */
  record(key: string): Promise<KeyRecord>;
}
