/**
 * One catalog, one store, the same runs: the same reports and the same end on a folder, in memory, over S3 and over R2's
 * binding, by an embedded database and (in the project `remote`) over the wire. What differs is what a store cannot do.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunReport, SweepReport } from "../../src/core/model.ts";
import type { Store } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { createS3Store } from "../../src/storage/s3.ts";
import { listAll } from "../contract/listing.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { remoteStore, startWorkerd, type Workerd } from "../support/workerd.ts";
import { type Bytes, createWorld, inFolder } from "../support/world.ts";

const PREFIX = "uploads/";

let workerd: Workerd;
beforeAll(async () => {
  workerd = await startWorkerd();
});
afterAll(() => workerd.close());

interface Stage {
  /** Absent: a world's own store, in memory. */
  readonly bytes?: Bytes;
  put(keys: readonly string[]): Promise<void>;
  readonly uploads: SweepReport["status"];
}

/** Over the binding or over S3: what is put goes past the store, and beside the prefix lies what is nobody's business. */
async function inBucket(store: Store): Promise<Stage> {
  await workerd.call({ about: "empty" });
  await workerd.call({ about: "put", keys: ["uploads", "uploads2/x"], sizeBytes: 1 });
  const nobody = (): never => expect.unreachable("a bucket is filled by its stage");
  return {
    bytes: { store, put: nobody, remove: nobody, has: nobody, keys: nobody },
    put: async (keys) => {
      await workerd.call({ about: "put", keys: keys.map((key) => PREFIX + key), sizeBytes: 10 });
    },
    uploads: "not-supported",
  };
}

const STAGES: Readonly<Record<string, () => Promise<Stage>>> = {
  memory: async () => ({ put: async () => {}, uploads: "completed" }),
  "a folder": async () => ({ bytes: inFolder(), put: async () => {}, uploads: "not-supported" }),
  S3: async () => inBucket(createS3Store({ ...workerd.s3, prefix: PREFIX, now: () => Date.now() })),
  "S3 in workerd": async () =>
    inBucket(remoteStore(workerd, { prefix: PREFIX, s3: { ...workerd.s3, prefix: PREFIX } })),
  R2: async () => inBucket(remoteStore(workerd, { prefix: PREFIX })),
};

const tally = (count: number) => ({ count, bytes: count * 10 });
const NONE = tally(0);
const EMPTY = { seen: NONE, removed: NONE, suspected: NONE, deferred: NONE, failed: NONE, carriedOver: NONE, kept: {} };

/** A day later: what expired goes with its objects; orphans are suspected. */
const FIRST = [
  {
    ...EMPTY,
    name: "expired-files",
    status: "completed",
    seen: tally(7),
    removed: tally(4),
    kept: { "still-protected": tally(1), "on-hold": tally(1), "unreadable-time": tally(1) },
  },
  {
    ...EMPTY,
    name: "old-records",
    status: "completed",
    // The record that goes has no object any more: it brings no bytes into the sum.
    seen: { count: 2, bytes: 10 },
    removed: { count: 1, bytes: 0 },
    kept: { "still-live": tally(1) },
  },
  {
    ...EMPTY,
    name: "orphaned-objects",
    status: "completed",
    seen: tally(10),
    suspected: tally(4),
    kept: { "still-protected": tally(6) },
  },
  {
    ...EMPTY,
    name: "missing-objects",
    status: "completed",
    seen: tally(1),
    kept: { "missing-object": tally(1) },
    sample: ["missing/m"],
  },
];

/** Another day later: the orphans go; one of them is named by a row meanwhile, and stays. */
const SECOND = [
  {
    ...EMPTY,
    name: "orphaned-objects",
    status: "completed",
    seen: tally(10),
    removed: tally(3),
    kept: { "still-protected": tally(7) },
  },
];

const LEFT = ["held/h", "live/1", "live/2 with space+%", "named-late", "old/live", "shared", "text"].sort();

function summaryOf(report: RunReport, names: readonly string[]): unknown[] {
  return report.sweeps.filter(({ name }) => names.includes(name));
}

test.each(Object.keys(STAGES))("%s: the same runs, the same reports, the same end", async (name) => {
  const stage = await (STAGES[name] ?? expect.unreachable("a stage"))();
  // By the world's clock the days pass; the store is asked by the machine's.
  const clock = createFakeClock(Date.now());
  const world = await createWorld({
    clock,
    ...(stage.bytes === undefined ? {} : { bytes: () => stage.bytes ?? expect.unreachable() }),
    settings: { holdPercent: 100, holdExpiredPercent: 100 },
  });
  const now = clock.now();
  const ended = { expires_at: now + HOUR_MS };
  await world.insert(
    { key: "live/1", expires_at: now + 365 * DAY_MS },
    { key: "live/2 with space+%" },
    { key: "expired/1", ...ended },
    { key: "expired/2 \u00FC\u{1F600}", ...ended },
    { key: "used", downloads: 3, max_downloads: 3 },
    { key: "twice", ...ended },
    { key: "twice", status: "expired" },
    { key: "shared", ...ended },
    { key: "shared" },
    { key: "held/h", ...ended, hold: 1 },
    { key: "text", expires_at: "soon" },
    { key: "old/ended", status: "expired", downloaded_at: now - 30 * DAY_MS },
    { key: "old/live", downloaded_at: now - 30 * DAY_MS },
    { key: "missing/m" },
  );
  const keys = [
    ...["live/1", "live/2 with space+%", "expired/1", "expired/2 \u00FC\u{1F600}", "used", "twice", "shared", "held/h"],
    ...["text", "old/live", "orphan/1", "orphan/2", "orphan/3", "named-late"],
  ];
  if (stage.bytes === undefined || name === "a folder") world.put(keys, 0);
  else await stage.put(keys);

  clock.advance(25 * HOUR_MS);
  const first = await world.run();
  expect(first.status).toBe("completed");
  expect(summaryOf(first, ["expired-files", "old-records", "orphaned-objects", "missing-objects"])).toEqual(FIRST);
  expect(summaryOf(first, ["stale-uploads"])).toEqual([{ ...EMPTY, name: "stale-uploads", status: stage.uploads }]);

  await world.insert({ key: "named-late" });
  clock.advance(25 * HOUR_MS);
  const second = await world.run();
  expect(second.status).toBe("completed");
  expect(summaryOf(second, ["orphaned-objects"])).toEqual(SECOND);

  const { keys: left } = await listAll(world.bytes.store);
  expect(left.filter((key) => !key.startsWith(".filesweep/")).sort()).toEqual(LEFT);
  if (name.startsWith("S3") || name === "R2") {
    for (const key of ["uploads", "uploads2/x"]) expect(await workerd.call({ about: "exists", key })).toBe(true);
  }
});
