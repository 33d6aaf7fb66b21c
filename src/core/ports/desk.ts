/** What operators ask and decide. */
import type { Instant, RemovalReason, RemovalState, SweepName } from "../model.ts";
import type { FileRow, KeyFacts } from "./catalog.ts";
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
  /** Why it was released: `operator`, `protected`, `gone`, `changed`. */
  readonly releasedBy: string | null;
  readonly finishedAt: Instant | null;
}

export interface RemovalFilter {
  readonly state?: RemovalState;
  readonly reason?: RemovalReason;
  readonly runId?: string;
  readonly keyPrefix?: string;
  /** Removals behind this id. */
  readonly after?: string;
  readonly limit: number;
}

/** What the database holds about one key. */
export interface KeyRecord {
  readonly files: readonly FileRow[];
  readonly facts: KeyFacts | undefined;
  /** The newest first. */
  readonly removals: readonly Removal[];
  /** Until when new rows may not name it: null while an attempt is not answered; undefined where the gate is open. */
  readonly gateUntil: Instant | null | undefined;
}

/** What operators ask and decide. Nothing here needs the lease: each decision is one statement. */
export interface Desk {
  /** One round trip, the newest first. */
  removals(filter: RemovalFilter): Promise<Removal[]>;
  /** One round trip. */
  removal(id: string): Promise<Removal | null>;
  /**
   * One round trip: a person keeps the object. Answers false where the removal is not suspected, due, failed or abandoned.
   * @param look what the object looks like now: the release lasts until that changes
   */
  release(id: string, at: Instant, look: ObjectLook | null): Promise<boolean>;
  /** One round trip: a failed or abandoned removal is due again. Answers false where it is neither. */
  retry(id: string): Promise<boolean>;
  /** One round trip: a run that is not finished, or held, goes no further. Null where there is none; false where it cannot be cancelled. */
  cancelRun(id: string, at: Instant): Promise<boolean | null>;
  /** One round trip. */
  keyOf(fileId: string): Promise<string | null>;
  /** One round trip. */
  record(key: string): Promise<KeyRecord>;
}
