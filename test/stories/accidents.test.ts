/**
 * What went wrong for others, each as a story with the number of the list in the project's notes. Those that
 * belong to one part have their tests there, and no story here (5: settings; 8: wrong pair; 12, 13: texts for times;
 * 15: doors).
 */

import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { createWorld, inFolder, PROBE_LIMIT, sweepOf, type World } from "../support/world.ts";

test("1. an upload in progress is not judged by a date at midnight: its age counts from its last change", async () => {
  const world = await createWorld({ settings: { quarantineMs: 0 } });
  world.clock.set(Date.UTC(2026, 10, 22, 23, 59));
  world.put(["upload"], 0);
  world.clock.advance(2 * 60_000);
  await world.run();
  world.clock.advance(20 * HOUR_MS);
  // Still being written: it changes again.
  world.put(["upload"], 0);
  world.clock.advance(20 * HOUR_MS);
  await world.run();
  expect(world.keys()).toEqual(["upload"]);
});

test("2. a report of orphans that grew stale removes nothing: whatever is condemned is checked again", async () => {
  const world = await createWorld();
  world.put(["a", "b"]);
  const planned = await world.plan();
  expect(sweepOf(planned, "orphaned-objects").suspected.count).toBe(2);
  world.clock.advance(30 * DAY_MS);
  await world.insert({ key: "a" });
  await world.run();
  expect(world.keys()).toEqual(["a"]);
});

test("3. an ignored prefix images/ is not images2", async () => {
  const world = await createWorld({ settings: { quarantineMs: 0, ignorePrefixes: ["images/"] } });
  world.put(["images/a", "images2/a", "images"]);
  await world.run();
  expect(world.keys()).toEqual(["images/a"]);
});

test("4. an empty page with a continuation does not end the scan, and what lies behind it is not missing", async () => {
  const world = await createWorld();
  world.put(["a", "b"]);
  await world.run();
  const sparse = await world.createInstance({
    wrapStore: (store) => ({
      ...store,
      list: (options) =>
        options.after === null && options.limit !== PROBE_LIMIT
          ? Promise.resolve({ objects: [], next: "0" })
          : store.list(options),
    }),
  });
  const report = sweepOf(await world.run({}, sparse), "orphaned-objects");
  expect(report).toMatchObject({ status: "completed", suspected: { count: 2 } });
  expect(await world.ledger()).toEqual(["a suspected", "b suspected"]);
});

test("5. an age that is not a number keeps the object: no comparison comes out as old", async () => {
  const world = await createWorld({ settings: { quarantineMs: 0 } });
  world.store.put("nan", { sizeBytes: 10, modifiedAt: Number.NaN });
  world.store.put("null", { sizeBytes: 10, modifiedAt: null });
  await world.upload({ key: "word", expires_at: "x" });
  const report = await world.run();
  expect(sweepOf(report, "orphaned-objects").removed.count).toBe(0);
  expect(sweepOf(report, "expired-files")).toMatchObject({
    removed: { count: 0 },
    kept: { "unreadable-time": { count: 1 } },
  });
  expect(world.keys()).toEqual(["nan", "null", "word"]);
});

test("6. a folder that is not mounted is an error, and not an empty store: no row ends, nothing is gone", async () => {
  const bytes = inFolder();
  const world = await createWorld({ bytes: () => bytes });
  await world.upload({ id: "a", key: "a", expires_at: START + HOUR_MS });
  world.put(["orphan"]);
  await world.run();
  rmSync(bytes.store.name.replace("file:", ""), { recursive: true });
  world.clock.advance(2 * HOUR_MS);
  const outcome = await world.slice();
  expect(outcome).toMatchObject({ kind: "ran", unreachable: true, report: { status: "failed" } });
  expect(await world.statuses()).toEqual({ a: "active" });
  expect(await world.ledger()).toEqual(["orphan suspected"]);
});

test("7. a key that is used again does not fall to the delete that waited for it", async () => {
  const world = await createWorld();
  await world.upload({ key: "avatar.png", expires_at: START });
  world.store.refuse("avatar.png", "SlowDown");
  await world.run();
  world.store.refuse("avatar.png", null);
  world.clock.advance(HOUR_MS);
  await world.upload({ key: "avatar.png" }, 0);
  await world.run();
  world.clock.advance(30 * DAY_MS);
  await world.run();
  expect(world.keys()).toEqual(["avatar.png"]);
});

test("9. the row goes first, then the delete fails: it is in the ledger, and it is not silent", async () => {
  const world = await createWorld();
  await world.upload({ key: "a", expires_at: START });
  world.store.refuse("a", "AccessDenied");
  const report = await world.run();
  expect(report.status).toBe("completed-with-failures");
  expect(await world.removals()).toMatchObject([{ key: "a", state: "failed", error: "AccessDenied" }]);
  expect(world.logs).toContainEqual(
    expect.objectContaining({ event: "removal.failed", key: "a", reason: "AccessDenied" }),
  );
  world.store.refuse("a", null);
  world.clock.advance(HOUR_MS);
  await world.run();
  expect(world.keys()).toEqual([]);
});

test("9. a delete that failed silently once, before filesweep came, is found as a left-over", async () => {
  const world = await createWorld();
  await world.upload({ key: "a", status: "expired" });
  await world.run();
  world.clock.advance(DAY_MS);
  await world.run();
  expect(await world.removals()).toMatchObject([{ key: "a", state: "removed", reason: "left-over" }]);
});

