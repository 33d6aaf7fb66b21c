/**
 * Where a site of the fault runs has its bytes and its rows: a folder and a file; or a bucket and a remote database on
 * the other side of a line that mistreats connections. The application reaches all of them directly.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SqlClient } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { openRemoteClient } from "../../src/database/remote-client.ts";
import { type FaultProxy, type LineOptions, startFaultProxy } from "../support/fault-proxy.ts";
import { startHranaServer } from "../support/hrana-server.ts";
import { startS3Server } from "../support/s3-server.ts";

/** The bytes of the application's files. */
export interface Bytes {
  /** Puts 10 bytes; without a time now. */
  put(key: string, modifiedAt?: Date): Promise<void>;
  keys(): Promise<readonly string[]>;
}

export interface Place {
  readonly bytes: Bytes;
  readonly client: SqlClient;
  /** What the command is told of it. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** A place beyond lines that can be made well. */
export interface DistantPlace extends Place {
  /** Connections mistreated so far. */
  mistreated(): number;
  heal(): void;
}

/** What lies on the other side of the line; the other of the two is a folder, or a file. */
export type Distant = "bucket" | "database" | "bucket and database";

/** An embedded database and a folder, at the command's default places. */
export async function placeIn(folder: string): Promise<Place> {
  const root = join(folder, "data/uploads");
  mkdirSync(root, { recursive: true });
  const client = await openFileClient(join(folder, "data/filesweep.db"));
  return { bytes: inFolder(root, join(folder, "part")), client, env: {}, close: async () => client.close() };
}

/** @param key and secret, a bucket, and the address of an S3 server */
export interface BucketPlace {
  readonly bytes: Bytes;
  readonly endpoint: string;
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** A bucket of our own small server. */
export async function ownBucket(): Promise<BucketPlace> {
  const { settings, objects, close } = await startS3Server();
  const bytes: Bytes = {
    put: async (key, modifiedAt = new Date()) =>
      void objects.set(key, { sizeBytes: 10, modifiedAt: modifiedAt.getTime() }),
    keys: async () => [...objects.keys()],
  };
  const env = {
    STORAGE_URL: `s3://${settings.bucket}`,
    S3_ACCESS_KEY_ID: settings.accessKeyId,
    S3_SECRET_ACCESS_KEY: settings.secretAccessKey,
  };
  return { bytes, endpoint: settings.endpoint ?? "", env, close };
}

export async function placeBeyond(
  folder: string,
  what: Distant,
  line: LineOptions,
  makeBucket: () => Promise<BucketPlace> = ownBucket,
): Promise<DistantPlace> {
  const near = await placeIn(folder);
  const lines: FaultProxy[] = [];
  const closing: (() => Promise<void>)[] = [near.close];
  let { client, bytes, env } = near;
  if (what !== "bucket") {
    const server = await startHranaServer({ fileAt: () => join(folder, "data/filesweep.db") });
    const proxy = await startFaultProxy(portOf(server.url), line);
    client = openRemoteClient({ url: server.url, authToken: null });
    env = { ...env, DATABASE_URL: `http://127.0.0.1:${proxy.port}` };
    lines.push(proxy);
    closing.unshift(() => proxy.close(), server.close);
  }
  if (what !== "database") {
    const bucket = await makeBucket();
    const proxy = await startFaultProxy(portOf(bucket.endpoint), line);
    bytes = bucket.bytes;
    env = { ...env, ...bucket.env, S3_ENDPOINT: `http://127.0.0.1:${proxy.port}` };
    lines.push(proxy);
    closing.unshift(() => proxy.close(), bucket.close);
  }
  return {
    client,
    bytes,
    env,
    mistreated: () => lines.reduce((sum, proxy) => sum + proxy.mistreated(), 0),
    heal: () => {
      for (const proxy of lines) proxy.heal();
    },
    async close() {
      for (const close of closing) await close();
    },
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** As applications write: beside it first, then by one rename. The age is told before the file has its name. */
function inFolder(root: string, part: string): Bytes {
  return {
    async put(key, modifiedAt) {
      const path = join(root, key);
      writeFileSync(part, "0123456789");
      if (modifiedAt !== undefined) utimesSync(part, modifiedAt, modifiedAt);
      // A folder that filesweep emptied may go between the two calls.
      for (;;) {
        mkdirSync(dirname(path), { recursive: true });
        try {
          renameSync(part, path);
          return;
        } catch (error) {
          if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
        }
      }
    },
    keys: async () => (existsSync(root) ? filesOf(root) : []),
  };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
