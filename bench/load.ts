/**
 * `npm run bench:load`: a real `filesweep serve` over a ledger of a million removals, asked 200 times a second while a
 * run is going: how long answers take, whether any fails, and by how much the run is slower than without.
 *
 *     npm run bench:load -- [--removals N] [--rate N] [--files N] [--json]
 *
 * Works on what `npm run build` made. Ends with 1 when an answer failed, or the run was slower by more than a tenth.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { RunJson } from "../src/core/documents/run.ts";
import { openFileClient } from "../src/database/embedded-client.ts";
import { migrate } from "../src/database/schema.ts";
import { DATABASE_NOW } from "../src/database/sql.ts";
import { machine } from "./table.ts";

const { values } = parseArgs({
  options: {
    removals: { type: "string", default: "1000000" },
    rate: { type: "string", default: "200" },
    files: { type: "string", default: "60000" },
    json: { type: "boolean", default: false },
  },
});
const [REMOVALS, RATE, FILES] = [values.removals, values.rate, values.files].map(Number) as [number, number, number];
const TOKEN = "0123456789abcdef0123456789abcdef";
/** The most by which the run may be slower. */
const SLOWER_BY = 0.1;

/** What is asked in turn. */
const PATHS = [
  "/admin/stats",
  "/admin/removals",
  "/admin/removals?state=failed",
  "/admin/removals?run=run-0000500&limit=50",
  "/admin/removals?key=old%2F00001",
  "/admin/removals?limit=100&state=removed",
];

async function makeSite(folder: string): Promise<void> {
  const uploads = join(folder, "data/uploads");
  const client = await openFileClient(join(folder, "data/filesweep.db"), "new");
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
  for (let index = 0; index < 100; index += 1) {
    mkdirSync(join(uploads, `d${String(index).padStart(2, "0")}`), { recursive: true });
  }
  for (let index = 1; index <= FILES; index += 1) {
    const name = `d${String(index % 100).padStart(2, "0")}/${String(index).padStart(7, "0")}`;
    writeFileSync(join(uploads, name), "0123456789");
  }
}

async function serve(folder: string): Promise<{ child: ChildProcess; url: string }> {
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
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

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function ask(url: string, method = "GET"): Promise<{ status: number; text: string; ms: number }> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers: { Authorization: `Bearer ${TOKEN}` } }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (more) => {
        text += more;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, ms: performance.now() - startedMs }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** Starts a run and waits for its end; asks meanwhile, so many times a second, at times that the answers do not move. */
async function measureRun(url: string, rate: number): Promise<{ run: RunJson; times: number[]; failed: number }> {
  // What the API answers has the form of its documents.
  const { id } = JSON.parse((await ask(`${url}/admin/cleanup`, "POST")).text) as RunJson;
  const times: number[] = [];
  const asked: Promise<void>[] = [];
  let failed = 0;
  let count = 0;
  const one = async (path: string): Promise<void> => {
    try {
      const { status, ms } = await ask(`${url}${path}`);
      times.push(ms);
      if (status !== 200) failed += 1;
    } catch {
      failed += 1;
    }
  };
  const startedMs = performance.now();
  const timer = setInterval(() => {
    const wanted = Math.floor(((performance.now() - startedMs) / 1000) * rate);
    for (; count < wanted; count += 1) asked.push(one(PATHS[count % PATHS.length] ?? ""));
  }, 5);
  let run: RunJson;
  do {
    await new Promise((resolve) => setTimeout(resolve, 250));
    run = JSON.parse((await ask(`${url}/admin/runs/${id}`)).text) as RunJson;
  } while (run.finishedAt === null);
  clearInterval(timer);
  await Promise.all(asked);
  return { run, times, failed };
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

async function once(rate: number): Promise<{ run: RunJson; times: number[]; failed: number }> {
  const folder = mkdtempSync(join(tmpdir(), "filesweep-load-"));
  try {
    mkdirSync(join(folder, "data"), { recursive: true });
    await makeSite(folder);
    const { child, url } = await serve(folder);
    try {
      return await measureRun(url, rate);
    } finally {
      child.kill("SIGTERM");
      await new Promise((resolve) => child.on("close", resolve));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const quiet = await once(0);
const loaded = await once(RATE);
const sorted = loaded.times.sort((a, b) => a - b);
const result = {
  removals: REMOVALS,
  files: FILES,
  requestsPerSecond: RATE,
  requests: sorted.length,
  failed: loaded.failed,
  p50Ms: quantile(sorted, 0.5),
  p99Ms: quantile(sorted, 0.99),
  longestMs: sorted.at(-1) ?? 0,
  runAloneMs: quiet.run.durationMs,
  runLoadedMs: loaded.run.durationMs,
  slowerBy: loaded.run.durationMs / quiet.run.durationMs - 1,
  statuses: [quiet.run.status, loaded.run.status],
};
console.log(JSON.stringify(values.json ? { machine: machine(), ...result } : result, null, 2));
process.exitCode = result.failed > 0 || result.slowerBy > SLOWER_BY ? 1 : 0;
