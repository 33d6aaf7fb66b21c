/** The own tables, as data: each migration is applied in one write transaction together with its version number. */

export interface Migration {
  readonly version: number;
  readonly statements: readonly string[];
}

/**
 * The states of a removal that has not ended. SQLite uses a partial index only where a query repeats its words. Of a list
 * of more than two it would make a table for each row that is written.
 */
export const OPEN = "state NOT IN ('removed','released')";

/** The states in which a removal waits for its next attempt. One whose attempt was not answered is still condemned. */
export const WAITING = "state IN ('due','failed')";

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: [
      `CREATE TABLE filesweep_lease (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        holder TEXT NOT NULL,
        fence INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
      )`,
      `CREATE TABLE filesweep_runs (
        id TEXT PRIMARY KEY NOT NULL,
        mode TEXT NOT NULL,
        status TEXT NOT NULL,
        trigger TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        finished_at INTEGER,
        duration_ms INTEGER NOT NULL,
        slices INTEGER NOT NULL,
        calls TEXT NOT NULL,
        holds TEXT NOT NULL,
        sweeps TEXT NOT NULL
      )`,
      `CREATE INDEX filesweep_runs_finished ON filesweep_runs (finished_at)`,
      `CREATE TABLE filesweep_holds (
        id TEXT PRIMARY KEY NOT NULL,
        cause TEXT NOT NULL,
        sweep TEXT,
        status TEXT NOT NULL,
        opened_at INTEGER NOT NULL,
        as_of INTEGER NOT NULL,
        run_id TEXT NOT NULL,
        detail TEXT NOT NULL,
        count INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        sample TEXT NOT NULL,
        approved_until INTEGER
      )`,
      `CREATE UNIQUE INDEX filesweep_holds_standing ON filesweep_holds (cause, coalesce(sweep, ''))
        WHERE status IN ('open', 'cancelled')`,
      `CREATE INDEX filesweep_runs_unfinished ON filesweep_runs (mode) WHERE finished_at IS NULL`,
      `CREATE TABLE filesweep_removals (
        id TEXT PRIMARY KEY NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        sweep TEXT NOT NULL,
        run_id TEXT NOT NULL,
        items INTEGER NOT NULL DEFAULT 1,
        size_bytes INTEGER NOT NULL DEFAULT 0,
        modified_at INTEGER,
        etag TEXT,
        compare INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        first_seen_at INTEGER,
        first_seen_run TEXT,
        last_seen_at INTEGER,
        last_seen_run TEXT,
        ripe INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        attempt_fence INTEGER NOT NULL DEFAULT 0,
        attempt_from TEXT,
        batch TEXT,
        next_attempt_at INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        released_by TEXT,
        finished_at INTEGER
      )`,
      // What a later version makes otherwise is not made here any more: it drops what a database of that time has.
      `CREATE INDEX filesweep_removals_key ON filesweep_removals (key)`,
      `CREATE INDEX filesweep_removals_finished ON filesweep_removals (finished_at) WHERE finished_at IS NOT NULL`,
      `CREATE INDEX filesweep_removals_suspected ON filesweep_removals (last_seen_run) WHERE state = 'suspected'`,
      `CREATE TABLE filesweep_gate (
        key TEXT PRIMARY KEY NOT NULL,
        leaves_at INTEGER
      ) WITHOUT ROWID`,
      `CREATE INDEX filesweep_gate_leaves ON filesweep_gate (leaves_at) WHERE leaves_at IS NOT NULL`,
    ],
  },
  {
    version: 2,
    statements: [
      // The number of the holder's newest round trip, and the name of the request that took the lease.
      "ALTER TABLE filesweep_lease ADD COLUMN step INTEGER NOT NULL DEFAULT 0",
      "ALTER TABLE filesweep_lease ADD COLUMN request TEXT",
    ],
  },
  {
    version: 3,
    statements: [
      // With the id behind it: a page of one run's removals is read in order, and not sorted out of all of them.
      "DROP INDEX IF EXISTS filesweep_removals_run",
      "CREATE INDEX filesweep_removals_run ON filesweep_removals (run_id, id)",
    ],
  },
  {
    version: 4,
    statements: [
      // What is condemned stands in one index, and not in two: each removal is put into it and taken out again.
      "DROP INDEX IF EXISTS filesweep_removals_waiting",
      `CREATE INDEX filesweep_removals_waiting ON filesweep_removals (next_attempt_at, id) WHERE ${WAITING}`,
      "DROP INDEX IF EXISTS filesweep_removals_batch",
      `CREATE INDEX filesweep_removals_condemned ON filesweep_removals (attempt_fence, batch) WHERE state = 'condemned'`,
      // Few, and shown until somebody acts: not to be looked for among a million suspects.
      "CREATE INDEX filesweep_removals_abandoned ON filesweep_removals (key) WHERE state = 'abandoned'",
    ],
  },
  {
    version: 5,
    statements: [
      // In words that are cheap to write by: a third of the time in which a removal is recorded.
      "DROP INDEX IF EXISTS filesweep_removals_open",
      `CREATE UNIQUE INDEX filesweep_removals_open ON filesweep_removals (key) WHERE ${OPEN}`,
    ],
  },
];

/** The version of the newest migration. */
export const SCHEMA_VERSION: number = MIGRATIONS.reduce((newest, migration) => Math.max(newest, migration.version), 0);

/** Everything that `uninstall` drops: the own tables, and nothing else. */
export const OWN_TABLES = [
  "filesweep_removals",
  "filesweep_gate",
  "filesweep_runs",
  "filesweep_lease",
  "filesweep_holds",
  "filesweep_meta",
] as const;
