/** What is remembered of runs and holds. */
import type { Twin } from "../identity.ts";
import type {
  Hold,
  Instant,
  Mode,
  RemovalReason,
  RemovalState,
  RestoreWindow,
  RunStatus,
  SweepName,
  SweepReport,
  Tally,
  Trigger,
} from "../model.ts";
import type { Totals } from "../totals.ts";
import type { RowTally } from "./database.ts";
import type { HeldLease } from "./lease.ts";

/** What the journal keeps of a run: everything that a later slice needs to go on, and the report. */
export interface JournalEntry {
  readonly id: string;
  readonly mode: Mode;
  readonly trigger: Trigger;
  readonly startedAt: Instant;
  status: RunStatus;
  finishedAt: Instant | null;
  /** Time spent in slices, in milliseconds. */
  durationMs: number;
  slices: number;
  /** With the rows that the database counted, where it does. */
  calls: { database: number; storage: number; rows?: RowTally };
  holds: Hold[];
  sweeps: SweepProgress[];
}

/** A sweep's report, and its saved place: null before the first page. The form of the place is the sweep's own. */
export interface SweepProgress {
  readonly report: SweepReport;
  done: boolean;
  place: unknown;
  /** Removals of earlier runs that were refused again in this one. */
  carriedFailed: number;
  /** Rows that the application's own rules kept from being ended: no ledger knows of them. */
  refused: Tally;
  /** What an approval let through: on neither side of a hold rule. */
  letThrough: number;
  /** Objects that went in this run, what earlier ones had left over included, by reason. Absent before the first. */
  gone?: Partial<Record<RemovalReason, Tally>>;
}

/** What the ledger knows of the removals that one run nominated, to set a report right after a crash. */
export interface LedgerCount {
  readonly sweep: SweepName;
  readonly state: RemovalState;
  readonly count: number;
  readonly bytes: number;
}

export interface Opening {
  readonly entry: JournalEntry;
  /** True where an unfinished run goes on under its id. */
  readonly resumed: boolean;
  readonly ledger: readonly LedgerCount[];
  /** False once a gate that was installed does not stand as it was written. */
  readonly gateStands: boolean;
  readonly twin: Twin | null;
  /** `now` of the last run whose clock was believed; null before the first. */
  readonly lastRunAt: Instant | null;
  /** When the store was last scanned; null before the first time. */
  readonly lastScanAt: Instant | null;
  /** When the database was restored from backups, as a person said. */
  readonly restored: readonly RestoreWindow[];
  /** How the last finished run ended; null before the first. */
  readonly lastStatus: RunStatus | null;
  readonly hasLiveFiles: boolean;
  /** A key column holds a blob: what it names cannot be told. */
  readonly hasUntypedKeys: boolean;
  /** All holds that are not closed. */
  readonly holds: readonly Hold[];
  /** What all runs did, this one as it stands in the journal included. */
  readonly totals: Totals;
  /** How many each sweep ended or removed in the last 24 hours, less what approvals let through. */
  readonly endedLately: ReadonlyMap<SweepName, number>;
}

export interface Journal {
  /**
   * One round trip: the unfinished run of this mode if there is one, otherwise a new one; drops keys whose time behind
   * the gate is over, and checks that the gate stands.
   */
  open(held: HeldLease, fresh: JournalEntry): Promise<Opening>;
  /** Queued: what the database remembers between runs. */
  remember(
    held: HeldLease,
    memory: { readonly twin?: Twin; readonly lastRunAt?: Instant; readonly lastScanAt?: Instant },
  ): void;
  /**
   * From now on the entry, as it then is, is written with every round trip, and with it the totals. An entry that a
   * person cancelled meanwhile reads `cancelled` after the round trip, and stays so.
   */
  follow(held: HeldLease, entry: JournalEntry, totals?: () => Totals): void;
  /** The newest runs first. */
  latest(limit: number): Promise<JournalEntry[]>;
}

export interface Holds {
  /** Queued: a hold as it is now. */
  write(held: HeldLease, hold: Hold): void;
  /** The newest first; all that are not closed, or also those. */
  list(options: { closed: boolean }): Promise<Hold[]>;
  /**
   * By a person and without the lease: approves a hold until `until`, or silences it. On approval the run that was held
   * goes on, in the same transaction. Null where there is no such hold.
   * @throws SweepError `conflict` where the hold is not open or cancelled any more
   */
  decide(id: string, decision: { status: "approved"; until: Instant } | { status: "cancelled" }): Promise<Hold | null>;
}
