/** What the database's own catalogue says of its tables, columns and indexes. */
import type { SqlClient } from "./client.ts";
import { integer, integerOrNull, jsonRows, sql, text, textOrNull } from "./sql.ts";

/** What a column makes of the values that are written into it. */
export type Affinity = "text" | "number" | "none";

export interface ColumnFacts {
  readonly name: string;
  readonly type: string;
  readonly affinity: Affinity;
  readonly generated: boolean;
}

export interface TableFacts {
  readonly name: string;
  readonly kind: "table" | "view" | "virtual" | "shadow";
  readonly columns: readonly ColumnFacts[];
  /** A name under which the rowid can be asked for: no column has it. Null in a table WITHOUT ROWID. */
  readonly rowid: string | null;
  /** The columns of the primary key, in its order. */
  readonly primaryKey: readonly string[];
  /** The columns of each index over all rows; null for an expression. */
  readonly indexes: readonly (readonly (string | null)[])[];
}

/** SQLite's names for a rowid, and what hides them. */
const ROWID_NAMES = ["rowid", "_rowid_", "oid"];

/** SQLite compares names so: ASCII alone. */
export function sameName(a: string, b: string): boolean {
  return fold(a) === fold(b);
}

function fold(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** One round trip: the names of all tables and views, and the facts of those that are asked for. */
export async function readTables(
  client: SqlClient,
  names: readonly string[],
): Promise<{ readonly names: readonly string[]; readonly tables: readonly TableFacts[] }> {
  const asked = jsonRows(names.map(fold));
  const wanted = sql`l.schema = 'main' AND lower(l.name) IN (SELECT value FROM ${asked})`;
  const [tables, columns, indexes] = await client.batch(
    [
      sql`SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name`,
      sql`SELECT l.name AS "table", c.name, c.type, c.pk, c.hidden FROM pragma_table_list l, pragma_table_xinfo(l.name) c
        WHERE ${wanted} ORDER BY l.name, c.cid`,
      sql`SELECT l.name AS "table", i.name AS "index", x.name AS "column" FROM pragma_table_list l,
        pragma_index_list(l.name) i, pragma_index_xinfo(i.name) x
        WHERE ${wanted} AND i.partial = 0 AND x."key" = 1 ORDER BY l.name, i.name, x.seqno`,
    ],
    "read",
  );
  const found = (tables ?? []).map((row) => ({
    name: text(row, "name"),
    kind: kindOf(text(row, "type")),
    withoutRowid: integer(row, "wr") === 1,
  }));
  const facts = found
    .filter(({ name }) => names.some((wantedName) => sameName(wantedName, name)))
    .map(({ name, kind, withoutRowid }): TableFacts => {
      const own = (columns ?? []).filter((row) => text(row, "table") === name);
      const taken = own.map((row) => fold(text(row, "name")));
      const keys = own.filter((row) => (integerOrNull(row, "pk") ?? 0) > 0);
      const ownIndexes = (indexes ?? []).filter((row) => text(row, "table") === name);
      const indexNames = [...new Set(ownIndexes.map((row) => text(row, "index")))];
      return {
        name,
        kind,
        columns: own.map((row) => ({
          name: text(row, "name"),
          type: text(row, "type"),
          affinity: affinityOf(text(row, "type")),
          generated: integer(row, "hidden") > 1,
        })),
        rowid: withoutRowid ? null : (ROWID_NAMES.find((each) => !taken.includes(each)) ?? null),
        primaryKey: keys.sort((a, b) => integer(a, "pk") - integer(b, "pk")).map((row) => text(row, "name")),
        indexes: indexNames.map((index) =>
          ownIndexes.filter((row) => text(row, "index") === index).map((row) => textOrNull(row, "column")),
        ),
      };
    });
  return { names: found.filter(isForPeople).map(({ name }) => name), tables: facts };
}

/** SQLite's own tables, ours, and those of an index are nobody's catalog. */
function isForPeople({ name, kind }: { name: string; kind: TableFacts["kind"] }): boolean {
  return kind !== "shadow" && !/^(sqlite_|filesweep_|libsql_|_litestream)/.test(name);
}

function kindOf(type: string): TableFacts["kind"] {
  return type === "view" || type === "virtual" || type === "shadow" ? type : "table";
}

/** SQLite's rules, in their order (sqlite.org/datatype3.html, 3.1). */
function affinityOf(type: string): Affinity {
  const name = type.toUpperCase();
  if (name.includes("INT")) return "number";
  if (/CHAR|CLOB|TEXT/.test(name)) return "text";
  return name === "" || name === "ANY" || name.includes("BLOB") ? "none" : "number";
}
