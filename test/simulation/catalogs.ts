/**
 * The tables that applications keep their files in: filesweep's own, and two of other people. Each is described twice:
 * by the settings that map it, and by plain SQL that reads and writes it as the application does, past those settings.
 */
import type { Value } from "../../src/core/ports.ts";

/** A row, whatever its table is like. Instants in epoch milliseconds. */
export interface FileRow {
  readonly id: string;
  readonly key: string;
  /** `active`, `uploading`, `expired` or `deleted`. */
  readonly status: string;
  readonly size: number;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly downloaded_at: number | null;
  readonly downloads: number;
  readonly max_downloads: number | null;
  readonly hold: number;
  readonly deleted_at: number | null;
  /** 0: another store's. */
  readonly ours: number;
}

export type CatalogName = "files" | "attachments" | "photos";

type FieldValue = string | number | null;

interface Column {
  /** Null: the table has none for that, and nothing is written. */
  readonly name: string | null;
  /** An expression for what the row says, in the terms of {@link FileRow}. */
  readonly read: string;
  readonly write: (value: FieldValue) => Value;
}

/** Columns elsewhere that refer to objects: three places, each of which names one object or none. */
export interface References {
  /** Selects `id` and `key`. */
  readonly read: string;
  /** Takes `?1`, the id of a place, and `?2`, a key. */
  readonly name: string;
  /** Takes the id of a place. */
  readonly drop: string;
}

export interface Catalog {
  readonly ddl: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly table: string;
  readonly columns: Readonly<Record<keyof FileRow, Column>>;
  readonly references: References | null;
  /** The keys of the objects that live and die with a file. The first is made together with it. */
  readonly derived: (key: string) => readonly string[];
  /** What filesweep makes of a row whose end has come. */
  readonly atItsEnd: "marked" | "deleted";
  /** What a row may be set to, and which fields that changes. */
  readonly statuses: (status: string, now: number) => Partial<FileRow> | null;
}

const same = (name: string): Column => ({ name, read: name, write: (value) => value });
const always = (read: string): Column => ({ name: null, read, write: () => null });
const inSeconds = (name: string): Column => ({
  name,
  read: `${name} * 1000`,
  write: (ms) => (ms === null ? null : Number(ms) / 1000),
});
const inIso = (name: string): Column => ({
  name,
  read: `CAST(unixepoch(${name}) AS INTEGER) * 1000`,
  write: (ms) => (ms === null ? null : new Date(Number(ms)).toISOString()),
});

/** The table that filesweep makes. */
const FILES: Catalog = {
  ddl: [],
  env: {},
  table: "files",
  columns: {
    id: same("id"),
    key: same("key"),
    status: same("status"),
    size: same("size_bytes"),
    created_at: same("created_at"),
    expires_at: same("expires_at"),
    downloaded_at: same("downloaded_at"),
    downloads: same("downloads"),
    max_downloads: same("max_downloads"),
    hold: same("hold"),
    deleted_at: always("NULL"),
    ours: always("1"),
  },
  references: null,
  derived: () => [],
  atItsEnd: "marked",
  statuses: (status) => (status === "deleted" || status === "elsewhere" ? null : { status }),
};

const STATES = ["uploading", "active", "deleted", "expired"];

/** Soft deletes, rows of another disk beside ours, keys behind a prefix, seconds, and avatars that name objects too. */
const ATTACHMENTS: Catalog = {
  ddl: [
    `CREATE TABLE attachments (number INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, disk TEXT NOT NULL DEFAULT 's3',
      path TEXT NOT NULL, bytes INTEGER, state INTEGER NOT NULL DEFAULT 1, made INTEGER NOT NULL, ends INTEGER, fetched INTEGER,
      fetches INTEGER NOT NULL DEFAULT 0, most INTEGER, pinned TEXT NOT NULL DEFAULT '', deleted_at INTEGER)`,
    "CREATE INDEX attachments_path ON attachments (path)",
    "CREATE TABLE users (name TEXT PRIMARY KEY, avatar TEXT)",
    "INSERT INTO users (name) VALUES ('place0'), ('place1'), ('place2')",
  ],
  env: {
    CATALOG_TABLE: "attachments",
    CATALOG_COLUMNS: JSON.stringify({
      id: "uuid",
      key: "path",
      status: "state",
      size: "bytes",
      createdAt: "made",
      expiresAt: "ends",
      downloadedAt: "fetched",
      downloads: "fetches",
      maxDownloads: "most",
      hold: "pinned",
      deletedAt: "deleted_at",
    }),
    CATALOG_STATUS: '{"live":[1],"expired":3,"deleted":[2]}',
    CATALOG_WHERE: '{"disk":"s3"}',
    CATALOG_TIME: "epoch-s",
    CATALOG_KEY_PREFIX: "uploads/",
    CATALOG_REFERENCES: '[{"table":"users","column":"avatar","stripPrefix":"/img/"}]',
  },
  table: "attachments",
  columns: {
    id: same("uuid"),
    key: { name: "path", read: "substr(path, 9)", write: (key) => `uploads/${key}` },
    status: {
      name: "state",
      read: "CASE state WHEN 0 THEN 'uploading' WHEN 1 THEN 'active' WHEN 2 THEN 'deleted' ELSE 'expired' END",
      write: (status) => STATES.indexOf(String(status)),
    },
    size: same("bytes"),
    created_at: inSeconds("made"),
    expires_at: inSeconds("ends"),
    downloaded_at: inSeconds("fetched"),
    downloads: same("fetches"),
    max_downloads: same("most"),
    hold: { name: "pinned", read: "iif(pinned = '', 0, 1)", write: (hold) => (hold === 0 ? "" : "yes") },
    deleted_at: inSeconds("deleted_at"),
    ours: { name: "disk", read: "iif(disk = 's3', 1, 0)", write: (ours) => (ours === 0 ? "local" : "s3") },
  },
  references: {
    read: "SELECT name AS id, substr(avatar, 6) AS key FROM users WHERE avatar IS NOT NULL",
    name: "UPDATE users SET avatar = '/img/' || ?2 WHERE name = ?1 RETURNING name",
    drop: "UPDATE users SET avatar = NULL WHERE name = ?1 RETURNING name",
  },
  derived: () => [],
  atItsEnd: "marked",
  statuses: (status, now) => {
    if (status === "elsewhere") return { ours: 0 };
    return status === "deleted" && now % 2000 === 0 ? { deleted_at: now } : { status };
  },
};

