/** What `explain` tells programs. Pure. */
import type { Explained, Explanation } from "../explain.ts";
import type { Decision, KeepReason, RemovalReason, SweepName } from "../model.ts";
import { type RemovalJson, toRemovalJson } from "./removal.ts";
import { isoOrNull } from "./run.ts";

interface ExplainedJson {
  readonly sweep: SweepName;
  readonly verdict: Decision["verdict"];
  readonly reason: Decision["reason"];
  readonly why: string;
}

export interface ExplanationJson {
  readonly key: string;
  /** Whether anything is known of it: an object, a row, a removal or a closed gate. */
  readonly known: boolean;
  readonly invalidKey: string | null;
  readonly object: { readonly bytes: number; readonly modifiedAt: string | null; readonly etag: string | null } | null;
  readonly files: readonly {
    readonly id: string;
    readonly status: string;
    readonly decisions: readonly ExplainedJson[];
  }[];
  /** What the sweeps over the store would decide. */
  readonly decisions: readonly ExplainedJson[];
  /** The newest first. */
  readonly removals: readonly RemovalJson[];
  /** Null: new rows may name the key. `until` null: until a delete that is under way is answered. */
  readonly gate: { readonly until: string | null } | null;
}

/** Whether anything at all is known of the key. */
export function isKnown({ object, files, removals, gateUntil }: Explanation): boolean {
  return object !== null || files.length > 0 || removals.length > 0 || gateUntil !== undefined;
}

export function toExplanationJson(explanation: Explanation): ExplanationJson {
  const { key, invalidKey, object, files, decisions, removals, gateUntil } = explanation;
  return {
    key,
    known: isKnown(explanation),
    invalidKey,
    object:
      object === null ? null : { bytes: object.sizeBytes, modifiedAt: isoOrNull(object.modifiedAt), etag: object.etag },
    files: files.map((file) => ({ ...file, decisions: file.decisions.map(toExplainedJson) })),
    decisions: decisions.map(toExplainedJson),
    removals: removals.map(toRemovalJson),
    gate: gateUntil === undefined ? null : { until: isoOrNull(gateUntil) },
  };
}

function toExplainedJson({ sweep, decision: { verdict, reason } }: Explained): ExplainedJson {
  return { sweep, verdict, reason, why: WHY[reason] };
}

/** Each reason, for people. */
export const WHY: Readonly<Record<KeepReason | RemovalReason, string>> = {
  expired: "its expiry has passed",
  "used-up": "its downloads are used up, and the last is over",
  unreferenced: "no row names it",
  "left-over": "only rows that have ended name it",
  "old-record": "the record is old, and its file has ended",
  "still-protected": "a row protects it",
  "changed-meanwhile": "it changed meanwhile",
  "on-hold": "somebody put it on hold",
  "unreadable-time": "a time of it cannot be read; in doubt it stays",
  "invalid-key": "its key cannot be that of an object",
  "ignored-prefix": "CLEANUP_IGNORE_PREFIXES names it",
  "too-young": "it is younger than CLEANUP_ORPHAN_GRACE_HOURS",
  "newer-than-backup":
    "it came after the backup that the database was restored from: the row that named it may be lost",
  "unknown-age": "its age is not known",
  "not-a-regular-file": "it is no regular file",
  "released-by-operator": "a person released it, and it did not change since",
  "removal-open": "a removal of it is open already",
  "not-ours": "only rows that ended without filesweep name it",
  "not-due": "its time has not come, or it has ended already",
  "still-live": "the record is old, but its file is live",
  "missing-object": "a live row names it, and there is no object; rows are never changed for that",
  held: "a hold waits for a person",
};
