import type { Clock } from "../../src/core/ports.ts";

/** A clock that a test turns by hand. */
export interface FakeClock extends Clock {
  advance(ms: number): void;
  set(instant: number): void;
}

/** Sunday, 2026-11-22T12:00:00Z. */
export const START = Date.UTC(2026, 10, 22, 12);

export function createFakeClock(start: number = START): FakeClock {
  let now = start;
  let monotonic = 1_000_000;
  return {
    now: () => now,
    monotonicMs: () => monotonic,
    advance(ms) {
      now += ms;
      monotonic += ms;
    },
    set(instant) {
      now = instant;
    },
  };
}
