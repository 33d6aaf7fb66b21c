/**
 * `npm run bench:s3`: filesweep on a real S3 server (`scripts/rgw.sh` starts it), beside the bare loops over the same
 * server: list everything, and delete everything in batches, one request after the other as filesweep makes them.
 *
 *     npm run bench:s3 -- [OBJECTS …]        10000 200000 without
 *
 * Each measurement is a process of its own, so that its peak memory is its own. Each is made several times, ours and the
 * bare loop's in turn (bare, ours, ours, bare, …): a server is not as fast at the end as it was at the beginning. The
 * seconds are those of one time, on average; the ratio is told of all, and of the pairs it differs most in.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runSlice } from "../src/core/run.ts";
import { DAY_MS } from "../src/core/safety.ts";
import { readSettings } from "../src/core/settings.ts";
import { openFileClient } from "../src/database/embedded-client.ts";
import { DEFAULT_MAPPING } from "../src/database/mapping.ts";
import { migrate } from "../src/database/schema.ts";
import { DATABASE_NOW } from "../src/database/sql.ts";
import { composeRun, SYSTEM_CLOCK, withClient } from "../src/library/compose.ts";
import { resolveSetup } from "../src/library/process.ts";
import { createS3Store } from "../src/storage/s3.ts";
import { rawBucket } from "../test/support/s3-raw.ts";

const SETTINGS = {
  endpoint: process.env["FILESWEEP_S3_ENDPOINT"] ?? "",
  region: "us-east-1",
  accessKeyId: "test",
  secretAccessKey: "testsecret",
  sessionToken: null,
  forcePathStyle: true,
};
/** The twin whose clock is 90 days behind: what is put there is old enough to go. */
const OLD_ENDPOINT = process.env["FILESWEEP_S3_OLD_ENDPOINT"] ?? "";
const PUTS_AT_ONCE = 32;
/** Of what is removed at once there are no more than this: the ratio needs no more. */
const MOST_REMOVED = 10_000;

/** How often a removal is measured: each needs as many objects of its own, and as many for the bare loop. */
const REMOVALS = 4;
/** How often a scan is measured; one of so many objects that it takes seconds less often. */
const SCANS = 16;
const SCANS_OF_MANY = 4;
const MANY = 100_000;

interface Job {
  readonly bucket: string;
  readonly database: string;
  readonly objects: number;
  /** Which of several measurements of the same. */
  readonly turn: number;
}

interface Cost {
  readonly seconds: number;
  readonly peakBytes: number;
  readonly calls: { readonly database: number; readonly storage: number };
}

const removed = ({ objects }: Pick<Job, "objects">): number => Math.min(objects, MOST_REMOVED);
const keyOf = (kind: string, index: number): string => `${kind}/${String(index).padStart(8, "0")}`;
const storeOf = ({ bucket }: Job) => createS3Store({ ...SETTINGS, bucket, prefix: "", now: () => Date.now() });

/** `live/…` with their rows; for each turn, as many as are removed in it: `expired0/…` with theirs, and `bare0/…` without. */
async function fill(job: Job): Promise<void> {
  await rawBucket({ ...SETTINGS, bucket: job.bucket }).ask("PUT", "");
  const old = rawBucket({ ...SETTINGS, endpoint: OLD_ENDPOINT, bucket: job.bucket, clockOffsetMs: -90 * DAY_MS });
  const turns = Array.from({ length: REMOVALS }, (_, turn) => turn);
  const kinds = turns.flatMap((turn) => [`expired${turn}`, `bare${turn}`]);
  const amounts = new Map([["live", job.objects], ...kinds.map((kind): [string, number] => [kind, removed(job)])]);
  for (const [kind, amount] of amounts) {
    let next = 0;
    const putter = async (): Promise<void> => {
      for (let index = next++; index < amount; index = next++) await old.put(keyOf(kind, index), "");
    };
    await Promise.all(Array.from({ length: PUTS_AT_ONCE }, putter));
  }
  const client = await openFileClient(job.database, "new");
  await migrate(client, DATABASE_NOW);
  const rows = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1)
    INSERT INTO files (id, key, size_bytes, created_at, expires_at)
    SELECT ?2 || i, printf('%s/%08d', ?2, i), 0, 1, ?3 FROM n`;
  const insert = (kind: string, amount: number, expiresAt: number) => ({ sql: rows, args: [amount, kind, expiresAt] });
  await client.batch([insert("live", job.objects, Date.now() + DAY_MS)], "write");
  for (const turn of turns) await client.batch([insert(`expired${turn}`, removed(job), Date.now() + DAY_MS)], "write");
  client.close();
}

async function bareList(job: Job): Promise<Cost> {
  const store = storeOf(job);
  let calls = 0;
  return timed(async () => {
    for (let after: string | null = null; ; ) {
      const page = await store.list({ after, limit: 1000 });
      calls += 1;
      if (page.next === null) break;
      after = page.next;
    }
    return { database: 0, storage: calls };
  });
}

async function bareDelete(job: Job): Promise<Cost> {
  const store = storeOf(job);
  let calls = 0;
  return timed(async () => {
    for (let start = 0; start < removed(job); start += 1000) {
      const keys = Array.from({ length: Math.min(1000, removed(job) - start) }, (_, at) =>
        keyOf(`bare${job.turn}`, start + at),
      );
      await store.delete(keys.map((key) => ({ key })));
      calls += 1;
    }
    return { database: 0, storage: calls };
  });
}

/** The end of this turn's files has come. */
async function expire({ database, turn }: Job): Promise<void> {
  const client = await openFileClient(database, "existing");
  const sql = "UPDATE files SET expires_at = ?1 WHERE key GLOB ?2";
  await client.batch([{ sql, args: [Date.now() - DAY_MS, `expired${turn}/*`] }], "write");
  client.close();
}

async function sweep(job: Job, name: "orphaned-objects" | "expired-files"): Promise<Cost> {
  const variables = {
    DATABASE_URL: `file:${job.database}`,
    STORAGE_URL: `s3://${job.bucket}`,
    S3_ENDPOINT: SETTINGS.endpoint,
    S3_REGION: SETTINGS.region,
    S3_ACCESS_KEY_ID: SETTINGS.accessKeyId,
    S3_SECRET_ACCESS_KEY: SETTINGS.secretAccessKey,
    CLEANUP_FIRST_RUN: "remove",
    CLEANUP_HOLD_EXPIRED_PERCENT: "100",
  };
  const settings = readSettings(variables, { runtime: "node", listable: true });
  const setup = await resolveSetup(settings, { clock: SYSTEM_CLOCK, log: () => {}, host: "bench", holder: "bench" });
  return withClient(setup, "existing", (client) =>
    timed(async () => {
      const parts = composeRun(setup, client, DEFAULT_MAPPING);
      const outcome = await runSlice(parts, { mode: "remove", sweeps: [name], trigger: "cli" });
      if (outcome.kind !== "ran" || outcome.report.status !== "completed") throw new Error(JSON.stringify(outcome));
      return outcome.report.calls;
    }),
  );
}

async function timed(work: () => Promise<Cost["calls"]>): Promise<Cost> {
  const startedMs = performance.now();
  const calls = await work();
  const seconds = (performance.now() - startedMs) / 1000;
  // maxRSS is in KiB.
  return { seconds, peakBytes: process.resourceUsage().maxRSS * 1024, calls };
}

const TASKS = {
  fill,
  "bare-delete": bareDelete,
  "expired-files": async (job: Job) => {
    await expire(job);
    return sweep(job, "expired-files");
  },
  "bare-list": bareList,
  "orphaned-objects": (job: Job) => sweep(job, "orphaned-objects"),
} as const;

async function inChild(task: keyof typeof TASKS, job: Job): Promise<Cost> {
  console.error(`${job.objects} objects: ${task}`);
  const args = [fileURLToPath(import.meta.url), task, JSON.stringify(job)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  // Written by the child below; of `fill` nothing is read.
  return JSON.parse(stdout) as Cost;
}

/** What was measured of a task, and of the bare one beside it: each as often. */
interface Pair {
  readonly bare: readonly Cost[];
  readonly ours: readonly Cost[];
}

