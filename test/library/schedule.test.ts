import { describe, expect, it } from "vitest";
import { FIRST_RUN_AFTER_MS, startSchedule } from "../../src/library/schedule.ts";
import { createFakeTimers } from "../support/fake-timers.ts";

const HOUR = 3_600_000;

function scheduled(takesMs: number) {
  const timers = createFakeTimers();
  const started: number[] = [];
  let end: (() => void) | null = null;
  const run = (): Promise<void> => {
    started.push(timers.nowMs());
    return new Promise((resolve) => {
      end = resolve;
      if (takesMs >= 0) timers.after(takesMs, resolve);
    });
  };
  const stop = startSchedule({ everyMs: HOUR, timers, monotonicMs: timers.nowMs, run });
  return { timers, started, stop, end: () => end?.() };
}

describe("a schedule", () => {
  it("runs shortly after its start, then once an interval, from start to start", async () => {
    const { timers, started } = scheduled(600_000);
    await timers.advance(FIRST_RUN_AFTER_MS - 1);
    expect(started).toEqual([]);
    await timers.advance(2 * HOUR + 1);
    expect(started).toEqual([0, 1, 2].map((times) => FIRST_RUN_AFTER_MS + times * HOUR));
  });

  it("never runs twice at once: after a run that took longer than the interval the next begins a second later", async () => {
    const { timers, started } = scheduled(1.5 * HOUR);
    await timers.advance(4 * HOUR);
    expect(started).toEqual([0, 1, 2].map((times) => FIRST_RUN_AFTER_MS + times * (1.5 * HOUR + 1000)));
  });

  it.each([
    ["before its first run", 0, 0],
    ["between two runs", 2 * 600_000, 1],
  ])("stopped %s, runs no more", async (_when, afterMs, runs) => {
    const { timers, started, stop } = scheduled(600_000);
    await timers.advance(afterMs);
    stop();
    await timers.advance(10 * HOUR);
    expect([started.length, timers.waiting()]).toEqual([runs, 0]);
  });

  it("stopped during a run, sets no timer when that ends", async () => {
    const { timers, started, stop, end } = scheduled(-1);
    await timers.advance(HOUR);
    stop();
    end();
    await timers.advance(10 * HOUR);
    expect([started.length, timers.waiting()]).toEqual([1, 0]);
  });
});
