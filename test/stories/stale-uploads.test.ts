/** stale-uploads through whole runs: what was begun long ago is aborted, and nothing else is touched. */
import { describe, expect, test } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import type { RunReport } from "../../src/core/model.ts";
import type { Store, UploadPage } from "../../src/core/ports.ts";
import { CALL_TIMEOUT_MS, DAY_MS, HOUR_MS, LEASE_MS, LEASE_RENEW_AFTER_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { causes, names } from "../support/site.ts";
import { createWorld, inFolder, sweepOf, type World, type WorldOptions } from "../support/world.ts";

const OLD = START - 30 * DAY_MS;
const uploadsOf = (report: RunReport): ReturnType<typeof sweepOf> => sweepOf(report, "stale-uploads");
const keysLeft = (world: World): string[] => world.store.uploads().map(({ key }) => key);

async function siteWithUploads(keys: readonly string[], options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  for (const key of keys) world.store.beginUpload(key, OLD);
  return world;
}

test("what is stale is aborted, what is not is kept by its reason, and no object and no row changes", async () => {
  const world = await siteWithUploads(["b", "a", "a", "live"], { settings: { ignorePrefixes: ["tmp/"] } });
  world.store.beginUpload("young", START - HOUR_MS);
  world.store.beginUpload("unknown", null);
  world.store.beginUpload("tmp/x", OLD);
  await world.upload({ key: "live" });
  const before = await world.dumpOfOthers();
  const report = await world.run();
  expect(report.status).toBe("completed");
  expect(uploadsOf(report)).toMatchObject({
    status: "completed",
    seen: { count: 7, bytes: 0 },
    removed: { count: 4, bytes: 0 },
    kept: {
      "too-young": { count: 1, bytes: 0 },
      "unknown-age": { count: 1, bytes: 0 },
      "ignored-prefix": { count: 1, bytes: 0 },
    },
  });
  expect(keysLeft(world)).toEqual(["tmp/x", "unknown", "young"]);
  expect(await world.dumpOfOthers()).toEqual(before);
  expect(await world.ledger()).toEqual([]);
});

test("a store that cannot list uploads says so, never a silent zero", async () => {
  const world = await createWorld({ bytes: inFolder });
  const report = await world.run();
  expect(uploadsOf(report)).toMatchObject({ status: "not-supported", seen: { count: 0 } });
  expect(report.status).toBe("completed");
});

test("a plan counts what would be aborted, and aborts nothing", async () => {
  const world = await siteWithUploads(["a", "b"]);
  expect(uploadsOf(await world.plan())).toMatchObject({ status: "completed", removed: { count: 2 } });
  expect(keysLeft(world)).toEqual(["a", "b"]);
});

test("a held run aborts nothing, and an approval covers only what was stale by then", async () => {
  const world = await siteWithUploads(["a"], { liveFile: false });
  world.put(["object"]);
  const held = await world.run();
  expect(causes(held)).toEqual(["no-live-files"]);
  expect(uploadsOf(held)).toMatchObject({ status: "held", kept: { held: { count: 1 } } });
  expect(keysLeft(world)).toEqual(["a"]);

  const hold = held.holds[0];
  await world.parts.database.holds.decide(hold?.id ?? "", { status: "approved", until: START + 7 * DAY_MS });
  world.clock.advance(DAY_MS);
  world.store.beginUpload("stale-only-now", world.clock.now() - 168 * HOUR_MS - HOUR_MS);
  const report = await world.run();
  expect(uploadsOf(report)).toMatchObject({ removed: { count: 1 }, kept: { held: { count: 1 } } });
  expect(keysLeft(world)).toEqual(["stale-only-now"]);
});

test("one that is refused stops no other, counts as failed, and is tried again by the next run", async () => {
  const world = await siteWithUploads(["a", "b", "c"]);
  world.store.refuse("b", "somebody holds it");
  const report = await world.run();
  expect(report.status).toBe("completed-with-failures");
  expect(uploadsOf(report)).toMatchObject({ status: "completed", removed: { count: 2 }, failed: { count: 1 } });
  expect(world.logs).toContainEqual(
    expect.objectContaining({ event: "removal.failed", key: "b", reason: "somebody holds it" }),
  );
  world.store.refuse("b", null);
  expect(uploadsOf(await world.run())).toMatchObject({ removed: { count: 1 } });
  expect(keysLeft(world)).toEqual([]);
});

test("a lost answer counts as deferred, fails the sweep alone, and the next run finishes", async () => {
  let lose = true;
  const wrapStore = (store: Store): Store => ({
    ...store,
    async abortUpload(upload) {
      const answer = await store.abortUpload(upload);
      if (lose && upload.key === "b") throw new SweepError("unavailable", "the answer was lost");
      return answer;
    },
  });
  const world = await siteWithUploads(["a", "b", "c", "d"], { wrapStore, settings: { concurrency: 2 } });
  const report = await world.run();
  expect(uploadsOf(report)).toMatchObject({
    status: "failed",
    error: "the answer was lost",
    removed: { count: 1 },
    deferred: { count: 1 },
  });
  expect(sweepOf(report, "history").status).toBe("completed");
  lose = false;
  expect(uploadsOf(await world.run())).toMatchObject({ status: "completed", removed: { count: 2 } });
  expect(keysLeft(world)).toEqual([]);
});

test.each([
  { budget: { maxCalls: 14 }, by: "calls" },
  { budget: { maxRemovals: 3 }, by: "removals" },
])("a budget of $by ends a slice between two uploads; a later slice goes on at the saved place", async ({ budget }) => {
  const keys = names("upload", 10);
  const settings = { concurrency: 1, pageSize: 4, sweeps: ["stale-uploads" as const], ...budget };
  const world = await siteWithUploads(keys, { settings });
  const seen = new Set<number>();
  for (let slices = 1; ; slices += 1) {
    const report = await world.run();
    const { status, removed } = uploadsOf(report);
    expect(keysLeft(world)).toEqual(keys.slice(removed.count));
    seen.add(removed.count);
    if (status === "completed") break;
    expect(report.status).toBe("paused");
    expect(slices).toBeLessThan(20);
  }
  expect(keysLeft(world)).toEqual([]);
  expect(seen.size).toBeGreaterThan(1);
});

test("no abort starts while less of the lease is left than a call may take", async () => {
  let aborts = 0;
  let renewalMs = 0;
  const world = await siteWithUploads(["a", "b"], { settings: { concurrency: 1, sweeps: ["stale-uploads"] } });
  const instance = await world.createInstance({
    settings: world.parts.settings,
    wrapClient: (client) => ({
      ...client,
      async batch(statements, mode) {
        const answer = await client.batch(statements, mode);
        world.clock.advance(renewalMs);
        return answer;
      },
    }),
    wrapStore: (store) => ({
      ...store,
      listUploads(options) {
        // A third of the lease is used, so that it is renewed; and the answer to that comes late.
        world.clock.advance(LEASE_RENEW_AFTER_MS);
        renewalMs = LEASE_MS - CALL_TIMEOUT_MS;
        return store.listUploads(options);
      },
      abortUpload(upload) {
        aborts += 1;
        return store.abortUpload(upload);
      },
    }),
  });
  await expect(world.run({}, instance)).rejects.toThrow("lease was lost");
  expect(aborts).toBe(0);
});

describe("a listing of uploads that makes no sense fails the sweep, and what it showed before is all that went:", () => {
  const upload = (key: string, uploadId = key): UploadPage["uploads"][number] => ({ key, uploadId, initiatedAt: OLD });
  const A = { key: "a", uploadId: "a" };
  test.each<[string, UploadPage[], string]>([
    ["it goes backwards in a page", [{ uploads: [upload("b"), upload("a")], next: null }], "out of order"],
    ["it repeats itself in a page", [{ uploads: [upload("a"), upload("a")], next: null }], "repeats itself"],
    [
      "it goes backwards between pages",
      [
        { uploads: [], next: { key: "b", uploadId: "1" } },
        { uploads: [upload("a")], next: null },
      ],
      "out of order",
    ],
    ["its next page lies before this one", [{ uploads: [upload("b")], next: A }], "does not advance"],
    [
      "its next page is this one",
      [
        { uploads: [], next: A },
        { uploads: [], next: A },
      ],
      "does not advance",
    ],
    [
      "it goes round in circles within one key",
      Array.from({ length: 1100 }, (_, index) => ({ uploads: [], next: { key: "a", uploadId: `${index % 2}` } })),
      "does not advance",
    ],
  ])("%s", async (_how, pages, error) => {
    const rest = [...pages];
    const wrapStore = (store: Store): Store => ({
      ...store,
      listUploads: async () => rest.shift() ?? expect.unreachable("no further page is asked for"),
    });
    const world = await siteWithUploads([], { wrapStore });
    const report = await world.run({ sweeps: ["stale-uploads", "history"] });
    expect(uploadsOf(report)).toMatchObject({ status: "failed", error: expect.stringContaining(error) });
    expect(uploadsOf(report).removed.count).toBe(0);
    expect(sweepOf(report, "history").status).toBe("completed");
  });
});

test("more uploads of one key than a page holds are all found", async () => {
  const world = await siteWithUploads(
    Array.from({ length: 25 }, () => "same"),
    { settings: { pageSize: 10 } },
  );
  expect(uploadsOf(await world.run())).toMatchObject({ removed: { count: 25 } });
});
