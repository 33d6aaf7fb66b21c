/** What a schedule does at its time, wherever somebody else keeps the schedule: Cloudflare, Deno, EventBridge. */
import { SweepError } from "../core/errors.ts";
import type { Hold, RunReport } from "../core/model.ts";
import type { Log } from "../core/ports.ts";
import type { Sweeper } from "../core/sweeper.ts";
import { describeError } from "./describe-error.ts";

export interface TickOptions {
  readonly sweeper: Pick<Sweeper, "run" | "status">;
  /** False: the schedule does nothing. */
  readonly enabled: boolean;
  readonly log: Log;
  /** Ends the slice after the batch in flight; the place is saved. */
  readonly signal?: AbortSignal;
}

/**
 * Works off a slice of the unfinished run, or of a new one, and tells the log of every hold that waits for a person.
 * Where another holder has the lease there is nothing to do.
 * @throws SweepError where the run failed, after that was recorded: whoever keeps the schedule shall count it as failed
 */
export async function tick(options: TickOptions): Promise<void> {
  const { sweeper, enabled, log, signal } = options;
  if (!enabled) return log({ level: "info", event: "schedule.disabled" });
  try {
    const outcome = await sweeper.run({ trigger: "schedule", ...(signal && { signal }) });
    if (outcome.kind === "lease-held") {
      return log({ level: "info", event: "run.skipped", holder: outcome.holder.holder });
    }
    const { holds } = await sweeper.status();
    for (const hold of holds) if (hold.status === "open") log(howToDecide(hold));
    if (outcome.report.status === "failed" || outcome.unreachable) throw failureOf(outcome.report);
  } catch (error) {
    log({ level: "error", event: "run.failed", error: describeError(error) });
    throw error;
  }
}

function howToDecide({ id, cause, sweep, detail, count }: Hold): Parameters<Log>[0] {
  return {
    level: "warn",
    event: "hold.waiting",
    hold: id,
    cause,
    ...(sweep !== null && { sweep }),
    detail,
    count,
    approve: `POST /admin/holds/${id}/approve lets through what it shows`,
    cancel: `POST /admin/holds/${id}/cancel silences it`,
  };
}

function failureOf({ id, status, sweeps }: RunReport): SweepError {
  const reasons = new Set(sweeps.flatMap(({ error }) => (error === undefined ? [] : [error])));
  return new SweepError("unavailable", [`run ${id} ended as ${status}`, ...reasons].join(": "));
}
