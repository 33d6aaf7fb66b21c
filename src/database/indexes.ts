/** The indexes that the statements on the application's table are made for. */
import type { Row } from "./client.ts";
import { DEFAULT_INDEXES } from "./default-table.ts";
import type { CatalogMapping } from "./mapping.ts";

/**
 * The statements that create what is missing. The default table has indexes of fixed names; of another table only what
 * no index of its own serves is missing.
 * @param standing names of the indexes that are there
 */
export function missingIndexes(mapping: CatalogMapping, standing: ReadonlySet<string>): string[] {
  if (!mapping.mapped) return DEFAULT_INDEXES.filter((statement) => !standing.has(indexName(statement)));
  const { table, columns, key, ordered, references } = mapping;
  const wanted: [name: string, table: string, columns: readonly (string | undefined)[]][] = [];
  if (!key.indexed) wanted.push(["key", table, [key.column]]);
  if (columns.expiresAt !== undefined && !ordered.expiresAt) {
    wanted.push(["due", table, [columns.status, columns.expiresAt]]);
  }
  if (columns.downloadedAt !== undefined && !ordered.downloadedAt) {
    wanted.push(["downloaded", table, [columns.downloadedAt]]);
  }
  for (const { table: other, column, indexed, format } of references) {
    // No index serves what stands inside of JSON.
    if (!indexed && format === "text") wanted.push([column, other, [column]]);
  }
  const statements = wanted.map(([name, on, of]) => {
    const list = of.flatMap((column) => (column === undefined ? [] : [identifier(column)])).join(", ");
    return `CREATE INDEX IF NOT EXISTS ${identifier(`filesweep_${on}_${name}`)} ON ${identifier(on)} (${list})`;
  });
  return [...new Set(statements)];
}

/** Whether an index is one that filesweep made, on a table that is not its own. */
export function isOwnIndex(row: Row, ownTables: readonly string[]): boolean {
  return String(row["name"]).startsWith("filesweep_") && !ownTables.includes(String(row["tbl_name"]));
}

/** The name of the index that a statement makes if there is none. */
export function indexName(statement: string): string {
  return /INDEX IF NOT EXISTS (\S+)/.exec(statement)?.[1] ?? "";
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
