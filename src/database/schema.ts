/** The own tables, the default table and the gate: made, brought up to date, checked and taken away again. */
import { SweepError } from "../core/errors.ts";
import { type CatalogSettings, readSettings } from "../core/settings.ts";
import type { Row, SqlClient, Statement } from "./client.ts";
import { DEFAULT_INDEXES, DEFAULT_TABLE } from "./default-table.ts";
import { dropTrigger, gateTriggers, type Trigger } from "./gate.ts";
import { indexName, isOwnIndex } from "./indexes.ts";
import { mapCatalog } from "./map-catalog.ts";
import type { CatalogMapping } from "./mapping.ts";
import { MIGRATIONS, type Migration, OWN_TABLES, SCHEMA_VERSION } from "./migrations.ts";

const META_TABLE = `CREATE TABLE IF NOT EXISTS filesweep_meta (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID`;

/** What `migrate` would do, or did. */
export interface MigrationReport {
  readonly from: number;
  readonly to: number;
  readonly statements: readonly string[];
}

export interface MigrationOptions {
  /** Of a mapped table neither rows nor triggers are touched. Default: nothing is mapped, and the default table is made. */
  readonly mapping?: CatalogMapping;
  /** False: a gate that does not stand is left as it is. */
  readonly installGate?: boolean;
}

/**
 * Brings the own tables up to date; and where nothing is mapped makes the default table, its indexes and its gate. Safe
 * to run beside another process that does the same.
 * @throws SweepError `invalid` when the schema is newer than this code, or `files` has another shape
 */
export async function migrate(
  client: SqlClient,
  databaseNow: string,
  options: MigrationOptions = {},
): Promise<MigrationReport> {
  for (;;) {
    const plan = await planMigration(client, databaseNow, options);
    if (plan.statements.length === 0) return plan;
    try {
      await client.batch(plan.statements.map(statement), "write");
      return plan;
    } catch (error) {
      // Another process that was faster made the first statement fail, and with it the transaction: look again.
      const [rows] = await client.batch([statement(HAS_META)], "read");
      const overtaken = rows?.length === 1 && (await schemaVersion(client)) > plan.from;
      if (!overtaken) throw error;
    }
  }
}

const HAS_META = "SELECT 1 AS one FROM sqlite_master WHERE name = 'filesweep_meta'";

/** What {@link migrate} would execute, without executing it. */
export async function planMigration(
  client: SqlClient,
  databaseNow: string,
  options: MigrationOptions = {},
): Promise<MigrationReport> {
  const [master] = await client.batch([statement("SELECT type, name, sql FROM sqlite_master")], "read");
  const standing = new Map((master ?? []).map((row) => [String(row["name"]), row]));
  const from = standing.has("filesweep_meta") ? await schemaVersion(client) : 0;
  if (from > SCHEMA_VERSION) {
    throw new SweepError(
      "invalid",
      `the database was prepared by a newer filesweep (schema ${from}; this one knows ${SCHEMA_VERSION}): upgrade filesweep`,
    );
  }
  const mapping = options.mapping ?? (await mapCatalog(client, unmapped()));
  const statements = [
    ...(standing.has("filesweep_meta") ? [] : [META_TABLE]),
    ...MIGRATIONS.filter(({ version }) => version > from).flatMap(migrationStatements),
    ...(mapping.mapped ? [] : defaultStatements(standing, mapping, databaseNow, options)),
  ];
  return { from, to: SCHEMA_VERSION, statements };
}

/** What the settings say where a person sets nothing. */
function unmapped(): CatalogSettings {
  return readSettings({}, { runtime: "node" }).catalog;
}

function defaultStatements(
  standing: ReadonlyMap<string, Row>,
  mapping: CatalogMapping,
  databaseNow: string,
  { installGate = true }: MigrationOptions,
): string[] {
  return [
    ...(standing.has(mapping.table) ? [] : DEFAULT_TABLE),
    ...DEFAULT_INDEXES.flatMap((text) => indexStatements(standing, text)),
    ...(installGate ? gateStatements(standing, gateTriggers(mapping, databaseNow)) : []),
  ];
}

