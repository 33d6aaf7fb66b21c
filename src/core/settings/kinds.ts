import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../safety.ts";
import { accept, type Input, type Kind, type Parsed, quote, refuse } from "./definition.ts";

export type DurationUnit = "seconds" | "minutes" | "hours" | "days";

const UNIT_MS: Readonly<Record<DurationUnit, number>> = {
  seconds: SECOND_MS,
  minutes: MINUTE_MS,
  hours: HOUR_MS,
  days: DAY_MS,
};

/** No duration is longer: ten years, so that every instant plus or minus one stays well inside what a date can hold. */
export const MAX_DURATION_MS = 3650 * DAY_MS;

/** Plain decimal notation: no sign, exponent, hexadecimal, leading zero or anything after the number. */
const DECIMAL = /^(0|[1-9]\d*)(\.\d+)?$/;
const WHOLE = /^(0|[1-9]\d*)$/;

function textOf(input: Input): string | null {
  return "text" in input ? input.text.trim() : null;
}

function readNumber(input: Input, form: RegExp, min: number, max: number): number | null {
  const text = textOf(input);
  if (text === null || !form.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}

/** A kind that is read from text alone; lists and objects are refused. */
function textKind<T>(allowed: string, parse: (text: string) => Parsed<T>): Kind<T> {
  return {
    allowed,
    parse(input) {
      const text = textOf(input);
      return text === null ? refuse() : parse(text);
    },
  };
}

/** One of a fixed list of words. */
export function choice<const T extends string>(values: readonly T[]): Kind<T> {
  return textKind(values.join(", "), (text) => {
    const value = values.find((one) => one === text);
    return value === undefined ? refuse() : accept(value);
  });
}

export const truth: Kind<boolean> = textKind("true, false", (text) =>
  text === "true" || text === "false" ? accept(text === "true") : refuse(),
);

export function wholeNumber(min: number, max: number): Kind<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse(input) {
      const value = readNumber(input, WHOLE, min, max);
      return value === null ? refuse() : accept(value);
    },
  };
}

/** A share in per cent, 0 to 100. */
export const percentage: Kind<number> = {
  allowed: "a number from 0 to 100, in per cent",
  unit: "per cent",
  parse(input) {
    const value = readNumber(input, DECIMAL, 0, 100);
    return value === null ? refuse() : accept(value);
  },
};

/** A length of time given in `unit`, decimals allowed, read as whole milliseconds. `min` is in that unit. */
export function duration(unit: DurationUnit, min = 0, max = MAX_DURATION_MS / UNIT_MS[unit]): Kind<number> {
  return {
    allowed: `a number from ${min} to ${max}, in ${unit}`,
    unit,
    parse(input) {
      const value = readNumber(input, DECIMAL, min, max);
      return value === null ? refuse() : accept(Math.round(value * UNIT_MS[unit]));
    },
  };
}

/** `kind`, or a word that stands for none, read as null. */
export function orWord<T>(kind: Kind<T>, word: string): Kind<T | null> {
  return {
    ...kind,
    allowed: `${kind.allowed}, or ${word}`,
    parse: (input, context) => (textOf(input) === word ? accept(null) : kind.parse(input, context)),
  };
}

/** A budget: a number, or `none` for no limit. Boxed, so that "no limit" and "not set" stay apart. */
export interface Limit {
  readonly limit: number | null;
}

export function limit(kind: Kind<number>): Kind<Limit> {
  const inner = orWord(kind, "none");
  return {
    ...inner,
    parse(input, context) {
      const parsed = inner.parse(input, context);
      return parsed.ok ? accept({ limit: parsed.value }) : parsed;
    },
  };
}

function jsonListOfTexts(text: string): readonly unknown[] | null {
  if (!text.startsWith("[")) return null;
  try {
    const data: unknown = JSON.parse(text);
    return Array.isArray(data) && data.every((item) => typeof item === "string") ? data : null;
  } catch {
    return null; // a list of prefixes may well begin with "[" and be no JSON
  }
}

/**
 * The items of a list: comma-separated text (blanks around an item do not count), a JSON array of texts (for items that
 * hold a comma or begin with a blank), or a Worker's array. Null when it is none of these or an item is empty.
 */
export function listItems(input: Input): readonly string[] | null {
  const data = "data" in input ? input.data : jsonListOfTexts(input.text.trim());
  const items: unknown = data ?? ("text" in input ? input.text.split(",").map((item) => item.trim()) : null);
  if (!Array.isArray(items) || items.length === 0) return null;
  const texts: string[] = [];
  for (const item of items) {
    if (typeof item !== "string" || item === "") return null;
    texts.push(item);
  }
  return texts;
}

