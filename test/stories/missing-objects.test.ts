/** missing-objects through whole runs: reported, with a sample; a row never changes. */
import { describe, expect, test } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import type { RunReport } from "../../src/core/model.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { createWorld, PROBE_LIMIT, sweepOf, type World } from "../support/world.ts";

const OLD = START - 30 * DAY_MS;
const missing = (report: RunReport): ReturnType<typeof sweepOf> => sweepOf(report, "missing-objects");

test("a live row without an object is reported by its key, and stays as it is", async () => {
  const world = await createWorld();
  await world.upload({ key: "there", created_at: OLD });
  await world.insert({ key: "b", created_at: OLD, size_bytes: 7 }, { key: "z", created_at: OLD });
  const before = await world.dumpOfOthers();
  for (let runs = 0; runs < 3; runs += 1) {
    const report = await world.run();
    expect(report.status).toBe("completed");
    expect(missing(report)).toMatchObject({
      status: "completed",
      seen: { count: 2, bytes: 17 },
      kept: { "missing-object": { count: 2, bytes: 17 } },
      sample: ["b", "z"],
    });
    world.clock.advance(25 * HOUR_MS);
  }
  expect(await world.dumpOfOthers()).toEqual(before);
  expect(await world.ledger()).toEqual([]);
});

test.each([
  { ageMs: 24 * HOUR_MS - 1, seen: 0 },
  { ageMs: 24 * HOUR_MS, seen: 1 },
])("a row $ageMs ms old is missed $seen times: its object may still be on its way", async ({ ageMs, seen }) => {
  const world = await createWorld();
  await world.insert({ key: "a", created_at: START - ageMs });
  expect(missing(await world.run()).seen.count).toBe(seen);
});

describe("what is not missed", () => {
  test.each([
    ["an expired row", { key: "a", status: "expired" }],
    ["a row of another status", { key: "a", status: "uploading" }],
    ["a row whose age cannot be read", { key: "a", created_at: "long ago" }],
    ["a row under a prefix that is kept out", { key: "ignored/a" }],
    ["a NUL in the key", { key: "a\u0000b" }],
    ["a blob for a key", { key: new Uint8Array([97]) }],
  ])("%s", async (_what, fields) => {
    const world = await createWorld({ settings: { ignorePrefixes: ["ignored/"] } });
    await world.insert({ created_at: OLD, ...fields });
    const report = missing(await world.run());
    expect(report.kept["missing-object"]).toBeUndefined();
  });

  test("a key that the store cannot have is told apart", async () => {
    const world = await createWorld();
    await world.insert({ key: "k".repeat(2000), created_at: OLD });
    expect(missing(await world.run())).toMatchObject({ seen: { count: 1 }, kept: { "invalid-key": { count: 1 } } });
  });

  test("an object that came after its page was listed", async () => {
    const world: World = await createWorld({
      wrapStore: (store) => ({
        ...store,
        async list(options) {
          const page = await store.list(options);
          if (options.limit !== PROBE_LIMIT) world.put(["late"], 0);
          return page;
        },
      }),
    });
    await world.insert({ key: "late", created_at: OLD });
    expect(missing(await world.run())).toMatchObject({ kept: { "changed-meanwhile": { count: 1 } } });
  });
});

test("a look-up without an answer is a failure, and not a missing object; the others are found out", async () => {
  const world = await createWorld({
    wrapStore: (store) => ({
      ...store,
      head: (key, signal) =>
        key === "b" ? Promise.reject(new SweepError("unavailable", "503")) : store.head(key, signal),
    }),
  });
  for (const key of ["a", "b", "c"]) await world.insert({ key, created_at: OLD });
  const report = await world.run();
  expect(report.status).toBe("completed-with-failures");
  expect(missing(report)).toMatchObject({
    seen: { count: 3 },
    failed: { count: 1 },
    kept: { "missing-object": { count: 2 } },
    sample: ["a", "c"],
  });
});

test("a page that fails lets no conclusion be drawn from what it did not show", async () => {
  const world = await createWorld({ settings: { pageSize: 2 } });
  await world.upload({ key: "a", created_at: OLD });
  for (const key of ["m", "y", "z"]) await world.upload({ key, created_at: OLD });
  await world.insert({ key: "x", created_at: OLD });
  const broken = await world.createInstance({
    wrapStore: (store) => ({
      ...store,
      list: (options) =>
        options.after === null ? store.list(options) : Promise.reject(new SweepError("unavailable", "503")),
    }),
  });
  const report = await world.run({}, broken);
  expect(missing(report)).toMatchObject({ status: "failed", seen: { count: 0 } });
  expect(sweepOf(report, "orphaned-objects").status).toBe("failed");
});

test("more missing rows than one answer brings are all found, however short the pages, and the sample is bounded", async () => {
  const world = await createWorld({ settings: { pageSize: 4 } });
  for (let index = 0; index < 30; index += 1)
    await world.insert({ key: `m${String(index).padStart(2, "0")}`, created_at: OLD });
  await world.upload({ key: "m15x", created_at: OLD });
  const report = missing(await world.run());
  expect(report).toMatchObject({ seen: { count: 30 }, kept: { "missing-object": { count: 30 } } });
  expect(report.sample).toHaveLength(20);
});

test("it works on its own, and records no sighting then", async () => {
  const world = await createWorld();
  world.put(["orphan"]);
  await world.insert({ key: "a", created_at: OLD });
  const report = await world.run({ sweeps: ["missing-objects"] });
  expect(missing(report)).toMatchObject({ status: "completed", kept: { "missing-object": { count: 1 } } });
  expect(sweepOf(report, "orphaned-objects").status).toBe("skipped");
  expect(await world.ledger()).toEqual([]);
});

test("a plan reports the same", async () => {
  const world = await createWorld();
  await world.insert({ key: "a", created_at: OLD });
  expect(missing(await world.plan())).toEqual(missing(await world.run()));
});
