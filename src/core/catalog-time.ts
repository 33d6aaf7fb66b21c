/** Reads the instants that a catalog holds. What cannot be read keeps the file. */
import type { Instant } from "./model.ts";
import type { Value } from "./ports.ts";
import { MAX_INSTANT, SECONDS_BELOW } from "./safety.ts";

/**
 * The instant a stored value means; null where there is none, `unreadable` where it cannot be told. A number below
 * {@link SECONDS_BELOW} is in seconds: the later of its two readings. At or before 1970 nothing expires.
 */
export function readInstant(value: Value): Instant | null | "unreadable" {
  if (value === null) return null;
  if (typeof value !== "number" || !(value > 0) || value > MAX_INSTANT) return "unreadable";
  return value < SECONDS_BELOW ? value * 1000 : value;
}
