/** Objects that go with rows which end: written into the ledger, and read from it once they are condemned. */
import type { SweepName } from "../core/model.ts";
import type { AttemptContext, Claim, Condemned } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { type Attempt, isCondemnedBy, isNewIn, markCondemned, readCondemned, selectCondemned } from "./condemn.ts";
import { type CatalogMapping, table } from "./mapping.ts";
import { OPEN } from "./migrations.ts";
import { objectKey } from "./protection.ts";
import { parseJson } from "./rows.ts";
import { jsonRows, type SQL, sql } from "./sql.ts";

/** An object that goes with a row: its own, which the row counts for, or one that lies with it. */
export interface Nomination extends Pick<Claim, "file" | "key" | "reason" | "removalId"> {
  readonly items: 0 | 1;
}

/** What ends with a row that takes its objects along. */
export function toNominations({ file, key, reason, removalId, derived }: Claim): Nomination[] {
  const own: Nomination = { file, key, reason, removalId, items: 1 };
  return [own, ...derived.map((object): Nomination => ({ file, reason, ...object, items: 0 }))];
}

/** Its bytes count once, with the row that takes it along. */
function sizeOf({ file, items }: Nomination): number {
  return items === 1 ? file.sizeBytes : 0;
}

/** As `isAsJudged` reads it, and then what {@link nominate} writes. A row's own key is read from the row. */
export function nominationRow(nomination: Nomination): unknown[] {
  const { file, key, reason, removalId, items } = nomination;
  return [file.version, items === 1 ? null : key, reason, removalId, sizeOf(nomination), items];
}

/**
 * A key that has a removal open already keeps that one: an orphan in quarantine, or a refused delete, is now due for this
 * reason. Of rows that share a key and end together the first one nominates it, and the others are counted with it.
 * @param asJudged whether a row `f` is as it was judged, by a nomination `j.value`
 */
export function nominate(
  mapping: CatalogMapping,
  sweep: SweepName,
  { rows, asJudged }: { readonly rows: string; readonly asJudged: SQL },
  attempt: Attempt,
  run: AttemptContext,
): SQL {
  const isShared = sql`filesweep_removals.batch IS excluded.batch`;
  return sql`WITH j AS MATERIALIZED (SELECT value FROM json_each(${rows}))
    INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, items, size_bytes, created_at,
      attempts, attempt_fence, attempt_from, batch, next_attempt_at)
    SELECT j.value ->> 3, coalesce(j.value ->> 1, ${objectKey(mapping, "f")}), 'condemned', j.value ->> 2,
      ${sweep}, ${run.runId}, j.value ->> 5, j.value ->> 4, ${run.now}, 1, ${attempt.fence}, 'due', ${attempt.batch}, ${run.now}
    FROM j CROSS JOIN ${table(mapping, "f")} ON ${asJudged}
    WHERE true
    ON CONFLICT (key) WHERE ${sql.raw(OPEN)} DO UPDATE SET ${markCondemned(attempt, run)}, attempt_from = 'due',
      reason = iif(${isShared}, reason, excluded.reason),
      items = excluded.items + iif(${isShared}, items, 0),
      size_bytes = max(excluded.size_bytes, iif(${isShared}, size_bytes, 0)),
      sweep = excluded.sweep, run_id = excluded.run_id, compare = 0
    WHERE NOT ${isKept(sql`excluded.key`)}`;
}

/** Whether a person kept the object of a key: it is left to the scan, which sees whether it is still that object. */
export function isKept(key: SQL): SQL {
  return sql`EXISTS (SELECT 1 FROM filesweep_removals v
    WHERE v.key = ${key} AND v.state = 'released' AND v.released_by = 'operator')`;
}

/**
 * What an attempt condemned, in two answers: the ids of what it wrote into the ledger itself, of which everything is known
 * here; and in full what was there before, or stands for several nominations.
 */
export function selectNominated(attempt: Attempt, run: AttemptContext, nominations: readonly Nomination[]): SQL[] {
  const marked = isCondemnedBy(attempt);
  const isKnown = sql`${isNewIn(run)} AND r.id NOT IN (SELECT value FROM ${jsonRows(idsOfShared(nominations))})`;
  return [
    sql`SELECT json_group_array(r.id) AS packed FROM filesweep_removals r WHERE ${marked} AND ${isKnown}`,
    selectCondemned(sql`${marked} AND NOT (${isKnown})`),
  ];
}

/** Of keys that are nominated more than once. */
function idsOfShared(nominations: readonly Nomination[]): string[] {
  const counts = new Map<string, number>();
  for (const { key } of nominations) counts.set(key, (counts.get(key) ?? 0) + 1);
  return nominations.filter(({ key }) => counts.get(key) !== 1).map(({ removalId }) => removalId);
}

/** What {@link selectNominated} answered. */
export function toNominated(
  [ids, others]: readonly Row[][],
  nominations: readonly Nomination[],
  attempt: Attempt,
  { sweep, runId }: Pick<Condemned, "sweep" | "runId">,
): Condemned[] {
  const known = parseJson<string[]>(ids?.[0] ?? {}, "packed");
  const inFull = readCondemned(others, known.length);
  const batchSize = known.length + inFull.length;
  const byId = new Map(nominations.map((nomination) => [nomination.removalId, nomination]));
  const { batch } = attempt;
  const written: Condemned[] = [];
  for (const id of known) {
    const nomination = byId.get(id);
    // A person had it tried again meanwhile: it is condemned under an id of its own, and waits for the next run.
    if (nomination === undefined) continue;
    const { key, reason, items } = nomination;
    // One literal, without a spread: of a thousand objects that takes ten times as long.
    written.push({
      id,
      key,
      sweep,
      reason,
      runId,
      items,
      sizeBytes: sizeOf(nomination),
      attempts: 1,
      batch,
      batchSize,
      from: "due",
      expected: null,
    });
  }
  return [...written, ...inFull];
}
