/** Whole runs on Ceph, with objects and uploads that really are 90 days old, real refusals, and a gateway that dies. */
import { expect, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { CALL_TIMEOUT_MS, DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { createSweeperOf } from "../../src/core/sweeper.ts";
import { retrying } from "../../src/storage/retrying.ts";
import { timed } from "../../src/storage/timed.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { names } from "../support/site.ts";
import { createWorld, sweepOf, type World, type WorldOptions } from "../support/world.ts";
import { bytesIn, denyDeletes, type GatewayBucket, killGateway, makeBucket, reviveGateway } from "./gateway.ts";

interface Site {
  readonly bucket: GatewayBucket;
  readonly bytes: Awaited<ReturnType<typeof bytesIn>>;
  readonly world: World;
}

const coats = (store: Store): Store => timed(retrying(store), CALL_TIMEOUT_MS);

/** The world's clock begins now and is turned by hand; the store is asked by the machine's. */
async function openSite(settings: WorldOptions["settings"] = {}): Promise<Site> {
  const bucket = await makeBucket();
  const bytes = await bytesIn(bucket, "uploads/");
  const clock = createFakeClock(Date.now());
  const world = await createWorld({
    clock,
    bytes: () => bytes,
    wrapStore: coats,
    settings: { holdPercent: 100, holdExpiredPercent: 100, ...settings },
  });
  return { bucket, bytes, world };
}

async function keysOf({ bytes, world }: Site): Promise<string[]> {
  await bytes.refresh();
  return world.keys();
}

test("orphans of 90 days go after their quarantine, younger objects and what rows name stay, beside the prefix too", async () => {
  const site = await openSite();
  const { bucket, bytes, world } = site;
  await world.insert({ key: "live" }, { key: "expired", expires_at: world.clock.now() - HOUR_MS });
  world.put(["live", "expired", "orphan/1", "orphan/2"]);
  await bytes.settle();
  await bucket.old.put("uploads2/x");
  await bucket.old.put("uploads");
  await bucket.raw.put("uploads/young");

  const first = await world.run();
  expect(first.status).toBe("completed");
  expect(sweepOf(first, "orphaned-objects")).toMatchObject({
    suspected: { count: 2, bytes: 20 },
    kept: { "too-young": { count: 1 }, "still-protected": { count: 1 } },
  });
  expect(await keysOf(site)).toEqual(["live", "orphan/1", "orphan/2", "young"]);

  world.clock.advance(24 * HOUR_MS - 1000);
  expect(sweepOf(await world.run(), "orphaned-objects").removed.count).toBe(0);
  world.clock.advance(HOUR_MS);
  const last = await world.run();
  expect(sweepOf(last, "orphaned-objects")).toMatchObject({ removed: { count: 2, bytes: 20 } });
  expect(await keysOf(site)).toEqual(["live", "young"]);
  expect(await bucket.raw.exists("uploads2/x")).toBe(true);
  expect(await bucket.raw.exists("uploads")).toBe(true);
});

test("an orphan that is put again starts its quarantine anew", async () => {
  const site = await openSite();
  site.world.put(["orphan"]);
  await site.bytes.settle();
  await site.world.run();
  await site.bucket.old.put("uploads/orphan", "other bytes");
  site.world.clock.advance(25 * HOUR_MS);
  expect(sweepOf(await site.world.run(), "orphaned-objects")).toMatchObject({ suspected: { count: 1 } });
  expect(await keysOf(site)).toEqual(["orphan"]);
});

test("multipart uploads of 90 days are aborted, newer ones and those beside the prefix stay", async () => {
  const site = await openSite();
  const { bucket, world } = site;
  const { raw, old } = bucket;
  for (const key of ["uploads/a", "uploads/a", "uploads/b c+d", "uploads2/x"]) await old.beginUpload(key);
  await raw.beginUpload("uploads/new");
  await raw.put("uploads/a");
  const plan = await world.plan();
  expect(sweepOf(plan, "stale-uploads")).toMatchObject({ removed: { count: 3 }, kept: { "too-young": { count: 1 } } });
  const report = await world.run();
  expect(sweepOf(report, "stale-uploads")).toMatchObject({
    status: "completed",
    seen: { count: 4 },
    removed: { count: 3 },
    kept: { "too-young": { count: 1 } },
  });
  const left = await raw.ask("GET", "?uploads=&encoding-type=url");
  expect([...left.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1])).toEqual(["uploads/new", "uploads2/x"]);
  expect(await raw.exists("uploads/a")).toBe(true);
});

test("a key that a policy denies fails alone, its row stays ended, it is retried, in the end abandoned, and then again by a person", async () => {
  const site = await openSite();
  const { bucket, bytes, world } = site;
  const keys = ["denied/1", "free/1", "free/2"];
  await world.insert(...keys.map((key) => ({ key, expires_at: world.clock.now() - HOUR_MS })));
  world.put(keys);
  await bytes.settle();
  await denyDeletes(bucket, ["uploads/denied/*"]);

  const first = await world.run();
  expect(first.status).toBe("completed-with-failures");
  expect(sweepOf(first, "expired-files")).toMatchObject({ removed: { count: 2 }, failed: { count: 1 } });
  const denied = async () => (await world.removals()).find(({ key }) => key === "denied/1");
  expect(await denied()).toMatchObject({
    state: "failed",
    attempts: 1,
    error: expect.stringContaining("AccessDenied"),
  });
  expect(Object.values(await world.statuses())).toEqual(["expired", "expired", "expired"]);
  for (let attempt = 2; attempt <= 10; attempt += 1) {
    expect((await denied())?.state).toBe("failed");
    world.clock.advance(DAY_MS + HOUR_MS);
    await world.run({ sweeps: ["expired-files"] });
    expect((await denied())?.attempts).toBe(attempt);
  }
  expect((await denied())?.state).toBe("abandoned");
  expect(await keysOf(site)).toEqual(["denied/1"]);

  await bucket.raw.ask("DELETE", "?policy=");
  const sweeper = createSweeperOf(world.parts);
  const [removal] = (await sweeper.removals({ state: "abandoned", limit: 10 })).items;
  await sweeper.retry(removal?.id ?? "");
  await world.run({ sweeps: ["expired-files"] });
  expect(await keysOf(site)).toEqual([]);
});

test("a gateway that is killed in the middle of a run leaves what the next run finishes", async () => {
  const site = await openSite({ pageSize: 200 });
  const { bytes, world } = site;
  const [live, expired] = [names("live", 50), names("expired", 1000)];
  await world.insert(
    ...live.map((key) => ({ key })),
    ...expired.map((key) => ({ key, expires_at: world.clock.now() - HOUR_MS })),
  );
  world.put([...live, ...expired]);
  await bytes.settle();

  const batches: Promise<unknown>[] = [];
  const dying = await world.createInstance({
    settings: world.parts.settings,
    wrapStore: (store) => ({
      ...coats(store),
      async delete(requests, signal) {
        // What was begun before is answered: some of the objects are gone.
        if (batches.length === 2) {
          await Promise.all(batches);
          killGateway();
        }
        const batch = coats(store).delete(requests, signal);
        batches.push(batch);
        return batch;
      },
    }),
  });
  try {
    const outcome = await world.slice({}, dying);
    expect(outcome).toMatchObject({ kind: "ran", unreachable: true });
    const states = (await world.removals()).map(({ state }) => state);
    const inState = (wanted: string): number => states.filter((state) => state === wanted).length;
    expect(inState("removed")).toBe(400);
    expect(inState("condemned")).toBeGreaterThan(0);
    expect(inState("failed")).toBe(0);
  } finally {
    reviveGateway();
  }
  world.clock.advance(HOUR_MS);
  const report = await world.run();
  expect(report.status).toBe("completed");
  expect(await keysOf(site)).toEqual(live);
  expect((await world.removals()).every(({ state }) => state === "removed")).toBe(true);
});
