/** The application's values: read without trusting their type, and kept as JSON so that a place in an index survives a restart. */
import { SweepError } from "../core/errors.ts";
import type { Value } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { bytesOf, charactersOf } from "./client-values.ts";
import { bytes, type SQL, sql, text } from "./sql.ts";

/**
 * A value of any type as a part of a JSON text: a text, NULL and a small integer as they are, everything else as an object
 * that names its type, exact to the last digit; for {@link decodeValue}. An empty text is put behind a text to make SQLite
 * forget that it was computed as JSON, as a generated column may be: it would stand there as JSON, and not as a text.
 */
export function readable(value: SQL): SQL {
  return sql`CASE typeof(${value}) WHEN 'text' THEN ${value} || ''
    WHEN 'integer' THEN iif(${value} BETWEEN -9007199254740991 AND 9007199254740991, ${value}, json_object('integer', ${value} || ''))
    WHEN 'real' THEN json_object('real', CASE ${value} WHEN 9e999 THEN 'Infinity' WHEN -9e999 THEN '-Infinity' ELSE quote(${value}) END)
    WHEN 'blob' THEN json_object('blob', hex(${value})) END`;
}

/**
 * As {@link readable} writes them, and as they are saved: a place in an index survives a restart. The last is what a text
 * that is no UTF-8 becomes once it is read: its bytes.
 */
export type Encoded =
  | string
  | number
  | null
  | { readonly integer: string }
  | { readonly real: string }
  | { readonly blob: string }
  | { readonly text: string };

/** A text that is no UTF-8 or holds a NUL stays bytes: it names nothing. @throws SweepError `corrupt` for anything else */
export function decodeValue(encoded: unknown): Value {
  if (typeof encoded === "string") return encoded.includes("\0") ? new TextEncoder().encode(encoded) : encoded;
  if (encoded === null || typeof encoded === "number") return encoded;
  const [[type, value] = []] = typeof encoded === "object" ? Object.entries(encoded) : [];
  if (typeof value === "string") {
    if (type === "integer") return BigInt(value);
    // JSON knows no infinity, which an expiry may well be.
    if (type === "real") return Number(value);
    if (type === "blob" || type === "text") return fromHex(value);
  }
  throw new SweepError("corrupt", "a saved value cannot be read");
}

/**
 * What {@link readable} wrote as a term of a statement. The client refuses to bind an infinity; and a text that stays bytes
 * has to be one again, or all other texts would lie before it.
 */
export function term(encoded: unknown): SQL {
  const value = decodeValue(encoded);
  if (value === Infinity) return sql`9e999`;
  if (value === -Infinity) return sql`-9e999`;
  const isBlob = typeof encoded === "object" && encoded !== null && "blob" in encoded;
  return value instanceof Uint8Array && !isBlob ? sql`CAST(${value} AS TEXT)` : sql`${value}`;
}

// ---------------------------------------------------------------------------------------------------- many at once

/**
 * Rows of the application's values as one JSON text, in bytes: libSQL's client cuts a text at its first NUL, and ends the
 * process at one that is no UTF-8. Each row is a list of `values`, of the row `found`: made by {@link readable}, or
 * filesweep's own.
 */
export function packedValues(values: readonly SQL[], query: SQL): SQL {
  return sql`SELECT CAST(json_group_array(json_array(${sql.join(values)})) AS BLOB) AS packed FROM (${query}) AS found`;
}

/** The rows of {@link packedValues}. */
export function unpackedValues(answer: readonly Row[] | undefined): unknown[][] {
  // Made by SQLite from a query of this program.
  return parseBytes(bytes(answer?.[0] ?? {}, "packed")) as unknown[][];
}

/** JSON that SQLite made, in bytes. */
export function parseBytes(json: Uint8Array): unknown {
  const text = textOf(json);
  if (text !== null) return JSON.parse(text);
  // Each byte as one character: the bytes of texts are told apart once they are by themselves.
  return JSON.parse(charactersOf(json), (_, value: unknown) => {
    if (typeof value !== "string") return value;
    const own = bytesOf(value);
    return textOf(own) ?? ({ text: toHex(own) } satisfies Encoded);
  });
}

/**
 * Values as SQLite compares them with what {@link readable} writes: the same list; or, where JSON cannot say one of them,
 * the bytes of its JSON text as `hex()` writes them.
 */
export function comparable(values: readonly Encoded[]): readonly Encoded[] | string {
  if (!values.some(isNoText)) return values;
  const texts = values.map((value) => {
    if (isNoText(value)) return toHex(bytesOf(JSON.stringify(charactersOf(fromHex(value.text)))));
    return toHex(new TextEncoder().encode(JSON.stringify(value)));
  });
  return `5B${texts.join("2C")}5D`;
}

function isNoText(value: Encoded): value is { readonly text: string } {
  return typeof value === "object" && value !== null && "text" in value;
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Many rows as one text, which takes the client a fraction of the time of as many rows, and a server's answer a third of
 * the bytes. The columns are filesweep's own, which JSON carries exactly.
 */
export function packed(columns: readonly string[], query: SQL): SQL {
  return sql`SELECT json_group_array(json_array(${sql.raw(columns.join(", "))})) AS packed FROM (${query})`;
}

/** The rows of a {@link packed} query. */
export function unpacked(columns: readonly string[], answer: readonly Row[] | undefined): Row[] {
  // Made by SQLite from a query of this program.
  const rows = JSON.parse(text(answer?.[0] ?? {}, "packed")) as Value[][];
  return rows.map((values) => {
    const row: Record<string, Value> = {};
    for (let index = 0; index < columns.length; index += 1) row[columns[index] ?? ""] = values[index] ?? null;
    return row;
  });
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  );
}
