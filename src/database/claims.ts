/** The end of rows: marked or deleted while they are as judged, their keys nominated and condemned in the same transaction. */
import type { AttemptContext, Claim, ClaimAnswer, Condemned, HeldLease } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { attemptOf, condemnMarked, type GateTimes } from "./condemn.ts";
import type { LeaseSession } from "./lease.ts";
import { type CatalogMapping, exactIdentity, identitiesOf, identityOf, isAsJudged, table } from "./mapping.ts";
import { isKept, nominate, nominationRow, selectNominated, toNominated, toNominations } from "./nominations.ts";
import { isProtected } from "./protection.ts";
import { identityIn, isInHex, meantBy, type PageQuery, toPage } from "./row-pages.ts";
import { bytes, integer, type SQL, sql } from "./sql.ts";
import { parseBytes } from "./values.ts";

export interface ClaimKind {
  readonly sweep: "expired-files" | "old-records";
  /** Ends rows `f`: a statement up to its WHERE. */
  readonly end: (mapping: CatalogMapping) => SQL;
}

const erase = (mapping: CatalogMapping): SQL => sql`DELETE FROM ${table(mapping, "f")}`;

/** The row stays, with the status of an expired one. */
export const MARK: ClaimKind = {
  sweep: "expired-files",
  end: (mapping) =>
    sql`UPDATE ${table(mapping, "f")} SET ${sql.identifier(mapping.columns.status ?? "")} = ${mapping.status.expired}`,
};

/** The row goes, as its record is old. */
export const ERASE: ClaimKind = { sweep: "old-records", end: erase };

/** The row goes, as its end has come and there is no status to mark it with. */
export const DELETE: ClaimKind = { sweep: "expired-files", end: erase };

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
  const nominations = claims.filter(({ takesAlong }) => takesAlong).flatMap(toNominations);
  const nominated = JSON.stringify(nominations.map(nominationRow));
  const asJudged = isAsJudged(
    mapping,
    "f",
    sql`j.value`,
    claims.some(({ file }) => isInHex(file)),
  );
  const veto = isProtected(mapping, sql`r.key`);
  const sparing = { veto, forgets: sql`(${veto} OR ${isKept(sql`r.key`)})` };
  const answers = await session.write(held, [
    nominate(mapping, kind.sweep, { rows: nominated, asJudged }, attempt, run),
    ...endRows(mapping, kind, claims, { rows: nominated, count: nominations.length, asJudged }),
    ...condemnMarked(attempt, run, sparing, gate),
    ...selectNominated(attempt, run, nominations),
    ...(next === null ? [] : [next.query]),
  ]);
  const page = next === null ? null : toPage(mapping, answers.pop(), next);
  const about = { sweep: kind.sweep, runId: run.runId };
  const condemned = toNominated(answers.splice(-2), nominations, attempt, about);
  return { ended: toEnded(claims, condemned, answers), condemned, next: page };
}

/**
 * Order: right behind the nominations, of which `changes()` tells how many there were. Were they all that was asked for,
 * each row was as judged a moment ago in this transaction: the rows end without being compared, and nobody has to tell
 * which they were. Else those end that are as judged, and are told.
 */
function endRows(
  mapping: CatalogMapping,
  kind: ClaimKind,
  claims: readonly Claim[],
  nominated: { readonly rows: string; readonly count: number; readonly asJudged: SQL },
): SQL[] {
  const all = claims.every(({ takesAlong }) => takesAlong);
  const wanted = all ? nominated.count : -1;
  const meant = meantBy(
    mapping,
    claims.map(({ file }) => file),
  );
  const judged = all ? nominated.rows : JSON.stringify(claims.map(({ file }) => [file.version]));
  const end = (which: SQL): SQL => sql`${kind.end(mapping)} WHERE (${exactIdentity(mapping, "f")}) IN (${which})`;
  return [
    end(sql`${meant} WHERE changes() = ${wanted}`),
    sql`SELECT changes() AS ended`,
    sql`${end(identitiesOf(mapping, sql`json_each(iif(changes() = 0, ${judged}, '[]'))`, nominated.asJudged))}
      RETURNING CAST(${identityOf(mapping, null)} AS BLOB) AS identity`,
  ];
}

/** @param answers of the nominations, and of {@link endRows} */
function toEnded(claims: readonly Claim[], condemned: readonly Condemned[], answers: readonly Row[][]): Set<Claim> {
  const [, , counted, told] = answers;
  const ended = integer(counted?.[0] ?? {}, "ended");
  if (ended === 0) {
    const identities = new Set((told ?? []).map((row) => JSON.stringify(parseBytes(bytes(row, "identity")))));
    return new Set(claims.filter(({ file }) => identities.has(JSON.stringify(identityIn(file)))));
  }
  if (ended === claims.length) return new Set(claims);
  // A trigger of the application passed some over. What lost its object has ended for certain.
  const keys = new Set(condemned.map(({ key }) => key));
  return new Set(claims.filter(({ key }) => keys.has(key)));
}
