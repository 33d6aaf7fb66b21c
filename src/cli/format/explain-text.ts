/** What `explain` shows. Pure. */
import type { Explained, Explanation } from "../../core/explain.ts";
import type { Decision, KeepReason, RemovalReason, SweepName } from "../../core/model.ts";
import { instantText, quotedKey, size } from "./numbers.ts";
import type { Paint } from "./paint.ts";
import { type RemovalJson, removalLine, toRemovalJson } from "./removal-text.ts";
import { isoOrNull } from "./run-json.ts";

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

/** The same for people, ending in a newline. */
export function explanationText(explanation: Explanation, paint: Paint): string {
  const { key, invalidKey, files, decisions, removals, gateUntil } = explanation;
  const name = quotedKey(key);
  if (!isKnown(explanation)) {
    const invalid = invalidKey === null ? "" : ` No object of this store can have that key: ${invalidKey}.`;
    return `Nothing is known of ${paint.bold(name)}: no object, no row and no removal has that key, and no row has that id.${invalid}\n`;
  }
  const lines = [
    paint.bold(name),
    `Object:  ${objectText(explanation)}`,
    ...decided(decisions, paint),
    ...files.flatMap((file) => [`Row:     ${quotedKey(file.id)}, ${file.status}`, ...decided(file.decisions, paint)]),
    ...(files.length === 0 ? ["Row:     none names it"] : []),
    ...removals.map((removal) => `Removal: ${removalLine(removal)}`),
    ...(gateUntil === undefined ? [] : [`Gate:    closed ${gateText(gateUntil)}; no new row may name the key`]),
  ];
  return `${lines.join("\n")}\n`;
}

function objectText({ object, invalidKey }: Explanation): string {
  if (invalidKey !== null) return `none; no object of this store can have that key: ${invalidKey}`;
  if (object === null) return "none in the store";
  const { sizeBytes, modifiedAt } = object;
  return `${size(sizeBytes)}, ${modifiedAt === null ? "of unknown age" : `modified ${instantText(modifiedAt)}`}`;
}

function gateText(until: number | null): string {
  return until === null ? "until the delete that is under way is answered" : `until ${instantText(until)}`;
}

function decided(decisions: readonly Explained[], paint: Paint): string[] {
  return decisions.map(({ sweep, decision: { verdict, reason } }) => {
    const word = verdict === "remove" ? paint.red(verdict) : verdict === "suspect" ? paint.yellow(verdict) : verdict;
    return `         ${sweep}: ${word} (${reason}) ${paint.dim(WHY[reason])}`;
  });
}

/** Each reason, for people. */
const WHY: Readonly<Record<KeepReason | RemovalReason, string>> = {
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
  "unknown-age": "its age is not known",
  "not-a-regular-file": "it is no regular file",
  "released-by-operator": "a person released it, and it did not change since",
  "removal-open": "a removal of it is open already",
  "not-ours": "only rows that ended without filesweep name it",
  "not-due": "its time has not come",
  "still-live": "the record is old, but its file is live",
  "missing-object": "a live row names it, and there is no object; rows are never changed for that",
  held: "a hold waits for a person",
};
