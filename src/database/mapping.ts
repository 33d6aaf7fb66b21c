/**
 * One value that says where the application keeps its files. Every statement on the application's table is built from
 * it; the table that filesweep creates itself is just the default mapping.
 */
import { type SQL, sql } from "./sql.ts";
import { readable } from "./values.ts";

export interface CatalogMapping {
  readonly table: string;
  readonly columns: {
    readonly id: string;
    readonly key: string;
    readonly status: string;
    readonly expiresAt: string;
    readonly downloadedAt: string;
    readonly createdAt: string;
    readonly downloads: string;
    readonly maxDownloads: string;
    readonly size: string;
    readonly hold: string;
  };
  readonly status: {
    readonly live: readonly string[];
    readonly expired: string;
    readonly deleted: readonly string[];
  };
}

export const DEFAULT_MAPPING: CatalogMapping = {
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
  status: { live: ["active"], expired: "expired", deleted: [] },
};

/** The default table and its indexes, made where no table of that name exists. Instants are epoch milliseconds. */
export const DEFAULT_TABLE: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    original_name TEXT,
    uploaded_by TEXT,
    size_bytes INTEGER,
    status TEXT NOT NULL DEFAULT 'active',
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    expires_at INTEGER,
    downloaded_at INTEGER,
    downloads INTEGER NOT NULL DEFAULT 0,
    max_downloads INTEGER,
    hold INTEGER NOT NULL DEFAULT 0
  )`,
];

export const DEFAULT_INDEXES: readonly string[] = [
  `CREATE INDEX IF NOT EXISTS filesweep_files_downloaded ON files (downloaded_at, id) WHERE downloaded_at IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS filesweep_files_key ON files (key, status)`,
  `CREATE INDEX IF NOT EXISTS filesweep_files_due ON files (status, expires_at, id)`,
  `CREATE INDEX IF NOT EXISTS filesweep_files_used_up
    ON files (status, coalesce(downloaded_at, created_at), id) WHERE max_downloads > 0 AND downloads >= max_downloads`,
];

/** Whether a row is free of a hold, as far as SQL can tell it: the same words as in the decision. */
export function isFree(mapping: CatalogMapping, alias: string): SQL {
  return sql`coalesce(+${column(mapping, alias, "hold")}, 0) IN (0, '', '0', 'false')`;
}

export type MappedColumn = keyof CatalogMapping["columns"];

/** A column of the application's table, under an alias. */
export function column(mapping: CatalogMapping, alias: string, name: MappedColumn): SQL {
  return sql`${sql.raw(alias)}.${sql.identifier(mapping.columns[name])}`;
}

/** The application's table, under an alias. */
export function table(mapping: CatalogMapping, alias: string): SQL {
  return sql`${sql.identifier(mapping.table)} AS ${sql.raw(alias)}`;
}

/**
 * Whether a row protects its key: always, unless its status is the expired or a deleted value. The unary plus keeps
 * SQLite from looking the row up by its status instead of by its key.
 */
export function protects(mapping: CatalogMapping, alias: string): SQL {
  const ended = [mapping.status.expired, ...mapping.status.deleted].map((value) => literal(value));
  return sql`coalesce(+${column(mapping, alias, "status")} NOT IN (${sql.join(ended, sql`, `)}), 1)`;
}

/** A constant of the mapping as an SQL literal: a trigger and a partial index take no parameters. */
export function literal(value: string): SQL {
  return sql.raw(`'${value.replaceAll("'", "''")}'`);
}

/** What decisions about a row are made from. */
export const JUDGED_COLUMNS = [
  "key",
  "status",
  "expiresAt",
  "downloadedAt",
  "createdAt",
  "downloads",
  "maxDownloads",
  "hold",
] as const satisfies readonly MappedColumn[];

/**
 * All that a decision about a row is made from, in one text, exact to the type: `quote()` tells 1 from 1.0 from '1'.
 * Texts in hexadecimal, as they may hold anything, and `quote()` ends at their first NUL. A row is claimed only while
 * this is what it was when it was judged.
 */
export function version(mapping: CatalogMapping, alias: string): SQL {
  const quoted = JUDGED_COLUMNS.map((name) => sql`quote(${readable(column(mapping, alias, name))})`);
  return sql`(${sql.join(quoted, sql` || ',' || `)})`;
}
