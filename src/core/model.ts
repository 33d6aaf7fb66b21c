/**
 * The vocabulary (one word per idea, in code, docs, API and dashboard):
 *
 * - file: a row of the catalog that names an object key
 * - live: a file whose status is one of the live values
 * - due: a live file whose end has come: expired, or its downloads used up
 * - object: bytes in the store under a key, relative to the store's prefix
 * - protects: a row protects its key unless its status says it is expired or deleted. Only what nothing protects goes
 * - sweep: finds one kind of garbage and nominates it; it never deletes
 * - removal: a row of the ledger: one object that is to go, why, since when, and what became of it
 * - ledger: the table of removals; no object is deleted that is not in it first
 * - remover: the single place in the code that deletes an object
 * - gate: keys that no new or revived row may name, because their object is being removed
 * - run: one pass over the sweeps and the remover, under the lease; it may take several slices
 * - plan: a run that decides everything and removes nothing
 */

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;

export const SWEEP_NAMES = [
  "expired-files",
  "old-records",
  "orphaned-objects",
  "missing-objects",
  "stale-uploads",
  "history",
] as const;
export type SweepName = (typeof SWEEP_NAMES)[number];

export const MODES = ["remove", "plan"] as const;
export type Mode = (typeof MODES)[number];

export const TRIGGERS = ["schedule", "http", "cli", "library"] as const;
export type Trigger = (typeof TRIGGERS)[number];

export const REMOVAL_STATES = ["suspected", "due", "condemned", "removed", "failed", "abandoned", "released"] as const;
export type RemovalState = (typeof REMOVAL_STATES)[number];

/** The states of a removal that has not ended. A key has at most one removal in these. */
export const OPEN_STATES = ["suspected", "due", "condemned", "failed", "abandoned"] as const satisfies RemovalState[];
export type OpenState = (typeof OPEN_STATES)[number];

/** Why an object is to go. */
export const REMOVAL_REASONS = ["expired", "used-up", "unreferenced", "left-over", "old-record"] as const;
export type RemovalReason = (typeof REMOVAL_REASONS)[number];

/** Why something was kept. */
export const KEEP_REASONS = [
  "still-protected",
  "changed-meanwhile",
  "on-hold",
  "unreadable-time",
  "invalid-key",
  "ignored-prefix",
  "too-young",
  "newer-than-backup",
  "unknown-age",
  "not-a-regular-file",
  "released-by-operator",
  "removal-open",
  "not-ours",
  "not-due",
  "still-live",
  "missing-object",
  "held",
] as const;
export type KeepReason = (typeof KEEP_REASONS)[number];

/** From when on rows of a restored database are lost, and up to when. What came in between is no orphan. */
export interface RestoreWindow {
  readonly from: Instant;
  readonly to: Instant;
}

/** What a sweep says of one thing it saw. Pure: made from what was read, the run's `now` and the settings alone. */
export type Decision =
  | { readonly verdict: "remove"; readonly reason: RemovalReason }
  | { readonly verdict: "suspect"; readonly reason: RemovalReason }
  | { readonly verdict: "keep"; readonly reason: KeepReason };

export function keep(reason: KeepReason): Decision {
  return { verdict: "keep", reason };
}

export const RUN_STATUSES = [
  "running",
  "paused",
  "held",
  "completed",
  "completed-with-failures",
  "failed",
  "cancelled",
] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export const SWEEP_STATUSES = ["completed", "held", "failed", "deferred", "skipped", "not-supported"] as const;
export type SweepStatus = (typeof SWEEP_STATUSES)[number];

/** How many, and how many bytes of objects. */
export interface Tally {
  count: number;
  bytes: number;
}

/** What one sweep did in one run: `seen = removed + suspected + kept + failed + deferred`, in count and in bytes. */
export interface SweepReport {
  readonly name: SweepName;
  status: SweepStatus;
  seen: Tally;
  removed: Tally;
  suspected: Tally;
  deferred: Tally;
  failed: Tally;
  /** Removed in this run, nominated by an earlier one. On neither side of the sum. */
  carriedOver: Tally;
  kept: Partial<Record<KeepReason, Tally>>;
  /** For missing-objects: some of the keys that have no object. */
  sample?: string[];
  /** Why the sweep failed, for a person. */
  error?: string;
}

/** Why a whole run waits for a person. */
export const RUN_HOLD_CAUSES = [
  "first-contact",
  "wrong-pair",
  "marker-lost",
  "restored-backup",
  "nested-store",
  "gate-lost",
  "clock-skew",
  "clock-jump",
  "no-live-files",
] as const;

/** Why one sweep waits for a person, while the others go on. */
export const SWEEP_HOLD_CAUSES = [
  "too-many-orphans",
  "too-many-expired",
  "too-many-records",
  "over-count",
  "untyped-keys",
] as const;

export const HOLD_CAUSES = [...RUN_HOLD_CAUSES, ...SWEEP_HOLD_CAUSES] as const;
export type HoldCause = (typeof HOLD_CAUSES)[number];

/** `cancelled`: silenced by a person, and a hold all the same. `approved`: lets through what it showed, for a while. */
export const HOLD_STATUSES = ["open", "approved", "cancelled", "closed"] as const;
export type HoldStatus = (typeof HOLD_STATUSES)[number];

/** One thing that a hold keeps back, and when it may go (null: once a person approves, at once). */
export interface HoldSample {
  readonly key: string;
  readonly bytes: number;
  readonly reason: string;
  readonly mayGoAt: Instant | null;
}

/** A hold: what is wrong, what was seen, since when. There is one per cause (and sweep). */
export interface Hold {
  readonly id: string;
  readonly cause: HoldCause;
  readonly sweep: SweepName | null;
  readonly status: HoldStatus;
  readonly openedAt: Instant;
  /** When it was last refreshed. An approval lets through nothing that came later. */
  readonly asOf: Instant;
  readonly runId: string;
  /** What is wrong, in one sentence for a person. */
  readonly detail: string;
  readonly count: number;
  readonly bytes: number;
  readonly sample: readonly HoldSample[];
  readonly approvedUntil: Instant | null;
}

/** One run, as the command line and the API show it. */
export interface RunReport {
  readonly id: string;
  readonly mode: Mode;
  readonly status: RunStatus;
  readonly trigger: Trigger;
  readonly startedAt: Instant;
  readonly finishedAt: Instant | null;
  readonly durationMs: number;
  readonly slices: number;
  readonly sweeps: readonly SweepReport[];
  readonly holds: readonly Hold[];
  readonly calls: { readonly database: number; readonly storage: number };
}
