/**
 * `npm run bench:load`: a real `filesweep serve` over a ledger of a million removals, asked 200 times a second while a
 * run is going: how long answers take, whether any fails, and by how much the run is slower than without.
 *
 *     npm run bench:load -- [--removals N] [--rate N] [--files N] [--rounds N] [--only PATH] [--json]
 *
 * The run ends every other of the files, with seconds enough not to be its own start. Each round is a run that nobody
 * disturbs, one that is asked meanwhile, and one beside a stranger: a process that takes as much of the processors as
 * asking and answering did, as often, and shares nothing with the run. Each is on the same site made anew; of several
 * rounds the medians count. What the stranger slows the run by is the machine's, and what is over it is ours: a run takes
 * one and a half cores by itself.
 *
 * Ends with 1 when an answer or a run failed, or the run was slower by more than a tenth.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { RunJson } from "../src/core/documents/run.ts";
import { openFileClient } from "../src/database/embedded-client.ts";
import { migrate } from "../src/database/schema.ts";
import { DATABASE_NOW } from "../src/database/sql.ts";
import { type Asker, createAsker } from "./asker.ts";
import { machine } from "./table.ts";

const { values } = parseArgs({
  options: {
    removals: { type: "string", default: "1000000" },
    rate: { type: "string", default: "200" },
    files: { type: "string", default: "200000" },
    rounds: { type: "string", default: "1" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const [REMOVALS, RATE, FILES, ROUNDS] = [values.removals, values.rate, values.files, values.rounds].map(Number) as [
  number,
  number,
  number,
  number,
];
const TOKEN = "0123456789abcdef0123456789abcdef";
/** The most by which the run may be slower. */
const SLOWER_BY = 0.1;
/** The processors' time as Linux tells it (proc(5): clock ticks, 100 a second), in milliseconds. */
const TICK_MS = 10;

/** What is asked in turn. */
const PATHS =
  values.only === undefined
    ? [
        "/admin/stats",
        "/admin/removals",
        "/admin/removals?state=failed",
        "/admin/removals?run=run-0000500&limit=50",
        "/admin/removals?key=old%2F00001",
        "/admin/removals?limit=100&state=removed",
      ]
    : [values.only];

/** The ledger, and the catalog with every other file expired. */
async function makeDatabase(path: string): Promise<void> {
  const client = await openFileClient(path, "new");
  await migrate(client, DATABASE_NOW);
  const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)";
  await client.batch(
    [
      {
        sql: `${numbers} INSERT INTO filesweep_removals
            (id, key, state, reason, sweep, run_id, size_bytes, created_at, finished_at, attempts, error)
          SELECT printf('00000000-%07d', i), printf('old/%07d', i), iif(i % 10000 = 0, 'failed', 'removed'), 'expired',
            'expired-files', printf('run-%07d', i / 1000), 10, 1, iif(i % 10000 = 0, NULL, unixepoch() * 1000), 1, NULL FROM n`,
        args: [REMOVALS],
      },
      {
        sql: `${numbers} INSERT INTO files (id, key, size_bytes, created_at, expires_at)
          SELECT printf('f-%07d', i), printf('d%02d/%07d', i % 100, i), 10, 1, iif(i % 2 = 0, 1700000000000, NULL) FROM n`,
        args: [FILES],
      },
    ],
    "write",
  );
  client.close();
}

function makeStore(uploads: string): void {
  for (let index = 0; index < 100; index += 1) {
    mkdirSync(join(uploads, `d${String(index).padStart(2, "0")}`), { recursive: true });
  }
  for (let index = 1; index <= FILES; index += 1) {
    const name = `d${String(index % 100).padStart(2, "0")}/${String(index).padStart(7, "0")}`;
    writeFileSync(join(uploads, name), "0123456789");
  }
}

async function serve(folder: string): Promise<{ child: ChildProcess; url: string }> {
  const main = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
  const settings = {
    PORT: "0",
    ADMIN_TOKEN: TOKEN,
    CLEANUP_ENABLED: "false",
    CLEANUP_FIRST_RUN: "remove",
    CLEANUP_HOLD_EXPIRED_PERCENT: "100",
  };
  const child = spawn(process.execPath, ["--", main, "serve"], {
    cwd: folder,
    env: { PATH: process.env["PATH"], ...settings },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stderr?.on("data", (more) => {
      text += String(more);
      const [, found] = /"url":"([^"]+)"/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.on("close", () => reject(new Error(text)));
  });
  return { child, url };
}

/** @param share of one core that it takes */
function startStranger(share: number): ChildProcess {
  const stranger = fileURLToPath(new URL("stranger.js", import.meta.url));
  return spawn(process.execPath, [stranger, String((share * 1000) / RATE), String(RATE)], { stdio: "ignore" });
}

/** The processors' time that a process took so far, in all its threads, in milliseconds; NaN where that cannot be told. */
function cpuMs(pid: number | undefined): number {
  try {
    // Behind the name, which may hold anything, and 11 other fields: the time in user mode, and in the kernel's.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return Number.NaN;
  }
}

interface Round {
  readonly run: RunJson;
  /** How long each answer took, in milliseconds. */
  readonly times: readonly number[];
  readonly failed: number;
  /** From the request for the run to its end. */
  readonly wallMs: number;
  readonly serviceCpuMs: number;
  readonly askingCpuMs: number;
}

/** So many times each path is asked before: what is measured is a service that is up, not one that starts. */
const WARM_UP = 50;

async function warmUp(asker: Asker): Promise<void> {
  for (let turn = 0; turn < WARM_UP; turn += 1) for (const path of PATHS) await asker.get(path);
}

