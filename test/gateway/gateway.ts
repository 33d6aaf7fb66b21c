/** The Ceph gateway that `scripts/rgw.sh run` started: a real S3 server, and its twin whose clock is 90 days behind. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { compareKeys } from "../../src/core/keys.ts";
import { DAY_MS } from "../../src/core/safety.ts";
import type { S3Settings } from "../../src/core/settings.ts";
import { createS3Store } from "../../src/storage/s3.ts";
import { type RawBucket, rawBucket } from "../support/s3-raw.ts";
import type { Bytes } from "../support/world.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/rgw.sh", import.meta.url));

/** How far behind the second gateway's clock is. */
export const OLD_MS = 90 * DAY_MS;

function given(name: string): string {
  const value = env[name];
  if (value === undefined) throw new Error(`${name} is not set: these tests run under npm run test:s3`);
  return value;
}

function settingsAt(endpoint: string): S3Settings {
  return {
    endpoint,
    region: "us-east-1",
    accessKeyId: "test",
    secretAccessKey: "testsecret",
    sessionToken: null,
    forcePathStyle: true,
  };
}

export const GATEWAY = settingsAt(given("FILESWEEP_S3_ENDPOINT"));

export interface GatewayBucket {
  readonly name: string;
  readonly raw: RawBucket;
  /** The same bucket by the clock of 90 days ago. */
  readonly old: RawBucket;
}

let buckets = 0;

/** A bucket of its own. */
export async function makeBucket(): Promise<GatewayBucket> {
  buckets += 1;
  const name = `bucket-${process.pid}-${buckets}`;
  const raw = rawBucket({ ...GATEWAY, bucket: name });
  await raw.ask("PUT", "");
  const old = rawBucket({ ...settingsAt(given("FILESWEEP_S3_OLD_ENDPOINT")), bucket: name, clockOffsetMs: -OLD_MS });
  return { name, raw, old };
}

/** A policy under which nobody deletes what matches these. */
export async function denyDeletes({ name, raw }: GatewayBucket, resources: readonly string[]): Promise<void> {
  const policy = {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Deny",
        Principal: "*",
        Action: ["s3:DeleteObject"],
        Resource: resources.map((resource) => `arn:aws:s3:::${name}/${resource}`),
      },
    ],
  };
  await raw.ask("PUT", "?policy=", JSON.stringify(policy));
}

/** The store over `bucket`, and what the application does to it; keys are asked for by `listed`. */
export async function bytesIn(
  { name, old }: GatewayBucket,
  prefix: string,
): Promise<Bytes & { settle(): Promise<void>; refresh(): Promise<void> }> {
  const store = createS3Store({ ...GATEWAY, bucket: name, prefix, now: () => Date.now() });
  const puts: (() => Promise<void>)[] = [];
  let listed: string[] = [];
  return {
    store,
    // What a world puts is 90 days old here, whatever age it asks for.
    put: (key) => void puts.push(() => old.put(prefix + key, "0123456789")),
    remove: () => {
      throw new Error("nothing is removed past the store here");
    },
    has: (key) => listed.includes(key),
    keys: () => [...listed],
    async settle() {
      // A gateway that is asked for a thousand at once asks to slow down.
      while (puts.length > 0) await Promise.all(puts.splice(0, 50).map((put) => put()));
    },
    async refresh() {
      listed = [];
      for (let after: string | null = null; ; ) {
        const page = await store.list({ after, limit: 1000 });
        listed.push(...page.objects.map(({ key }) => key));
        if (page.next === null) break;
        after = page.next;
      }
      listed.sort(compareKeys);
    },
  };
}

/** Kills the gateway as a crash would. Its twin and the data stay. */
export function killGateway(): void {
  process.kill(Number(readFileSync(`${given("FILESWEEP_S3_GATEWAY")}/gateway.pid`, "utf8")), "SIGKILL");
}

/** Starts it again, and waits until it answers. */
export function reviveGateway(): void {
  execFileSync("bash", [SCRIPT, "revive", given("FILESWEEP_S3_GATEWAY")], { stdio: "inherit" });
}
