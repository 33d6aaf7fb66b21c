/** Pages of the application's rows, and places in them that survive a restart. */
import { SweepError } from "../core/errors.ts";
import type { Tally } from "../core/model.ts";
import type { CatalogCursor, DuePage, FileRow, RowPage, Standing, Value } from "../core/ports.ts";
import type { Row } from "./client.ts";
import {
  type CatalogMapping,
  column,
  identitiesOf,
  identityColumns,
  identityOf,
  isFree,
  isMeant,
  judgedColumns,
  named,
  table,
  version,
} from "./mapping.ts";
import { objectKey } from "./protection.ts";
import { integer, jsonRows, type SQL, sql } from "./sql.ts";
import type { Stage } from "./stages.ts";
import { isInstantUpTo, isReadable } from "./time-ranges.ts";
import { comparable, decodeValue, type Encoded, packedValues, readable, term, unpackedValues } from "./values.ts";

/** A row's place: the stage it lies in, and where in it. */
export interface Place {
  readonly stage: number;
  readonly position: SQL;
  readonly identity: readonly SQL[];
  /** A row without an id comes before all others of its position. */
  readonly hasNoId: boolean;
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
  return { query: parts.length === 0 ? rowsWhere(mapping, sql`0`, 0) : packedRows(mapping, rows), limit: page.limit };
}

/**
 * What lies behind a place: first the rest at the same position, then all later ones. One row-value comparison would
 * read every row at that position again; ordering the rest by its position as well would sort it, where that is an
 * expression. A row without an id comes before all others of its position. The place stands first: of several lower bounds SQLite seeks
 * the first one, and by the stage's own every page would walk over all that lie before it.
 */
function behind(mapping: CatalogMapping, stage: Stage, place: Place | null): { where: SQL; order: SQL }[] {
  const identity = identityColumns(mapping, "f");
  if (stage.position === null) {
    const where = place === null ? sql`` : sql`${isBehind(mapping, "f", place)} AND`;
    return [{ where, order: identity }];
  }
  const position = stage.position("f");
  const order = sql`${position}, ${identity}`;
  if (place === null) return [{ where: sql``, order }];
  return [
    { where: sql`${position} = ${place.position} AND ${isBehind(mapping, "f", place)} AND`, order: identity },
    { where: sql`${position} > ${place.position} AND`, order },
  ];
}

function isBehind(mapping: CatalogMapping, alias: string, { identity, hasNoId }: Place): SQL {
  const names = identityColumns(mapping, alias);
  if (hasNoId) return sql`${names} IS NOT NULL`;
  return sql`(${names}) > (${sql.join(identity)})`;
}

/** Whether a row lies at a place or before it, in the order of its stage. */
export function isUpTo(mapping: CatalogMapping, stage: Stage, alias: string, place: Place): SQL {
  const names = mapping.identity.map((name) => named(alias, name));
  const terms = [...place.identity];
  if (stage.position !== null) {
    names.unshift(stage.position(alias));
    terms.unshift(place.position);
  }
  return sql`(${sql.join(names)}) <= (${sql.join(terms)})`;
}

function stagePart(
  mapping: CatalogMapping,
  stage: Stage,
  index: number,
  { where, order, limit }: { where: SQL; order: SQL; limit: number },
): SQL {
  return sql`${placed(mapping, index, stage.position?.("f"))} WHERE ${where} ${stage.where("f")} ORDER BY ${order} LIMIT ${limit}`;
}

