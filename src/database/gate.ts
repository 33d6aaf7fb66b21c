/**
 * The gate: while an object is being removed, and for a while after, triggers refuse every row that would protect its
 * key. So what is checked when a removal is condemned stays true until the delete has been answered.
 */
import { type CatalogMapping, column, type MappedColumn, protects } from "./mapping.ts";
import { render, type SQL, sql } from "./sql.ts";

/** What the application's failed statement says. Part of the contract. */
export const GATE_MESSAGE = "filesweep: this object is being removed; use a new key or try again later";

export interface Trigger {
  readonly name: string;
  readonly sql: string;
}

/** The triggers of a mapping, as they must stand in the database, word for word. */
export function gateTriggers(mapping: CatalogMapping, databaseNow: string): Trigger[] {
  const deciding: MappedColumn[] = ["key", "status"];
  const columns = sql.join(
    deciding.map((name) => sql.identifier(mapping.columns[name])),
    sql`, `,
  );
  return [
    trigger(mapping, databaseNow, "insert", sql`INSERT`),
    trigger(mapping, databaseNow, "update", sql`UPDATE OF ${columns}`),
  ];
}

function trigger(mapping: CatalogMapping, databaseNow: string, event: string, when: SQL): Trigger {
  const name = `filesweep_gate_${mapping.table}_${event}`;
  const statement = sql`CREATE TRIGGER ${sql.identifier(name)} AFTER ${when} ON ${sql.identifier(mapping.table)}
    WHEN ${protects(mapping, "NEW")} AND EXISTS (SELECT 1 FROM filesweep_gate g
      WHERE g.key = CAST(${column(mapping, "NEW", "key")} AS TEXT) AND (g.leaves_at IS NULL OR g.leaves_at > ${sql.raw(databaseNow)}))
    BEGIN SELECT RAISE(ABORT, '${sql.raw(GATE_MESSAGE)}'); END`;
  return { name, sql: render(statement).sql };
}

/** Whether every trigger stands as it was written: 1 or 0. */
export function gateStands(triggers: readonly Trigger[]): SQL {
  const each = triggers.map(
    ({ name, sql: text }) =>
      sql`EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ${name} AND sql = ${text})`,
  );
  return sql`SELECT ${sql.join(each, sql` AND `)} AS stands`;
}
