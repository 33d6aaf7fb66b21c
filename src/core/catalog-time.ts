/**
 * Reads the instants that a catalog holds. What cannot be read keeps the file, and of several readings the latest counts.
 */
import { tzOffset } from "@date-fns/tz/tzOffset";
import type { Instant } from "./model.ts";
import type { Value } from "./ports.ts";
import { DAY_MS, HOUR_MS, MAX_INSTANT, MINUTE_MS, SECONDS_BELOW } from "./safety.ts";

/** How a catalog writes its instants. */
export interface TimeReading {
  readonly form: "auto" | "epoch-ms" | "epoch-s" | "iso";
  /** The time zone of texts that carry none, by its IANA name. */
  readonly zone: string;
}

/** Where nothing was declared. */
export const UNDECLARED: TimeReading = { form: "auto", zone: "UTC" };

/** No text before this is an instant: frameworks write their zero time so, and mean none. */
export const FIRST_DATE = "1970-01-02";

/**
 * The instant a stored value means; null where there is none, `unreadable` where it cannot be told. A number below
 * {@link SECONDS_BELOW} is in seconds where no form is declared, the later of its two readings; where milliseconds are
 * declared it is none, since whoever declared that was mistaken. At or before 1970 nothing expires.
 */
export function readInstant(value: Value, { form, zone }: TimeReading = UNDECLARED): Instant | null | "unreadable" {
  if (value === null) return null;
  if (typeof value === "string") return form === "auto" || form === "iso" ? readText(value, zone) : "unreadable";
  if (typeof value !== "number" || !(value > 0) || value > MAX_INSTANT || form === "iso") return "unreadable";
  const isSeconds = form === "epoch-s" || value < SECONDS_BELOW;
  if (isSeconds && (form === "epoch-ms" || value > MAX_INSTANT / 1000)) return "unreadable";
  return isSeconds ? value * 1000 : value;
}

/** No zone is so far from UTC: Kiribati's is 14 hours. A text with more is none. */
const WIDEST_OFFSET_MS = 15 * HOUR_MS;

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d+))?)?(Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?$/;

/** An ISO 8601 text, or `unreadable`. A date alone is the end of that day, a fraction is rounded up to a millisecond. */
function readText(text: string, zone: string): Instant | "unreadable" {
  const parts = ISO.exec(text);
  if (parts === null || text < FIRST_DATE) return "unreadable";
  const [, year, month, day, hour, minute, second = "0", fraction = "", suffix] = parts;
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  // February has no 30th, whatever `Date` makes of it.
  if (dateOf(midnight) !== text.slice(0, 10)) return "unreadable";
  if (hour === undefined) return instantIn(zone, midnight + DAY_MS);
  const seconds = (Number(hour) * 60 + Number(minute)) * 60 + Number(second);
  const rest = /[1-9]/.test(fraction.slice(3)) ? 1 : 0;
  const local = midnight + seconds * 1000 + Number(fraction.slice(0, 3).padEnd(3, "0")) + rest;
  if (suffix === undefined) return instantIn(zone, local);
  return suffix === "Z" ? local : local - offsetOf(suffix);
}

/** `+05:30`, `+0530` or `+05`, in milliseconds. */
function offsetOf(suffix: string): number {
  const minutes = Number(suffix.slice(1, 3)) * 60 + Number(suffix.slice(3).replace(":", ""));
  return (suffix.startsWith("-") ? -minutes : minutes) * MINUTE_MS;
}

// ---------------------------------------------------------------------------------------------------------- zones

/**
 * The instant of a local time, in milliseconds as if it were UTC. One that occurs twice means the later instant; one
 * that never occurs, as the clocks jump over it, the instant after the gap.
 */
function instantIn(zone: string, local: number): Instant {
  if (zone === "UTC") return local;
  const before = zoneOffset(zone, local - DAY_MS);
  const after = zoneOffset(zone, local + DAY_MS);
  if (before === after) return local - before;
  const readings = [before, after].filter((offset) => zoneOffset(zone, local - offset) === offset);
  if (readings.length > 0) return Math.max(...readings.map((offset) => local - offset));
  return lastWhere(local - DAY_MS, local + DAY_MS, (at) => zoneOffset(zone, at) === before) + 1;
}

function zoneOffset(zone: string, at: Instant): number {
  return Math.round(tzOffset(zone, new Date(at)) * MINUTE_MS);
}

/** The last whole number from `from` on for which something holds that holds there, and from some number on no more. */
function lastWhere(from: number, to: number, holds: (at: number) => boolean): number {
  let [last, first] = [from, to];
  while (first - last > 1) {
    const middle = Math.floor((last + first) / 2);
    if (holds(middle)) last = middle;
    else first = middle;
  }
  return last;
}

/** Up to which texts an instant lies at or before another. */
export interface LastTexts {
  /**
   * The last local time of the zone that is read so, in milliseconds as if it were UTC. The reading of local times never
   * goes backwards, so that there is one.
   */
  readonly local: number;
  /** A text from here on lies behind, whatever offset it carries: none is over {@link WIDEST_OFFSET_MS}. */
  readonly end: string;
}

export function lastTexts(instant: Instant, zone: string): LastTexts {
  return { local: lastLocal(instant, zone), end: new Date(instant + WIDEST_OFFSET_MS).toISOString() };
}

/** Where the clocks are about to be put back, what they show now is read as the later time: then the last one is earlier. */
function lastLocal(instant: Instant, zone: string): number {
  if (zone === "UTC") return instant;
  const shown = instant + zoneOffset(zone, instant);
  if (instantIn(zone, shown) <= instant) return shown;
  return lastWhere(shown - DAY_MS, shown, (local) => instantIn(zone, local) <= instant);
}

/** `2026-11-22` */
function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
