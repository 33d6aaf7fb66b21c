/** What commands work with: the sweeper of this process, or one that is served somewhere else. */
import type { StatsJson } from "../core/documents/stats.ts";
import { toStatsJson } from "../core/documents/stats.ts";
import type { Instant } from "../core/model.ts";
import type { Sweeper, SweeperStatus } from "../core/sweeper.ts";

export interface CommandStatus extends Pick<SweeperStatus, "lastRun" | "open" | "holds"> {
  readonly stats: StatsJson;
  /** Null where nobody who was asked knows. */
  readonly nextRunAt: Instant | null;
}

export interface CommandSweeper
  extends Pick<Sweeper, "run" | "explain" | "removals" | "release" | "retry" | "approve"> {
  status(): Promise<CommandStatus>;
  /** Silences a hold, or ends a run, and says which it was. @throws SweepError `not-found`, `conflict` */
  cancel(holdOrRunId: string): Promise<"hold" | "run">;
}

/** The one of this process. Who starts the next run, a command is not told. */
export function asCommandSweeper(sweeper: Sweeper): CommandSweeper {
  return {
    ...sweeper,
    async status() {
      return toCommandStatus(await sweeper.status());
    },
    async cancel(id) {
      const what = (await sweeper.holdById(id)) === null ? "run" : "hold";
      await sweeper.cancel(id);
      return what;
    },
  };
}

export function toCommandStatus(status: SweeperStatus): CommandStatus {
  return { ...status, stats: toStatsJson(status, null), nextRunAt: null };
}
