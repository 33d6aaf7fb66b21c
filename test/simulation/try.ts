/** Tries histories until one breaks a promise, and shrinks that one to a story that a person can read. */
import fc from "fast-check";
import { addTo, Coverage } from "./coverage.ts";
import { type Conditions, type History, histories } from "./history.ts";
import type { Violation } from "./knowledge.ts";
import { play } from "./play.ts";

export interface Tried {
  readonly histories: number;
  readonly steps: number;
  readonly removals: number;
  /** Objects removed, by the catalog and the store of the site. */
  readonly bySite: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  readonly coverage: Coverage;
  readonly failure: Failure | null;
}

export interface Failure {
  readonly seed: number;
  readonly path: string;
  readonly history: History;
  readonly violation: Violation;
  /** What happened, a line each. */
  readonly story: readonly string[];
}

export interface TryOptions {
  readonly conditions: Conditions;
  readonly seed: number;
  readonly runs: number;
  /** Steps of a history, at most. */
  readonly length: number;
  /** Only a break of this rule counts. */
  readonly rule?: string;
  /** The first history that breaks something will do, however long it is. */
  readonly unshrunk?: boolean;
}

export async function tryHistories({
  conditions,
  seed,
  runs,
  length,
  rule,
  unshrunk = false,
}: TryOptions): Promise<Tried> {
  const coverage = new Coverage();
  const faults = new Map<string, number>();
  const bySite = new Map<string, number>();
  const sum = { histories: 0, steps: 0, removals: 0 };
  const isHeld = fc.asyncProperty(histories(conditions, length), async (history) => {
    const played = await play(history, conditions, coverage);
    sum.histories += 1;
    sum.steps += history.steps.length;
    sum.removals += played.removals;
    const { catalog, folder } = history.site;
    const site = `${catalog} ${folder ? "on a folder" : "in a bucket"}`;
    addTo(bySite, new Map([[site, played.removals]]));
    addTo(faults, played.faults);
    return !played.violations.some((violation) => rule === undefined || violation.rule === rule);
  });
  const result = await fc.check(isHeld, { seed, numRuns: runs, endOnFailure: unshrunk });
  const found = result.counterexample?.[0];
  if (!result.failed || found === undefined) return { ...sum, bySite, faults, coverage, failure: null };
  const { violations, trace } = await play(found, conditions);
  const violation = violations[0] ?? { rule: "no rule", detail: String(result.errorInstance) };
  const failure = { seed, path: result.counterexamplePath ?? "", history: found, violation, story: trace };
  return { ...sum, bySite, faults, coverage, failure };
}
