/** Pages of the application's rows, and places in them that survive a restart. */
import { SweepError } from "../core/errors.ts";
import type { Tally } from "../core/model.ts";
import type { CatalogCursor, DuePage, FileRow, RowPage, Standing, Value } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { type CatalogMapping, column, isFree, JUDGED_COLUMNS, named, table, version } from "./mapping.ts";
import { objectKey } from "./protection.ts";
import { integer, type SQL, sql, text } from "./sql.ts";
import type { Stage } from "./stages.ts";
import { isInstantUpTo, isReadable } from "./time-ranges.ts";
import { decodeValue, encodeValue, fromReadable, packed, readable, term, unpacked } from "./values.ts";

/** A row's place: the stage it lies in, and where in it. */
export interface Place {
  readonly stage: number;
  readonly position: Value;
  readonly identity: readonly Value[];
}

/** A page to be read, for {@link toPage}. */
export interface PageQuery {
  readonly query: SQL;
  readonly limit: number;
}

/** Every stage from the cursor on, one behind the other: SQLite begins no stage before the one ahead of it is used up. */
export function pageOfRows(mapping: CatalogMapping, stages: readonly Stage[], page: RowPage): PageQuery {
  const from = page.after === null ? null : toPlace(page.after);
  const parts = stages.flatMap((stage, index) => {
    if (from !== null && index < from.stage) return [];
    return behind(mapping, stage, index === from?.stage ? from : null).map(({ where, order }) => {
      const part = stagePart(mapping, stage, index, { where, order, limit: page.limit });
      return sql`SELECT * FROM (${part})`;
    });
  });
  const rows = sql`${sql.join(parts, sql` UNION ALL `)} LIMIT ${page.limit}`;
  // A table without any column that says when a row ends has none that does.
  const query = parts.length === 0 ? sql`SELECT '[]' AS packed` : packed(pageColumns(mapping), rows);
  return { query, limit: page.limit };
}

function pageColumns(mapping: CatalogMapping): string[] {
  const identity = mapping.identity.map((_, index) => `identity${index}`);
  return ["stage", "position", ...identity, ...READ_COLUMNS, "sizeBytes", "version"];
}

/**
 * What lies behind a place: first the rest at the same position, then all later ones. One row-value comparison would
 * read every row at that position again; ordering the rest by its position as well would sort it, where that is an
 * expression. A row without an id comes before all others of its position. The place stands first: of several lower bounds SQLite seeks
 * the first one, and by the stage's own every page would walk over all that lie before it.
 */
function behind(mapping: CatalogMapping, stage: Stage, place: Place | null): { where: SQL; order: SQL }[] {
  const identity = listOf(mapping.identity.map((name) => named("f", name)));
  if (stage.position === null) {
    const where = place === null ? sql`` : sql`${isBehind(mapping, "f", place)} AND`;
    return [{ where, order: identity }];
  }
  const position = stage.position("f");
  const order = sql`${position}, ${identity}`;
  if (place === null) return [{ where: sql``, order }];
  return [
    { where: sql`${position} = ${term(place.position)} AND ${isBehind(mapping, "f", place)} AND`, order: identity },
    { where: sql`${position} > ${term(place.position)} AND`, order },
  ];
}

function isBehind(mapping: CatalogMapping, alias: string, { identity }: Place): SQL {
  const names = mapping.identity.map((name) => named(alias, name));
  if (identity[0] === null) return sql`${listOf(names)} IS NOT NULL`;
  return sql`(${listOf(names)}) > (${listOf(identity.map(term))})`;
}

/** Whether a row lies at a place or before it, in the order of its stage. */
export function isUpTo(mapping: CatalogMapping, stage: Stage, alias: string, place: Place): SQL {
  const names = mapping.identity.map((name) => named(alias, name));
  const terms = place.identity.map(term);
  if (stage.position !== null) {
    names.unshift(stage.position(alias));
    terms.unshift(term(place.position));
  }
  return sql`(${listOf(names)}) <= (${listOf(terms)})`;
}

function listOf(terms: readonly SQL[]): SQL {
  return sql.join([...terms], sql`, `);
}

function stagePart(
  mapping: CatalogMapping,
  stage: Stage,
  index: number,
  { where, order, limit }: { where: SQL; order: SQL; limit: number },
): SQL {
  return sql`SELECT ${sql.raw(String(index))} AS stage, ${stage.position === null ? sql`NULL` : readable(stage.position("f"))} AS position, ${fileColumns(mapping)}
    FROM ${table(mapping, "f")} WHERE ${where} ${stage.where("f")} ORDER BY ${order} LIMIT ${limit}`;
}

