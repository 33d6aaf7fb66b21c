import { describe, expect, it } from "vitest";
import { progressText } from "../../src/cli/progress.ts";
import type { RunReport, SweepReport } from "../../src/core/model.ts";
import { emptyReport } from "../../src/core/report.ts";

function running(mode: RunReport["mode"], sweeps: SweepReport[]): RunReport {
  return {
    id: "r",
    mode,
    status: "running",
    trigger: "cli",
    startedAt: 0,
    finishedAt: null,
    durationMs: 0,
    slices: 1,
    sweeps,
    holds: [],
    calls: { database: 0, storage: 0 },
  };
}

const done: SweepReport = { ...emptyReport("expired-files"), status: "completed" };
const scanning: SweepReport = {
  ...emptyReport("orphaned-objects"),
  seen: { count: 12_000, bytes: 1 },
  removed: { count: 3, bytes: 1 },
  suspected: { count: 1, bytes: 1 },
  failed: { count: 2, bytes: 1 },
};

describe("the progress of a run", () => {
  it("is that of the sweep in work", () => {
    expect(progressText(running("remove", [done, scanning]))).toBe(
      "orphaned-objects: 12,000 seen, 3 removed, 1 suspect, 2 failed",
    );
  });

  it("of a plan says what would be removed", () => {
    expect(progressText(running("plan", [scanning, done]))).toMatch(/, 3 to remove,/);
  });

  it("names the last sweep when all are done", () => {
    expect(progressText(running("remove", [done]))).toBe("expired-files: 0 seen, 0 removed");
  });
});
