/** The sentence at the top of the first page: the first that is true of what an operator would want to know first. */
import { describe, expect, test } from "vitest";
import { type Health, healthOf } from "../../../src/api/dashboard/health.ts";
import type { ServiceSettings } from "../../../src/api/parts.ts";
import type { Hold, RunReport } from "../../../src/core/model.ts";
import { emptyReport } from "../../../src/core/report.ts";
import { HOUR_MS } from "../../../src/core/safety.ts";
import type { SweeperStatus } from "../../../src/core/sweeper.ts";
import { NO_TOTALS } from "../../../src/core/totals.ts";
import { START } from "../../support/fake-clock.ts";

const SETTINGS: ServiceSettings = {
  adminTokens: [],
  metricsTokens: [],
  publicUrl: null,
  staleAfterMs: 26 * HOUR_MS,
  enabled: true,
  mode: "remove",
  sweeps: [],
  shown: [],
};

const RUN: RunReport = {
  id: "run",
  mode: "remove",
  status: "completed",
  trigger: "schedule",
  startedAt: START,
  finishedAt: START,
  durationMs: 1,
  slices: 1,
  sweeps: [],
  holds: [],
  calls: { database: 1, storage: 1 },
};

const HOLD: Hold = {
  id: "hold",
  cause: "first-contact",
  sweep: null,
  status: "open",
  openedAt: START,
  asOf: START,
  runId: "run",
  detail: "",
  count: 0,
  bytes: 0,
  sample: [],
  approvedUntil: null,
};

const STATUS: SweeperStatus = {
  totals: { ...NO_TOTALS, firstRunAt: START, lastSuccessAt: { remove: START, plan: null } },
  lastRun: RUN,
  open: {},
  holds: [],
};

const lastRun = (fields: Partial<RunReport>): Partial<SweeperStatus> => ({ lastRun: { ...RUN, ...fields } });

describe("what is said first", () => {
  test.each<[string, Partial<SweeperStatus>, Partial<ServiceSettings>, Health["tone"], string]>([
    ["before the first run", { lastRun: null, totals: NO_TOTALS }, {}, "good", "has not run yet"],
    ["after a good run", {}, {}, "good", "All is well. Nothing was removed"],
    [
      "after a failed run, with its reason, whatever else is true",
      {
        ...lastRun({ status: "failed", sweeps: [{ ...emptyReport("history"), error: "the bucket is gone" }] }),
        holds: [HOLD],
      },
      {},
      "bad",
      "The last run failed: the bucket is gone.",
    ],
    ["while something is held", { holds: [HOLD] }, {}, "wait", "One decision waits for you"],
    ["while several are", { holds: [HOLD, HOLD] }, {}, "wait", "2 decisions wait for you"],
    [
      "while a hold is silenced or approved",
      {
        holds: [
          { ...HOLD, status: "cancelled" },
          { ...HOLD, status: "approved" },
        ],
      },
      {},
      "good",
      "All is well",
    ],
    ["while a run is under way", lastRun({ status: "running", finishedAt: null }), {}, "good", "A run is under way"],
    [
      "while removals were given up",
      { open: { abandoned: { count: 1, bytes: 5 } } },
      {},
      "wait",
      "1 removal failed ten times",
    ],
    ["while the schedule is off", {}, { enabled: false }, "wait", "The schedule is off"],
    ["after a run with failures", lastRun({ status: "completed-with-failures" }), {}, "wait", "not all of it"],
    [
      "where nothing but plans is made",
      { totals: { ...STATUS.totals, lastSuccessAt: { remove: null, plan: START } } },
      { mode: "plan" },
      "good",
      "plans and removes nothing",
    ],
  ])("%s", (_, status, settings, tone, sentence) => {
    expect(healthOf({ ...STATUS, ...status }, { ...SETTINGS, ...settings }, START)).toEqual({
      tone,
      sentence: expect.stringContaining(sentence),
    });
  });

  test.each([
    [SETTINGS.staleAfterMs, "good"],
    [SETTINGS.staleAfterMs + 1, "bad"],
  ] as const)("%d ms after the last success it is %s", (sinceMs, tone) => {
    expect(healthOf(STATUS, SETTINGS, START + sinceMs).tone).toBe(tone);
  });

  test("what never succeeded is stale once its first run lies so far back", () => {
    const totals = { ...STATUS.totals, lastSuccessAt: { remove: null, plan: null } };
    expect(healthOf({ ...STATUS, totals }, SETTINGS, START + SETTINGS.staleAfterMs + 1).tone).toBe("bad");
  });
});
