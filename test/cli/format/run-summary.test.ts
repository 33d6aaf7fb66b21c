import { describe, expect, it } from "vitest";
import { painter } from "../../../src/cli/format/paint.ts";
import { runSummary } from "../../../src/cli/format/run-summary.ts";
import { runSentence } from "../../../src/core/documents/run-sentence.ts";
import type { RunReport, SweepName, SweepReport, Tally } from "../../../src/core/model.ts";
import { emptyReport } from "../../../src/core/report.ts";
import { hold } from "../support/hold.ts";

const tally = (count: number, bytes = count * 100): Tally => ({ count, bytes });

function sweep(name: SweepName, fields: Partial<SweepReport> = {}): SweepReport {
  return { ...emptyReport(name), status: "completed", ...fields };
}

function report(fields: Partial<RunReport> = {}): RunReport {
  return {
    id: "r-1",
    mode: "remove",
    status: "completed",
    trigger: "cli",
    startedAt: 0,
    finishedAt: 1,
    durationMs: 1234,
    slices: 1,
    sweeps: [sweep("expired-files"), sweep("orphaned-objects")],
    holds: [],
    calls: { database: 7, storage: 1 },
    ...fields,
  };
}

const removedSome = [
  sweep("expired-files", { seen: tally(11), removed: tally(10), kept: { "on-hold": tally(1, 0) } }),
  sweep("orphaned-objects", { seen: tally(4), removed: tally(1), suspected: tally(3) }),
];

describe("the sentence of a run", () => {
  it.each<[string, Partial<RunReport>]>([
    ["Nothing was removed; nothing failed.", {}],
    [
      "Removed 10 expired files and 1 orphaned object (1.1 kB); 3 suspects (300 B) wait in quarantine; nothing failed.",
      { sweeps: removedSome },
    ],
    [
      "Would remove 10 expired files and 1 orphaned object (1.1 kB); 3 suspects (300 B) wait in quarantine; nothing failed.",
      { sweeps: removedSome, mode: "plan" },
    ],
    ["Nothing would be removed; nothing failed.", { mode: "plan" }],
    [
      "Held for a person. Nothing would be removed; 1 suspect (100 B) waits in quarantine; nothing failed.",
      {
        status: "held",
        holds: [hold()],
        sweeps: [sweep("orphaned-objects", { suspected: tally(1) })],
      },
    ],
    [
      "Stopped early; the next run goes on. Removed 1 expired file (100 B); 2 are left for the next run; nothing failed.",
      { status: "paused", sweeps: [sweep("expired-files", { removed: tally(1), deferred: tally(2) })] },
    ],
    [
      "Removed 5 left over from earlier runs (500 B); 2 failed.",
      {
        status: "completed-with-failures",
        sweeps: [sweep("expired-files", { carriedOver: tally(5), failed: tally(2) })],
      },
    ],
    [
      "The run failed. Nothing was removed; expired-files and orphaned-objects did not get through.",
      {
        status: "failed",
        sweeps: [sweep("expired-files", { status: "failed" }), sweep("orphaned-objects", { status: "failed" })],
      },
    ],
    ["Nothing was removed; some of what earlier runs left failed again.", { status: "completed-with-failures" }],
  ])("%s", (sentence, fields) => {
    expect(runSentence(report(fields))).toBe(sentence);
  });
});

describe("the summary of a run", () => {
  it("is the sentence, a table and a footer", () => {
    expect(runSummary(report({ sweeps: removedSome }), painter(false)).split("\n")).toEqual([
      runSentence(report({ sweeps: removedSome })),
      "",
      "sweep              seen          removed     suspected   kept        failed",
      "expired-files      11 (1.1 kB)   10 (1 kB)   –           1 on-hold   –",
      "orphaned-objects   4 (400 B)     1 (100 B)   3 (300 B)   –           –",
      "",
      "Run r-1: remove, 1 slice, 1.2 s, 7 database calls, 1 store call",
      "",
    ]);
  });

  it("shows every reason to keep, the most frequent first", () => {
    const kept = { "too-young": tally(1), "still-protected": tally(20) };
    const text = runSummary(report({ sweeps: [sweep("orphaned-objects", { kept })] }), painter(false));
    expect(text).toMatch(/20 \(2 kB\) still-protected\s*–\n\s+1 \(100 B\) too-young\n/);
  });

  it("says what is held and why a sweep failed, each reason once, and which were skipped", () => {
    const text = runSummary(
      report({
        status: "held",
        holds: [hold()],
        sweeps: [
          sweep("expired-files", { status: "failed", error: "no answer" }),
          sweep("orphaned-objects", { status: "failed", error: "no answer" }),
          sweep("history", { status: "skipped" }),
        ],
      }),
      painter(false),
    );
    expect(text).toContain("Held (gate-lost): the gate is gone.\n");
    expect(text.match(/no answer/g)).toHaveLength(1);
    expect(text).toContain("\nSkipped: history\n");
  });

  it("holds no colour where the output has none", () => {
    expect(runSummary(report(), painter(false))).not.toContain("\u001b");
    expect(runSummary(report(), painter(true))).toContain("\u001b[1m");
  });
});