/** How many rows lie in the stages that can be read, those on hold not counted. Bytes count once per key only where rows do not share it. */
export function countRows(mapping: CatalogMapping, stages: readonly Stage[], madeBy?: number): SQL {
  const made = column(mapping, "f", "createdAt");
  const inTime =
    madeBy === undefined
      ? sql``
      : sql`AND NOT coalesce(${isReadable(mapping.times, made)} AND NOT ${isInstantUpTo(mapping.times, made, madeBy)}, 0)`;
  const size = sizeOf(mapping);
  const parts = stages
    .filter(({ unreadable }) => !unreadable)
    .map((stage) => {
      return sql`SELECT count(*) AS count, coalesce(sum(${size}), 0) AS bytes FROM ${table(mapping, "f")}
        WHERE ${stage.where("f")} AND ${isFree(mapping, "f")} ${inTime}`;
    });
  return sql`SELECT sum(count) AS count, sum(bytes) AS bytes FROM (${sql.join(parts, sql` UNION ALL `)})`;
}

export function toTally(row: Row | undefined): Tally {
  return row === undefined ? { count: 0, bytes: 0 } : { count: integer(row, "count"), bytes: integer(row, "bytes") };
}

/** A row's size in bytes; 0 where that is unknown or makes no sense. */
export function sizeOf(mapping: CatalogMapping): SQL {
  const size = column(mapping, "f", "size");
  return sql`CASE WHEN typeof(${size}) = 'integer' AND ${size} > 0 THEN ${size} ELSE 0 END`;
}

const READ_COLUMNS = ["id", "deletedAt", ...JUDGED_COLUMNS] as const;

function fileColumns(mapping: CatalogMapping): SQL {
  const values = READ_COLUMNS.map((name) => {
    const value = name === "key" ? objectKey(mapping, "f") : column(mapping, "f", name);
    return sql`${readable(value)} AS ${sql.identifier(name)}`;
  });
  return sql`${identityColumns(mapping, "f")}, ${listOf(values)}, ${sizeOf(mapping)} AS sizeBytes, ${version(mapping, "f")} AS version`;
}

/** A row's identity, for {@link toIdentity}; without an alias for RETURNING. */
export function identityColumns({ identity }: CatalogMapping, alias: string | null): SQL {
  const values = identity.map((name, index) => {
    const value = alias === null ? sql`${sql.identifier(name)}` : named(alias, name);
    return sql`${readable(value)} AS ${sql.raw(`identity${index}`)}`;
  });
  return listOf(values);
}

export function toIdentity({ identity }: CatalogMapping, row: Row): string {
  return JSON.stringify(identity.map((_, index) => encodeValue(fromReadable(row[`identity${index}`] ?? null))));
}

/** Some rows, whatever stage they are in; by their identities, unless another order is given. */
export function rowsWhere(mapping: CatalogMapping, where: SQL, limit: number, order?: SQL): SQL {
  const by = order ?? listOf(mapping.identity.map((name) => named("f", name)));
  return sql`SELECT ${fileColumns(mapping)} FROM ${table(mapping, "f")} WHERE ${where} ORDER BY ${by} LIMIT ${limit}`;
}

export function toPage(mapping: CatalogMapping, answer: readonly Row[] | undefined, { limit }: PageQuery): DuePage {
  const rows = unpacked(pageColumns(mapping), answer);
  const row = rows.at(-1);
  const last = row === undefined ? null : toCursor(mapping, row);
  return { files: rows.map((each) => toFileRow(mapping, each)), last, next: rows.length < limit ? null : last };
}

export function toFileRow(mapping: CatalogMapping, row: Row): FileRow {
  const value = (name: string): Value => fromReadable(row[name] ?? null);
  return {
    identity: toIdentity(mapping, row),
    id: value("id"),
    key: value("key"),
    status: value("status"),
    sizeBytes: integer(row, "sizeBytes"),
    expiresAt: value("expiresAt"),
    downloadedAt: value("downloadedAt"),
    createdAt: value("createdAt"),
    downloads: value("downloads"),
    maxDownloads: value("maxDownloads"),
    hold: value("hold"),
    standing: standingOf(mapping, value("status"), value("deletedAt")),
    version: text(row, "version"),
  };
}

/** As SQL says it in `isLive` and `isExpired`. */
function standingOf({ columns, status }: CatalogMapping, value: Value, deletedAt: Value): Standing {
  if (deletedAt !== null) return "other";
  if (columns.status === undefined || status.live.some((live) => live === value)) return "live";
  return value === status.expired ? "expired" : "other";
}

function toCursor(mapping: CatalogMapping, row: Row): CatalogCursor {
  return {
    stage: integer(row, "stage"),
    position: encodeValue(fromReadable(row["position"] ?? null)),
    identity: toIdentity(mapping, row),
  };
}

export function toPlace(cursor: CatalogCursor): Place {
  const { stage, position, identity } = cursor;
  const parts: unknown = typeof identity === "string" ? JSON.parse(identity) : null;
  if (typeof stage !== "number" || !Array.isArray(parts)) {
    throw new SweepError("corrupt", "the saved place in the catalog cannot be read");
  }
  return { stage, position: decodeValue(position), identity: parts.map(decodeValue) };
}
