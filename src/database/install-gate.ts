/** The gate of a table that filesweep did not make: installed and removed by a person alone. */
import type { Row, SqlClient } from "./client.ts";
import { dropTrigger, GATE_INSTALLED, gateTriggers } from "./gate.ts";
import type { CatalogMapping } from "./mapping.ts";
import { gateStatements } from "./schema.ts";
import { sql } from "./sql.ts";

/**
 * - `stands`: every trigger is there, word for word.
 * - `lost`: one is missing, or reads differently: also after the mapping was changed. Runs are held (`gate-lost`).
 * - `never`: it was never installed. Runs go on without it.
 */
export type GateState = "stands" | "lost" | "never";

/** One round trip. The own tables must be there. */
export async function readGate(client: SqlClient, mapping: CatalogMapping, databaseNow: string): Promise<GateState> {
  const { triggers, installed } = await look(client);
  const wanted = gateTriggers(mapping, databaseNow);
  if (wanted.every(({ name, sql: text }) => triggers.get(name)?.["sql"] === text)) return "stands";
  return installed || !mapping.mapped ? "lost" : "never";
}

/**
 * What {@link installGate} would execute; nothing where the gate stands and is remembered. Triggers of an earlier
 * mapping go.
 */
export async function planGate(client: SqlClient, mapping: CatalogMapping, databaseNow: string): Promise<string[]> {
  const { triggers, installed } = await look(client);
  const wanted = gateTriggers(mapping, databaseNow);
  const stale = [...triggers.keys()].filter((name) => wanted.every((trigger) => trigger.name !== name));
  return [
    ...stale.map(dropTrigger),
    ...gateStatements(triggers, wanted),
    ...(installed || !mapping.mapped ? [] : [REMEMBER]),
  ];
}

/** Installs the gate, in one transaction, and answers what was executed. From now on runs ask whether it stands. */
export async function installGate(client: SqlClient, mapping: CatalogMapping, databaseNow: string): Promise<string[]> {
  return execute(client, await planGate(client, mapping, databaseNow));
}

/** What {@link removeGate} would execute. */
export async function planGateRemoval(client: SqlClient): Promise<string[]> {
  const { triggers, installed } = await look(client);
  return [...[...triggers.keys()].map(dropTrigger), ...(installed ? [FORGET] : [])];
}

/** Takes the gate away, in one transaction. From now on runs of a mapped table go on without it. */
export async function removeGate(client: SqlClient): Promise<string[]> {
  return execute(client, await planGateRemoval(client));
}

const REMEMBER = `INSERT INTO filesweep_meta (name, value) VALUES ('${GATE_INSTALLED}', 'true') ON CONFLICT (name) DO NOTHING`;
const FORGET = `DELETE FROM filesweep_meta WHERE name = '${GATE_INSTALLED}'`;

async function execute(client: SqlClient, statements: readonly string[]): Promise<string[]> {
  if (statements.length > 0) {
    await client.batch(
      statements.map((text) => ({ sql: text, args: [] })),
      "write",
    );
  }
  return [...statements];
}

async function look(client: SqlClient): Promise<{ triggers: ReadonlyMap<string, Row>; installed: boolean }> {
  const [triggers, remembered] = await client.batch(
    [
      sql`SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, 15) = 'filesweep_gate_'`,
      sql`SELECT 1 AS one FROM filesweep_meta WHERE name = ${GATE_INSTALLED}`,
    ],
    "read",
  );
  return {
    triggers: new Map((triggers ?? []).map((row) => [String(row["name"]), row])),
    installed: remembered?.length === 1,
  };
}
