/**
 * A sweeper: what the command line, the HTTP app and a program of one's own have in their hands. Everything it does is
 * a run, or a question, or a decision of a person.
 */
import { SweepError } from "./errors.ts";
import { type Explanation, explain } from "./explain.ts";
import { approvedUntil } from "./holds.ts";
import type { Hold, HoldStatus, Mode, RemovalState, RunReport, SweepName, Tally, Trigger } from "./model.ts";
import type { Activity, Page, PageRequest, Removal, RemovalFilter } from "./ports.ts";
import { toReport } from "./report.ts";
import { type RunOutcome, type RunParts, type RunRequest, runSlice } from "./run.ts";
import { DAY_MS } from "./safety.ts";
import { cutoffsAt } from "./sweeps/expired-files.ts";
import type { Totals } from "./totals.ts";

export interface RunOptions {
  /** Default: what the settings say. */
  readonly mode?: Mode;
  readonly sweeps?: readonly SweepName[];
  readonly trigger?: Trigger;
  readonly signal?: AbortSignal;
  readonly onStarted?: NonNullable<RunRequest["onStarted"]>;
  readonly onDecision?: NonNullable<RunRequest["onDecision"]>;
  readonly onProgress?: NonNullable<RunRequest["onProgress"]>;
}

export interface SweeperStatus {
  /** What all runs did, ever. */
  readonly totals: Totals;
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
  /** What went in the last 30 days, what the store holds, and what will be due within 7 days. */
  activity(): Promise<Activity>;
  /** What each sweep would decide about a key, or about the key of a row; null where there is no such row. */
  explain(about: { key: string } | { id: string }): Promise<Explanation | null>;
  /** The newest first. */
  runs(page: PageRequest): Promise<Page<RunReport>>;
  /** One run; null where there is none of that id. */
  runById(id: string): Promise<RunReport | null>;
  /** The newest first: those of one status, or all that are not closed. */
  holds(page: PageRequest & { readonly status?: HoldStatus }): Promise<Page<Hold>>;
  /** One hold; null where there is none of that id. */
  holdById(id: string): Promise<Hold | null>;
  /** The newest first. */
  removals(filter: RemovalFilter): Promise<Page<Removal>>;
  /** One removal; null where there is none of that id. */
  removalById(id: string): Promise<Removal | null>;
  /** Whether the store can be read: one call. @throws SweepError */
  probeStore(): Promise<void>;
  /** A person keeps an object, until it changes or disappears. @throws SweepError `not-found`, `conflict` */
  release(id: string): Promise<void>;
  /** A refused or given-up removal is tried again. @throws SweepError `not-found`, `conflict` */
  retry(id: string): Promise<void>;
  /** Lets through what a hold showed when it was last refreshed, for seven days. @throws SweepError `not-found`, `conflict` */
  approve(holdId: string): Promise<Hold>;
  /** Silences a hold, or ends a run that is under way or waits. @throws SweepError `not-found`, `conflict` */
  cancel(holdOrRunId: string): Promise<void>;
}

/** How far back {@link Sweeper.activity} looks, in milliseconds. */
export const ACTIVITY_MS = 30 * DAY_MS;

/** How far ahead, in milliseconds. */
const FORESIGHT_MS = 7 * DAY_MS;

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
      const { lastRun, ...rest } = await desk.overview();
      return { lastRun: lastRun === null ? null : toReport(lastRun), ...rest };
    },
    activity() {
      const now = clock.now();
      return desk.activity(now - ACTIVITY_MS, cutoffsAt(now + FORESIGHT_MS, parts.settings));
    },
    async runs(page) {
      const { items, next } = await desk.runs(page);
      return { items: items.map(toReport), next };
    },
    async runById(id) {
      const entry = await desk.run(id);
      return entry === null ? null : toReport(entry);
    },
    holds: (page) => desk.holds(page),
    holdById: (id) => desk.hold(id),
    removalById: (id) => desk.removal(id),
    async probeStore() {
      await parts.planStore.list({ after: null, limit: 1 });
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
      if (!cancelled) throw new SweepError("conflict", `run ${id} is over and cannot be cancelled`);
    },
  };
}
