/** The application's values: read without trusting their type, and kept as JSON so that a place in an index survives a restart. */
import { SweepError } from "../core/errors.ts";
import type { Value } from "../core/ports.ts";
import { type SQL, sql } from "./sql.ts";

/**
 * A value that may be any text, safe to read: libSQL's client cuts a text at its first NUL, and ends the process at one
 * that is no UTF-8. So texts come as bytes, behind a mark that tells them from blobs. An infinity, which a server's JSON
 * has no form for, comes as its sign.
 */
export function readable(value: SQL): SQL {
  return sql`CASE WHEN typeof(${value}) = 'text' THEN 'x' || hex(${value})
    WHEN ${value} = 9e999 THEN '+' WHEN ${value} = -9e999 THEN '-' ELSE ${value} END`;
}

/** What {@link readable} read. A text that is no UTF-8 or holds a NUL stays bytes: it names nothing. */
export function fromReadable(value: Value): Value {
  if (typeof value !== "string") return value;
  if (value === "+") return Number.POSITIVE_INFINITY;
  if (value === "-") return Number.NEGATIVE_INFINITY;
  const bytes = fromHex(value.slice(1));
  if (bytes.includes(0)) return bytes;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes;
  }
}

export type Encoded =
  | string
  | number
  | null
  | { readonly integer: string }
  | { readonly real: string }
  | { readonly blob: string };

export function encodeValue(value: Value): Encoded {
  if (typeof value === "bigint") return { integer: value.toString() };
  // JSON knows no infinity, which an expiry may well be.
  if (typeof value === "number" && !Number.isFinite(value)) return { real: String(value) };
  if (value instanceof Uint8Array) return { blob: toHex(value) };
  return value;
}

/** A value as a term of a statement. The client refuses to bind an infinity. */
export function term(value: Value): SQL {
  if (value === Infinity) return sql`9e999`;
  return value === -Infinity ? sql`-9e999` : sql`${value}`;
}

/** @throws SweepError `corrupt` when it is not something that {@link encodeValue} made */
export function decodeValue(encoded: unknown): Value {
  if (encoded === null || typeof encoded === "string" || typeof encoded === "number") return encoded;
  if (typeof encoded === "object" && "integer" in encoded && typeof encoded.integer === "string") {
    return BigInt(encoded.integer);
  }
  if (typeof encoded === "object" && "real" in encoded && typeof encoded.real === "string") return Number(encoded.real);
  if (typeof encoded === "object" && "blob" in encoded && typeof encoded.blob === "string")
    return fromHex(encoded.blob);
  throw new SweepError("corrupt", "a saved value cannot be read");
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  );
}
