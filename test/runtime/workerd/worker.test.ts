/** The Worker, bundled as wrangler does, in real workerd: ticks, requests, limits, settings. */
import { expect, it } from "vitest";
import { CHECK_NAMES, type Diagnosis } from "../../../src/core/doctor.ts";
import { HOUR_MS } from "../../../src/core/safety.ts";
import type { Row } from "../../../src/database/client.ts";
import { openFileClient } from "../../../src/database/embedded-client.ts";
import { checkRoutes, checkWithoutDatabase, checkWithoutStore } from "../../api/route-cases.ts";
import { problemOf } from "../../api/support.ts";
import { plain, temporaryFolder } from "../../support/database.ts";
import { AWAY } from "../../support/hrana-server.ts";
import { httpDoor, playScenario, TOKEN } from "../play-scenario.ts";
import { SCENARIO_OBJECTS, SCENARIO_SETTINGS, scenarioRows } from "../scenario.ts";
import { seedDatabase } from "../seed-database.ts";
import { startDatabase, startWorker } from "./start-worker.ts";

/** What the Worker's configuration has to say at the least. */
const varsOver = ({ url }: { url: string }) => ({ DATABASE_URL: url, STORAGE_URL: "r2://FILES/", ADMIN_TOKEN: TOKEN });

it.each([
  ["R2, through its binding", false],
  ["S3", true],
])("the Worker over %s tells of the scenario what is checked in", async (_name, overS3) => {
  const database = await startDatabase(await seedDatabase(temporaryFolder(), scenarioRows()));
  const worker = await startWorker({ vars: { ...varsOver(database), ...SCENARIO_SETTINGS }, overS3 });
  await worker.put(SCENARIO_OBJECTS);
  await playScenario({
    ...httpDoor(worker.fetch),
    tick: async () => expect(await worker.tick()).toBe("ok"),
    keys: worker.keys,
  });
  await checkRoutes(worker.fetch, TOKEN);
});

it("without a database whatever needs it says so", async () => {
  const database = await startDatabase(await seedDatabase(temporaryFolder(), scenarioRows()));
  database.disturb(() => AWAY);
  const worker = await startWorker({ vars: varsOver(database) });
  await checkWithoutDatabase(worker.fetch, TOKEN);
});

it.each(["R2, through its binding", "S3"])("without a store, %s, whatever needs it says so", async (over) => {
  const database = await startDatabase(await seedDatabase(temporaryFolder(), scenarioRows()));
  // Nobody listens on port 1.
  const nobody = {
    STORAGE_URL: "s3://files/",
    S3_ENDPOINT: "http://127.0.0.1:1",
    S3_ACCESS_KEY_ID: "k",
    S3_SECRET_ACCESS_KEY: "s",
  };
  const worker = await startWorker({ vars: { ...varsOver(database), ...(over === "S3" && nobody) } });
  await worker.refuseBucket(true);
  await checkWithoutStore(worker.fetch, TOKEN);
});

it("does nothing until its settings are right: the first request and the first tick tell all that is wrong", async () => {
  const database = await startDatabase(await seedDatabase(temporaryFolder(), scenarioRows()));
  const vars = { CLEANUP_PAGE_SIZE: 0, CLEANUP_MODES: "plan", DATABASE_URL: database.url, STORAGE_URL: "r2://FILE/" };
  const worker = await startWorker({ vars });
  const problem = await problemOf(await worker.fetch("/admin/stats"));
  expect(problem).toMatchObject({ status: 503, kind: "not-configured" });
  const named = ["CLEANUP_PAGE_SIZE", "CLEANUP_MODES", "no R2 binding FILE"];
  for (const name of named) expect(problem.detail).toContain(name);
  expect(await worker.tick()).toBe("exception");
  const [line] = worker.logged().filter(({ event }) => event === "run.failed");
  for (const name of named) expect(JSON.stringify(line)).toContain(name);
  expect([database.requests(), await worker.calls()]).toEqual([0, { fetches: 0, bucket: 0 }]);
});

it("takes numbers, booleans and tables as settings, and asks the database once for many who ask whether it is ready", async () => {
  const database = await startDatabase(await seedDatabase(temporaryFolder(), scenarioRows()));
  const typed = {
    CLEANUP_ENABLED: false,
    CLEANUP_PAGE_SIZE: 7,
    CATALOG_STATUS: { live: ["active"], expired: "expired", deleted: ["gone"] },
  };
  const worker = await startWorker({ vars: { ...varsOver(database), ...typed } });
  const settings = await worker.fetch("/admin/settings", {
    method: "GET",
    headers: { Authorization: `Bearer ${TOKEN}` },
  });
  const text = await settings.text();
  expect([settings.status, text.includes('"7"'), text.includes(TOKEN)]).toEqual([200, true, false]);
  expect(database.requests()).toBe(0);
  expect((await worker.fetch("/readyz")).status).toBe(200);
  const before = database.requests();
  for (let index = 0; index < 3; index += 1) await worker.fetch("/readyz");
  expect(database.requests()).toBe(before);
  expect(await worker.tick()).toBe("ok");
  expect(worker.logged()).toContainEqual(expect.objectContaining({ event: "schedule.disabled" }));
});

