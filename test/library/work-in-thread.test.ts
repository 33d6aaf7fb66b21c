/** Runs in a thread of their own, as the service has them: on what was built, for Node's threads take nothing else. */
import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import type { RunReport } from "../../src/core/model.ts";
import type { Clock, LogEvent } from "../../src/core/ports.ts";
import type { RunOutcome } from "../../src/core/run.ts";
import { readSettings, type Settings } from "../../src/core/settings.ts";
import type { RunOptions, Sweeper } from "../../src/core/sweeper.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";
import type { workInThread as WorkInThread } from "../../src/library/work-in-thread.ts";
import { buildCommand } from "../cli/support/command.ts";
import { plain, temporaryFolder } from "../support/database.ts";

const built = buildCommand();

let workInThread: typeof WorkInThread;
beforeAll(async () => {
  const file = "deno" in process.versions ? "src/library/work-in-thread.ts" : "dist/library/work-in-thread.js";
  ({ workInThread } = await import(pathToFileURL(join(built, file)).href));
});

interface Site {
  readonly settings: Settings;
  readonly database: string;
  has(key: string): boolean;
}

/** Expired files and a live one, in a database that filesweep knows. */
async function makeSite(expired: number, env: Readonly<Record<string, string>> = {}): Promise<Site> {
  const folder = temporaryFolder();
  const [uploads, database] = [join(folder, "uploads"), join(folder, "app.db")];
  mkdirSync(uploads);
  const client = await openFileClient(database, "new");
  await migrate(client, DATABASE_NOW);
  const keys = ["live", ...Array.from({ length: expired }, (_, index) => `old-${index}`)];
  await client.batch(
    keys.map((key) =>
      plain("INSERT INTO files (id, key, created_at, expires_at) VALUES (?, ?, 1600000000000, ?)", [
        key,
        key,
        key === "live" ? null : 1_700_000_000_000,
      ]),
    ),
    "write",
  );
  client.close();
  for (const key of keys) {
    writeFileSync(join(uploads, key), key);
    utimesSync(join(uploads, key), 1_600_000_000, 1_600_000_000);
  }
  const places = { DATABASE_URL: `file:${database}`, STORAGE_URL: `file:${uploads}` };
  const settings = readSettings({ ...places, CLEANUP_FIRST_RUN: "remove", ...env }, { runtime: "node" });
  return { settings, database, has: (key) => existsSync(join(uploads, key)) };
}

const clock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };

interface Here {
  readonly run: (options?: RunOptions) => Promise<RunOutcome>;
  readonly events: LogEvent[];
  /** Runs that were worked in this thread. */
  readonly here: () => number;
}

/** What a service has in its hands, but that a run in its own thread does nothing. */
function withThread({ settings }: Site, entry?: URL): Here {
  const events: LogEvent[] = [];
  let here = 0;
  const ownRun: Sweeper["run"] = () => {
    here += 1;
    return Promise.resolve({ kind: "lease-held", holder: { holder: "here", expiresAt: 1 } });
  };
  // Of the sweeper of this thread nothing but its run is asked for.
  const sweeper = { run: ownRun } as Sweeper;
  const work = workInThread(
    settings,
    { clock, log: (event) => void events.push(event), host: "host", holder: "a test" },
    entry,
  );
  return {
    run: ({ sweeps = settings.sweeps, ...options } = {}) => work(sweeper, { mode: "remove", sweeps, ...options }),
    events,
    here: () => here,
  };
}

const reportOf = (outcome: RunOutcome): RunReport => {
  if (outcome.kind === "lease-held") throw new Error("the lease was held");
  return outcome.report;
};

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

/** A thread of a test's own. */
function entryOf(source: string): URL {
  const file = join(temporaryFolder(), "thread.mjs");
  writeFileSync(file, `import { parentPort, threadId } from "node:worker_threads";\n${source}`);
  return pathToFileURL(file);
}