/** Both, so many times; in every second turn ours comes first. */
async function inTurns(
  bareTask: keyof typeof TASKS,
  ourTask: keyof typeof TASKS,
  job: Omit<Job, "turn">,
  turns: number,
): Promise<Pair> {
  const bare: Cost[] = [];
  const ours: Cost[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    if (turn % 2 === 0) bare.push(await inChild(bareTask, { ...job, turn }));
    ours.push(await inChild(ourTask, { ...job, turn }));
    if (turn % 2 === 1) bare.push(await inChild(bareTask, { ...job, turn }));
  }
  return { bare, ours };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of one time. */
function secondsOf(costs: readonly Cost[]): number {
  return mean(costs.map(({ seconds }) => seconds));
}

async function measure(objects: number, folder: string): Promise<string[]> {
  const job = { objects, bucket: `bench-${objects}`, database: path.join(folder, `${objects}.db`) };
  await inChild("fill", { ...job, turn: 0 });
  const removal = await inTurns("bare-delete", "expired-files", job, REMOVALS);
  const scan = await inTurns("bare-list", "orphaned-objects", job, objects < MANY ? SCANS : SCANS_OF_MANY);
  const row = (what: string, amount: number, { bare, ours }: Pair): string => {
    const per = (calls: (cost: Cost) => number): string => ((mean(ours.map(calls)) * 1000) / amount).toFixed(2);
    const [bareSeconds, ourSeconds] = [secondsOf(bare), secondsOf(ours)];
    const peak = `${(Math.max(...ours.map(({ peakBytes }) => peakBytes)) / 2 ** 20).toFixed(0)} MiB`;
    const ratios = ours.map(({ seconds }, turn) => seconds / (bare[turn]?.seconds ?? Number.NaN));
    const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
    const calls = `${per((cost) => cost.calls.database)} + ${per((cost) => cost.calls.storage)}`;
    return `| ${what} | ${amount} | ${ours.length} | ${bareSeconds.toFixed(2)} s | ${ourSeconds.toFixed(2)} s | ${(ourSeconds / bareSeconds).toFixed(2)} (${spread}) | ${calls} | ${peak} |`;
  };
  return [row("removal of expired files", removed(job), removal), row("orphan scan", objects, scan)];
}

async function main(sizes: readonly number[]): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "filesweep-bench-s3-"));
  try {
    console.log(
      "| | objects | times | bare loop | filesweep | ratio | database + store calls for 1,000 | peak memory |",
    );
    console.log("|---|---|---|---|---|---|---|---|");
    for (const objects of sizes) for (const line of await measure(objects, folder)) console.log(line);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first !== undefined && first in TASKS) {
  // Written by `inChild` alone.
  const job = JSON.parse(rest[0] ?? "") as Job;
  process.stdout.write(JSON.stringify((await TASKS[first as keyof typeof TASKS](job)) ?? null));
} else {
  const sizes = process.argv.slice(2).map(Number);
  await main(sizes.length > 0 ? sizes : [10_000, 200_000]);
}