/** How many rows lie in the stages that can be read, those on hold not counted. Bytes count once per key only where rows do not share it. */
export function countRows(mapping: CatalogMapping, stages: readonly Stage[], madeBy?: number): SQL {
  const made = column(mapping, "f", "createdAt");
  const inTime =
    madeBy === undefined
      ? sql``
      : sql`AND NOT coalesce(${isReadable(mapping.times, made)} AND NOT ${isInstantUpTo(mapping.times, made, madeBy)}, 0)`;
  const size = sizeOf(mapping, "f");
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
export function sizeOf(mapping: CatalogMapping, alias: string): SQL {
  const size = column(mapping, alias, "size");
  return sql`CASE WHEN typeof(${size}) = 'integer' AND ${size} > 0 THEN ${size} ELSE 0 END`;
}

// -------------------------------------------------------------------------------------------- rows, there and back

/** Names that no column of an application has. */
const STAGE = sql.identifier("filesweep stage");
const POSITION = sql.identifier("filesweep position");

/** Rows `f` at a place, with every column that {@link packedRows} makes its values from. */
function placed(mapping: CatalogMapping, stage: number, position: SQL = sql`NULL`): SQL {
  const { columns, identity, key } = mapping;
  const names = new Set([...identity, ...judgedColumns(mapping), key.column, columns.size]);
  const read = [...names].flatMap((name) =>
    name === undefined ? [] : sql`${named("f", name)} AS ${sql.identifier(name)}`,
  );
  return sql`SELECT ${sql.raw(String(stage))} AS ${STAGE}, ${position} AS ${POSITION}, ${sql.join(read)} FROM ${table(mapping, "f")}`;
}

/** For {@link unpackedRows}. What a value is read by stands here once, however many stages the rows come from. */
function packedRows(mapping: CatalogMapping, rows: SQL): SQL {
  const found = "found";
  const position = readable(sql`found.${POSITION}`);
  const values = [STAGE, position, identityOf(mapping, found), version(mapping, found), sizeOf(mapping, found)];
  // Where the column holds the object's key itself, the version does.
  const key = objectKey(mapping, found);
  if (key.sql !== named(found, mapping.key.column).sql) values.push(readable(key));
  return packedValues(values, rows);
}

type PackedRow = readonly [
  stage: number,
  position: Encoded,
  identity: readonly Encoded[],
  judged: readonly Encoded[],
  sizeBytes: number,
  key?: Encoded,
];

/** What a row is claimed by: {@link identityOf} and {@link version}, as they were read. */
type RowVersion = readonly [identity: readonly Encoded[], judged: readonly Encoded[] | string];

/** What tells a row from all others of its table. */
export function identityIn({ version }: Pick<FileRow, "version">): RowVersion[0] {
  // As toFile made it: a row comes from nowhere else.
  return (version as RowVersion)[0];
}

/** Some rows, as {@link identitiesOf} selects them. */
export function meantBy(mapping: CatalogMapping, rows: readonly Pick<FileRow, "version">[]): SQL {
  return identitiesOf(mapping, jsonRows(rows.map(identityIn)), isMeant(mapping, "f", sql`j.value`, "$"));
}

/** Whether a row's version is told in hexadecimal. */
export function isInHex({ version }: Pick<FileRow, "version">): boolean {
  return typeof (version as RowVersion)[1] === "string";
}

function unpackedRows(answer: readonly Row[] | undefined): PackedRow[] {
  // By packedRows.
  return unpackedValues(answer) as unknown as PackedRow[];
}

function toFile(mapping: CatalogMapping, [, , identity, judged, sizeBytes, objectKey]: PackedRow): FileRow {
  // In the order of judgedColumns.
  const [id, written, status, expiresAt, downloadedAt, createdAt, downloads, maxDownloads, hold, deletedAt] =
    judged.map(decodeValue) as [Value, Value, Value, Value, Value, Value, Value, Value, Value, Value];
  const key = objectKey === undefined ? written : decodeValue(objectKey);
  const standing = standingOf(mapping, status, deletedAt);
  const version: RowVersion = [identity, comparable(judged)];
  return {
    id,
    key,
    status,
    sizeBytes,
    expiresAt,
    downloadedAt,
    createdAt,
    downloads,
    maxDownloads,
    hold,
    standing,
    version,
  };
}

export function toPage(mapping: CatalogMapping, answer: readonly Row[] | undefined, { limit }: PageQuery): DuePage {
  const rows = unpackedRows(answer);
  const row = rows.at(-1);
  const last = row === undefined ? null : toCursor(row);
  return { files: rows.map((each) => toFile(mapping, each)), last, next: rows.length < limit ? null : last };
}

/** Some rows, whatever stage they are in; by their identities, unless another order is given. */
export function rowsWhere(mapping: CatalogMapping, where: SQL, limit: number, order?: SQL): SQL {
  return packedRows(
    mapping,
    sql`${placed(mapping, 0)} WHERE ${where} ORDER BY ${order ?? identityColumns(mapping, "f")} LIMIT ${limit}`,
  );
}

/** The rows of {@link rowsWhere}. */
export function toFileRows(mapping: CatalogMapping, answer: readonly Row[] | undefined): FileRow[] {
  return unpackedRows(answer).map((row) => toFile(mapping, row));
}

/** As SQL says it in `isLive` and `isExpired`. */
function standingOf({ columns, status }: CatalogMapping, value: Value, deletedAt: Value): Standing {
  if (deletedAt !== null) return "other";
  if (columns.status === undefined || status.live.some((live) => live === value)) return "live";
  return value === status.expired ? "expired" : "other";
}

function toCursor([stage, position, identity]: PackedRow): CatalogCursor {
  return { stage, position, identity: JSON.stringify(identity) };
}

export function toPlace(cursor: CatalogCursor): Place {
  const { stage, position, identity } = cursor;
  const parts: unknown = typeof identity === "string" ? JSON.parse(identity) : null;
  if (typeof stage !== "number" || !Array.isArray(parts)) {
    throw new SweepError("corrupt", "the saved place in the catalog cannot be read");
  }
  return { stage, position: term(position), identity: parts.map(term), hasNoId: parts[0] === null };
}
