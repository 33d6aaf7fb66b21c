/** migrate and the schema: made once, by whoever comes first, and never over a table of the application. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import type { SqlClient } from "../../src/database/client.ts";
import { DEFAULT_INDEXES, DEFAULT_TABLE } from "../../src/database/default-table.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../src/database/migrations.ts";
import { migrate, planMigration } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";
import { openTestClient, plain, temporaryFolder } from "../support/database.ts";
import { createFakeClock, START } from "../support/fake-clock.ts";
import { dump } from "../support/ports.ts";

const OWN = [
  "filesweep_gate",
  "filesweep_holds",
  "filesweep_lease",
  "filesweep_meta",
  "filesweep_removals",
  "filesweep_runs",
];
const INDEXES = ["filesweep_files_downloaded", "filesweep_files_due", "filesweep_files_key", "filesweep_files_used_up"];

/** As the contract gives it, with the type and the default of each column. */
const CONTRACT = `CREATE TABLE files(id TEXT PRIMARY KEY, key TEXT NOT NULL, original_name TEXT, uploaded_by TEXT, size_bytes INTEGER,
  status TEXT NOT NULL DEFAULT 'active', created_at INTEGER NOT NULL, expires_at INTEGER, downloaded_at INTEGER,
  downloads INTEGER NOT NULL DEFAULT 0, max_downloads INTEGER, hold INTEGER NOT NULL DEFAULT 0)`;

async function empty(): Promise<SqlClient> {
  return openTestClient(join(temporaryFolder(), "catalog.db"), createFakeClock());
}

async function names(client: SqlClient, type: string): Promise<string[]> {
  const [rows] = await client.batch(
    [
      plain(
        "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite_%' AND name <> 'test_clock' ORDER BY name",
        [type],
      ),
    ],
    "read",
  );
  return (rows ?? []).map(({ name }) => String(name));
}

