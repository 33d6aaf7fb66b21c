/** A table of the application's own schema, in code: the same mapping as by settings, its names checked by the compiler. */
import { type Column, getTableColumns, getTableName } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { ColumnField } from "../core/settings.ts";

export type { SQLiteTable } from "drizzle-orm/sqlite-core";

/** A column of a table, by its name in the code. */
type ColumnOf<Table extends SQLiteTable> = keyof Table["_"]["columns"] & string;

/** The table that has one row per file, and which of its columns holds what. */
export interface CatalogTable<Table extends SQLiteTable = SQLiteTable> {
  readonly table: Table;
  /** As in `CATALOG_COLUMNS`, with the names of the code. */
  readonly columns: Readonly<
    { id: ColumnOf<Table>; key: ColumnOf<Table> } & Partial<Record<ColumnField, ColumnOf<Table>>>
  >;
}

const INSTANTS: readonly ColumnField[] = ["expiresAt", "downloadedAt", "createdAt"];

/** The settings that say the same. The form of the instants is told by the types of their columns, where those agree. */
export function settingsOf<Table extends SQLiteTable>({
  table,
  columns,
}: CatalogTable<Table>): Record<string, unknown> {
  const known: Record<string, Column> = getTableColumns(table);
  const named = Object.entries(columns).map(([field, name]) => [field, known[name]?.name ?? name] as const);
  const forms = new Set(INSTANTS.flatMap((field) => formOf(known[columns[field] ?? ""])));
  const [form] = forms;
  return {
    CATALOG_TABLE: getTableName(table),
    CATALOG_COLUMNS: Object.fromEntries(named),
    ...(forms.size === 1 && form !== null && { CATALOG_TIME: form }),
  };
}

/** How a column keeps an instant; null where its type does not tell. None for no column. */
function formOf(column: Column | undefined): ("epoch-ms" | "epoch-s" | "iso" | null)[] {
  if (column === undefined) return [];
  if (column.columnType === "SQLiteTimestamp" && "mode" in column) {
    return [column.mode === "timestamp_ms" ? "epoch-ms" : "epoch-s"];
  }
  return [column.columnType === "SQLiteText" ? "iso" : null];
}
