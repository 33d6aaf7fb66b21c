/** The contract of a store, on Ceph. Its buckets lie in eight shards, so that pages are shorter than asked for. */
import { expect, test } from "vitest";
import { createS3Store } from "../../src/storage/s3.ts";
import { listAll } from "../contract/listing.ts";
import { describeStore, type StoreHarness } from "../contract/store.ts";
import { BUCKET_TRAITS } from "../support/bucket-traits.ts";
import { denyDeletes, GATEWAY, makeBucket } from "./gateway.ts";

async function makeGatewayHarness(): Promise<StoreHarness> {
  const bucket = await makeBucket();
  const { name, raw } = bucket;
  const denied: string[] = [];
  const store = createS3Store({ ...GATEWAY, bucket: name, prefix: "", now: () => Date.now() });
  return {
    store,
    shortPages: store,
    put: (key, { sizeBytes = 3 } = {}) => raw.put(key, "x".repeat(sizeBytes)),
    exists: (key) => raw.exists(key),
    remove: (key) => raw.remove(key),
    async makeUndeletable(key) {
      denied.push(key);
      await denyDeletes(bucket, denied);
    },
    beginUpload: async (key) => ({ key, uploadId: await raw.beginUpload(key) }),
  };
}

describeStore("the S3 store on Ceph", makeGatewayHarness, BUCKET_TRAITS);

/** The shard of a bucket's index that Ceph keeps a key in, of eight: ceph_str_hash_linux, and rgw_shards_mod. */
function shardOf(key: string): number {
  let hash = 0;
  for (const byte of Buffer.from(key)) hash = Math.imul((hash + (byte << 4) + (byte >> 4)) | 0, 11) | 0;
  const id = hash >>> 0;
  return (((id ^ ((id & 0xff) << 24)) >>> 0) % 7877) % 8;
}

test("short pages that are not the last are followed to the end", async () => {
  const { name, raw } = await makeBucket();
  // Of each shard Ceph reads little more than its share of a page: where all keys lie in one, the page ends early.
  const keys = Array.from({ length: 6000 }, (_, index) => `k${String(index).padStart(6, "0")}`)
    .filter((key) => shardOf(key) === 3)
    .slice(0, 600);
  for (let start = 0; start < keys.length; start += 50) {
    await Promise.all(keys.slice(start, start + 50).map((key) => raw.put(key)));
  }
  const store = createS3Store({ ...GATEWAY, bucket: name, prefix: "", now: () => Date.now() });
  const listing = await listAll(store, 500);
  expect(listing.keys).toEqual(keys);
  expect(listing.pages.some((page) => page.objects.length < 500 && page.next !== null)).toBe(true);
});

test("a bucket that keeps versions is noticed, as is one that did", async () => {
  const { name, raw } = await makeBucket();
  const store = createS3Store({ ...GATEWAY, bucket: name, prefix: "", now: () => Date.now() });
  for (const [status, told] of [
    ["Enabled", "enabled"],
    ["Suspended", "suspended"],
  ] as const) {
    await raw.ask(
      "PUT",
      "?versioning=",
      `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>${status}</Status></VersioningConfiguration>`,
    );
    expect(await store.versioning()).toBe(told);
  }
});

test.each<[string, Partial<Parameters<typeof createS3Store>[0]>, string, string]>([
  ["another bucket", { bucket: "no-such-bucket" }, "not-found", "there is no bucket no-such-bucket"],
  ["another key", { accessKeyId: "wrong" }, "unauthorized", "does not know the key of S3_ACCESS_KEY_ID"],
  ["another secret", { secretAccessKey: "wrong" }, "unauthorized", "S3_SECRET_ACCESS_KEY does not belong"],
  ["a clock an hour late", { now: () => Date.now() - 3_600_000 }, "unauthorized", "are 60 minutes apart"],
])("with %s each call fails, and says so", async (_what, changed, kind, told) => {
  const { name } = await makeBucket();
  const store = createS3Store({ ...GATEWAY, bucket: name, prefix: "", now: () => Date.now(), ...changed });
  await expect(store.list({ after: null, limit: 1 })).rejects.toMatchObject({
    kind,
    message: expect.stringContaining(told),
  });
});
