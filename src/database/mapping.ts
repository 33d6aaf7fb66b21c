/**
 * One value that says where the application keeps its files. Every statement on the application's tables is built from
 * it; the table that filesweep creates itself is just the default mapping.
 */
import { type TimeReading, UNDECLARED } from "../core/catalog-time.ts";
import type { CatalogColumns } from "../core/settings.ts";
import { type SQL, sql } from "./sql.ts";
import { readable } from "./values.ts";

/** A value that stands in the settings, of the type that its column keeps. */
export type Constant = string | number | null;

/** A column whose values name objects. */
export interface NamingColumn {
  readonly column: string;
  /** May be at the beginning of a value, and is not part of the object's key. Empty: nothing is. */
  readonly prefix: string;
  /** The column turns every number into a text, so that it holds texts and blobs alone. */
  readonly isText: boolean;
  /** Whether an index finds a value of it. */
  readonly indexed: boolean;
}

/** Another column of the database: whatever it names is protected. */
export interface MappedReference extends NamingColumn {
  readonly table: string;
  readonly format: "text" | "json-array";
  /** The column is computed: a trigger has to watch the whole row. */
  readonly generated: boolean;
}

/** What stands before and behind the key of a file in the key of an object that lives and dies with it. */
export interface DerivedPattern {
  readonly before: string;
  readonly behind: string;
}

export interface CatalogMapping {
  /** False: the table that filesweep makes itself, of whose indexes everything is known. */
  readonly mapped: boolean;
  readonly table: string;
  /** A field without a column reads as NULL. */
  readonly columns: CatalogColumns;
  readonly key: NamingColumn;
  /** The columns by which a row is found again: no two rows share their values. */
  readonly identity: readonly string[];
  /** A name under which the rowid can be asked for; null in a table WITHOUT ROWID. */
  readonly rowid: string | null;
  /** Which rows are this store's; the others protect nothing here. */
  readonly where: readonly { readonly column: string; readonly value: Constant }[];
  readonly status: {
    readonly live: readonly Constant[];
    readonly expired: Constant;
    readonly deleted: readonly Constant[];
  };
  /** What becomes of a row whose end has come. */
  readonly expiredAction: "mark" | "delete";
  readonly times: TimeReading;
  readonly references: readonly MappedReference[];
  readonly derived: readonly DerivedPattern[];
  /** Whether an index brings live rows in the order of their expiry, and rows in the order of their last download. */
  readonly ordered: { readonly expiresAt: boolean; readonly downloadedAt: boolean };
  /** A column that decides about protection is computed: a trigger has to watch the whole row. */
  readonly generated: boolean;
}

export const DEFAULT_MAPPING: CatalogMapping = {
  mapped: false,
  table: "files",
  columns: {
    id: "id",
    key: "key",
    status: "status",
    expiresAt: "expires_at",
    downloadedAt: "downloaded_at",
    createdAt: "created_at",
    downloads: "downloads",
    maxDownloads: "max_downloads",
    size: "size_bytes",
    hold: "hold",
  },
  key: { column: "key", prefix: "", isText: true, indexed: true },
  identity: ["rowid"],
  rowid: "rowid",
  where: [],
  status: { live: ["active"], expired: "expired", deleted: [] },
  expiredAction: "mark",
  times: UNDECLARED,
  references: [],
  derived: [],
  ordered: { expiresAt: true, downloadedAt: true },
  generated: false,
};

export type MappedColumn = keyof CatalogColumns;

/** A column of the application's table, under an alias; NULL where it has none for that. */
export function column(mapping: CatalogMapping, alias: string, name: MappedColumn): SQL {
  const mapped = mapping.columns[name];
  return mapped === undefined ? sql`NULL` : named(alias, mapped);
}

export function named(alias: string, name: string): SQL {
  return sql`${sql.raw(alias)}.${sql.identifier(name)}`;
}

/** The application's table, under an alias. */
export function table({ table }: Pick<CatalogMapping, "table">, alias: string): SQL {
  return sql`${sql.identifier(table)} AS ${sql.raw(alias)}`;
}

