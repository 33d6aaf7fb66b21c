/** The contract's figures (SPEC section 9), checked against what was measured. */
import type { Measured } from "./measure.ts";

export interface Check {
  readonly what: string;
  readonly measured: string;
  readonly limit: string;
  readonly ok: boolean;
}

const MIB = 2 ** 20;

const MOST_CALLS = { expiredDatabase: 2, expiredStorage: 1, scanList: 1, scanDatabase: 1, removalDelete: 1 };
const MOST_GROWTH_BYTES = 32 * MIB;
const MOST_TIMES_NODE = 2;
/** How much of the steps may come from ten times as many live rows: the few more levels of larger indexes. */
const MOST_TIMES_STEPS = 1.1;

export function checkLimits(results: readonly Measured[]): Check[] {
  const of = (kind: Measured["kind"]): Measured[] =>
    results.filter((result) => result.kind === kind && result.measures === "time");
  return [
    ...checkExpiredCalls(of("expired")),
    ...checkScanCalls(of("orphans")),
    ...checkSteps(results.filter(({ measures }) => measures === "meter")),
    ...checkMemory(of("expired")),
    ...checkMemory(of("orphans")),
    ...results.flatMap(checkTimes),
  ];
}

/** Between two sizes of the same case what a run costs once cancels: opening, closing, the first and the last page. */
function slope(results: readonly Measured[], y: (result: Measured) => number, x: (result: Measured) => number): number {
  const [small, large] = [results[0], results.at(-1)];
  if (small === undefined || large === undefined || small === large) return Number.NaN;
  return ((y(large) - y(small)) / (x(large) - x(small))) * 1000;
}

function checkExpiredCalls(results: readonly Measured[]): Check[] {
  if (results.length < 2) return [];
  const per = (y: (result: Measured) => number): number => slope(results, y, ({ objects }) => objects);
  const calls = "per 1,000 expired files";
  return [
    atMost(`database calls ${calls}`, per(databaseCalls), MOST_CALLS.expiredDatabase),
    atMost(`storage calls ${calls}`, per(storageCalls), MOST_CALLS.expiredStorage),
  ];
}

/** The remover's calls grow with what is removed, the scan's with what is listed. */
function checkScanCalls(results: readonly Measured[]): Check[] {
  if (results.length < 2) return [];
  const scanned = (y: (result: Measured) => number): number => slope(results, y, ({ objects }) => objects);
  const removed = (y: (result: Measured) => number): number => slope(results, y, (result) => result.removable);
  const scanDatabase = (result: Measured): number => databaseCalls(result) - condemnCalls(result);
  return [
    atMost("lists per 1,000 objects scanned", scanned(listCalls), MOST_CALLS.scanList),
    atMost("database calls per 1,000 objects scanned", scanned(scanDatabase), MOST_CALLS.scanDatabase),
    atMost("deletes per 1,000 orphans removed", removed(deleteCalls), MOST_CALLS.removalDelete),
  ];
}

const databaseCalls = (result: Measured): number => result.filesweep?.calls.database ?? 0;
const condemnCalls = (result: Measured): number => result.filesweep?.calls.condemn ?? 0;
const listCalls = (result: Measured): number => result.filesweep?.calls.list ?? 0;
const deleteCalls = (result: Measured): number => result.filesweep?.calls.delete ?? 0;
const storageCalls = (result: Measured): number => listCalls(result) + deleteCalls(result);

function checkSteps(results: readonly Measured[]): Check[] {
  const [few, many] = results;
  if (few?.steps === undefined || many?.steps === undefined) return [];
  const ratio = many.steps / few.steps;
  const what = `database work for ${count(few.objects)} expired files beside ${count(many.otherRows)} live rows instead of ${count(few.otherRows)}`;
  return [{ what, measured: times(ratio), limit: `≤ ${times(MOST_TIMES_STEPS)}`, ok: ratio <= MOST_TIMES_STEPS }];
}

function checkMemory(results: readonly Measured[]): Check[] {
  const [small, large] = [results[0], results.at(-1)];
  if (small?.filesweep === undefined || large?.filesweep === undefined || small === large) return [];
  const growth = large.filesweep.peakBytes - small.filesweep.peakBytes;
  return [
    {
      what: `peak memory at ${label(large)} over that at ${count(small.objects)}`,
      measured: `${(growth / MIB).toFixed(1)} MiB`,
      limit: `≤ ${MOST_GROWTH_BYTES / MIB} MiB`,
      ok: growth <= MOST_GROWTH_BYTES,
    },
  ];
}

/** Below this what a process spends once, on compiling its code above all, is most of the time. */
const JUDGED_FROM = 100_000;

function checkTimes(result: Measured): Check[] {
  const { filesweep, nodeSeconds, naiveSeconds, objects } = result;
  if (objects < JUDGED_FROM || filesweep === undefined || nodeSeconds === undefined || naiveSeconds === undefined)
    return [];
  const [node, naive] = [filesweep.seconds / nodeSeconds, filesweep.seconds / naiveSeconds];
  return [
    {
      what: `${label(result)}: time over Node's list-and-unlink loop`,
      measured: times(node),
      limit: `≤ ${times(MOST_TIMES_NODE)}`,
      ok: node <= MOST_TIMES_NODE,
    },
    {
      what: `${label(result)}: time over one query and one delete per file`,
      measured: times(naive),
      limit: `< ${times(1)}`,
      ok: naive < 1,
    },
  ];
}

function atMost(what: string, measured: number, limit: number): Check {
  // Half a call in a thousand items is a last page that was cut elsewhere, and no call more per page.
  return { what, measured: measured.toFixed(2), limit: `≤ ${limit}`, ok: measured <= limit + 0.005 };
}

export const times = (ratio: number): string => `${ratio.toFixed(2)}×`;
export const count = (value: number): string => value.toLocaleString("en-US");

/** Such as "100,000 expired files". */
export function label({ kind, objects }: Pick<Measured, "kind" | "objects">): string {
  return kind === "expired" ? `${count(objects)} expired files` : `${count(objects)} objects, 1 % orphans`;
}