/** An index that an earlier version made otherwise is made anew. */
function indexStatements(standing: ReadonlyMap<string, Row>, text: string): string[] {
  const name = indexName(text);
  const found = standing.get(name)?.["sql"];
  if (found === undefined) return [text];
  return found === text.replace("IF NOT EXISTS ", "") ? [] : [`DROP INDEX ${name}`, text];
}

/**
 * Every trigger is written again if any of them is missing or reads differently. Only a person may ask for that: a run
 * that finds the gate gone must not close it over rows that came through meanwhile.
 */
export function gateStatements(standing: ReadonlyMap<string, Row>, triggers: readonly Trigger[]): string[] {
  if (triggers.every(({ name, sql }) => standing.get(name)?.["sql"] === sql)) return [];
  return triggers.flatMap(({ name, sql }) => [dropTrigger(name), sql]);
}

/** The version is written by the same transaction: a second process that does the same fails on the first table, and starts over. */
function migrationStatements({ version, statements }: Migration): string[] {
  return [
    ...statements,
    `INSERT INTO filesweep_meta (name, value) VALUES ('schema_version', '${version}')
      ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  ];
}

async function schemaVersion(client: SqlClient): Promise<number> {
  const [rows] = await client.batch(
    [statement("SELECT CAST(value AS INTEGER) AS version FROM filesweep_meta WHERE name = 'schema_version'")],
    "read",
  );
  const version = rows?.[0]?.["version"];
  return typeof version === "number" ? version : 0;
}

/** @throws SweepError `conflict` while a removal is condemned: its object may be half gone */
export async function planUninstall(client: SqlClient): Promise<string[]> {
  const [master] = await client.batch(
    [statement("SELECT type, name, tbl_name FROM sqlite_master WHERE name LIKE 'filesweep%'")],
    "read",
  );
  const names = (type: string): string[] =>
    (master ?? []).filter((row) => row["type"] === type).map((row) => String(row["name"]));
  const tables = new Set(names("table"));
  if (tables.has("filesweep_removals")) await refuseWhileCondemned(client);
  return [
    ...names("trigger").map(dropTrigger),
    ...(master ?? [])
      .filter((row) => row["type"] === "index" && isOwnIndex(row, OWN_TABLES))
      .map(({ name }) => `DROP INDEX IF EXISTS "${String(name).replaceAll('"', '""')}"`),
    ...OWN_TABLES.filter((name) => tables.has(name)).map((name) => `DROP TABLE IF EXISTS "${name}"`),
  ];
}

/**
 * Drops the gate and the own tables; the application's table and its rows stay.
 *
 * Order: triggers before tables. A trigger that names a dropped table makes every later insert of the application fail.
 */
export async function uninstall(client: SqlClient): Promise<string[]> {
  const statements = await planUninstall(client);
  if (statements.length === 0) return statements;
  const drops = (name: string): boolean => statements.some((text) => text.includes(`"${name}"`));
  const guard = drops("filesweep_lease") && drops("filesweep_removals") ? UNINSTALL_GUARD : [];
  try {
    await client.batch([...guard, ...statements].map(statement), "write");
  } catch (error) {
    if (guard.length > 0) await refuseWhileCondemned(client);
    throw error;
  }
  return statements;
}

/** Fails the transaction if a removal was condemned since the plan: the sub-select is then NULL, which `fence` refuses. */
const UNINSTALL_GUARD = [
  `UPDATE filesweep_lease SET fence = iif(EXISTS (SELECT 1 FROM filesweep_removals WHERE state = 'condemned'), NULL, fence)`,
];

async function refuseWhileCondemned(client: SqlClient): Promise<void> {
  const [rows] = await client.batch(
    [statement("SELECT count(*) AS count FROM filesweep_removals WHERE state = 'condemned'")],
    "read",
  );
  const count = rows?.[0]?.["count"];
  if (count === 0) return;
  throw new SweepError(
    "conflict",
    `${String(count)} removals are condemned and not answered yet: let a run finish them, then uninstall`,
  );
}

function statement(sql: string): Statement {
  return { sql, args: [] };
}
