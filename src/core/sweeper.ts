/**
 * A sweeper: what the command line, the HTTP app and a program of one's own have in their hands. Everything it does is
 * a run, or a question, or a decision of a person.
 */
import { SweepError } from "./errors.ts";
import { type Explanation, explain } from "./explain.ts";
import { approvedUntil } from "./holds.ts";
import type { Hold, Mode, RemovalState, RunReport, SweepName, Tally, Trigger } from "./model.ts";
import type { Removal, RemovalFilter } from "./ports.ts";
import { toReport } from "./report.ts";
import { type RunOutcome, type RunParts, type RunRequest, runSlice } from "./run.ts";

export interface RunOptions {
  /** Default: what the settings say. */
  readonly mode?: Mode;
  readonly sweeps?: readonly SweepName[];
  readonly trigger?: Trigger;
  readonly signal?: AbortSignal;
  readonly onDecision?: NonNullable<RunRequest["onDecision"]>;
  readonly onProgress?: NonNullable<RunRequest["onProgress"]>;
}

export interface SweeperStatus {
  readonly lastRun: RunReport | null;
  readonly open: Partial<Record<RemovalState, Tally>>;
  /** Holds that are not closed. */
  readonly holds: readonly Hold[];
}

export interface Sweeper {
  /** One slice of a run: the unfinished one of its mode, or a new one. @throws SweepError when the database cannot be reached */
  run(options?: RunOptions): Promise<RunOutcome>;
  /** The same, but it removes nothing. */
  plan(options?: Omit<RunOptions, "mode">): Promise<RunOutcome>;
  status(): Promise<SweeperStatus>;
  /** What each sweep would decide about a key, or about the key of a row; null where there is no such row. */
  explain(about: { key: string } | { id: string }): Promise<Explanation | null>;
  removals(filter: RemovalFilter): Promise<Removal[]>;
  /** A person keeps an object, until it changes or disappears. @throws SweepError `not-found`, `conflict` */
  release(id: string): Promise<void>;
  /** A refused or given-up removal is tried again. @throws SweepError `not-found`, `conflict` */
  retry(id: string): Promise<void>;
  /** Lets through what a hold showed when it was last refreshed, for seven days. @throws SweepError `not-found`, `conflict` */
  approve(holdId: string): Promise<Hold>;
  /** Silences a hold, or ends a run that waits. @throws SweepError `not-found`, `conflict` */
  cancel(holdOrRunId: string): Promise<void>;
}

export function createSweeperOf(parts: RunParts): Sweeper {
  const { database, clock } = parts;
  const { desk, holds } = database;

  async function changeRemoval(id: string, what: string, change: () => Promise<boolean>): Promise<void> {
    if (await change()) return;
    const removal = await desk.removal(id);
    if (removal === null) throw new SweepError("not-found", `there is no removal ${id}`);
    throw new SweepError("conflict", `removal ${id} is ${removal.state} and cannot be ${what}`);
  }

  const run = ({ mode, sweeps, trigger, ...rest }: RunOptions = {}): Promise<RunOutcome> =>
    runSlice(parts, {
      mode: mode ?? parts.settings.mode,
      sweeps: sweeps ?? parts.settings.sweeps,
      trigger: trigger ?? "library",
      ...rest,
    });

  return {
    run,
    plan: (options) => run({ ...options, mode: "plan" }),
    async status() {
      const [last, open, standing] = await Promise.all([
        database.journal.latest(1),
        database.ledger.open(),
        holds.list({ closed: false }),
      ]);
      return { lastRun: last[0] === undefined ? null : toReport(last[0]), open, holds: standing };
    },
    explain: (about) =>
      explain({ database, store: parts.planStore, settings: parts.settings, now: clock.now() }, about),
    removals: (filter) => desk.removals(filter),
    release: (id) =>
      changeRemoval(id, "released", async () => {
        const removal = await desk.removal(id);
        // What the object looks like now is what the person keeps.
        const look = removal === null ? null : await parts.planStore.head(removal.key);
        return desk.release(id, clock.now(), look);
      }),
    retry: (id) => changeRemoval(id, "retried", () => desk.retry(id)),
    async approve(holdId) {
      const hold = await holds.decide(holdId, { status: "approved", until: approvedUntil(clock.now()) });
      if (hold === null) throw new SweepError("not-found", `there is no hold ${holdId}`);
      return hold;
    },
    async cancel(id) {
      if ((await holds.decide(id, { status: "cancelled" })) !== null) return;
      const cancelled = await desk.cancelRun(id, clock.now());
      if (cancelled === null) throw new SweepError("not-found", `there is no hold and no run ${id}`);
      if (!cancelled) throw new SweepError("conflict", `run ${id} is under way or over and cannot be cancelled`);
    },
  };
}
