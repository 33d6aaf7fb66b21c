/**
 * The gate: while an object is being removed, and for a while after, triggers refuse every row that would protect its
 * key. So what is checked when a removal is condemned stays true until the delete has been answered.
 */
import { type CatalogMapping, decidingColumns, type MappedReference, protects } from "./mapping.ts";
import { keysOfNew, mayMean, ownSource, referenceSource, type Source } from "./protection.ts";
import { type SQL, sql } from "./sql.ts";

/** What the application's failed statement says. Part of the contract. */
export const GATE_MESSAGE = "filesweep: this object is being removed; use a new key or try again later";

export interface Trigger {
  readonly name: string;
  readonly sql: string;
}

/** What a trigger watches: a table, in it the columns that decide, and which keys they protect. */
interface Watch {
  /** Tells the triggers of one table apart. */
  readonly label: string;
  readonly table: string;
  readonly columns: readonly string[];
  /** One of the columns is computed, and changes with columns that an UPDATE OF does not name. */
  readonly generated: boolean;
  readonly sources: readonly Source[];
}

/**
 * The triggers of a mapping, as they must stand in the database, word for word: on INSERT, and on UPDATE of a column
 * that decides, of every table that can protect.
 */
export function gateTriggers(mapping: CatalogMapping, databaseNow: string): Trigger[] {
  return watches(mapping).flatMap((watch) => {
    const columns = sql.join(watch.columns.map((name) => sql.identifier(name)));
    return [
      trigger(mapping, databaseNow, watch, "insert", sql`INSERT`),
      trigger(mapping, databaseNow, watch, "update", watch.generated ? sql`UPDATE` : sql`UPDATE OF ${columns}`),
    ];
  });
}

function watches(mapping: CatalogMapping): Watch[] {
  const own: Watch = {
    label: mapping.table,
    table: mapping.table,
    columns: decidingColumns(mapping),
    generated: mapping.generated,
    sources: [ownSource(mapping, (alias) => protects(mapping, alias))],
  };
  const byColumn = new Map<string, MappedReference[]>();
  for (const reference of mapping.references) {
    const label = `${reference.table}.${reference.column}`;
    byColumn.set(label, [...(byColumn.get(label) ?? []), reference]);
  }
  const others = [...byColumn].map(([label, references]): Watch => {
    const [{ table, column, generated }] = references as [MappedReference]; // each list was begun with one
    return { label, table, columns: [column], generated, sources: references.map(referenceSource) };
  });
  return [own, ...others];
}

function trigger(mapping: CatalogMapping, databaseNow: string, watch: Watch, event: string, when: SQL): Trigger {
  const name = `filesweep_gate_${watch.label}_${event}`;
  const isBehind = (which: SQL): SQL => sql`EXISTS (SELECT 1 FROM filesweep_gate g
      WHERE ${which} AND (g.leaves_at IS NULL OR g.leaves_at > ${sql.raw(databaseNow)}))`;
  const conditions = watch.sources.flatMap((source) => {
    const odd = mayMean(source, mapping.derived, sql`g.key`);
    const ways = [sql`g.key IN (${keysOfNew(source, mapping.derived)})`, ...(odd === null ? [] : [odd])];
    return ways.map((way) => sql`${source.holds("NEW")} AND ${isBehind(way)}`);
  });
  const statement = sql`CREATE TRIGGER ${sql.identifier(name)} AFTER ${when} ON ${sql.identifier(watch.table)}
    WHEN ${sql.join(conditions, sql` OR `)}
    BEGIN SELECT RAISE(ABORT, '${sql.raw(GATE_MESSAGE)}'); END`;
  return { name, sql: statement.sql };
}

export function dropTrigger(name: string): string {
  return `DROP TRIGGER IF EXISTS "${name.replaceAll('"', '""')}"`;
}

// ------------------------------------------------------------------------------------------------ as it stands

/** The gate of a mapped table is installed by a person alone; that it was is remembered here. */
export const GATE_INSTALLED = "gate_installed";

/**
 * Whether every trigger stands as it was written: 1 or 0. The gate of a mapped table may never have been installed;
 * then nothing is missing.
 */
export function gateStands({ mapped }: Pick<CatalogMapping, "mapped">, triggers: readonly Trigger[]): SQL {
  const each = triggers.map(
    ({ name, sql: text }) =>
      sql`EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ${name} AND sql = ${text})`,
  );
  const stands = sql.join(each, sql` AND `);
  if (!mapped) return sql`SELECT ${stands} AS stands`;
  return sql`SELECT (${stands}) OR NOT EXISTS (SELECT 1 FROM filesweep_meta WHERE name = ${GATE_INSTALLED}) AS stands`;
}
