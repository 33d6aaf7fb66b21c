import { describe, expect, it } from "vitest";
import type { Schedule } from "../../src/core/settings.ts";
import { FIRST_RUN_AFTER_MS, longestPauseMs, startSchedule } from "../../src/library/schedule.ts";
import { START } from "../support/fake-clock.ts";
import { createFakeTimers } from "../support/fake-timers.ts";

const HOUR = 3_600_000;

const HOURLY: Schedule = { kind: "interval", everyMs: HOUR };

function scheduled(takesMs: number, schedule = HOURLY) {
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
  const clock = { now: () => START + timers.nowMs(), monotonicMs: timers.nowMs };
  const { stop, nextAt } = startSchedule({ schedule, timers, clock, run });
  return { timers, started, stop, nextAt, end: () => end?.() };
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

  it("knows when the next run begins, while one is under way too, unless that takes longer, or once it was stopped", async () => {
    const { timers, nextAt, stop, end } = scheduled(-1);
    expect(nextAt()).toBe(START + FIRST_RUN_AFTER_MS);
    await timers.advance(FIRST_RUN_AFTER_MS);
    expect(nextAt()).toBe(START + FIRST_RUN_AFTER_MS + HOUR);
    await timers.advance(HOUR);
    expect(nextAt()).toBeNull();
    end();
    await timers.advance(0);
    expect(nextAt()).toBe(START + FIRST_RUN_AFTER_MS + HOUR + 1000);
    stop();
    expect(nextAt()).toBeNull();
  });
});

// START is Sunday, 12:00 UTC.
const DAY = 24 * HOUR;

describe("a schedule by cron expression, in UTC", () => {
  it.each([
    ["30 3 * * *", [15.5, 39.5, 63.5]],
    ["0 12 * * *", [24, 48]],
    ["0 * * * MON", [12, 13, 14]],
    ["15 6 * * MON-WED", [18.25, 42.25, 66.25, 7 * 24 + 18.25]],
  ])("%s runs at its times, and at no other", async (expression, hours) => {
    const { timers, started } = scheduled(1000, { kind: "cron", expression });
    await timers.advance((hours.at(-1) ?? 0) * HOUR);
    expect(started).toEqual(hours.map((hour) => hour * HOUR));
  });

  it("never runs twice at once: times that come during a run are left out", async () => {
    const { timers, started } = scheduled(2.5 * HOUR, { kind: "cron", expression: "0 * * * *" });
    await timers.advance(7 * HOUR);
    expect(started).toEqual([1, 4, 7].map((hour) => hour * HOUR));
  });

  it("does not run twice for one time when the timer goes off early", async () => {
    const timers = createFakeTimers();
    const early = { after: (ms: number, act: () => void) => timers.after(ms - 1, act) };
    const started: number[] = [];
    const clock = { now: () => START + timers.nowMs(), monotonicMs: timers.nowMs };
    const run = async (): Promise<void> => void started.push(timers.nowMs());
    startSchedule({ schedule: { kind: "cron", expression: "0 * * * *" }, timers: early, clock, run });
    await timers.advance(3 * HOUR);
    expect(started).toEqual([1, 2, 3].map((hour) => hour * HOUR - 1));
  });

  it("waits for a time that is months away, in steps that no timer overflows at", async () => {
    const { timers, started, nextAt } = scheduled(1000, { kind: "cron", expression: "0 0 1 3 *" });
    expect(nextAt()).toBe(Date.UTC(2027, 2, 1));
    await timers.advance(Date.UTC(2027, 2, 1) - START - 1);
    expect(started).toEqual([]);
    await timers.advance(1);
    expect(started).toHaveLength(1);
  });

  it("that never comes sets no timer", () => {
    const { timers, nextAt } = scheduled(1000, { kind: "cron", expression: "0 0 31 2 *" });
    expect([timers.waiting(), nextAt()]).toEqual([0, null]);
  });
});

describe("the longest pause between the times of a schedule", () => {
  it.each<[string, Schedule, number]>([
    ["an interval", HOURLY, HOUR],
    ["every minute", { kind: "cron", expression: "* * * * *" }, HOUR / 60],
    ["every night", { kind: "cron", expression: "0 3 * * *" }, DAY],
    ["workdays", { kind: "cron", expression: "0 3 * * MON-FRI" }, 3 * DAY],
    ["Sundays", { kind: "cron", expression: "0 3 * * SUN" }, 7 * DAY],
    ["every minute of the first of a month", { kind: "cron", expression: "* * 1 * *" }, 30 * DAY + HOUR / 60],
    ["never", { kind: "cron", expression: "0 0 31 2 *" }, 0],
  ])("%s", (_, schedule, pauseMs) => {
    const found = longestPauseMs(schedule, START);
    expect(found).toBeGreaterThanOrEqual(pauseMs);
    expect(found).toBeLessThanOrEqual(schedule.kind === "cron" && pauseMs > 0 ? pauseMs + DAY : pauseMs);
  });
});
