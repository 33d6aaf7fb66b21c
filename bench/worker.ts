/**
 * `npm run bench:worker`: how much CPU a tick of the Worker takes in workerd, and each page of it.
 *
 *     npm run bench:worker -- [--page N] [--ticks N]
 *
 * What is deployed, bundled and minified as it is deployed, runs in a workerd of its own, without wrangler's simulator in
 * it: the database and an S3 server are in this process, and a bucket that is bound costs the Worker no more than the
 * objects that it is given. Before each tick workerd is started anew, since a Worker that is called once an hour is
 * started anew too; what it takes to start is not counted.
 *
 * CPU is what Linux has given to workerd's main thread between the tick's request and its answer, in nanoseconds
 * (`/proc/PID/task/…/schedstat`): all of JavaScript, and also the network, which on Cloudflare is another's. What else
 * the machine does can only add to it, so of several ticks the least counts. A tick of one page and one of five tell what
 * a page takes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { DAY_MS, HOUR_MS } from "../src/core/safety.ts";
import { PRESETS } from "../src/core/settings/presets.ts";
import { openFileClient } from "../src/database/embedded-client.ts";
import { seedDatabase } from "../test/runtime/seed-database.ts";
import { bundleOptions } from "../test/runtime/workerd/bundle-options.ts";
import { startHranaServer } from "../test/support/hrana-server.ts";
import { startS3Server } from "../test/support/s3-server.ts";
import { plain } from "../test/support/statements.ts";
import { machine } from "./table.ts";
import { keyAt } from "./worker-entry.ts";

const { values } = parseArgs({
  options: {
    page: { type: "string", default: String(PRESETS["workers-free"].pageSize) },
    ticks: { type: "string", default: "15" },
  },
});
const [PAGE, TICKS] = [values.page, values.ticks].map(Number) as [number, number];

const folder = mkdtempSync(join(tmpdir(), "filesweep-bench-worker-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

// ---------------------------------------------------------------------------------------------------------- workerd

/** The binary itself: what is on the path may be a script that starts it. */
const { default: WORKERD } = createRequire(fileURLToPath(import.meta.resolve("wrangler")))("workerd") as {
  default: string;
};

async function writeBundle(): Promise<void> {
  const options = { ...bundleOptions(), entryPoints: ["bench/worker-entry.ts"] };
  const { outputFiles } = await build({ ...options, format: "esm" });
  writeFileSync(join(folder, "worker.js"), outputFiles[0]?.contents ?? "");
}

function writeConfiguration(vars: Readonly<Record<string, string>>): void {
  const bindings = Object.entries(vars).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`);
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  bindings = [${bindings.join(", ")}],
);
`,
  );
}

/** The CPU time of one tick in a workerd that was just started, in milliseconds. */
async function tick(): Promise<number> {
  const port = await freePort();
  const workerd = spawn(WORKERD, ["serve", join(folder, "config.capnp"), `--socket-addr=http=127.0.0.1:${port}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    await untilItAnswers(`http://127.0.0.1:${port}/`);
    const before = cpuMs(workerd);
    const { ok } = await fetch(`http://127.0.0.1:${port}/tick`, { signal: AbortSignal.timeout(60_000) });
    if (!ok) throw new Error("the tick failed");
    return cpuMs(workerd) - before;
  } finally {
    workerd.kill("SIGKILL");
  }
}

/** Of the thread that JavaScript runs on. V8's helpers, which compile and collect beside it, are threads of other names. */
function cpuMs({ pid }: ChildProcess): number {
  const tasks = `/proc/${pid}/task`;
  const own = readdirSync(tasks).filter((task) => readFileSync(`${tasks}/${task}/comm`, "utf8").trim() === "workerd");
  const nanoseconds = own.map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]));
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}

