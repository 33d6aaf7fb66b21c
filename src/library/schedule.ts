/** When a process runs by itself: one run after the other, never two at once. */

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

/** How long after the start the first run begins: after the application's own, before somebody wonders. In milliseconds. */
export const FIRST_RUN_AFTER_MS = 5000;

/** The least pause between two runs, where one takes longer than the interval. In milliseconds. */
const LEAST_PAUSE_MS = 1000;

export interface ScheduleOptions {
  readonly everyMs: number;
  readonly timers: Timers;
  readonly monotonicMs: () => number;
  /** One run. Must not reject. */
  run(): Promise<void>;
}

/** Starts a schedule, and answers what ends it. A run that is under way then goes on to its own end. */
export function startSchedule({ everyMs, timers, monotonicMs, run }: ScheduleOptions): () => void {
  let stopped = false;
  let cancel = timers.after(FIRST_RUN_AFTER_MS, tick);
  function tick(): void {
    const startedMs = monotonicMs();
    // Order: the next timer is set when the run has ended, so that two never overlap.
    void run().then(() => {
      if (stopped) return;
      cancel = timers.after(Math.max(LEAST_PAUSE_MS, everyMs - (monotonicMs() - startedMs)), tick);
    });
  }
  return () => {
    stopped = true;
    cancel();
  };
}
