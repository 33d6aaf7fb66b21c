/** The end of rows: marked or deleted while they are as judged, their keys nominated and condemned in the same transaction. */
import type { AttemptContext, Claim, ClaimAnswer, FileRow, HeldLease } from "../core/ports.ts";
import { type Attempt, attemptOf, condemnMarked, type GateTimes, markCondemned, readCondemned } from "./condemn.ts";
import type { LeaseSession } from "./lease.ts";
import { type CatalogMapping, isAsJudged, named, table } from "./mapping.ts";
import { OPEN } from "./migrations.ts";
import { isProtected } from "./protection.ts";
import { identityColumns, type PageQuery, toIdentity, toPage } from "./row-pages.ts";
import { jsonTexts, type SQL, sql } from "./sql.ts";

export interface ClaimKind {
  readonly sweep: "expired-files" | "old-records";
  /** Ends the rows of `json_each` (0: identity, 1: version) that are as judged, returning their identities. */
  readonly end: (mapping: CatalogMapping, rows: SQL) => SQL;
}

/** The row stays, with the status of an expired one. */
export const MARK: ClaimKind = {
  sweep: "expired-files",
  end: (mapping, rows) => sql`UPDATE ${table(mapping, "f")}
    SET ${sql.identifier(mapping.columns.status ?? "")} = ${mapping.status.expired}
    FROM (SELECT value FROM ${rows}) j WHERE ${isAsJudged(mapping, "f", sql`j.value`)}
    RETURNING ${identityColumns(mapping, null)}`,
};

/** The row goes, as its record is old. */
export const ERASE: ClaimKind = { sweep: "old-records", end: deleteRows };

/** The row goes, as its end has come and there is no status to mark it with. */
export const DELETE: ClaimKind = { sweep: "expired-files", end: deleteRows };

function deleteRows(mapping: CatalogMapping, rows: SQL): SQL {
  const names = mapping.rowid === null ? mapping.identity : [mapping.rowid];
  const list = (term: (name: string) => SQL): SQL => sql.join(names.map(term), sql`, `);
  return sql`DELETE FROM ${sql.identifier(mapping.table)} WHERE (${list((name) => sql`${sql.identifier(name)}`)}) IN (
      SELECT ${list((name) => named("f", name))} FROM ${rows} j CROSS JOIN ${table(mapping, "f")}
      ON ${isAsJudged(mapping, "f", sql`j.value`)})
    RETURNING ${identityColumns(mapping, null)}`;
}

/**
 * Ends rows, and lets the last one that protected a key take its object along.
 *
 * Order: nominate, end, then look for what still protects the keys. Nominated is what was as judged before it ended: a
 * row that the application deleted meanwhile nominates nothing. Looked for before the rows end, two rows that share a
 * key and end together would each be protected by the other, and the object would stay for ever. What is nominated is
 * marked as condemned at once, which spares a write for each key; what turns out to be protected is unmarked in the same
 * transaction.
 */
export async function claimRows(
  mapping: CatalogMapping,
  session: LeaseSession,
  kind: ClaimKind,
  ask: {
    readonly held: HeldLease;
    readonly claims: readonly Claim[];
    readonly run: AttemptContext;
    readonly gate: GateTimes;
    /** Read after the rows have ended. */
    readonly next: PageQuery | null;
  },
): Promise<ClaimAnswer> {
  const { held, claims, run, gate, next } = ask;
  if (claims.length === 0) return { ended: new Set(), condemned: [], next: null };
  const attempt = attemptOf(held, session.nextBatch(held));
  const rows = claims.map(({ file }) => `[${judgedJson(file)}]`);
  const nominated = claims.filter(({ takesAlong }) => takesAlong).flatMap(toNominations);
  const answers = await session.write(held, [
    nominate(mapping, kind, jsonTexts(nominated.map(nominationJson)), attempt, run),
    kind.end(mapping, jsonTexts(rows)),
    ...condemnMarked(attempt, run, { veto: isProtected(mapping, sql`r.key`), forgetsNew: true }, gate),
    ...(next === null ? [] : [next.query]),
  ]);
  const page = next === null ? null : toPage(mapping, answers.pop(), next);
  return {
    ended: new Set((answers[1] ?? []).map((row) => toIdentity(mapping, row))),
    condemned: readCondemned(answers).condemned,
    next: page,
  };
}

/** Which row is meant, and as what it was judged: as {@link isAsJudged} reads it. Its identity is JSON already. */
function judgedJson({ identity, version }: FileRow): string {
  return `${identity},${JSON.stringify(version)}`;
}

/** An object that goes with a row: its own, which the row counts for, or one that lies with it. */
interface Nomination extends Pick<Claim, "file" | "key" | "reason" | "removalId"> {
  readonly items: 0 | 1;
}

function toNominations({ file, key, reason, removalId, derived }: Claim): Nomination[] {
  const own: Nomination = { file, key, reason, removalId, items: 1 };
  return [own, ...derived.map((object): Nomination => ({ file, reason, ...object, items: 0 }))];
}

function nominationJson({ file, key, reason, removalId, items }: Nomination): string {
  const sizeBytes = items === 1 ? file.sizeBytes : 0;
  return `[${judgedJson(file)},${JSON.stringify([key, reason, removalId, sizeBytes, items]).slice(1)}`;
}

/**
 * A key whose object a person kept is left to the scan, which sees whether it is still that object. A key that has a
 * removal open already keeps that one: an orphan in quarantine, or a refused delete, is now due for this reason. Of rows
 * that share a key and end together the first one nominates it, and the others are counted with it.
 */
function nominate(mapping: CatalogMapping, kind: ClaimKind, rows: SQL, attempt: Attempt, run: AttemptContext): SQL {
  const isShared = sql`batch IS excluded.batch`;
  return sql`INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, items, size_bytes, created_at,
      attempts, attempt_fence, attempt_from, batch, next_attempt_at)
    SELECT j.value ->> 4, j.value ->> 2, 'condemned', j.value ->> 3, ${kind.sweep}, ${run.runId},
      j.value ->> 6, j.value ->> 5, ${run.now}, 1, ${attempt.fence}, 'due', ${attempt.batch}, ${run.now}
    FROM ${rows} j CROSS JOIN ${table(mapping, "f")} ON ${isAsJudged(mapping, "f", sql`j.value`)}
    WHERE NOT EXISTS (SELECT 1 FROM filesweep_removals v
      WHERE v.key = j.value ->> 2 AND v.state = 'released' AND v.released_by = 'operator')
    ON CONFLICT (key) WHERE ${sql.raw(OPEN)} DO UPDATE SET ${markCondemned(attempt, run)}, attempt_from = 'due',
      reason = iif(${isShared}, reason, excluded.reason),
      items = excluded.items + iif(${isShared}, items, 0),
      size_bytes = max(excluded.size_bytes, iif(${isShared}, size_bytes, 0)),
      sweep = excluded.sweep, run_id = excluded.run_id, compare = 0`;
}
