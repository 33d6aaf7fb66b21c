/** How things stand, as `GET /admin/stats` and `status --json` tell programs. Pure. */
import type { Instant, OpenState, SweepName, Tally } from "../model.ts";
import type { SweeperStatus } from "../sweeper.ts";
import type { Totals } from "../totals.ts";
import { isoOrNull, type RunJson, type StandingHoldJson, toRunJson, toStandingHoldJson } from "./run.ts";

export interface StatsJson {
  /** Runs that began, ever. */
  readonly totalCycles: number;
  readonly expiredFilesRemoved: number;
  readonly orphanedFilesRemoved: number;
  readonly oldRecordsRemoved: number;
  readonly staleUploadsAborted: number;
  /** Live rows without an object, as the last complete scan found them; null before the first. */
  readonly missingObjects: number | null;
  readonly bytesReclaimed: number;
  readonly lastRun: RunJson | null;
  readonly lastDurationMs: number | null;
  /** Null: unknown to whoever was asked. */
  readonly nextRun: string | null;
  /** Every open state, also where nothing is in it. */
  readonly open: Readonly<Record<OpenState, Tally>>;
  /** What waits for a person, and what one said of it. */
  readonly holds: readonly StandingHoldJson[];
}

export function toStatsJson({ totals, lastRun, open, holds }: SweeperStatus, nextRunAt: Instant | null): StatsJson {
  const of = (state: OpenState): Tally => open[state] ?? { count: 0, bytes: 0 };
  return {
    totalCycles: totals.cycles,
    expiredFilesRemoved: removedBy(totals, "expired-files").count,
    orphanedFilesRemoved: removedBy(totals, "orphaned-objects").count,
    oldRecordsRemoved: removedBy(totals, "old-records").count,
    staleUploadsAborted: removedBy(totals, "stale-uploads").count,
    missingObjects: totals.missing?.count ?? null,
    bytesReclaimed: bytesReclaimed(totals),
    lastRun: lastRun === null ? null : toRunJson(lastRun),
    lastDurationMs: lastRun?.durationMs ?? null,
    nextRun: isoOrNull(nextRunAt),
    open: {
      suspected: of("suspected"),
      due: of("due"),
      condemned: of("condemned"),
      failed: of("failed"),
      abandoned: of("abandoned"),
    },
    holds: holds.map(toStandingHoldJson),
  };
}

function removedBy({ sweeps }: Totals, sweep: SweepName): Tally {
  return sweeps[sweep]?.removed ?? { count: 0, bytes: 0 };
}

export function bytesReclaimed({ sweeps }: Totals): number {
  return Object.values(sweeps).reduce((sum, { removed }) => sum + removed.bytes, 0);
}