/** No status: a row goes at its end. ISO texts, a table without rowid, pictures in JSON, and two objects that lie with each file. */
const PHOTOS: Catalog = {
  ddl: [
    `CREATE TABLE "photo files" (id TEXT PRIMARY KEY, "key" TEXT NOT NULL, taken TEXT NOT NULL, ends TEXT, viewed TEXT,
      views INTEGER NOT NULL DEFAULT 0, "most views" INTEGER, keep INTEGER, trashed TEXT) WITHOUT ROWID`,
    'CREATE INDEX photo_keys ON "photo files" ("key")',
    "CREATE TABLE albums (id TEXT PRIMARY KEY, pictures TEXT NOT NULL)",
  ],
  env: {
    CATALOG_TABLE: "photo files",
    CATALOG_COLUMNS: JSON.stringify({
      id: "id",
      key: "key",
      createdAt: "taken",
      expiresAt: "ends",
      downloadedAt: "viewed",
      downloads: "views",
      maxDownloads: "most views",
      hold: "keep",
      deletedAt: "trashed",
    }),
    CATALOG_EXPIRED_ACTION: "delete",
    CATALOG_TIME: "iso",
    CATALOG_REFERENCES: '[{"table":"albums","column":"pictures","format":"json-array"}]',
    CATALOG_DERIVED: '["{key}.thumb","preview/{key}"]',
  },
  table: '"photo files"',
  columns: {
    id: same("id"),
    key: { ...same("key"), name: '"key"', read: '"key"' },
    status: always("'active'"),
    size: always("10"),
    created_at: inIso("taken"),
    expires_at: inIso("ends"),
    downloaded_at: inIso("viewed"),
    downloads: same("views"),
    max_downloads: { ...same("most views"), name: '"most views"', read: '"most views"' },
    hold: { name: "keep", read: "coalesce(keep, 0)", write: (hold) => (hold === 0 ? null : hold) },
    deleted_at: inIso("trashed"),
    ours: always("1"),
  },
  references: {
    read: "SELECT a.id AS id, e.value AS key FROM albums a, json_each(a.pictures) e WHERE e.value <> 'no key'",
    name: `INSERT INTO albums (id, pictures) VALUES (?1, json_array('no key', ?2))
      ON CONFLICT (id) DO UPDATE SET pictures = excluded.pictures RETURNING id`,
    drop: "DELETE FROM albums WHERE id = ?1 RETURNING id",
  },
  derived: (key) => [`${key}.thumb`, `preview/${key}`],
  atItsEnd: "deleted",
  statuses: (status, now) => (status === "expired" || status === "deleted" ? { deleted_at: now } : null),
};

export const CATALOGS: Readonly<Record<CatalogName, Catalog>> = {
  files: FILES,
  attachments: ATTACHMENTS,
  photos: PHOTOS,
};

/** Selects the rows as {@link FileRow}, each as one JSON object. */
export function selectRows({ table, columns }: Catalog): string {
  const fields = Object.entries(columns).map(([field, { read }]) => `'${field}', ${read}`);
  return `SELECT json_group_array(json_object(${fields.join(", ")})) FROM ${table}`;
}

/** Selects the references as `{id, key}`, each as one JSON object. */
export function selectReferences({ references }: Catalog): string {
  if (references === null) return "SELECT json_array()";
  return `SELECT json_group_array(json_object('id', id, 'key', key)) FROM (${references.read})`;
}

/** The columns that fields of a row are written to, and what. */
export function written({ columns }: Catalog, fields: Partial<FileRow>): readonly (readonly [string, Value])[] {
  return Object.entries(fields).flatMap(([field, value]) => {
    const column = columns[field as keyof FileRow]; // the keys of a FileRow
    return column.name === null ? [] : [[column.name, column.write(value)] as const];
  });
}
