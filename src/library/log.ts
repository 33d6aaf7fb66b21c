/** Log lines for machines: one JSON object each. */
import type { Log, LogEvent } from "../core/ports.ts";
import type { Settings } from "../core/settings.ts";
import { describeError } from "./describe-error.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Whether `event` is at least as important as `level`. */
export function isAtLeast(event: LogEvent, level: Settings["logLevel"]): boolean {
  return LEVELS.indexOf(event.level) >= LEVELS.indexOf(level);
}

/** A log that hands what is at least as important as `level` to `write`, as lines of JSON. */
export function createJsonLog(
  write: (text: string) => void,
  { level, now }: { readonly level: Settings["logLevel"]; readonly now: () => number },
): Log {
  return (event) => {
    if (isAtLeast(event, level)) write(`${jsonLine(event, now())}\n`);
  };
}

/** One line of JSON: `time`, `level`, `event`, then the event's fields. An error is its message and kind, no more. */
export function jsonLine(event: LogEvent, at: number): string {
  return JSON.stringify({ time: new Date(at).toISOString(), ...event }, (_name, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Error ? describeError(value) : value;
  });
}
