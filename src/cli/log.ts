/** Log lines: one JSON object each, or for people on a terminal. */

import { tallyText } from "../core/documents/numbers.ts";
import type { Log, LogEvent } from "../core/ports.ts";
import type { Settings } from "../core/settings.ts";
import { describeError } from "../library/describe-error.ts";
import { isAtLeast, jsonLine } from "../library/log.ts";
import { type Paint, painter } from "./format/paint.ts";
import type { Output } from "./io.ts";

export interface LogOptions {
  readonly level: Settings["logLevel"];
  /** Null: pretty on a terminal, else JSON. */
  readonly format: Settings["logFormat"];
  readonly now: () => number;
}

/** A log that writes to `output` what is at least as important as `level`. */
export function createLog(output: Output, { level, format, now }: LogOptions): Log {
  const pretty = format === null ? output.isTerminal : format === "pretty";
  const paint = painter(output.hasColors);
  return (event) => {
    if (!isAtLeast(event, level)) return;
    output.write(`${pretty ? prettyLine(event, now(), paint) : jsonLine(event, now())}\n`);
  };
}

/** One line for people: the time of day (UTC), the event, and its fields where they say something. */
export function prettyLine({ level, event, ...fields }: LogEvent, at: number, paint: Paint): string {
  const time = new Date(at).toISOString().slice(11, 19);
  const shown = Object.entries(fields).flatMap(([name, value]) => prettyField(name, value));
  return [paint.dim(time), PAINTED_LEVEL[level](paint), paint.bold(event), ...shown].join(" ");
}

const PAINTED_LEVEL: Readonly<Record<LogEvent["level"], (paint: Paint) => string>> = {
  debug: (paint) => paint.dim("debug"),
  info: (paint) => paint.dim("info "),
  warn: (paint) => paint.yellow("warn "),
  error: (paint) => paint.red("error"),
};

/** A field as `name=value`; an object's fields one by one. Nothing for what is empty. */
function prettyField(name: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (value instanceof Error) return prettyField(name, describeError(value).message);
  if (isTally(value)) return value.count === 0 && value.bytes === 0 ? [] : [`${name}=${tallyText(value)}`];
  if (typeof value === "object" && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([inner, one]) => prettyField(`${name}.${inner}`, one));
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return [`${name}=${/^[\w./:@,+-]+$/.test(text) ? text : JSON.stringify(text)}`];
}

function isTally(value: unknown): value is { readonly count: number; readonly bytes: number } {
  if (typeof value !== "object" || value === null || !("count" in value) || !("bytes" in value)) return false;
  return typeof value.count === "number" && typeof value.bytes === "number";
}