it("has a doctor, who looks at everything within the 50 subrequests of the free plan", async () => {
  const database = await startDatabase(await seedDatabase(temporaryFolder(), scenarioRows()));
  const worker = await startWorker({ vars: { ...varsOver(database), ...SCENARIO_SETTINGS } });
  await worker.put(SCENARIO_OBJECTS);
  await worker.tick();
  const before = await worker.keys();
  await worker.calls(50);
  const answer = await worker.fetch("/admin/doctor", {
    method: "GET",
    headers: { Authorization: `Bearer ${TOKEN}` },
  });
  expect(answer.status).toBe(200);
  const { checks } = (await answer.json()) as Diagnosis;
  expect(checks.map(({ name }) => name)).toEqual(CHECK_NAMES);
  expect(checks.filter(({ status }) => status === "problem" || status === "unknown")).toEqual([]);
  const { fetches, bucket } = await worker.calls();
  expect(fetches + bucket).toBeLessThanOrEqual(50);
  expect(await worker.keys()).toEqual(before);
});

it("tells at each tick how to decide about a hold", async () => {
  const database = await startDatabase(await seedDatabase(temporaryFolder(), scenarioRows()));
  const worker = await startWorker({ vars: { ...varsOver(database), ...SCENARIO_SETTINGS } });
  await worker.put(SCENARIO_OBJECTS);
  for (const tick of ["the first", "the second"]) {
    expect([tick, await worker.tick()]).toEqual([tick, "ok"]);
    const waiting = worker.logged().filter(({ event }) => event === "hold.waiting");
    expect(waiting).toMatchObject([
      { cause: "first-contact", approve: expect.stringMatching(/^POST \/admin\/holds\/.+\/approve/) },
    ]);
  }
});

it("fails the tick where the run failed, after that was recorded", async () => {
  const database = await startDatabase(await seedDatabase(temporaryFolder(), scenarioRows()));
  const worker = await startWorker({ vars: varsOver(database) });
  await worker.refuseBucket(true);
  expect(await worker.tick()).toBe("exception");
  const failed = worker.logged().filter(({ event }) => event === "run.failed");
  expect(failed).toMatchObject([{ error: { message: expect.stringContaining("Not allowed") } }]);
  await worker.refuseBucket(false);
  expect(await httpDoor(worker.fetch).lastRun()).toMatchObject({ status: "failed", trigger: "schedule" });
});

/** `npm run test:backlog` has the Worker work off 30,000. */
const BACKLOG = Number(process.env["FILESWEEP_BACKLOG"] ?? 1000);
/** Miniflare's bucket takes its time: some 10 ms for each object that is put and deleted. */
const BACKLOG_MS = 300_000 + BACKLOG * 20;
const PADDED = (index: number): string => `due/${String(index).padStart(6, "0")}`;

async function backlog(count: number): Promise<{ file: string; keys: string[] }> {
  const keys = Array.from({ length: count }, (_, index) => PADDED(index));
  const file = await seedDatabase(temporaryFolder(), []);
  const times = [Date.now() - 48 * HOUR_MS, Date.now() - HOUR_MS];
  await query(
    file,
    "INSERT INTO files (id, key, size_bytes, created_at, expires_at) SELECT value, value, 10, ?, ? FROM json_each(?)",
    [...times, JSON.stringify(keys)],
  );
  return { file, keys };
}

async function query(file: string, sql: string, args: readonly (string | number)[] = []): Promise<Row[]> {
  const client = await openFileClient(file);
  const [rows = []] = await client.batch([plain(sql, args)], "write");
  client.close();
  return rows;
}

it(
  "a backlog drains over ticks of the free preset, each within 50 subrequests, one of them killed half-way, nothing twice",
  async () => {
    const { file, keys } = await backlog(BACKLOG);
    const database = await startDatabase(file);
    const worker = await startWorker({
      vars: { ...varsOver(database), CLEANUP_FIRST_RUN: "remove", CLEANUP_HOLD_EXPIRED_PERCENT: 100 },
    });
    await worker.put(keys);
    const perTick: number[] = [];
    const left = async (): Promise<unknown> => {
      const [counts] = await query(
        file,
        "SELECT count(*) - (SELECT count(*) FROM filesweep_removals WHERE state = 'removed') AS n FROM files",
      );
      return counts?.["n"];
    };
    for (let ticks = 0; (await left()) !== 0 && ticks < BACKLOG / 100; ticks += 1) {
      // The second is cut off in the middle, as by the platform, and its lease runs out.
      const isCutOff = ticks === 1;
      await worker.calls(isCutOff ? 12 : undefined);
      expect(await worker.tick()).toBe(isCutOff ? "exception" : "ok");
      const { fetches, bucket } = await worker.calls();
      perTick.push(fetches + bucket);
      if (isCutOff) await query(file, "UPDATE filesweep_lease SET expires_at = 0");
    }
    expect(Math.max(...perTick)).toBeLessThanOrEqual(50);
    expect(perTick.length).toBeGreaterThan(BACKLOG / 500);
    const [counts] = await query(
      file,
      "SELECT count(*) AS removals, count(DISTINCT key) AS keys, sum(state = 'removed') AS removed FROM filesweep_removals",
    );
    expect(counts).toMatchObject({ keys: BACKLOG, removals: BACKLOG, removed: BACKLOG });
    expect(await worker.keys()).toEqual([]);
  },
  BACKLOG_MS,
);
