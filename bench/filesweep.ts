/** One run of filesweep over a sample, put together as the command line does it. */
import process from "node:process";
import { type RunOutcome, type RunParts, runSlice } from "../src/core/run.ts";
import { readSettings } from "../src/core/settings.ts";
import type { SqlClient } from "../src/database/client.ts";
import { DEFAULT_MAPPING } from "../src/database/mapping.ts";
import { composeRun, type Setup, SYSTEM_CLOCK, withClient } from "../src/library/compose.ts";
import { resolveSetup } from "../src/library/process.ts";
import { databaseOf, removable, type Sample, storeOf } from "./sample.ts";

/** What a run cost. Calls are of the whole run: the limits take differences of two sizes, so that what is constant cancels. */
export interface Cost {
  readonly seconds: number;
  /** The most memory that the process ever held, in bytes. */
  readonly peakBytes: number;
  readonly calls: {
    readonly database: number;
    /** Of these: the remover's own, one for each batch it takes from the ledger. */
    readonly condemn: number;
    readonly list: number;
    readonly delete: number;
  };
}

/** @throws Error when the run did not remove exactly what the sample is made for */
export async function runFilesweep(
  sample: Sample,
  wrapClient = (client: SqlClient): SqlClient => client,
): Promise<Cost> {
  const setup = await setUp(sample);
  return withClient(setup, "existing", async (client) => {
    const { parts, counts } = counting(composeRun(setup, wrapClient(client), DEFAULT_MAPPING));
    const startedMs = performance.now();
    const sweep = sample.kind === "expired" ? "expired-files" : "orphaned-objects";
    const outcome = await runSlice(parts, { mode: "remove", sweeps: [sweep], trigger: "cli" });
    const seconds = (performance.now() - startedMs) / 1000;
    // maxRSS is in KiB.
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    return { seconds, peakBytes, calls: { ...counts, database: databaseCalls(outcome, sample) } };
  });
}

function setUp(sample: Sample): Promise<Setup> {
  const variables = {
    DATABASE_URL: `file:${databaseOf(sample)}`,
    STORAGE_URL: `file:${storeOf(sample)}`,
    CLEANUP_QUARANTINE_HOURS: "0",
    // The store and the database have not met before, and most of it goes: no person need look at that here.
    CLEANUP_FIRST_RUN: "remove",
    // Each round takes a fresh database to the same folder.
    CLEANUP_IDENTITY_MARKER: "false",
    CLEANUP_HOLD_EXPIRED_PERCENT: "100",
  };
  const settings = readSettings(variables, { runtime: "node", listable: true });
  return resolveSetup(settings, { clock: SYSTEM_CLOCK, log: () => {}, host: "bench", holder: "bench" });
}

function counting(parts: RunParts): { parts: RunParts; counts: { condemn: number; list: number; delete: number } } {
  const counts = { condemn: 0, list: 0, delete: 0 };
  const { database, store, planStore } = parts;
  const ledger: typeof database.ledger = {
    ...database.ledger,
    condemn(...args) {
      counts.condemn += 1;
      return database.ledger.condemn(...args);
    },
  };
  const list: typeof store.list = (options) => {
    counts.list += 1;
    return planStore.list(options);
  };
  const remove: typeof store.delete = (...args) => {
    counts.delete += 1;
    return store.delete(...args);
  };
  const counted = {
    ...parts,
    database: { ...database, ledger },
    store: { ...store, list, delete: remove },
    planStore: { ...planStore, list },
  };
  return { parts: counted, counts };
}

function databaseCalls(outcome: RunOutcome, sample: Sample): number {
  if (outcome.kind !== "ran") throw new Error("somebody else holds the lease");
  const { status, sweeps, calls } = outcome.report;
  const removed = sweeps.reduce((sum, sweep) => sum + sweep.removed.count, 0);
  if (status === "completed" && removed === removable(sample)) return calls.database;
  throw new Error(
    `the run ended ${status} and removed ${removed} of ${removable(sample)}: ${JSON.stringify(outcome.report)}`,
  );
}

/**
 * Steps of SQLite's virtual machine in a whole run: the work that grows with every row read. The embedded client does
 * not tell rows read; these counters are read from `sqlite_stmt`, in the transaction of the statements.
 */
export async function meterFilesweep(sample: Sample): Promise<{ steps: number }> {
  let steps = 0;
  let number = 0;
  const metered = (client: SqlClient): SqlClient => ({
    ...client,
    async batch(statements, mode) {
      number += 1;
      const mark = `/* metered ${number} */`;
      const marked = statements.map(({ sql, args }) => ({ sql: `${mark} ${sql}`, args }));
      const sum = { sql: "SELECT sum(nstep) AS steps FROM sqlite_stmt WHERE sql LIKE ?", args: [`${mark}%`] };
      const results = await client.batch([...marked, sum], mode);
      steps += Number(results.at(-1)?.[0]?.["steps"] ?? 0);
      return results.slice(0, -1);
    },
  });
  await runFilesweep(sample, metered);
  return { steps };
}
