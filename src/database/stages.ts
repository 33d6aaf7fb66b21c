/**
 * Where in the application's table the rows lie that a sweep looks for: stretches of its indexes, walked one after the
 * other. A row lies in one of them at most.
 */
import type { Cutoffs, OldCutoffs } from "../core/ports.ts";
import { type CatalogMapping, column, isExpired, isLive, isLiveOrExpired, liveStretches } from "./mapping.ts";
import { anyOf, type SQL, sql } from "./sql.ts";
import { isInstantUpTo, isReadable, rangesUpTo } from "./time-ranges.ts";

/** Rows in the order `(position, identity)`. */
export interface Stage {
  /** Null: in the order of their identity alone, where no index has a better one. */
  readonly position: ((alias: string) => SQL) | null;
  readonly where: (alias: string) => SQL;
  /** Rows here hold something else than an instant: they are shown and kept, and never ended. */
  readonly unreadable: boolean;
}

/** What a stage is made of. */
interface Stretch {
  /** Which rows: pieces of an index each, one for each of its stretches. */
  readonly rows: readonly ((alias: string) => SQL)[];
  readonly instant: (alias: string) => SQL;
  readonly upTo: number;
  /** What else holds for them. */
  readonly also?: (alias: string) => SQL;
  /** They have come to their end, only since when has to be told: a row that does not say so is shown. */
  readonly lacksNone?: true;
}

/**
 * The stages of a stretch: along an index where one is in the order of the instants; else in one pass over the table
 * for what can be read, and one for the rest, instead of one for each range.
 */
function stagesOf(mapping: CatalogMapping, stretch: Stretch, isOrdered: boolean): Stage[] {
  const { rows, instant, upTo } = stretch;
  const also = (alias: string): SQL => (stretch.also === undefined ? sql`` : sql`AND ${stretch.also(alias)}`);
  const ranges = rangesUpTo(mapping.times, upTo);
  if (isOrdered) {
    return rows.flatMap((row) =>
      ranges.map(({ covers, unreadable }) => ({
        position: instant,
        where: (alias) => sql`${row(alias)} AND ${covers(instant(alias))} ${also(alias)}`,
        unreadable,
      })),
    );
  }
  return [false, true].map((unreadable) => ({
    position: null,
    where: (alias) => {
      const row = anyOf(rows.map((each) => each(alias)));
      const covers = ranges.filter((range) => range.unreadable === unreadable).map((range) => range.covers);
      if (unreadable && stretch.lacksNone) covers.push((value) => sql`${value} IS NULL`);
      return sql`${row} AND ${anyOf(covers.map((each) => each(instant(alias))))} ${also(alias)}`;
    },
    unreadable,
  }));
}

/** Live rows whose end may have come. */
export function dueStages(mapping: CatalogMapping, cutoffs: Cutoffs): Stage[] {
  return [...expiryStages(mapping, cutoffs), ...usedUpStages(mapping, cutoffs)];
}

function expiryStages(mapping: CatalogMapping, { expiredBefore }: Cutoffs): Stage[] {
  if (mapping.columns.expiresAt === undefined) return [];
  const instant = (alias: string): SQL => column(mapping, alias, "expiresAt");
  return stagesOf(mapping, { rows: liveStretches(mapping), instant, upTo: expiredBefore }, mapping.ordered.expiresAt);
}

/**
 * Rows whose downloads are used up and which no expiry stage shows, by the last download, or by when they were made.
 * Only the own table has an index for that.
 */
function usedUpStages(mapping: CatalogMapping, { expiredBefore, downloadedBefore }: Cutoffs): Stage[] {
  const { downloads, maxDownloads } = mapping.columns;
  if (downloads === undefined || maxDownloads === undefined) return [];
  const instant = (alias: string): SQL =>
    sql`coalesce(${column(mapping, alias, "downloadedAt")}, ${column(mapping, alias, "createdAt")})`;
  const also = (alias: string): SQL => {
    if (mapping.columns.expiresAt === undefined) return isUsedUp(mapping, alias);
    const expires = sql`+${column(mapping, alias, "expiresAt")}`;
    return sql`${isUsedUp(mapping, alias)} AND (${expires} IS NULL OR (${isReadable(mapping.times, expires)}
      AND NOT ${isInstantUpTo(mapping.times, expires, expiredBefore)}))`;
  };
  return stagesOf(
    mapping,
    { rows: liveStretches(mapping), instant, upTo: downloadedBefore, also, lacksNone: true },
    !mapping.mapped,
  );
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
  return [...downloadedStages(mapping, cutoffs.downloadedBefore), ...oldExpiryStages(mapping, cutoffs.expiredBefore)];
}

/** A row of any other status may be on its way in or out: its record is not old, whenever it was downloaded. */
function downloadedStages(mapping: CatalogMapping, downloadedBefore: number): Stage[] {
  if (mapping.columns.downloadedAt === undefined) return [];
  const instant = (alias: string): SQL => column(mapping, alias, "downloadedAt");
  const rows = [(alias: string): SQL => isLiveOrExpired(mapping, alias)];
  return stagesOf(mapping, { rows, instant, upTo: downloadedBefore }, mapping.ordered.downloadedAt);
}

function oldExpiryStages(mapping: CatalogMapping, expiredBefore: number | null): Stage[] {
  const { expiresAt, status } = mapping.columns;
  if (expiredBefore === null || expiresAt === undefined || status === undefined) return [];
  const instant = (alias: string): SQL => column(mapping, alias, "expiresAt");
  const rows = [(alias: string): SQL => isExpired(mapping, alias)];
  const also = (alias: string): SQL => sql`+${column(mapping, alias, "downloadedAt")} IS NULL`;
  return stagesOf(mapping, { rows, instant, upTo: expiredBefore, also }, mapping.ordered.expiresAt);
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
      return sql`${stage.where(alias)} AND (NOT coalesce(${isLive(mapping, alias)}, 0) OR (${isUsedUp(mapping, alias)})
        OR ${isInstantUpTo(mapping.times, expires, rule.liveExpiredBefore)})`;
    },
  }));
}
