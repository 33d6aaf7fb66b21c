/**
 * orphaned-objects: objects that nothing protects. One pass over the store (`scan`) lists suspects; one that a later
 * run sees again, unchanged, after the quarantine is ripe.
 */
import { isPlainText } from "../keys.ts";
import { type Decision, type Instant, keep, type RestoreWindow } from "../model.ts";
import type { KeyFacts, ListedObject, ObjectLook } from "../ports.ts";
import type { SweepSettings } from "../settings.ts";

/** By what an object is judged, besides what is known of it. */
export type OrphanRules = Pick<SweepSettings, "orphanGraceMs" | "quarantineMs" | "leftovers"> & {
  /** When the database was restored from backups: rows of those times are lost. */
  readonly restored: readonly RestoreWindow[];
};

/**
 * Whether an object is an orphan, and ripe. Pure.
 * @param facts what the database knows of its key; undefined where a row protects it
 */
export function decideObject(
  object: ListedObject,
  facts: KeyFacts | undefined,
  now: Instant,
  runId: string,
  rules: OrphanRules,
): Decision {
  if (object.oddity !== undefined) return keep(object.oddity);
  if (!isPlainText(object.key)) return keep("invalid-key");
  if (facts === undefined) return keep("still-protected");
  if (facts.removal !== null && facts.removal.state !== "suspected") return keep("removal-open");
  if (facts.kept !== null && looksSame(object, facts.kept)) return keep("released-by-operator");
  if (facts.referenced && rules.leftovers === "own" && !facts.removedBefore) return keep("not-ours");
  if (object.modifiedAt === null) return keep("unknown-age");
  // Written so that an age which is no number keeps the object too.
  if (!(now - object.modifiedAt > rules.orphanGraceMs)) return keep("too-young");
  if (cameSinceBackup(object.modifiedAt, rules.restored)) return keep("newer-than-backup");
  const reason = facts.referenced ? "left-over" : "unreferenced";
  return { verdict: isRipe(object, facts, now, runId, rules) ? "remove" : "suspect", reason };
}

/** A later run means another id: a run that goes on after a pause does not see anything "again". */
function isRipe(object: ListedObject, { removal }: KeyFacts, now: Instant, runId: string, rules: OrphanRules): boolean {
  if (rules.quarantineMs === 0) return true;
  if (removal === null || !looksSame(object, removal)) return false;
  if (removal.firstSeenAt === null || removal.firstSeenRun === null) return false;
  return removal.firstSeenRun !== runId && now - removal.firstSeenAt >= rules.quarantineMs;
}

/** Whether the row that named an object may have been lost with the database that a backup replaced. */
function cameSinceBackup(modifiedAt: Instant, restored: readonly RestoreWindow[]): boolean {
  return restored.some(({ from, to }) => modifiedAt >= from && modifiedAt <= to);
}

/** The same etag; where one of the two has none, the same size and a known, equal time. */
export function looksSame(object: ObjectLook, before: ObjectLook): boolean {
  if (object.etag !== null && before.etag !== null) return object.etag === before.etag;
  return object.modifiedAt !== null && object.modifiedAt === before.modifiedAt && object.sizeBytes === before.sizeBytes;
}
