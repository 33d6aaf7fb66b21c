/** Statements are written with drizzle's `sql` and executed by our own client, which sends many in one round trip. */
import { type SQL, sql } from "drizzle-orm";
import { CasingCache } from "drizzle-orm/casing";
import { SweepError } from "../core/errors.ts";
import type { Value } from "../core/ports.ts";
import type { Row, Statement } from "./client.ts";

export { type SQL, sql } from "drizzle-orm";

/** SQLite's part of a dialect. drizzle's own brings its builders along: 6 kB of the Worker's bundle, none of them used. */
const SQLITE = {
  casing: new CasingCache(),
  escapeName: (name: string) => `"${name.replace(/"/g, '""')}"`,
  escapeParam: () => "?",
  escapeString: (text: string) => `'${text.replace(/'/g, "''")}'`,
};

/** An `sql` template as text with its parameters. */
export function render(query: SQL): Statement {
  const { sql: text, params } = query.toQuery(SQLITE);
  return { sql: text, args: params.map(asValue) };
}

/** Rows as one parameter, however many there are: a statement takes at most 32,766 variables, `json_each` any number. */
export function jsonRows(rows: readonly unknown[]): SQL {
  return sql`json_each(${JSON.stringify(rows)})`;
}

/** Whether one of some conditions holds. */
export function anyOf(conditions: readonly SQL[]): SQL {
  const each = conditions.map((condition) => sql`(${condition})`);
  return sql`(${sql.join(each, sql` OR `)})`;
}

/** The database's clock, in epoch milliseconds. A test may put another expression in its place. */
export const DATABASE_NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

function asValue(param: unknown): Value {
  if (param === null || typeof param === "string" || typeof param === "number" || typeof param === "bigint")
    return param;
  if (param instanceof Uint8Array) return param;
  throw new SweepError("bug", `a statement got a parameter of type ${typeof param}`);
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw unexpected(column, "text", value);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw unexpected(column, "a number", value);
  return value;
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

function unexpected(column: string, wanted: string, value: unknown): SweepError {
  const found = value === null ? "null" : typeof value;
  return new SweepError("corrupt", `filesweep's own column ${column} holds ${found} where ${wanted} was expected`);
}
