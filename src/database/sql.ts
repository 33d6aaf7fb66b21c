/**
 * Statements are written as `sql` templates and executed by our own client, which sends many in one round trip.
 *
 * A template of our own because of the Worker's size: drizzle's, without its builders, is 4 kB of it, gzipped. This one
 * takes nothing but statements and values, and the compiler says so.
 */
import { SweepError } from "../core/errors.ts";
import type { Value } from "../core/ports.ts";
import type { Row, Statement } from "./client.ts";

/** A statement or a part of one, as text with its parameters in order. */
export class SQL implements Statement {
  readonly sql: string;
  readonly args: readonly Value[];

  constructor(text: string, args: readonly Value[]) {
    this.sql = text;
    this.args = args;
  }
}

interface SqlTag {
  /** What is put in is a parameter if it is a value, and a part of the text with its own parameters if it is SQL. */
  (texts: TemplateStringsArray, ...given: readonly (SQL | Value)[]): SQL;
  /** Text as it stands. Never anything that comes from outside. */
  raw(text: string): SQL;
  /** A name, quoted. */
  identifier(name: string): SQL;
  /** Parts with a separator between them, by default a comma. */
  join(parts: readonly SQL[], separator?: SQL): SQL;
}

export const sql: SqlTag = Object.assign(template, {
  raw,
  identifier: (name: string) => raw(`"${name.replaceAll('"', '""')}"`),
  join,
});

const COMMA = raw(", ");

/** Written for speed: a Worker on the free plan has 10 ms for everything. */
function template(texts: TemplateStringsArray, ...given: readonly (SQL | Value)[]): SQL {
  let text = texts[0] ?? "";
  const args: Value[] = [];
  for (const [index, one] of given.entries()) {
    text += append(one, args) + (texts[index + 1] ?? "");
  }
  return new SQL(text, args);
}

function join(parts: readonly SQL[], separator: SQL = COMMA): SQL {
  let text = "";
  const args: Value[] = [];
  for (const [index, part] of parts.entries()) {
    if (index > 0) text += append(separator, args);
    text += append(part, args);
  }
  return new SQL(text, args);
}

function raw(text: string): SQL {
  return new SQL(text, []);
}

/** The text of `given`. Its parameters go to the end of `args`. */
function append(given: SQL | Value, args: Value[]): string {
  if (given instanceof SQL) {
    for (const arg of given.args) args.push(arg);
    return given.sql;
  }
  if (!isValue(given)) throw new SweepError("bug", `a statement got a parameter of type ${typeof given}`);
  args.push(given);
  return "?";
}

function isValue(given: unknown): given is Value {
  return given === null || given instanceof Uint8Array || ["string", "number", "bigint"].includes(typeof given);
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

/**
 * The database's clock, in epoch milliseconds. It stands in the gate's triggers and in the default table, which the
 * application's own SQLite executes: `unixepoch('subsec')`, newer than 3.42, is null in Debian 12's, and a gate that compares
 * with null lets everything through. A test may put another expression in its place.
 */
export const DATABASE_NOW = "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)";

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw unexpected(column, "text", value);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw unexpected(column, "bytes", value);
  return value;
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
