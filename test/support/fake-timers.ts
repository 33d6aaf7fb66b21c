import type { Timers } from "../../src/library/schedule.ts";

/** Timers that a test lets go off. */
export interface FakeTimers extends Timers {
  nowMs(): number;
  /** How many are set. */
  waiting(): number;
  /** Lets time pass, and everything go off that is set for it, also by what goes off. */
  advance(ms: number): Promise<void>;
}

export function createFakeTimers(): FakeTimers {
  let now = 0;
  const set = new Map<symbol, { readonly at: number; readonly act: () => void }>();
  return {
    after(ms, act) {
      const timer = Symbol("timer");
      set.set(timer, { at: now + ms, act });
      return () => void set.delete(timer);
    },
    nowMs: () => now,
    waiting: () => set.size,
    async advance(ms) {
      const until = now + ms;
      for (;;) {
        await settled();
        const due = [...set].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)[0];
        if (due === undefined) break;
        const [timer, { at, act }] = due;
        set.delete(timer);
        now = at;
        act();
      }
      now = until;
    },
  };
}

/** Promises that are settled have been heard of. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
