import { describe, expect, it } from "vitest";
import { painter } from "../../src/cli/format/paint.ts";
import type { Output } from "../../src/cli/io.ts";
import { createLog, type LogOptions, prettyLine } from "../../src/cli/log.ts";
import { SweepError } from "../../src/core/errors.ts";
import { emptyReport } from "../../src/core/report.ts";
import { jsonLine } from "../../src/library/log.ts";
import { START } from "../support/fake-clock.ts";

const PLAIN = painter(false);

function logged(options: Partial<LogOptions>, isTerminal = false): string[] {
  const lines: string[] = [];
  const output: Output = { write: (text) => void lines.push(text), isTerminal, hasColors: false };
  const log = createLog(output, { level: "info", format: null, now: () => START, ...options });
  for (const level of ["debug", "info", "warn", "error"] as const) log({ level, event: level });
  return lines;
}

describe("the log", () => {
  it.each([
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const)("at level %s writes %d of the four levels", (level, count) => {
    expect(logged({ level })).toHaveLength(count);
  });

  it.each([
    [null, false, "json"],
    [null, true, "pretty"],
    ["json", true, "json"],
    ["pretty", false, "pretty"],
  ] as const)("with LOG_FORMAT %s and terminal %s is %s", (format, isTerminal, form) => {
    const [line = ""] = logged({ format, level: "error" }, isTerminal);
    expect(line).toBe(
      form === "json" ? jsonLine({ level: "error", event: "error" }, START).concat("\n") : "12:00:00 error error\n",
    );
  });
});

describe("a line of JSON", () => {
  it("begins with time, level and event", () => {
    const line = jsonLine({ level: "info", event: "run.started", run: "r", slice: 1 }, START);
    expect(line).toBe('{"time":"2026-11-22T12:00:00.000Z","level":"info","event":"run.started","run":"r","slice":1}');
  });

  it("tells of an error its message and kind, without cause and stack", () => {
    const error = new SweepError("conflict", "refused", { cause: new Error("SELECT"), details: { vendor: "SELECT" } });
    const line = jsonLine({ level: "warn", event: "row.refused", error }, START);
    expect(JSON.parse(line)).toMatchObject({ error: { message: "refused", kind: "conflict" } });
    expect(line).not.toContain("SELECT");
    expect(line).not.toContain(".ts:");
  });

  it("writes integers of any size", () => {
    expect(jsonLine({ level: "info", event: "e", n: 2n ** 60n }, START)).toContain('"n":"1152921504606846976"');
  });

  it("is one line, whatever it is told", () => {
    expect(jsonLine({ level: "info", event: "e", key: "a\nb\u2028" }, START).split("\n")).toHaveLength(1);
  });
});

describe("a line for people", () => {
  it("shows a report's sums, and leaves out what is empty", () => {
    const report = {
      ...emptyReport("expired-files"),
      removed: { count: 2, bytes: 2_000 },
      kept: { "on-hold": { count: 1, bytes: 0 } },
    };
    expect(prettyLine({ level: "info", event: "sweep.finished", ...report }, START, PLAIN)).toBe(
      "12:00:00 info  sweep.finished name=expired-files status=deferred removed=2 (2 kB) kept.on-hold=1",
    );
  });

  it("quotes what could pass for something else", () => {
    const line = prettyLine({ level: "warn", event: "e", key: "a b\u001b[2J\n", error: new Error("no") }, START, PLAIN);
    expect(line).toBe('12:00:00 warn  e key="a b\\u001b[2J\\n" error=no');
  });
});