/** Comma-separated texts, none of them empty. */
export function textList(allowed: string): Kind<readonly string[]> {
  return {
    allowed,
    parse(input) {
      const items = listItems(input);
      return items === null ? refuse("an item is empty, or it is not a list of texts") : accept(items);
    },
  };
}

/** Any text but the empty one. It is taken as it stands, blanks included. */
export const anyText: Kind<string> = {
  allowed: "any text",
  parse: (input) => ("text" in input ? accept(input.text) : refuse()),
};

/** Visible ASCII, so that it can be sent in a header. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** A secret that is passed on to somebody else. */
export const credential: Kind<string> = {
  allowed: "visible ASCII characters without blanks",
  parse(input) {
    if (!("text" in input)) return refuse();
    return VISIBLE.test(input.text)
      ? accept(input.text)
      : refuse("it holds a blank, a line end or a character outside ASCII");
  },
};

/** A guessed token must cost more than anybody has: 32 characters, 128 bits where they are hexadecimal. */
export const MIN_TOKEN_LENGTH = 32;

/** One token that callers must show, or two while one replaces the other. */
export const tokens: Kind<readonly string[]> = {
  allowed: `at least ${MIN_TOKEN_LENGTH} visible ASCII characters, or two such tokens separated by a comma`,
  parse(input) {
    if (!("text" in input)) return refuse();
    const items = input.text.split(",").map((item) => item.trim());
    if (items.length > 2) return refuse(`it holds ${items.length} tokens`);
    const short = items.find((item) => item.length < MIN_TOKEN_LENGTH);
    if (short !== undefined) return refuse(`a token has ${short.length} characters`);
    if (!items.every((item) => VISIBLE.test(item)))
      return refuse("it holds a blank, a line end or a character outside ASCII");
    return accept(items);
  },
};

const HTTP_URL =
  /^https?:\/\/(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)(:\d{1,5})?(\/[^\s?#\\]*)?(\?[^\s#\\]*)?$/i;

/** An `https:` or `http:` address without user, password and fragment; a query where `query` says so. */
export function httpUrl(query: boolean): Kind<string> {
  const allowed = `https://HOST/PATH or http://HOST/PATH, without user, password${query ? "" : ", query"} and fragment`;
  return textKind(allowed, (text) => (HTTP_URL.test(text) && (query || !text.includes("?")) ? accept(text) : refuse()));
}

/** What a server listens on: a name or an address. */
export const hostName: Kind<string> = textKind("a host name or an IP address", (text) =>
  /^(\[?[0-9a-f:.]*:[0-9a-f:.]*\]?|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)$/i.test(text) ? accept(text) : refuse(),
);

/** A time zone of the IANA database that this runtime knows. */
export const timeZone: Kind<string> = textKind("a time zone such as UTC or Europe/Berlin", (text) => {
  // The first one that a process looks up takes 40 ms, of the 10 that a Worker on the free plan has.
  if (text === "UTC") return accept(text);
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return accept(text);
  } catch {
    return refuse(`this runtime knows no time zone ${quote(text)}`);
  }
});

const CRON_FIELDS = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12 },
] as const;
const DAY_NAMES = "SUN|MON|TUE|WED|THU|FRI|SAT";
const WEEKDAYS = new RegExp(`^(\\*|(${DAY_NAMES})(-(${DAY_NAMES}))?(,(${DAY_NAMES})(-(${DAY_NAMES}))?)*)$`, "i");

function isCronField(text: string, min: number, max: number): boolean {
  return text.split(",").every((part) => {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part);
    if (match === null) return false;
    const from = Number(match[1] ?? min);
    const to = Number(match[2] ?? match[1] ?? max);
    return from >= min && to <= max && from <= to && match[3] !== "0" && match[3] !== "00";
  });
}

/** Five fields in UTC. Weekdays by name: their numbers differ between the platforms (Cloudflare and Deno: 1 is Sunday). */
export const cronExpression: Kind<string> = textKind(
  "five cron fields in UTC, weekdays by name, such as 30 3 * * MON-FRI",
  (text) => {
    const fields = text.split(/\s+/);
    if (fields.length !== 5) return refuse(`it has ${fields.length} fields`);
    for (const [index, field] of CRON_FIELDS.entries()) {
      if (!isCronField(fields[index] ?? "", field.min, field.max)) return refuse(`the field ${field.name} is wrong`);
    }
    return WEEKDAYS.test(fields[4] ?? "") ? accept(fields.join(" ")) : refuse("weekdays are given by name, SUN to SAT");
  },
);
