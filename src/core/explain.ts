/** What each sweep would decide about one key, and why: from the same pure decisions that a run makes. */

import { readInstant } from "./catalog-time.ts";
import { isIgnored } from "./keys.ts";
import type { Decision, Instant, SweepName } from "./model.ts";
import { keep } from "./model.ts";
import type { Database, FileRow, KeyRecord, ListedObject, ReadableStore, Removal } from "./ports.ts";
import type { RunSettings } from "./settings.ts";
import { decideFile } from "./sweeps/expired-files.ts";
import { decideRecord } from "./sweeps/old-records.ts";
import { decideObject } from "./sweeps/orphaned-objects.ts";

export interface Explanation {
  readonly key: string;
  /** Null: the store holds no such object. */
  readonly object: ListedObject | null;
  /** Why no object can have this key, or null. */
  readonly invalidKey: string | null;
  readonly files: readonly { readonly id: string; readonly status: string; readonly decisions: readonly Explained[] }[];
  /** What the sweeps over the store would decide. */
  readonly decisions: readonly Explained[];
  readonly removals: readonly Removal[];
  readonly gateUntil: Instant | null | undefined;
}

export interface Explained {
  readonly sweep: SweepName;
  readonly decision: Decision;
}

export interface ExplainParts {
  readonly database: Pick<Database, "desk" | "catalog">;
  readonly store: ReadableStore;
  readonly settings: RunSettings;
  readonly now: Instant;
}

/** Explains a key, or the key that a row names. Null where a row was asked for and there is none. */
export async function explain(
  parts: ExplainParts,
  about: { key: string } | { id: string },
): Promise<Explanation | null> {
  const { desk } = parts.database;
  const key = "key" in about ? about.key : await desk.keyOf(about.id);
  if (key === null) return null;
  const invalidKey = parts.store.invalidKey(key);
  const object = invalidKey === null ? await parts.store.head(key) : null;
  const record = await desk.record(key);
  return {
    key,
    object,
    invalidKey,
    files: record.files.map((file) => ({
      id: String(file.id),
      status: String(file.status),
      decisions: decideRow(parts, file),
    })),
    decisions: object === null ? decideMissing(parts, key, record) : decideObjectOf(parts, object, record),
    removals: record.removals,
    gateUntil: record.gateUntil,
  };
}

function decideRow({ store, settings, now }: ExplainParts, file: FileRow): Explained[] {
  const invalidKey = (key: string): string | null => store.invalidKey(key);
  const { standing } = file;
  return [
    {
      sweep: "expired-files",
      decision: standing === "live" ? decideFile(file, now, settings, invalidKey) : keep("not-due"),
    },
    { sweep: "old-records", decision: decideRecord(file, now, settings, { standing, invalidKey }) },
  ];
}

function decideObjectOf({ settings, now }: ExplainParts, object: ListedObject, record: KeyRecord): Explained[] {
  const { restored } = record;
  // The next run is no run that saw the object before.
  const decision = isIgnored(object.key, settings.ignorePrefixes)
    ? keep("ignored-prefix")
    : decideObject(object, record.facts, now, "the next run", { ...settings, restored });
  return [{ sweep: "orphaned-objects", decision }];
}

/** Only a live row misses its object, and only one that is older than the grace. */
function decideMissing({ store, settings, now }: ExplainParts, key: string, { files }: KeyRecord): Explained[] {
  const missing = (decision: Decision): Explained[] => [{ sweep: "missing-objects", decision }];
  if (isIgnored(key, settings.ignorePrefixes)) return missing(keep("ignored-prefix"));
  const made = files
    .filter(({ standing }) => standing === "live")
    .map(({ createdAt }) => readInstant(createdAt, settings.times))
    .filter((instant) => typeof instant === "number");
  if (made.length === 0) return [];
  if (Math.min(...made) > now - settings.orphanGraceMs) return missing(keep("too-young"));
  return missing(keep(store.invalidKey(key) === null ? "missing-object" : "invalid-key"));
}