describe("migrate", () => {
  test("makes the own tables, the default table, its indexes and its gate", async () => {
    const client = await empty();
    const report = await migrate(client, DATABASE_NOW);
    expect(report).toMatchObject({ from: 0, to: SCHEMA_VERSION });
    expect(await names(client, "table")).toEqual(["files", ...OWN]);
    expect(await names(client, "index")).toEqual(expect.arrayContaining(INDEXES));
    expect(await names(client, "trigger")).toEqual(["filesweep_gate_files_insert", "filesweep_gate_files_update"]);
  });

  test("makes the table of the contract, instants in milliseconds, created now", async () => {
    const [client, contract] = [await empty(), await empty()];
    await migrate(client, DATABASE_NOW);
    await contract.batch([plain(CONTRACT)], "write");
    const columns = "SELECT name, type, \"notnull\", pk, dflt_value FROM pragma_table_info('files')";
    const [made] = await client.batch([plain(columns)], "read");
    const [wanted] = await contract.batch([plain(columns)], "read");
    const withoutDefault = (made ?? []).map((row) =>
      row["name"] === "created_at" ? { ...row, dflt_value: null } : row,
    );
    expect(withoutDefault).toEqual(wanted);
    const before = Date.now();
    await client.batch([plain("INSERT INTO files (id, key) VALUES ('a', 'k'), ('b', 'k')")], "write");
    const [rows] = await client.batch([plain("SELECT status, created_at, downloads, hold FROM files")], "read");
    expect(rows).toHaveLength(2);
    expect(rows?.[0]).toMatchObject({ status: "active", downloads: 0, hold: 0 });
    expect(Number(rows?.[0]?.["created_at"])).toBeGreaterThanOrEqual(before);
    expect(Number(rows?.[0]?.["created_at"])).toBeLessThanOrEqual(Date.now());
  });

  test("has nothing to do the second time", async () => {
    const client = await empty();
    await migrate(client, DATABASE_NOW);
    const before = await dump(client);
    expect(await migrate(client, DATABASE_NOW)).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION, statements: [] });
    expect(await dump(client)).toBe(before);
  });

  test("says in its plan what it would do, and does nothing", async () => {
    const client = await empty();
    const before = await dump(client);
    const { statements } = await planMigration(client, DATABASE_NOW);
    expect(statements.length).toBeGreaterThan(0);
    expect(await dump(client)).toBe(before);
    expect((await migrate(client, DATABASE_NOW)).statements).toEqual(statements);
  });

  test("makes an index that is missing again", async () => {
    const client = await empty();
    await migrate(client, DATABASE_NOW);
    await client.batch([plain("DROP INDEX filesweep_files_due")], "write");
    expect((await migrate(client, DATABASE_NOW)).statements).toHaveLength(1);
    expect(await names(client, "index")).toEqual(expect.arrayContaining(INDEXES));
  });

  test("makes an index anew that an earlier version made otherwise", async () => {
    const client = await empty();
    await migrate(client, DATABASE_NOW);
    const before = await dump(client);
    await client.batch(
      [
        plain("DROP INDEX filesweep_files_due"),
        plain("CREATE INDEX IF NOT EXISTS filesweep_files_due ON files (status, expires_at, id)"),
      ],
      "write",
    );
    expect((await migrate(client, DATABASE_NOW)).statements).toHaveLength(2);
    expect(await dump(client)).toBe(before);
  });

  /** Indexes as they were, each until the version that makes it otherwise. */
  const FORMER: readonly { readonly until: number; readonly sql: string }[] = [
    { until: 3, sql: "CREATE INDEX filesweep_removals_run ON filesweep_removals (run_id)" },
    {
      until: 4,
      sql: "CREATE INDEX filesweep_removals_waiting ON filesweep_removals (next_attempt_at, id) WHERE state IN ('due','condemned','failed')",
    },
    { until: 4, sql: "CREATE INDEX filesweep_removals_batch ON filesweep_removals (batch) WHERE state = 'condemned'" },
    {
      until: 5,
      sql: "CREATE UNIQUE INDEX filesweep_removals_open ON filesweep_removals (key) WHERE state IN ('suspected','due','condemned','failed','abandoned')",
    },
  ];

  test.each(MIGRATIONS.slice(0, -1).map(({ version }) => version))(
    "brings one of version %i to what a new one is, with what is in it",
    async (version) => {
      const [client, fresh] = [await empty(), await empty()];
      await migrate(client, DATABASE_NOW);
      const indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
      const [made] = await client.batch([plain(indexes)], "read");
      const own = (made ?? []).map(({ name }) => String(name)).filter((name) => name.includes("_removals_"));
      await client.batch(
        [
          plain(`UPDATE filesweep_meta SET value = '${version}' WHERE name = 'schema_version'`),
          ...own.map((name) => plain(`DROP INDEX ${name}`)),
          plain("ALTER TABLE filesweep_lease DROP COLUMN request"),
          plain("ALTER TABLE filesweep_lease DROP COLUMN step"),
          ...MIGRATIONS.filter((migration) => migration.version <= version)
            .flatMap(({ statements }) => statements)
            .filter((text) => /INDEX .*filesweep_removals_|ALTER/.test(text))
            .map((text) => plain(text)),
          ...FORMER.filter(({ until }) => version < until).map(({ sql }) => plain(sql)),
          plain(`INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
            VALUES ('a', 'k', 'due', 'expired', 'expired-files', 'r', 1), ('b', 'k', 'removed', 'expired', 'expired-files', 'r', 1)`),
        ],
        "write",
      );
      expect((await migrate(client, DATABASE_NOW)).from).toBe(version);
      await migrate(fresh, DATABASE_NOW);
      const schema = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name";
      expect((await client.batch([plain(schema)], "read"))[0]).toEqual((await fresh.batch([plain(schema)], "read"))[0]);
      const [rows] = await client.batch([plain("SELECT id, state FROM filesweep_removals ORDER BY id")], "read");
      expect(rows).toEqual([
        { id: "a", state: "due" },
        { id: "b", state: "removed" },
      ]);
    },
  );

  test("makes everything or nothing", async () => {
    const client = await empty();
    await client.batch([plain("CREATE TABLE filesweep_gate (something_else TEXT)")], "write");
    const before = await dump(client);
    await expect(migrate(client, DATABASE_NOW)).rejects.toMatchObject({ name: "SweepError" });
    expect(await dump(client)).toBe(before);
  });

  test("refuses a schema that is newer than this code, and changes nothing", async () => {
    const client = await empty();
    await migrate(client, DATABASE_NOW);
    await client.batch(
      [plain("UPDATE filesweep_meta SET value = ? WHERE name = 'schema_version'", [String(SCHEMA_VERSION + 1)])],
      "write",
    );
    await client.batch([plain("DROP INDEX filesweep_files_due")], "write");
    const before = await dump(client);
    await expect(migrate(client, DATABASE_NOW)).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringMatching(/newer .* upgrade/),
    });
    expect(await dump(client)).toBe(before);
  });
});

