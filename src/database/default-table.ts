/** The table that filesweep makes where no table of that name exists. Instants are epoch milliseconds. */
import { DATABASE_NOW } from "./sql.ts";

export const DEFAULT_TABLE: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    original_name TEXT,
    uploaded_by TEXT,
    size_bytes INTEGER,
    status TEXT NOT NULL DEFAULT 'active',
    created_at INTEGER NOT NULL DEFAULT (${DATABASE_NOW}),
    expires_at INTEGER,
    downloaded_at INTEGER,
    downloads INTEGER NOT NULL DEFAULT 0,
    max_downloads INTEGER,
    hold INTEGER NOT NULL DEFAULT 0
  )`,
];

/** Each ends with the rowid, as every index does: by that a page goes on within rows of one instant. */
export const DEFAULT_INDEXES: readonly string[] = [
  `CREATE INDEX IF NOT EXISTS filesweep_files_downloaded ON files (downloaded_at) WHERE downloaded_at IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS filesweep_files_key ON files (key)`,
  `CREATE INDEX IF NOT EXISTS filesweep_files_due ON files (status, expires_at)`,
  `CREATE INDEX IF NOT EXISTS filesweep_files_used_up
    ON files (status, coalesce(downloaded_at, created_at)) WHERE max_downloads > 0 AND downloads >= max_downloads`,
];
