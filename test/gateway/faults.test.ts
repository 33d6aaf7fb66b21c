/** The real process against Ceph, over a line that drops, cuts, swallows and delays, beside an application that writes. */
import { expect, test } from "vitest";
import { createS3Store } from "../../src/storage/s3.ts";
import { listAll } from "../contract/listing.ts";
import type { BucketPlace } from "../faults/places.ts";
import { overBadLines } from "../faults/trials.ts";
import { seeded } from "../support/faults.ts";
import { GATEWAY, makeBucket } from "./gateway.ts";

const SEED = 20_261_125;

/** What is to be old is put through the gateway whose clock is behind. */
async function gatewayPlace(): Promise<BucketPlace> {
  const { name, raw, old } = await makeBucket();
  const store = createS3Store({ ...GATEWAY, bucket: name, prefix: "", now: () => Date.now() });
  return {
    bytes: {
      put: (key, modifiedAt) => (modifiedAt === undefined ? raw : old).put(key, "0123456789"),
      keys: async () => (await listAll(store)).keys,
    },
    endpoint: GATEWAY.endpoint ?? "",
    env: {
      STORAGE_URL: `s3://${name}`,
      S3_REGION: GATEWAY.region,
      S3_ACCESS_KEY_ID: GATEWAY.accessKeyId,
      S3_SECRET_ACCESS_KEY: GATEWAY.secretAccessKey,
    },
    close: async () => {},
  };
}

test.each(["bucket", "bucket and database"] as const)(
  "over a bad line to the %s nothing live is lost, and once it is well, all is finished",
  async (distant) => {
    const report = await overBadLines(distant, 6, seeded(SEED), gatewayPlace);
    expect(report.violations, `seed ${SEED}`).toEqual([]);
    expect(report.removals).toBeGreaterThan(20);
    expect(report.mistreated).toBeGreaterThan(0);
  },
);
