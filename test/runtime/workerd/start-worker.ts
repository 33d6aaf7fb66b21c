/** The Worker in real workerd, offline, bundled as wrangler bundles it, with a local R2 bucket and a remote database. */
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { createTestHarness } from "wrangler";
import { OWN_PREFIX } from "../../../src/core/safety.ts";
import type { R2Binding } from "../../../src/storage/r2.ts";
import type { Request } from "../../api/route-cases.ts";
import { type HranaServer, startHranaServer } from "../../support/hrana-server.ts";

const BUCKET = "files";
const CREDENTIALS = { accessKeyId: "local-key", secretAccessKey: "local-secret" };

export interface StartedWorker {
  /** Where a browser reaches it. */
  readonly url: string;
  readonly fetch: Request;
  /** One tick of the Cron Trigger, and how it ended: `ok` or `exception`. */
  tick(): Promise<string>;
  /** Subrequests since this was last asked, of the Worker's own counting; from now on those above `limit` are refused. */
  calls(limit?: number): Promise<{ fetches: number; bucket: number }>;
  /** Whether the bucket refuses every call from now on. */
  refuseBucket(refused: boolean): Promise<void>;
  put(keys: readonly string[]): Promise<void>;
  keys(): Promise<string[]>;
  /** What the Worker logged since the last time, line by line. */
  logged(): Record<string, unknown>[];
}

export interface WorkerOptions {
  readonly vars: Readonly<Record<string, unknown>>;
  /** Whether `FILES` is bound. Default: it is. */
  readonly bucket?: boolean;
  /** Over the S3 server that workerd's bucket has, instead of the binding. */
  readonly overS3?: boolean;
}

/** Ends with the test. */
export async function startWorker({ vars, bucket = true, overS3 = false }: WorkerOptions): Promise<StartedWorker> {
  const workerOf = (more: Readonly<Record<string, unknown>>) => ({
    config: {
      name: "filesweep",
      main: "counting-worker.ts",
      compatibility_date: "2026-11-01",
      // JSON comes to this type: what `[vars]` may hold.
      vars: { ...vars, ...more } as Record<string, string>,
      r2_buckets: bucket
        ? [{ binding: "FILES", bucket_name: BUCKET, local_dev: { experimental_s3_credentials: CREDENTIALS } }]
        : [],
    },
  });
  const root = fileURLToPath(new URL(".", import.meta.url));
  const harness = createTestHarness({ root, workers: [workerOf({})] });
  onTestFinished(() => harness.close());
  const { url } = await harness.listen();
  if (overS3) {
    const s3 = { S3_ENDPOINT: new URL("/cdn-cgi/local/r2/s3", url).href, STORAGE_URL: `s3://${BUCKET}/` };
    const keys = { S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey };
    await harness.update({ root, workers: [workerOf({ ...s3, ...keys })] });
  }
  const files = async (): Promise<R2Binding> => (await harness.getWorker<{ FILES: R2Binding }>().getEnv()).FILES;
  return {
    url: url.origin,
    // Node's type of a response is the one that the tests know.
    fetch: async (path, init) => (await harness.fetch(path, init)) as unknown as Response,
    tick: async () => (await harness.getWorker().scheduled({ cron: "17 * * * *", scheduledTime: new Date() })).outcome,
    async calls(limit) {
      const response = await harness.fetch(`/calls${limit === undefined ? "" : `?limit=${limit}`}`);
      return (await response.json()) as { fetches: number; bucket: number };
    },
    async refuseBucket(refused) {
      await harness.fetch(refused ? "/calls?refuse-bucket" : "/calls");
    },
    async put(keys) {
      await harness.fetch("/objects", { method: "POST", body: JSON.stringify(keys) });
    },
    async keys() {
      const store = await files();
      const found: string[] = [];
      for (let after = ""; ; ) {
        const { objects, truncated } = await store.list({ limit: 1000, ...(after !== "" && { startAfter: after }) });
        found.push(...objects.map(({ key }) => key));
        after = objects.at(-1)?.key ?? "";
        if (!truncated) return found.filter((key) => !key.startsWith(OWN_PREFIX));
      }
    },
    logged() {
      const lines = harness.getLogs().flatMap(({ message }) => {
        const start = message.indexOf("{");
        return start < 0 ? [] : [JSON.parse(message.slice(start)) as Record<string, unknown>];
      });
      harness.clearLogs();
      return lines;
    },
  };
}

/** A remote database over a file. Ends with the test. */
export async function startDatabase(file: string): Promise<HranaServer> {
  const server = await startHranaServer({ fileAt: (path) => (path === "" ? file : null) });
  onTestFinished(() => server.close());
  return server;
}
