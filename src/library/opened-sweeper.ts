/** A sweeper that stands for one that has to be opened first. */
import type { Sweeper } from "../core/sweeper.ts";

/** Opens a sweeper, hands it to `use`, and does with it after that whatever it does. */
export type OpenedFor = <T>(use: (sweeper: Sweeper) => Promise<T>) => Promise<T>;

/** The questions and decisions of a sweeper, each of which opens it. */
export function questionsOf(ask: OpenedFor): Omit<Sweeper, "run" | "plan"> {
  return {
    status: () => ask((sweeper) => sweeper.status()),
    activity: () => ask((sweeper) => sweeper.activity()),
    explain: (about) => ask((sweeper) => sweeper.explain(about)),
    runs: (page) => ask((sweeper) => sweeper.runs(page)),
    runById: (id) => ask((sweeper) => sweeper.runById(id)),
    holds: (page) => ask((sweeper) => sweeper.holds(page)),
    holdById: (id) => ask((sweeper) => sweeper.holdById(id)),
    removals: (filter) => ask((sweeper) => sweeper.removals(filter)),
    removalById: (id) => ask((sweeper) => sweeper.removalById(id)),
    probeStore: () => ask((sweeper) => sweeper.probeStore()),
    release: (id) => ask((sweeper) => sweeper.release(id)),
    retry: (id) => ask((sweeper) => sweeper.retry(id)),
    approve: (id) => ask((sweeper) => sweeper.approve(id)),
    cancel: (id) => ask((sweeper) => sweeper.cancel(id)),
  };
}
