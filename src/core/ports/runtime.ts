/** Time, ids and logs: handed in, never taken. */
import type { Instant } from "../model.ts";

/** Time, handed in. */
export interface Clock {
  /** The wall clock. */
  now(): Instant;
  /** Milliseconds from an arbitrary origin that never go back: for durations and for the time left on a lease. */
  monotonicMs(): number;
}

/** Makes the ids of runs and removals: unique, and sortable by the time they were made. */
export type MakeId = () => string;

export interface LogEvent {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly [field: string]: unknown;
}
export type Log = (event: LogEvent) => void;
