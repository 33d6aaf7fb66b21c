/**
 * Where in the application's table the rows lie that a sweep looks for: stretches of its indexes, walked one after the
 * other. A row lies in one of them at most.
 */
import type { Cutoffs, OldCutoffs } from "../core/ports.ts";
import { MAX_INSTANT, SECONDS_BELOW } from "../core/safety.ts";
import { type CatalogMapping, column, literal } from "./mapping.ts";
import { type SQL, sql } from "./sql.ts";

/** Rows in the order `(position, id)`. */
export interface Stage {
  readonly position: (alias: string) => SQL;
  readonly where: (alias: string) => SQL;
  /** Rows here hold something else than an instant: they are shown and kept, and never ended. */
  readonly unreadable: boolean;
}

/** A stretch of an index over instants. */
interface Range {
  readonly covers: (value: SQL) => SQL;
  readonly unreadable: boolean;
}

/**
 * Numbers below {@link SECONDS_BELOW} are seconds, those above milliseconds: two ranges of the same index. At or before
 * 1970 is no instant; texts and blobs sort behind every number.
 */
function rangesUpTo(instant: number): Range[] {
  return [
    { unreadable: true, covers: (value) => sql`${value} <= 0` },
    { unreadable: false, covers: (value) => sql`${value} > 0 AND ${value} <= ${Math.floor(instant / 1000)}` },
    { unreadable: false, covers: (value) => sql`${value} >= ${SECONDS_BELOW} AND ${value} <= ${instant}` },
    { unreadable: true, covers: (value) => sql`${value} >= ''` },
  ];
}

/** Live rows whose end may have come. */
export function dueStages(mapping: CatalogMapping, cutoffs: Cutoffs): Stage[] {
  return mapping.status.live.flatMap((live) => {
    const expiry = expiryStages(mapping, live, cutoffs);
    return [...expiry, ...usedUpStages(mapping, live, cutoffs, expiry)];
  });
}

function expiryStages(mapping: CatalogMapping, live: string, cutoffs: Cutoffs): Stage[] {
  const expires = (alias: string): SQL => column(mapping, alias, "expiresAt");
  return rangesUpTo(cutoffs.expiredBefore).map(({ covers, unreadable }) => ({
    position: expires,
    where: (alias) => sql`${column(mapping, alias, "status")} = ${live} AND ${covers(expires(alias))}`,
    unreadable,
  }));
}

/** Rows whose downloads are used up and which no expiry stage shows, by the last download, or by when they were made. */
function usedUpStages(mapping: CatalogMapping, live: string, cutoffs: Cutoffs, expiry: readonly Stage[]): Stage[] {
  const position = (alias: string): SQL =>
    sql`coalesce(${column(mapping, alias, "downloadedAt")}, ${column(mapping, alias, "createdAt")})`;
  return rangesUpTo(cutoffs.downloadedBefore).map(({ covers, unreadable }) => ({
    position,
    unreadable,
    where: (alias) => {
      const elsewhere = expiry.map((stage) => sql`AND NOT coalesce(${stage.where(alias)}, 0)`);
      return sql`${column(mapping, alias, "status")} = ${live} AND ${isUsedUp(mapping, alias)}
        AND ${covers(position(alias))} AND coalesce(+${column(mapping, alias, "expiresAt")}, 0) <= ${MAX_INSTANT}
        ${sql.join(elsewhere, sql` `)}`;
    },
  }));
}

/** The first two terms are those of the index; a count that is no number uses nothing up. */
function isUsedUp(mapping: CatalogMapping, alias: string): SQL {
  const downloads = column(mapping, alias, "downloads");
  const max = column(mapping, alias, "maxDownloads");
  return sql`${max} > 0 AND ${downloads} >= ${max}
    AND typeof(${max}) IN ('integer', 'real') AND typeof(${downloads}) IN ('integer', 'real')`;
}

/** Rows whose record may be old: downloaded long ago; and, where that is asked for, expired long ago without a download. */
export function oldStages(mapping: CatalogMapping, cutoffs: OldCutoffs): Stage[] {
  const downloaded = (alias: string): SQL => column(mapping, alias, "downloadedAt");
  const byDownload = rangesUpTo(cutoffs.downloadedBefore).map(({ covers, unreadable }) => ({
    position: downloaded,
    where: (alias: string) => sql`${covers(downloaded(alias))} AND ${isLiveOrExpired(mapping, alias)}`,
    unreadable,
  }));
  if (cutoffs.expiredBefore === null) return byDownload;
  const expires = (alias: string): SQL => column(mapping, alias, "expiresAt");
  const byExpiry = rangesUpTo(cutoffs.expiredBefore).map(({ covers, unreadable }) => ({
    position: expires,
    where: (alias: string) => sql`${column(mapping, alias, "status")} = ${mapping.status.expired}
      AND ${covers(expires(alias))} AND +${downloaded(alias)} IS NULL`,
    unreadable,
  }));
  return [...byDownload, ...byExpiry];
}

/** A row of any other status may be on its way in or out: its record is not old, whenever it was downloaded. */
function isLiveOrExpired(mapping: CatalogMapping, alias: string): SQL {
  const known = [...mapping.status.live, mapping.status.expired].map(literal);
  return sql`+${column(mapping, alias, "status")} IN (${sql.join(known, sql`, `)})`;
}

/** Of old rows those that would go: live ones only where that is asked for, or where their end has come all the same. */
export function endedOnly(
  mapping: CatalogMapping,
  stages: readonly Stage[],
  rule: { readonly live: "keep" | "remove"; readonly liveExpiredBefore: number },
): Stage[] {
  if (rule.live === "remove") return [...stages];
  return stages.map((stage) => ({
    ...stage,
    where: (alias) => {
      const expires = sql`+${column(mapping, alias, "expiresAt")}`;
      const live = sql.join(mapping.status.live.map(literal), sql`, `);
      const readable = rangesUpTo(rule.liveExpiredBefore).filter(({ unreadable }) => !unreadable);
      return sql`${stage.where(alias)} AND (+${column(mapping, alias, "status")} NOT IN (${live})
        OR (${isUsedUp(mapping, alias)})
        OR ${sql.join(
          readable.map(({ covers }) => sql`(${covers(expires)})`),
          sql` OR `,
        )})`;
    },
  }));
}