describe("two that migrate the same database at once", () => {
  test("both succeed, and one of them did it", async () => {
    const path = join(temporaryFolder(), "catalog.db");
    const clock = createFakeClock();
    const clients = await Promise.all([1, 2, 3].map(() => openTestClient(path, clock)));
    const reports = await Promise.all(clients.map((client) => migrate(client, DATABASE_NOW)));
    expect(reports.filter(({ from }) => from === 0)).toHaveLength(1);
    for (const client of clients) expect((await migrate(client, DATABASE_NOW)).statements).toEqual([]);
  });

  test("the one that planned first and came second looks again", async () => {
    const path = join(temporaryFolder(), "catalog.db");
    const clock = createFakeClock();
    const fast = await openTestClient(path, clock);
    const slow = await openTestClient(path, clock);
    const report = await migrate(
      {
        ...slow,
        async batch(statements, mode) {
          if (mode === "write") await migrate(fast, DATABASE_NOW);
          return slow.batch(statements, mode);
        },
      },
      DATABASE_NOW,
    );
    expect(report).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION, statements: [] });
  });

  test("one whose answer was lost looks again, and finds it done", async () => {
    const client = await openTestClient(join(temporaryFolder(), "catalog.db"), createFakeClock());
    let lost = false;
    const report = await migrate(
      {
        ...client,
        async batch(statements, mode, options) {
          const answer = await client.batch(statements, mode, options);
          if (mode === "read" || lost) return answer;
          lost = true;
          throw new SweepError("unavailable", "the answer was lost");
        },
      },
      DATABASE_NOW,
    );
    expect(report).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION, statements: [] });
  });

  test("also as processes of their own", async () => {
    const path = join(temporaryFolder(), "catalog.db");
    const children = [1, 2, 3].map(() =>
      spawn(process.execPath, ["--import", "tsx", "test/database/migrate.child.ts", path], {
        stdio: ["pipe", "pipe", "inherit"],
      }),
    );
    const exits = children.map(async (child) => (await once(child, "exit"))[0] as number);
    // All are ready before any begins.
    for (const child of children) expect(String((await once(child.stdout, "data"))[0])).toBe("ready\n");
    for (const child of children) child.stdin.end("go\n");
    expect(await Promise.all(exits)).toEqual([0, 0, 0]);
    const client = await openTestClient(path, createFakeClock());
    expect((await migrate(client, DATABASE_NOW)).statements).toEqual([]);
  });
});

describe("a table named files that exists already", () => {
  test("gets indexes and the gate where it is the contract's, and keeps its rows", async () => {
    const client = await empty();
    await client.batch(
      [plain(CONTRACT), plain("INSERT INTO files (id, key, created_at) VALUES ('a', 'k', ?)", [START])],
      "write",
    );
    const { statements } = await migrate(client, DATABASE_NOW);
    expect(statements).not.toContain(DEFAULT_TABLE[0]);
    expect(statements).toEqual(expect.arrayContaining([...DEFAULT_INDEXES]));
    expect(await names(client, "trigger")).toHaveLength(2);
    const [rows] = await client.batch(
      [plain("SELECT id FROM files"), plain("SELECT sql FROM sqlite_master WHERE name = 'files'")],
      "read",
    );
    expect(rows).toEqual([{ id: "a" }]);
  });

  test("may have more columns", async () => {
    const client = await empty();
    await client.batch([plain(CONTRACT), plain("ALTER TABLE files ADD COLUMN colour TEXT")], "write");
    await migrate(client, DATABASE_NOW);
    expect(await names(client, "table")).toEqual(["files", ...OWN]);
  });

  test("of another shape is refused, names what is missing, and nothing is altered", async () => {
    const client = await empty();
    await client.batch(
      [plain("CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT, status TEXT, expires_at TEXT)")],
      "write",
    );
    const before = await dump(client);
    const missing = "key, downloaded_at, created_at, downloads, max_downloads, size_bytes, hold";
    await expect(migrate(client, DATABASE_NOW)).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining(missing),
    });
    await expect(planMigration(client, DATABASE_NOW)).rejects.toMatchObject({ kind: "invalid" });
    expect(await dump(client)).toBe(before);
  });

  test.each([
    "key",
    "status",
    "expires_at",
    "downloaded_at",
    "created_at",
    "downloads",
    "max_downloads",
    "size_bytes",
    "hold",
  ])("without %s is of another shape", async (column) => {
    const client = await empty();
    await client.batch([plain(CONTRACT), plain(`ALTER TABLE files RENAME COLUMN ${column} TO other`)], "write");
    const refused = migrate(client, DATABASE_NOW);
    await expect(refused).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining(`the columns ${column} are missing`),
    });
  });
});

test("the database's clock is in milliseconds", async () => {
  const client = await openFileClient(join(temporaryFolder(), "catalog.db"));
  const before = Date.now();
  const [rows] = await client.batch([plain(`SELECT ${DATABASE_NOW} AS now`)], "read");
  client.close();
  expect(Number(rows?.[0]?.["now"])).toBeGreaterThanOrEqual(before - 1);
  expect(Number(rows?.[0]?.["now"])).toBeLessThanOrEqual(Date.now() + 1);
});