/** What the API answers of a run: one that it starts, or as it is now. */
async function askForRun(url: string, method: "GET" | "POST"): Promise<RunJson> {
  const response = await fetch(url, { method, headers: { Authorization: `Bearer ${TOKEN}` } });
  // What the API answers has the form of its documents.
  return (await response.json()) as RunJson;
}

/** Starts a run and waits for its end; asks meanwhile, so many times a second, at times that the answers do not move. */
async function measureRun(url: string, child: ChildProcess, rate: number): Promise<Round> {
  const asker = createAsker(url, TOKEN);
  await warmUp(asker);
  const before = { service: cpuMs(child.pid), asking: process.cpuUsage() };
  const startedMs = performance.now();
  const { id } = await askForRun(`${url}/admin/cleanup`, "POST");
  const times: number[] = [];
  const asked: Promise<void>[] = [];
  let failed = 0;
  let count = 0;
  const one = async (path: string): Promise<void> => {
    const askedMs = performance.now();
    const status = await asker.get(path).catch(() => null);
    if (status !== null) times.push(performance.now() - askedMs);
    if (status !== 200) failed += 1;
  };
  const timer = setInterval(() => {
    const wanted = Math.floor(((performance.now() - startedMs) / 1000) * rate);
    for (; count < wanted; count += 1) asked.push(one(PATHS[count % PATHS.length] ?? ""));
  }, 5);
  let run: RunJson;
  do {
    await new Promise((resolve) => setTimeout(resolve, 250));
    run = await askForRun(`${url}/admin/runs/${id}`, "GET");
  } while (run.finishedAt === null);
  const wallMs = performance.now() - startedMs;
  const serviceCpuMs = cpuMs(child.pid) - before.service;
  const asking = process.cpuUsage(before.asking);
  clearInterval(timer);
  await Promise.all(asked);
  asker.close();
  return { run, times, failed, wallMs, serviceCpuMs, askingCpuMs: (asking.user + asking.system) / 1000 };
}

async function once(database: string, rate: number): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), "filesweep-load-"));
  try {
    mkdirSync(join(folder, "data"), { recursive: true });
    for (const part of ["", "-wal"].filter((part) => existsSync(database + part))) {
      copyFileSync(database + part, join(folder, `data/filesweep.db${part}`));
    }
    makeStore(join(folder, "data/uploads"));
    const { child, url } = await serve(folder);
    try {
      return await measureRun(url, child, rate);
    } finally {
      child.kill("SIGTERM");
      await new Promise((resolve) => child.on("close", resolve));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
};
const median = (values: readonly number[]): number => quantile(values, 0.5);

/** What asking and answering took of the processors, in shares of one core. */
function takenBy(asked: Round, alone: Round): number {
  const answering = asked.serviceCpuMs - alone.serviceCpuMs;
  return Math.max(0, answering + asked.askingCpuMs) / asked.wallMs;
}

async function besideStranger(database: string, share: number): Promise<Round> {
  const stranger = startStranger(share);
  try {
    return await once(database, 0);
  } finally {
    stranger.kill();
  }
}

/** The same run, three times. */
interface Three {
  readonly alone: Round;
  readonly asked: Round;
  readonly strange: Round;
}

async function measure(): Promise<Three[]> {
  const folder = mkdtempSync(join(tmpdir(), "filesweep-load-"));
  try {
    const database = join(folder, "filesweep.db");
    await makeDatabase(database);
    const rounds: Three[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const alone = await once(database, 0);
      const asked = await once(database, RATE);
      rounds.push({ alone, asked, strange: await besideStranger(database, takenBy(asked, alone)) });
    }
    return rounds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const rounds = await measure();
const quiet = rounds.map(({ alone }) => alone);
const loaded = rounds.map(({ asked }) => asked);
const strange = rounds.map((round) => round.strange);
const times = loaded.flatMap((round) => round.times);
const of = (rounds: readonly Round[], what: (round: Round) => number): number => median(rounds.map(what));
const runMs = ({ run }: Round): number => run.durationMs;
const result = {
  removals: REMOVALS,
  files: FILES,
  requestsPerSecond: RATE,
  requests: times.length,
  failed: loaded.reduce((sum, { failed }) => sum + failed, 0),
  p50Ms: quantile(times, 0.5),
  p99Ms: quantile(times, 0.99),
  longestMs: quantile(times, 1),
  runAloneMs: of(quiet, runMs),
  runLoadedMs: of(loaded, runMs),
  runBesideStrangerMs: of(strange, runMs),
  slowerBy: of(loaded, runMs) / of(quiet, runMs) - 1,
  slowerByStranger: of(strange, runMs) / of(quiet, runMs) - 1,
  /** Shares of one core. */
  serviceAlone: of(quiet, (round) => round.serviceCpuMs / round.wallMs),
  serviceLoaded: of(loaded, (round) => round.serviceCpuMs / round.wallMs),
  asking: of(loaded, (round) => round.askingCpuMs / round.wallMs),
  /** Each alone, asked, and beside the stranger, in milliseconds. */
  rounds: rounds.map(({ alone, asked, strange }) => [alone, asked, strange].map(runMs)),
  statuses: [...new Set([...quiet, ...loaded, ...strange].map(({ run }) => run.status))],
};
console.log(JSON.stringify(values.json ? { machine: machine(), ...result } : result, null, 2));
const completed = result.statuses.every((status) => status === "completed");
process.exitCode = !completed || result.failed > 0 || result.slowerBy > SLOWER_BY ? 1 : 0;
