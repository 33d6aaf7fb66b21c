/** The database ports over a table that the application made itself, mapped by settings as a person writes them. */
import { join } from "node:path";
import type { CatalogCursor, ClaimAnswer, FileRow, Value } from "../../src/core/ports.ts";
import { type CatalogSettings, readSettings } from "../../src/core/settings.ts";
import type { Row } from "../../src/database/client.ts";
import { installGate } from "../../src/database/install-gate.ts";
import { checkMapping, mapCatalog } from "../../src/database/map-catalog.ts";
import { createDatabase } from "../../src/database/open.ts";
import { migrate } from "../../src/database/schema.ts";
import { openTestClient, plain, TEST_NOW, temporaryFolder } from "./database.ts";
import { createFakeClock } from "./fake-clock.ts";
import { acquire, CUTOFFS, claimsOf, GATE_MS } from "./ports.ts";

export type Env = Readonly<Record<string, unknown>>;

export function catalogSettings(env: Env): CatalogSettings {
  return readSettings(env, { runtime: "node" }).catalog;
}

/** What is wrong with a mapping, over the tables that some DDL makes. */
export async function problemsOf(ddl: readonly string[], env: Env): Promise<string[]> {
  const client = await openTestClient(join(temporaryFolder(), "app.db"), createFakeClock());
  await client.batch(
    ddl.map((sql) => plain(sql)),
    "write",
  );
  const checked = await checkMapping(client, catalogSettings(env));
  return "problems" in checked ? checked.problems.map(({ message }) => message) : [];
}

export type Mapped = Awaited<ReturnType<typeof openMapped>>;

export async function openMapped(ddl: readonly string[], env: Env) {
  const clock = createFakeClock();
  const path = join(temporaryFolder(), "app.db");
  const client = await openTestClient(path, clock);
  const execute = (sql: string, args: Value[] = []): Promise<Row[][]> => client.batch([plain(sql, args)], "write");
  for (const sql of ddl) await execute(sql);
  const mapping = await mapCatalog(client, catalogSettings(env));
  await migrate(client, TEST_NOW, { mapping });
  const database = createDatabase({ client, clock, gateMs: GATE_MS, databaseNow: TEST_NOW, mapping });
  const held = await acquire(database, "test");
  let ids = 0;
  const makeId = (): string => `id-${String(++ids).padStart(6, "0")}`;

  /** All due rows, in pages of `limit`. */
  async function due(limit = 1000): Promise<FileRow[]> {
    const files: FileRow[] = [];
    for (let after: CatalogCursor | null = null; ; ) {
      const page = await database.catalog.due(held, { ...CUTOFFS, after, limit });
      files.push(...page.files);
      if (page.next === null) return files;
      after = page.next;
    }
  }

  return {
    clock,
    path,
    client,
    mapping,
    database,
    held,
    due,
    execute,
    rows: async (sql: string, args: Value[] = []): Promise<Row[]> => (await execute(sql, args))[0] ?? [],
    claim: (files: readonly FileRow[]): Promise<ClaimAnswer> =>
      database.catalog.claim(held, claimsOf(files, makeId), { runId: "run-1", now: clock.now() }),
    /** Which of the keys nothing protects. */
    async unprotected(...keys: string[]): Promise<string[]> {
      const page = { after: null, to: null, keys, madeBefore: null, missingLimit: 100 };
      return [...(await database.catalog.compare(held, page)).unprotected.keys()].sort();
    },
    installGate: (): Promise<string[]> => installGate(client, mapping, TEST_NOW),
    /** Puts a key behind the gate. */
    closeGate: (key: string): Promise<Row[][]> =>
      execute("INSERT INTO filesweep_gate (key, leaves_at) VALUES (?, NULL)", [key]),
  };
}
