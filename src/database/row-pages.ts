/** Pages of the application's rows, and places in them that survive a restart. */
import { SweepError } from "../core/errors.ts";
import type { Tally } from "../core/model.ts";
import type { CatalogCursor, DuePage, FileRow, Value } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { type CatalogMapping, column, isFree, JUDGED_COLUMNS, table, version } from "./mapping.ts";
import { integer, type SQL, sql, text } from "./sql.ts";
import type { Stage } from "./stages.ts";
import { decodeValue, encodeValue, fromReadable, readable, term } from "./values.ts";

/** A row's place: the stage it lies in, and where in it. */
export interface Place {
  readonly stage: number;
  readonly position: Value;
  readonly id: Value;
}

/** Every stage from the cursor on, one behind the other: SQLite begins no stage before the one ahead of it is used up. */
export function pageOfRows(
  mapping: CatalogMapping,
  stages: readonly Stage[],
  page: { after: CatalogCursor | null; limit: number },
): SQL {
  const from = page.after === null ? null : toPlace(page.after);
  const parts = stages.flatMap((stage, index) => {
    if (from !== null && index < from.stage) return [];
    return behind(mapping, stage, index === from?.stage ? from : null).map(({ where, order }) => {
      const part = stagePart(mapping, stage, index, { where, order, limit: page.limit });
      return sql`SELECT * FROM (${part})`;
    });
  });
  return sql`${sql.join(parts, sql` UNION ALL `)} LIMIT ${page.limit}`;
}

/**
 * What lies behind a place: first the rest at the same position, then all later ones. One row-value comparison would
 * read every row at that position again; ordering the rest by its position as well would sort it, where that is an
 * expression. A row without an id comes before all others of its position.
 */
function behind(mapping: CatalogMapping, stage: Stage, place: Place | null): { where: SQL; order: SQL }[] {
  const position = stage.position("f");
  const id = column(mapping, "f", "id");
  const order = sql`${position}, ${id}`;
  if (place === null) return [{ where: sql``, order }];
  const later = place.id === null ? sql`${id} IS NOT NULL` : sql`${id} > ${term(place.id)}`;
  return [
    { where: sql`AND ${position} = ${term(place.position)} AND ${later}`, order: id },
    { where: sql`AND ${position} > ${term(place.position)}`, order },
  ];
}

function stagePart(
  mapping: CatalogMapping,
  stage: Stage,
  index: number,
  { where, order, limit }: { where: SQL; order: SQL; limit: number },
): SQL {
  return sql`SELECT ${sql.raw(String(index))} AS stage, ${readable(stage.position("f"))} AS position, ${fileColumns(mapping)}
    FROM ${table(mapping, "f")} WHERE ${stage.where("f")} ${where} ORDER BY ${order} LIMIT ${limit}`;
}

/** How many rows lie in the stages that can be read, those on hold not counted. Bytes count once per key only where rows do not share it. */
export function countRows(mapping: CatalogMapping, stages: readonly Stage[], madeBy?: number): SQL {
  const made = column(mapping, "f", "createdAt");
  const inTime =
    madeBy === undefined ? sql`` : sql`AND NOT coalesce(typeof(${made}) <> 'text' AND ${made} > ${madeBy}, 0)`;
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

function fileColumns(mapping: CatalogMapping): SQL {
  const named = (["id", ...JUDGED_COLUMNS] as const).map(
    (name) => sql`${readable(column(mapping, "f", name))} AS ${sql.identifier(name)}`,
  );
  return sql`${sql.join(named, sql`, `)}, ${sizeOf(mapping)} AS sizeBytes, ${version(mapping, "f")} AS version`;
}

/** Some rows, whatever stage they are in. */
export function rowsWhere(mapping: CatalogMapping, where: SQL, limit: number): SQL {
  return sql`SELECT ${fileColumns(mapping)} FROM ${table(mapping, "f")} WHERE ${where}
    ORDER BY ${column(mapping, "f", "id")} LIMIT ${limit}`;
}

export function toPage(rows: readonly Row[], limit: number): DuePage {
  const row = rows.at(-1);
  const last = row === undefined ? null : toCursor(row);
  return { files: rows.map(toFileRow), last, next: rows.length < limit ? null : last };
}

export function toFileRow(row: Row): FileRow {
  const value = (name: string): Value => fromReadable(row[name] ?? null);
  return {
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
    version: text(row, "version"),
  };
}

function toCursor(row: Row): CatalogCursor {
  return {
    stage: integer(row, "stage"),
    position: encodeValue(fromReadable(row["position"] ?? null)),
    id: encodeValue(fromReadable(row["id"] ?? null)),
  };
}

export function toPlace(cursor: CatalogCursor): Place {
  const { stage, position, id } = cursor;
  if (typeof stage !== "number") throw new SweepError("corrupt", "the saved place in the catalog cannot be read");
  return { stage, position: decodeValue(position), id: decodeValue(id) };
}
