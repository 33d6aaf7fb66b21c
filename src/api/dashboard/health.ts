/** How things are, in one sentence: the first that is true of what an operator would want to know first. Pure. */
import { amount, counted, duration } from "../../core/documents/numbers.ts";
import { runSentence } from "../../core/documents/run-sentence.ts";
import type { Instant } from "../../core/model.ts";
import type { SweeperStatus } from "../../core/sweeper.ts";
import type { ServiceSettings } from "../parts.ts";

export interface Health {
  /** `wait`: a person has to look. `bad`: it does not work. */
  readonly tone: "good" | "wait" | "bad";
  readonly sentence: string;
}

export function healthOf(
  { lastRun, holds, open, totals }: SweeperStatus,
  { enabled, mode, staleAfterMs }: ServiceSettings,
  now: Instant,
): Health {
  if (lastRun === null) return good("filesweep has not run yet. A plan shows what it would do, and removes nothing.");
  const since = totals.lastSuccessAt[mode] ?? totals.firstRunAt;
  const isStale = enabled && since !== null && now - since > staleAfterMs;
  const waiting = holds.filter(({ status }) => status === "open").length;
  const givenUp = open.abandoned?.count ?? 0;

  if (lastRun.status === "failed") return bad(`The last run failed: ${reasonsOf(lastRun.sweeps)}.`);
  if (waiting > 0) {
    return wait(
      `${waiting === 1 ? "One decision waits" : `${amount(waiting)} decisions wait`} for you. Until then, what is held stays.`,
    );
  }
  if (isStale) return bad(`No run has come to a good end for ${duration(now - since)}.`);
  if (lastRun.status === "running") return good("A run is under way.");
  if (givenUp > 0) {
    const it = givenUp === 1 ? "its object" : "their objects";
    return wait(
      `${counted(givenUp, "removal")} failed ten times; ${it} stayed. Retry or release ${givenUp === 1 ? "it" : "them"} in the ledger.`,
    );
  }
  if (!enabled) return wait("The schedule is off (CLEANUP_ENABLED): only you start runs.");
  if (lastRun.status === "completed-with-failures") return wait(`It works, but not all of it: ${runSentence(lastRun)}`);
  if (mode === "plan") return good(`filesweep plans and removes nothing (CLEANUP_MODE). ${runSentence(lastRun)}`);
  return good(`All is well. ${runSentence(lastRun)}`);
}

const good = (sentence: string): Health => ({ tone: "good", sentence });
const wait = (sentence: string): Health => ({ tone: "wait", sentence });
const bad = (sentence: string): Health => ({ tone: "bad", sentence });

function reasonsOf(sweeps: NonNullable<SweeperStatus["lastRun"]>["sweeps"]): string {
  const reasons = new Set(sweeps.flatMap(({ error }) => (error === undefined ? [] : [error])));
  return reasons.size === 0 ? "the log tells why" : [...reasons].join("; ");
}
