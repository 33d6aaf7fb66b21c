/**
 * Arguments and rows, as both clients take and give them. Both read integers as bigint: one integer over 2^53 would
 * otherwise make a whole result throw, or be another.
 */
import { SweepError } from "../core/errors.ts";
import type { Value } from "../core/ports.ts";
import type { Row } from "./client.ts";

/** Whole numbers go as integers: as a JS number, 123 would be stored in a TEXT column as '123.0'. */
export function toArgument(value: Value): Value {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

/** What EXPLAIN QUERY PLAN answered. */
export function planLines(rows: readonly Row[]): string[] {
  return rows.map((row) => String(row["detail"]));
}

export function toRow(columns: readonly string[], row: ArrayLike<unknown>): Row {
  const result: Record<string, Value> = {};
  for (const [index, column] of columns.entries()) result[column] = toValue(row[index]);
  return result;
}

function toValue(value: unknown): Value {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (value instanceof Uint8Array) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  throw new SweepError("bug", `the database client answered a value of type ${typeof value}`);
}

/** Bytes as a text of as many characters. */
export function charactersOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** What {@link charactersOf} made. A page of rows is 100 kB of them: an iterator would take ten times as long. */
export function bytesOf(characters: string): Uint8Array {
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = characters.charCodeAt(index);
  return bytes;
}
