/** What the doctor asks of the database: reads alone, also of one that filesweep has never met. */
import type { Twin } from "../core/identity.ts";
import type { StatementPlan, Survey } from "../core/ports.ts";
import type { CatalogSettings } from "../core/settings.ts";
import type { Row, SqlClient } from "./client.ts";
import { planIndexes } from "./doctor-actions.ts";
import { executedStatements } from "./executed.ts";
import { readGate } from "./install-gate.ts";
import { mapCatalog } from "./map-catalog.ts";
import { type CatalogMapping, isLive, isOfStore, named, table } from "./mapping.ts";
import { isNamedByRow, isProtected } from "./protection.ts";
import { rowsWhere, toFileRows } from "./row-pages.ts";
import { parseJson } from "./rows.ts";
import { planMigration } from "./schema.ts";
import { integer, integerOrNull, jsonRows, type SQL, sql, text } from "./sql.ts";

export interface SurveyOptions {
  readonly client: SqlClient;
  readonly catalog: CatalogSettings;
  /** The database's clock as an SQL expression in epoch milliseconds. */
  readonly databaseNow: string;
}

export function createSurvey({ client, catalog, databaseNow }: SurveyOptions): Survey {
  let mapping: Promise<CatalogMapping> | null = null;
  const mapped = (): Promise<CatalogMapping> => {
    mapping ??= mapCatalog(client, catalog);
    return mapping;
  };
  const ask = async (...queries: SQL[]): Promise<Row[][]> => client.batch(queries, "read");
  const tables = async (): Promise<Set<string>> => {
    const [rows] = await ask(sql`SELECT name FROM sqlite_master WHERE type = 'table'`);
    return new Set((rows ?? []).map((row) => text(row, "name")));
  };

  return {
    async greet() {
      // With a writer's lock, which a database that cannot be written refuses. Nothing is written under it.
      const [rows] = await client.batch([sql`SELECT ${sql.raw(databaseNow)} AS now`], "write");
      return { databaseAt: integer(rows?.[0] ?? {}, "now") };
    },
    async schema() {
      const map = await mapped();
      const { from, to } = await planMigration(client, databaseNow, { mapping: map, installGate: false });
      return { version: from, newest: to, hasTable: (await tables()).has(map.table), table: map.table };
    },
    async sample(limit, countLimit) {
      const map = await mapped();
      const [rows, counts] = await ask(
        rowsWhere(map, isLive(map, "f"), limit, named("f", map.key.column)),
        sql`SELECT count(*) AS count FROM (SELECT 1 FROM ${table(map, "f")} WHERE ${isOfStore(map, "f")} LIMIT ${countLimit})`,
      );
      return { files: toFileRows(map, rows), rows: integer(counts?.[0] ?? {}, "count") };
    },
    async unnamed(keys) {
      const map = await mapped();
      const key = sql`j.value`;
      const [rows] = await ask(
        sql`SELECT j.value AS key FROM ${jsonRows(keys)} j WHERE NOT ${isNamedByRow(map, key)} AND NOT ${isProtected(map, key)}`,
      );
      return new Set((rows ?? []).map((row) => text(row, "key")));
    },
    plans: async () => plansOf(client, await mapped(), databaseNow),
    missingIndexes: async () => planIndexes(client, await mapped()),
    async gate() {
      return (await tables()).has("filesweep_meta") ? readGate(client, await mapped(), databaseNow) : "never";
    },
    async memory() {
      const there = await tables();
      if (!there.has("filesweep_meta") || !there.has("filesweep_runs")) return NO_MEMORY;
      const [meta, scans] = await ask(
        sql`SELECT name, value FROM filesweep_meta WHERE name IN ('twin', 'last_run_at')`,
        LAST_SCAN,
      );
      const remembered = new Map((meta ?? []).map((row) => [text(row, "name"), row]));
      const [twin, lastRunAt] = [remembered.get("twin"), remembered.get("last_run_at")];
      return {
        twin: twin === undefined ? null : parseJson<Twin>(twin, "value"),
        lastRunAt: lastRunAt === undefined ? null : parseJson<number>(lastRunAt, "value"),
        scanned: scans?.[0] === undefined ? null : integerOrNull(scans[0], "seen"),
      };
    },
  };
}

const NO_MEMORY = { twin: null, lastRunAt: null, scanned: null };

const LAST_SCAN = sql`SELECT s.value ->> '$.report.seen.count' AS seen FROM filesweep_runs r, json_each(r.sweeps) s
  WHERE r.finished_at IS NOT NULL AND s.value ->> '$.report.name' = 'orphaned-objects'
    AND s.value ->> '$.report.status' IN ('completed', 'held') ORDER BY r.id DESC LIMIT 1`;

/** A statement on a table that is not there yet cannot be explained; nor can it be slow. */
async function plansOf(client: SqlClient, mapping: CatalogMapping, databaseNow: string): Promise<StatementPlan[]> {
  const plans: StatementPlan[] = [];
  const explained = new Set<string>();
  for (const { method, statements } of await executedStatements(mapping, databaseNow)) {
    const lines: string[] = [];
    for (const statement of statements) {
      // Several methods look at what protects a key: once is enough, for a call each may be dear.
      if (explained.has(statement.sql)) continue;
      explained.add(statement.sql);
      lines.push(...(await client.explain(statement).catch(() => [])));
    }
    plans.push({ method, slow: [...new Set(lines.filter(isSlow))] });
  }
  return plans;
}

/** A whole table, or a whole index, is walked; or an index is built for this one statement. `f` and `p` are the aliases of the application's tables. */
function isSlow(line: string): boolean {
  return /^SCAN [fp]\b/.test(line) || /^SEARCH [fp]\b.* AUTOMATIC/.test(line);
}
