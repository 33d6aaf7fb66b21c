import type { Clock } from "./ports.ts";

/**
 * A clock that goes on from this moment by the time that never goes back: the one that it is made from may be set
 * meanwhile, as after a wrong start of the machine, without moving anything in what has begun.
 */
export function steady(clock: Clock): Clock {
  const [from, fromMs] = [clock.now(), clock.monotonicMs()];
  return {
    now: () => from + Math.floor(clock.monotonicMs() - fromMs),
    monotonicMs: () => clock.monotonicMs(),
  };
}
