/** When a process runs by itself: one run after the other, never two at once. */
import { Cron } from "croner";
import type { Instant } from "../core/model.ts";
import type { Clock } from "../core/ports.ts";
import { DAY_MS } from "../core/safety.ts";
import type { Schedule } from "../core/settings.ts";

/** A timer, handed in. */
export interface Timers {
  /** Calls `act` once, `ms` from now. Answers what takes that back. */
  after(ms: number, act: () => void): () => void;
}

/** They keep the process alive: a program that does nothing but sweep must not end before its first run. */
export const SYSTEM_TIMERS: Timers = {
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

/** How long after the start the first run of an interval begins: after the application's own, before somebody wonders. In milliseconds. */
export const FIRST_RUN_AFTER_MS = 5000;

/** The least pause between two runs, where one takes longer than the interval. In milliseconds. */
const LEAST_PAUSE_MS = 1000;

/** No timer is set for longer: Node's overflow after 24.8 days, and go off at once. */
const LONGEST_TIMER_MS = DAY_MS;

export interface ScheduleOptions {
  readonly schedule: Schedule;
  readonly timers: Timers;
  readonly clock: Clock;
  /** One run. Must not reject. */
  run(): Promise<void>;
}

export interface RunningSchedule {
  /** Ends it. A run that is under way goes on to its own end. */
  stop(): void;
  /**
   * When the next run begins, also while one is under way; null where that one takes longer than until then, where none
   * ever will, or once it was stopped.
   */
  nextAt(): Instant | null;
}

/** Starts a schedule. By interval the first run begins shortly, by a cron expression at its time and at no other. */
export function startSchedule({ schedule, timers, clock, run }: ScheduleOptions): RunningSchedule {
  const after = schedule.kind === "interval" ? intervals(schedule.everyMs, clock) : times(schedule.expression, clock);
  let stopped = false;
  let nextAt: Instant | null = null;
  let cancel = (): void => {};

  function wait(ms: number): void {
    cancel = timers.after(Math.min(ms, LONGEST_TIMER_MS), () =>
      ms > LONGEST_TIMER_MS ? wait(ms - LONGEST_TIMER_MS) : tick(),
    );
  }
  function plan(begun: Begun | null): number | null {
    const ms = after(begun);
    nextAt = ms === null ? null : clock.now() + ms;
    return ms;
  }
  function waitForNext(begun: Begun | null): void {
    const ms = plan(begun);
    if (ms !== null) wait(ms);
  }
  function tick(): void {
    const begun = { atMs: clock.monotonicMs(), plannedAt: nextAt };
    plan(begun);
    // Order: the next timer is set when the run has ended, so that two never overlap.
    void run().then(() => {
      if (!stopped) waitForNext(begun);
    });
  }
  waitForNext(null);
  return {
    stop() {
      stopped = true;
      nextAt = null;
      cancel();
    },
    nextAt: () => (nextAt !== null && nextAt > clock.now() ? nextAt : null),
  };
}

/** When a run began, by the clock that never goes back, and for when it was planned. */
interface Begun {
  readonly atMs: number;
  readonly plannedAt: Instant | null;
}

/** How long from now the next run begins; null: never. Before the first, nothing has begun. */
type After = (begun: Begun | null) => number | null;

function intervals(everyMs: number, clock: Clock): After {
  return (begun) =>
    begun === null ? FIRST_RUN_AFTER_MS : Math.max(LEAST_PAUSE_MS, everyMs - (clock.monotonicMs() - begun.atMs));
}

function times(expression: string, clock: Clock): After {
  const cron = parse(expression);
  return (begun) => {
    // A timer may go off a little early: what was planned for then is not planned again.
    const from = Math.max(clock.now(), begun?.plannedAt ?? 0);
    const next = cron.nextRun(new Date(from));
    return next === null ? null : next.getTime() - clock.now();
  };
}

function parse(expression: string): Cron {
  return new Cron(expression, { timezone: "UTC", paused: true });
}

/** Days that are looked at to tell how far apart a cron expression's times are. */
const LOOKED_AT_DAYS = 370;

/** The longest pause between two times of a schedule; where it is a cron expression, up to a day more. */
export function longestPauseMs(schedule: Schedule, now: Instant): number {
  if (schedule.kind === "interval") return schedule.everyMs;
  const cron = parse(schedule.expression);
  let longest = 0;
  for (let from = now; from < now + LOOKED_AT_DAYS * DAY_MS; ) {
    const next = cron.nextRun(new Date(from));
    if (next === null) break;
    // The last time before `from` lies in the day that was skipped.
    longest = Math.max(longest, next.getTime() - from + DAY_MS);
    from = next.getTime() + DAY_MS;
  }
  return longest;
}