/** A constant of the mapping as an SQL literal: a trigger and a partial index take no parameters. */
export function literal(value: Constant): SQL {
  if (value === null) return sql`NULL`;
  return sql.raw(typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`);
}

// ------------------------------------------------------------------------------------------------- what a row is

/** Whether a row is this store's. */
export function isOfStore(mapping: CatalogMapping, alias: string): SQL {
  const terms = mapping.where.map(({ column: name, value }) => sql`${named(alias, name)} IS ${literal(value)}`);
  return terms.length === 0 ? sql`1` : sql`(${sql.join(terms, sql` AND `)})`;
}

/** Stretches of the table that hold the live rows, for an index that begins with the status. A row lies in one at most. */
export function liveStretches(mapping: CatalogMapping): ((alias: string) => SQL)[] {
  const { columns, status } = mapping;
  if (columns.status === undefined) return [(alias) => isLiveOnceIn(mapping, alias)];
  return status.live.map(
    (live) => (alias) =>
      sql`${column(mapping, alias, "status")} = ${literal(live)} AND ${isLiveOnceIn(mapping, alias)}`,
  );
}

/** What makes a row live besides its status. */
function isLiveOnceIn(mapping: CatalogMapping, alias: string): SQL {
  const terms = mapping.where.length === 0 ? [] : [isOfStore(mapping, alias)];
  if (mapping.columns.deletedAt !== undefined) terms.push(sql`${column(mapping, alias, "deletedAt")} IS NULL`);
  return terms.length === 0 ? sql`1` : sql.join(terms, sql` AND `);
}

/** Whether a row is live, once it is found: no index is asked for its status. */
export function isLive(mapping: CatalogMapping, alias: string): SQL {
  return hasStatus(mapping, alias, mapping.status.live);
}

/** Whether a row is live, or was marked as expired, once it is found. */
export function isLiveOrExpired(mapping: CatalogMapping, alias: string): SQL {
  return hasStatus(mapping, alias, [...mapping.status.live, mapping.status.expired]);
}

function hasStatus(mapping: CatalogMapping, alias: string, values: readonly Constant[]): SQL {
  const rest = isLiveOnceIn(mapping, alias);
  if (mapping.columns.status === undefined) return rest;
  return sql`+${column(mapping, alias, "status")} IN (${literals(values)}) AND ${rest}`;
}

/** The rows that were marked as expired, and not deleted since. */
export function isExpired(mapping: CatalogMapping, alias: string): SQL {
  if (mapping.columns.status === undefined) return sql`0`;
  const status = column(mapping, alias, "status");
  return sql`${status} = ${literal(mapping.status.expired)} AND ${isLiveOnceIn(mapping, alias)}`;
}

/**
 * Whether a row protects its key: always, unless its status is the expired or a deleted value, or it was deleted. What
 * is no instant at all (0, an empty text) says nothing of that sort. The unary plus keeps SQLite from looking the row up
 * by its status instead of by its key.
 */
export function protects(mapping: CatalogMapping, alias: string): SQL {
  const terms: SQL[] = [];
  if (mapping.columns.status !== undefined) {
    const ended = literals([mapping.status.expired, ...mapping.status.deleted]);
    terms.push(sql`coalesce(+${column(mapping, alias, "status")} NOT IN (${ended}), 1)`);
  }
  if (mapping.columns.deletedAt !== undefined) {
    terms.push(sql`coalesce(+${column(mapping, alias, "deletedAt")}, 0) IN (0, '', '0', 'false')`);
  }
  if (mapping.where.length > 0) terms.push(isOfStore(mapping, alias));
  return terms.length === 0 ? sql`1` : sql.join(terms, sql` AND `);
}

/** The columns of the application's table that decide whether a row protects a key, and which one. */
export function decidingColumns({ columns, where }: CatalogMapping): string[] {
  const { key, status, deletedAt } = columns;
  const names = [key, status, deletedAt, ...where.map(({ column: name }) => name)];
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Whether a row is free of a hold, as far as SQL can tell it: the same words as in the decision. */
export function isFree(mapping: CatalogMapping, alias: string): SQL {
  return sql`coalesce(+${column(mapping, alias, "hold")}, 0) IN (0, '', '0', 'false')`;
}

function literals(values: readonly Constant[]): SQL {
  return sql.join(values.map(literal));
}

// ------------------------------------------------------------------------------------------------ the row as judged

/** What decisions about a row are made from, first in every version. A rowid may come to mean another row, hence the id. */
const JUDGED = [
  "id",
  "key",
  "status",
  "expiresAt",
  "downloadedAt",
  "createdAt",
  "downloads",
  "maxDownloads",
  "hold",
  "deletedAt",
] as const satisfies readonly MappedColumn[];

/** The columns that {@link version} lists, in its order; undefined for a field without one. */
export function judgedColumns({ columns, where }: CatalogMapping): (string | undefined)[] {
  return [...JUDGED.map((name) => columns[name]), ...where.map(({ column: name }) => name)];
}

/**
 * All that a decision about a row is made from, as one JSON text, exact to the type: it tells 1 from 1.0 from '1'. A row is
 * claimed only while this is what it was when it was judged.
 */
export function version(mapping: CatalogMapping, alias: string): SQL {
  return valuesOf(judgedColumns(mapping), alias);
}

/** The columns of a row's identity, as a list. */
export function identityColumns({ identity }: CatalogMapping, alias: string): SQL {
  return sql.join(identity.map((name) => named(alias, name)));
}

/** As {@link identityColumns}, exact to the byte, for a row that is looked for among others. */
export function exactIdentity(mapping: CatalogMapping, alias: string): SQL {
  const columns = identityColumns(mapping, alias);
  return mapping.rowid === null ? sql`${columns}, ${identityOf(mapping, alias)}` : columns;
}

/** The {@link exactIdentity} of the rows `f` that a list of JSON, `j.value`, means. */
export function identitiesOf(mapping: CatalogMapping, list: SQL, means: SQL): SQL {
  return sql`SELECT ${exactIdentity(mapping, "f")} FROM ${list} j CROSS JOIN ${table(mapping, "f")} ON ${means}`;
}

/** What tells a row from all others of its table, as a JSON text; without an alias for RETURNING. */
export function identityOf({ identity }: CatalogMapping, alias: string | null): SQL {
  return valuesOf(identity, alias);
}

function valuesOf(names: readonly (string | undefined)[], alias: string | null): SQL {
  const values = names.map((name) => {
    if (name === undefined) return sql`NULL`;
    return readable(alias === null ? sql.identifier(name) : named(alias, name));
  });
  return sql`json_array(${sql.join(values)})`;
}

/**
 * Whether a row is the one that an identity means, which is JSON, at a path. By its collation a column may take for one what
 * the primary key tells apart; by the text of its identity it does not.
 */
export function isMeant(mapping: CatalogMapping, alias: string, json: SQL, path: string): SQL {
  const found = mapping.identity.map(
    (name, index) => sql`${named(alias, name)} = ${identityTerm(mapping, json, `${path}[${index}]`)}`,
  );
  if (mapping.rowid === null) found.push(sql`${identityOf(mapping, alias)} = ${json} -> ${sql.raw(`'${path}'`)}`);
  return sql.join(found, sql` AND `);
}

/**
 * Whether a row is the one of a claim, and as it was judged; a claim being JSON: `[[identity, version], …]`.
 * @param inHex some of the versions are, as JSON cannot say them
 */
export function isAsJudged(mapping: CatalogMapping, alias: string, claim: SQL, inHex: boolean): SQL {
  const [now, then] = [version(mapping, alias), sql`${claim} ->> '$[0][1]'`];
  const isSame = inHex ? sql`(${now} = ${then} OR hex(${now}) = ${then})` : sql`${now} = ${then}`;
  return sql`${isMeant(mapping, alias, claim, "$[0][0]")} AND ${isSame}`;
}

/** A part of an identity, which came as JSON, as the value that it was ({@link readable}). A rowid is an integer. */
function identityTerm({ rowid }: Pick<CatalogMapping, "rowid">, json: SQL, path: string): SQL {
  const at = (place: string): SQL => sql`${json} ->> ${sql.raw(`'${path}${place}'`)}`;
  const large = sql`CAST(${at(".integer")} AS INTEGER)`;
  if (rowid !== null) return sql`coalesce(${large}, ${at("")})`;
  return sql`coalesce(${large}, CAST(${at(".real")} AS REAL), unhex(${at(".blob")}), ${at("")})`;
}
