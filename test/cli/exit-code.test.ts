import { describe, expect, it } from "vitest";
import { type CommandOutcome, exitCodeOf } from "../../src/cli/exit-code.ts";
import { type ErrorKind, LeaseLostError, SweepError } from "../../src/core/errors.ts";
import type { RunReport, RunStatus, SweepStatus } from "../../src/core/model.ts";
import { emptyReport } from "../../src/core/report.ts";
import { SettingsError } from "../../src/core/settings.ts";
import { hold } from "./support/hold.ts";

interface Case {
  readonly status: RunStatus;
  readonly sweep?: SweepStatus;
  readonly failed?: number;
  readonly held?: boolean;
  readonly unreachable?: boolean;
}

function ran({ status, sweep = "completed", failed = 0, held = false, unreachable = false }: Case): CommandOutcome {
  const report: RunReport = {
    id: "r",
    mode: "remove",
    status,
    trigger: "cli",
    startedAt: 0,
    finishedAt: 1,
    durationMs: 1,
    slices: 1,
    sweeps: [{ ...emptyReport("expired-files"), status: sweep, failed: { count: failed, bytes: failed } }],
    holds: held ? [hold()] : [],
    calls: { database: 1, storage: 1 },
  };
  return { kind: "ran", report, unreachable };
}

describe("the exit code of a run", () => {
  it.each<[code: number, run: Case]>([
    [0, { status: "completed" }],
    [0, { status: "completed", sweep: "skipped" }],
    [0, { status: "completed", sweep: "not-supported" }],
    [1, { status: "completed-with-failures" }],
    [1, { status: "completed-with-failures", failed: 1 }],
    [1, { status: "failed", sweep: "failed" }],
    [3, { status: "held", held: true }],
    [3, { status: "completed", sweep: "held" }],
    [5, { status: "failed", sweep: "failed", unreachable: true }],
    [5, { status: "completed-with-failures", unreachable: true }],
    [6, { status: "paused", sweep: "deferred" }],
    [6, { status: "cancelled" }],
    // Of several, the first of 2, 5, 4, 1, 6, 3.
    [1, { status: "held", held: true, failed: 1 }],
    [1, { status: "paused", failed: 1 }],
    [1, { status: "paused", sweep: "failed" }],
    [6, { status: "paused", held: true }],
    [5, { status: "paused", held: true, failed: 1, unreachable: true }],
  ])("is %d for %j", (code, run) => {
    expect(exitCodeOf(ran(run))).toBe(code);
  });

  it("is 4 where another holder has the lease", () => {
    expect(exitCodeOf({ kind: "lease-held", holder: { holder: "h", expiresAt: 1 } })).toBe(4);
  });
});

describe("the exit code of an error", () => {
  it.each<[ErrorKind, number]>([
    ["invalid", 2],
    ["not-found", 2],
    ["unauthorized", 5],
    ["unavailable", 5],
    ["corrupt", 5],
    ["conflict", 1],
    ["bug", 1],
  ])("of kind %s is %d", (kind, code) => {
    expect(exitCodeOf({ kind: "threw", error: new SweepError(kind, "m") })).toBe(code);
  });

  it.each([
    ["a lost lease", new LeaseLostError(), 4],
    ["wrong settings", new SettingsError([]), 2],
    ["an unexpected error", new TypeError("x"), 1],
    ["what is no error", "x", 1],
  ])("%s is %j: %d", (_what, error, code) => {
    expect(exitCodeOf({ kind: "threw", error })).toBe(code);
  });
});