test("10. an answer of success with an error inside is the failure of that key", async () => {
  const world = await createWorld();
  for (const key of ["a", "b", "c"]) await world.upload({ key, expires_at: START });
  world.store.refuse("b", "AccessDenied");
  expect(sweepOf(await world.run(), "expired-files")).toMatchObject({ removed: { count: 2 }, failed: { count: 1 } });
  expect(await world.ledger()).toEqual(["a removed", "b failed", "c removed"]);
});

test("11. one bad item does not stop the runs after it", async () => {
  const world = await createWorld({ settings: { pageSize: 1 } });
  await world.upload({ key: "bad", expires_at: START - 9 });
  await world.insert({ key: "", expires_at: START - 8 });
  await world.insert({ key: new Uint8Array([255]), expires_at: START - 7 });
  await world.upload({ key: "text", expires_at: "never" });
  world.store.refuse("bad", "InternalError");
  await world.upload({ key: "good", expires_at: START });
  await world.run();
  expect(world.keys()).toEqual(["bad", "text"]);
  world.clock.advance(HOUR_MS);
  await world.upload({ key: "later", expires_at: START });
  await world.run();
  expect(world.keys()).toEqual(["bad", "text"]);
});

test.each([
  ["2026-11-22T23:57Z", "2026-11-22T23:57Z"],
  ["2026-11-22 23:57", "2026-11-22T23:57Z"],
  ["2026-11-22T23:57-08:00", "2026-11-23T07:57Z"],
  ["2026-11-22", "2026-11-23T00:00Z"],
])("12., 13. a file that ends at %s is there a minute before %s, and gone then", async (text, end) => {
  const world = await createWorld();
  await world.upload({ key: "a", expires_at: text });
  world.clock.advance(Date.parse(end) - MINUTE_MS - START);
  await world.run();
  expect(world.keys()).toEqual(["a"]);
  world.clock.advance(MINUTE_MS);
  await world.run();
  expect(world.keys()).toEqual([]);
});

test("14. pages do not skip rows while rows go", async () => {
  const world = await createWorld({ settings: { pageSize: 3 } });
  for (let index = 0; index < 20; index += 1) await world.upload({ key: `k${index}`, expires_at: START - (index % 4) });
  expect(sweepOf(await world.run(), "expired-files").removed.count).toBe(20);
  expect(world.keys()).toEqual([]);
});

test("16. a scan that failed half-way draws no conclusion", async () => {
  const world = await createWorld({ settings: { pageSize: 1, quarantineMs: 0 } });
  world.put(["a", "b", "c"]);
  const broken = await world.createInstance({
    wrapStore: (store) => ({
      ...store,
      list: (options) =>
        options.after === "b" ? Promise.reject(new SweepError("unavailable", "503")) : store.list(options),
    }),
  });
  expect(sweepOf(await world.run({}, broken), "orphaned-objects")).toMatchObject({
    status: "failed",
    removed: { count: 0 },
  });
  expect(world.keys()).toEqual(["a", "b", "c"]);
});

test("17. the cut-off is taken before the listing begins: what arrives while it goes on is too young", async () => {
  const world: World = await createWorld({
    settings: { quarantineMs: 0, orphanGraceMs: HOUR_MS },
    wrapStore: (store) => ({
      ...store,
      list(options) {
        if (options.limit !== PROBE_LIMIT) {
          world.put(["arrived"], 0);
          world.clock.advance(2 * HOUR_MS - 1);
          world.clock.advance(1 - 2 * HOUR_MS);
        }
        return store.list(options);
      },
    }),
  });
  world.put(["old"]);
  await world.run();
  expect(world.keys()).toEqual(["arrived"]);
});

test("18. a late upload re-creates what was swept, and is swept again", async () => {
  const world = await createWorld();
  await world.upload({ key: "a", expires_at: START });
  await world.run();
  world.put(["a"], 0);
  for (let day = 0; day < 3; day += 1) {
    world.clock.advance(25 * HOUR_MS);
    await world.run();
  }
  expect(world.keys()).toEqual([]);
  expect(await world.ledger()).toEqual(["a removed", "a removed"]);
});

test("19. no more than one page of the store is ever asked for", async () => {
  const limits = new Set<number>();
  const world = await createWorld({
    settings: { pageSize: 20 },
    wrapStore: (store) => ({
      ...store,
      list(options) {
        limits.add(options.limit);
        return store.list(options);
      },
    }),
  });
  world.put(Array.from({ length: 95 }, (_, index) => `k${index}`));
  await world.run();
  expect([...limits].sort()).toEqual([PROBE_LIMIT, 20]);
});

test("20. a first page that is all alive does not starve the rest, however small the slices", async () => {
  const world = await createWorld({ settings: { pageSize: 2, maxCalls: 20, quarantineMs: 0 } });
  for (let index = 0; index < 40; index += 1) await world.upload({ key: `a${index}`, expires_at: START, hold: 1 });
  await world.upload({ key: "z", expires_at: START });
  world.put(["zz"]);
  for (let slice = 0; slice < 12; slice += 1) await world.run();
  expect(world.keys()).not.toContain("z");
  expect(world.keys()).not.toContain("zz");
});
