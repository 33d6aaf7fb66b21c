/** How much one slice of a run may do. A slice that comes to its end saves its place, and a later one goes on. */
import type { Clock } from "./ports.ts";
import type { Budget as Limits } from "./settings/presets.ts";

/** Calls kept back for ending a slice: recording the last batch, saving the place, giving the lease back. */
const RESERVED_CALLS = 5;

export interface SliceBudget {
  /** Whether no further page may be begun: out of time or calls, or asked to stop. */
  spent(): boolean;
  /** How many items the next page may bring so that all of them could still be removed, and `taken` before them; 0 where none may. */
  pageSize(taken?: number): number;
  /** Counts removals that are attempted. */
  take(removals: number): void;
}

/**
 * @param callsSoFar calls of this slice, from the taking of its lease on
 * @param isStopped whether somebody asked for its end
 */
export function createBudget(
  limits: Limits,
  clock: Clock,
  callsSoFar: () => number,
  isStopped: () => boolean,
): SliceBudget {
  const startedAt = clock.monotonicMs();
  let removals = 0;
  return {
    spent() {
      if (isStopped()) return true;
      if (limits.maxDurationMs !== null && clock.monotonicMs() - startedAt >= limits.maxDurationMs) return true;
      return limits.maxCalls !== null && callsSoFar() >= limits.maxCalls - RESERVED_CALLS;
    },
    pageSize(taken = 0) {
      if (limits.maxRemovals === null) return limits.pageSize;
      return Math.min(limits.pageSize, Math.max(0, limits.maxRemovals - removals - taken));
    },
    take(more) {
      removals += more;
    },
  };
}
