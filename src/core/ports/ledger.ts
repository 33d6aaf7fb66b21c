/** The ledger of removals, as a run writes it. */
import type { HoldSample, Instant, RemovalReason, RemovalState, SweepName, Tally } from "../model.ts";
import type { HeldLease } from "./lease.ts";
import type { DeleteOutcome, ListedObject, ObjectLook } from "./store.ts";

/** What an attempt is recorded with. */
export interface AttemptContext {
  readonly runId: string;
  readonly now: Instant;
}

/** A removal that is condemned: its key is behind the gate, and nothing protects it. */
export interface Condemned {
  readonly id: string;
  readonly key: string;
  readonly sweep: SweepName;
  readonly reason: RemovalReason;
  readonly runId: string;
  /** Rows (or objects) it stands for in the report. */
  readonly items: number;
  readonly sizeBytes: number;
  /** Attempts, this one included. */
  readonly attempts: number;
  /** Names the attempt, together with those that were begun with it: an answer to any other is late. */
  readonly batch: string;
  /** How many were condemned together with it, itself included. */
  readonly batchSize: number;
  /** The state before this attempt. */
  readonly from: RemovalState;
  readonly expected: ObjectLook | null;
}

/** An orphan that was seen. */
export interface Sighting {
  readonly removalId: string;
  readonly object: ListedObject;
  readonly reason: RemovalReason;
  readonly runId: string;
  readonly seenAt: Instant;
  /** It goes once this scan is complete. */
  readonly ripe: boolean;
  /** Quarantine starts here: it was not seen before, or it changed. */
  readonly first: boolean;
}

/** An answered (or lost) attempt. */
export interface Settlement {
  readonly removal: Condemned;
  readonly outcome: DeleteOutcome["outcome"];
  readonly error: string | null;
  readonly at: Instant;
  /** For `refused`: when to try again, or null to give up and wait for a person. */
  readonly nextAttemptAt: Instant | null;
}

export interface Ledger {
  /** Queued: suspects seen on a page. */
  sight(held: HeldLease, sightings: readonly Sighting[]): void;
  /** One round trip: what a scan found ripe; `covered` was first seen no later than that instant (null: nothing is). */
  ripe(
    held: HeldLease,
    scan: { runId: string; coveredUpTo: Instant | null; sample: number; quarantineMs: number },
  ): Promise<{ covered: Tally; others: Tally; sample: readonly HoldSample[] }>;
  /**
   * One round trip: a scan is complete. Suspects that were last seen before this run began are released (`gone`), and ripe ones become due: those
   * first seen no later than `promoteUpTo`, or none.
   */
  closeScan(held: HeldLease, scan: { runId: string; at: Instant; promoteUpTo: Instant | null }): Promise<void>;
  /**
   * One round trip: forgets some of what ended before an instant, except what a person kept; of each table no more than
   * `limit`. Answers how many rows went: none once nothing is left.
   */
  trim(held: HeldLease, before: Instant, limit: number): Promise<number>;
  /**
   * One round trip, one transaction: takes removals that wait, releases those that something protects again or that lie
   * under a prefix kept out meanwhile, condemns the others and closes the gate for them. A removal is attempted once
   * per lease.
   */
  condemn(
    held: HeldLease,
    options: { limit: number; ignorePrefixes: readonly string[] } & AttemptContext,
  ): Promise<{ condemned: readonly Condemned[]; released: readonly Condemned[] }>;
  /** Queued: what became of attempts. Each answered key stays behind the gate for a while, whatever the answer. */
  settle(held: HeldLease, settlements: readonly Settlement[]): void;
  /** Open removals by state. */
  open(): Promise<Partial<Record<RemovalState, Tally>>>;
}