async function untilItAnswers(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("workerd did not start");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

// ------------------------------------------------------------------------------------------------------------ ticks

interface Work {
  readonly name: string;
  /** What a row of the catalog says, besides its key. */
  readonly row: { readonly expiresAt: number | null };
  /** How many rows and objects there are, so that each of `ticks` ticks finds `pages` pages of work. */
  objects(pages: number, ticks: number): number;
  settings(pages: number): Readonly<Record<string, string>>;
}

const WORK: readonly Work[] = [
  {
    name: "expired files ended and removed",
    row: { expiresAt: Date.now() - HOUR_MS },
    objects: (pages, ticks) => pages * PAGE * (ticks + 2),
    settings: (pages) => ({ CLEANUP_SWEEPS: "expired-files", CLEANUP_MAX_REMOVALS: String(pages * PAGE) }),
  },
  {
    name: "objects listed and compared",
    row: { expiresAt: null },
    objects: (pages) => pages * PAGE,
    settings: () => ({ CLEANUP_SWEEPS: "orphaned-objects,missing-objects", CLEANUP_SCAN_EVERY_HOURS: "0" }),
  },
];

async function seed(work: Work, objects: number): Promise<{ file: string; keys: readonly string[] }> {
  const own = mkdtempSync(join(folder, "database-"));
  const file = await seedDatabase(own, []);
  const client = await openFileClient(file);
  const keys = Array.from({ length: objects }, (_, index) => keyAt(index));
  const insert =
    "INSERT INTO files (id, key, size_bytes, created_at, expires_at) SELECT value, value, 10, ?, ? FROM json_each(?)";
  const args = [Date.now() - 2 * DAY_MS, work.row.expiresAt, JSON.stringify(keys)];
  await client.batch([plain(insert, args)], "write");
  client.close();
  return { file, keys };
}

/** The CPU times of `TICKS` ticks of `pages` pages each, in milliseconds. */
async function ticksOf(work: Work, pages: number, over: "R2" | "S3"): Promise<number[]> {
  const { file, keys } = await seed(work, work.objects(pages, TICKS));
  const database = await startHranaServer({ fileAt: () => file });
  const store = await startS3Server();
  const object = { sizeBytes: 10, modifiedAt: Date.now() - 2 * DAY_MS };
  for (const key of keys) store.objects.set(key, object);
  const { endpoint, accessKeyId, secretAccessKey, bucket } = store.settings;
  const overS3 = {
    STORAGE_URL: `s3://${bucket}/`,
    S3_ENDPOINT: String(endpoint),
    S3_ACCESS_KEY_ID: accessKeyId,
    S3_SECRET_ACCESS_KEY: secretAccessKey,
  };
  writeConfiguration({
    DATABASE_URL: database.url,
    ...(over === "S3" ? overS3 : { STORAGE_URL: "r2://FILES/", BENCH_OBJECTS: String(keys.length) }),
    LOG_LEVEL: "error",
    CLEANUP_PAGE_SIZE: String(PAGE),
    CLEANUP_FIRST_RUN: "remove",
    CLEANUP_IDENTITY_MARKER: "false",
    CLEANUP_HOLD_EXPIRED_PERCENT: "100",
    ...work.settings(pages),
  });
  const times: number[] = [];
  try {
    // The first meets the store, which the others do not.
    await tick();
    for (let index = 0; index < TICKS; index += 1) times.push(await tick());
  } finally {
    await database.close();
    await store.close();
  }
  return times;
}

await writeBundle();
process.stdout.write(
  `${machine()}\n\nPages of ${PAGE}; the least of ${TICKS} ticks, each in a workerd that was just started.\n\n`,
);
process.stdout.write("| | a tick of 1 page | a tick of 5 pages | a page more |\n|---|---|---|---|\n");
for (const over of ["R2", "S3"] as const) {
  for (const work of WORK) {
    const [one, five] = [Math.min(...(await ticksOf(work, 1, over))), Math.min(...(await ticksOf(work, 5, over)))];
    const cells = [one, five, (five - one) / 4].map((ms) => `${ms.toFixed(1)} ms`);
    process.stdout.write(`| ${work.name}, ${over} | ${cells.join(" | ")} |\n`);
  }
}
