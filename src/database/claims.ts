/** The end of rows: marked or deleted while they are as judged, their keys nominated and condemned in the same transaction. */
import type { AttemptContext, Claim, ClaimAnswer, HeldLease } from "../core/ports.ts";
import { type Attempt, attemptOf, condemnPicked, toCondemned } from "./condemn.ts";
import type { LeaseSession } from "./lease.ts";
import { type CatalogMapping, isAsJudged, named, table } from "./mapping.ts";
import { OPEN } from "./migrations.ts";
import { identityColumns, toIdentity } from "./row-pages.ts";
import { jsonRows, type SQL, sql } from "./sql.ts";

/** How long a key stays behind the gate, and by which clock. */
export interface GateTimes {
  readonly databaseNow: string;
  readonly gateMs: number;
}

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
 * key and end together would each be protected by the other, and the object would stay for ever.
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
  },
): Promise<ClaimAnswer> {
  const { held, claims, run, gate } = ask;
  if (claims.length === 0) return { ended: new Set(), condemned: [] };
  const attempt = attemptOf(held, session.nextBatch(held));
  const rows = claims.map(toJsonRow);
  const keys = claims.filter(({ takesAlong }) => takesAlong).map(({ key }) => key);
  const picked = nominatedBy(attempt, keys);
  const [, ended, condemned] = await session.write(held, [
    nominate(mapping, kind, rows, { ...attempt, ...run }),
    kind.end(mapping, jsonRows(rows)),
    ...condemnPicked(mapping, picked, attempt, run),
    ...dropPicked(picked, run, gate),
  ]);
  return {
    ended: new Set((ended ?? []).map((row) => toIdentity(mapping, row))),
    condemned: (condemned ?? []).map(toCondemned),
  };
}

function toJsonRow({ file, key, reason, removalId, takesAlong }: Claim): unknown[] {
  return [JSON.parse(file.identity), file.version, key, reason, removalId, file.sizeBytes, takesAlong ? 1 : 0];
}

/**
 * A key whose object a person kept is left to the scan, which sees whether it is still that object. A key that has a
 * removal open already keeps that one: an orphan in quarantine, or a refused delete, is now due for this reason.
 */
function nominate(
  mapping: CatalogMapping,
  kind: ClaimKind,
  rows: readonly unknown[],
  by: Attempt & AttemptContext,
): SQL {
  return sql`INSERT INTO filesweep_removals
      (id, key, state, reason, sweep, run_id, items, size_bytes, created_at, next_attempt_at, batch)
    SELECT min(j.value ->> 4), j.value ->> 2, 'due', min(j.value ->> 3), ${kind.sweep}, ${by.runId},
      count(*), max(j.value ->> 5), ${by.now}, ${by.now}, ${by.batch}
    FROM ${jsonRows(rows)} j CROSS JOIN ${table(mapping, "f")} ON ${isAsJudged(mapping, "f", sql`j.value`)}
    WHERE j.value ->> 6 = 1 AND NOT EXISTS (SELECT 1 FROM filesweep_removals v
      WHERE v.key = j.value ->> 2 AND v.state = 'released' AND v.released_by = 'operator')
    GROUP BY j.value ->> 2
    ON CONFLICT (key) WHERE ${sql.raw(OPEN)} DO UPDATE SET state = 'due', reason = excluded.reason,
      sweep = excluded.sweep, run_id = excluded.run_id, items = excluded.items, size_bytes = excluded.size_bytes,
      compare = 0, next_attempt_at = excluded.next_attempt_at, batch = excluded.batch`;
}

function nominatedBy(attempt: Attempt, keys: readonly string[]): SQL {
  return sql`SELECT r.id FROM ${jsonRows(keys)} j
    CROSS JOIN filesweep_removals r ON r.key = j.value AND r.${sql.raw(OPEN)}
    WHERE +r.state = 'due' AND +r.batch = ${attempt.batch}`;
}

/** What is still protected goes out of the ledger again, or is released where it was in there before. */
function dropPicked(picked: SQL, run: AttemptContext, gate: GateTimes): SQL[] {
  return [
    // An attempt without an answer keeps its key behind the gate; none will be made any more that could answer.
    sql`UPDATE filesweep_gate SET leaves_at = ${sql.raw(gate.databaseNow)} + ${gate.gateMs} WHERE leaves_at IS NULL
      AND key IN (SELECT key FROM filesweep_removals WHERE id IN (${picked}))`,
    sql`DELETE FROM filesweep_removals WHERE id IN (${picked}) AND attempts = 0 AND first_seen_at IS NULL`,
    sql`UPDATE filesweep_removals SET state = 'released', released_by = 'protected', finished_at = ${run.now}
      WHERE id IN (${picked})`,
  ];
}