describe("a run in a thread of its own", () => {
  it("does what a run does, is told of to who listens and logged here, and nothing of it is worked here", async () => {
    const site = await makeSite(2);
    const { run, events, here } = withThread(site);
    const started: RunReport[] = [];
    const decided: unknown[] = [];
    const outcome = await run({ onStarted: (report) => started.push(report), onDecision: (one) => decided.push(one) });
    const report = reportOf(outcome);
    expect(report).toMatchObject({ status: "completed", trigger: "library", mode: "remove" });
    expect(report.sweeps.find(({ name }) => name === "expired-files")).toMatchObject({ removed: { count: 2 } });
    expect([site.has("old-0"), site.has("old-1"), site.has("live")]).toEqual([false, false, true]);
    expect(started).toMatchObject([{ id: report.id, status: "running" }]);
    expect(decided).toContainEqual(expect.objectContaining({ key: "old-0", verdict: "remove", reason: "expired" }));
    const names = events.map(({ event }) => event);
    expect([names[0], names.at(-1)]).toEqual(["run.started", "run.finished"]);
    expect(here()).toBe(0);
  });

  it("is stopped by its signal: its place is saved, and the next one goes on", async () => {
    const site = await makeSite(60, { CLEANUP_PAGE_SIZE: "1", CLEANUP_HOLD_EXPIRED_PERCENT: "100" });
    const { run } = withThread(site);
    const ending = new AbortController();
    const first = reportOf(await run({ signal: ending.signal, onStarted: () => ending.abort() }));
    expect(first.status).toBe("paused");
    const second = reportOf(await run());
    expect(second).toMatchObject({ id: first.id, status: "completed", slices: 2 });
    expect(site.has("old-59")).toBe(false);
  });

  it("whose signal was aborted before ends at once", async () => {
    const { run } = withThread(await makeSite(1));
    expect(reportOf(await run({ signal: AbortSignal.abort() })).status).toBe("paused");
  });

  it("answers who has the lease, where somebody else does", async () => {
    const site = await makeSite(1);
    const client = await openFileClient(site.database);
    const held = "INSERT INTO filesweep_lease (id, holder, fence, expires_at) VALUES (1, 'somebody', 1, 1e15)";
    await client.batch([plain(held)], "write");
    client.close();
    expect(await withThread(site).run()).toMatchObject({ kind: "lease-held", holder: { holder: "somebody" } });
    expect(site.has("old-0")).toBe(true);
  });

  it("fails as it would here: the error's kind, words and cause arrive", async () => {
    const site = await makeSite(1);
    const absent = { ...site.settings, databaseUrl: { kind: "file", path: join(temporaryFolder(), "app.db", "x") } };
    writeFileSync(join(absent.databaseUrl.path, ".."), "no folder");
    const { run, here } = withThread({ ...site, settings: absent as Settings });
    const error = await failureOf(run());
    expect(error).toMatchObject({
      name: "SweepError",
      kind: "unavailable",
      cause: { message: expect.stringContaining("app.db") },
    });
    expect(here()).toBe(0);
  });
});

describe("the thread", () => {
  const ANSWERS_ITS_NUMBER = `
    let open = 0;
    const waiting = [];
    parentPort.on("message", ({ kind, call }) => {
      if (kind === "end") parentPort.postMessage({ kind: "ended" });
      if (kind !== "run") return;
      waiting.push(call);
      if (waiting.length < 3) return;
      const outcome = { kind: "lease-held", holder: { holder: String(threadId), expiresAt: 1 } };
      for (const call of waiting.splice(0)) parentPort.postMessage({ kind: "ran", call, outcome });
    });
    parentPort.postMessage({ kind: "ready" });`;

  it("is one for all runs that are asked for at once, gone after the last, and another one then", async () => {
    const { run } = withThread(await makeSite(0), entryOf(ANSWERS_ITS_NUMBER));
    const threads = async (): Promise<string[]> => {
      const outcomes = await Promise.all([run(), run(), run()]);
      return outcomes.map((outcome) => (outcome.kind === "lease-held" ? outcome.holder.holder : ""));
    };
    const [first, second] = [await threads(), await threads()];
    expect(new Set(first).size).toBe(1);
    expect(new Set(second).size).toBe(1);
    expect(first[0]).not.toBe(second[0]);
    expect(process.getActiveResourcesInfo().filter((name) => name === "Worker" || name === "MessagePort")).toEqual([]);
  });

  it.each<[what: string, entry: () => URL]>([
    ["that is refused", () => new URL("http://localhost/thread.mjs")],
    ["whose file cannot be read", () => entryOf("import './absent.mjs';")],
    ["that breaks down before it stands", () => entryOf("throw new Error('no memory');")],
    ["that ends before it stands", () => entryOf("parentPort.unref();")],
  ])("%s costs no run: it is worked here, and a warning says why", async (_, entry) => {
    const { run, events, here } = withThread(await makeSite(0), entry());
    expect(await run()).toMatchObject({ holder: { holder: "here" } });
    expect(here()).toBe(1);
    expect(events).toMatchObject([{ level: "warn", event: "thread.unavailable", error: { kind: "bug" } }]);
  });

  it("that breaks down in the middle fails its runs, and leaves none to be worked twice", async () => {
    const source = `
      parentPort.on("message", () => { throw new Error("broken"); });
      parentPort.postMessage({ kind: "ready" });`;
    const { run, here } = withThread(await makeSite(0), entryOf(source));
    const errors = await Promise.all([failureOf(run()), failureOf(run())]);
    for (const error of errors) {
      expect(error).toMatchObject({ name: "SweepError", kind: "bug", cause: { message: "broken" } });
    }
    expect(here()).toBe(0);
  });
});
