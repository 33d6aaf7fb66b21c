/** Stores in real workerd, offline: a Worker of ours with a local R2 bucket, and the S3 server that wrangler puts before it. */
import { fileURLToPath } from "node:url";
import { createTestHarness } from "wrangler";
import { type ErrorKind, SweepError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import type { S3Settings } from "../../src/core/settings.ts";
import { invalidObjectKey } from "../../src/storage/object-keys.ts";

/** What the Worker of `store-worker.ts` is asked. */
export type StoreCall =
  | { readonly about: "put"; readonly keys: readonly string[]; readonly sizeBytes: number }
  | { readonly about: "exists" | "remove"; readonly key: string }
  | { readonly about: "lock"; readonly keys: readonly string[] }
  | { readonly about: "empty" }
  | {
      readonly about: "store";
      readonly prefix: string;
      readonly method:
        | "list"
        | "head"
        | "delete"
        | "readMarker"
        | "writeMarker"
        | "tryOut"
        | "listUploads"
        | "abortUpload"
        | "versioning";
      readonly args: readonly unknown[];
      readonly aborted: boolean;
      /** Pages are no longer than this. */
      readonly maxPage?: number;
      /** Over S3 instead of the binding. */
      readonly s3?: S3Settings & { readonly bucket: string; readonly prefix: string };
    };

export interface Workerd {
  call(call: StoreCall): Promise<unknown>;
  /** The bucket over S3. */
  readonly s3: S3Settings & { readonly bucket: string };
  close(): Promise<void>;
}

const BUCKET = "files";
const CREDENTIALS = { accessKeyId: "local-key", secretAccessKey: "local-secret" };

export async function startWorkerd(): Promise<Workerd> {
  const harness = createTestHarness({
    root: fileURLToPath(new URL(".", import.meta.url)),
    workers: [
      {
        config: {
          name: "stores",
          main: "store-worker.ts",
          compatibility_date: "2026-11-01",
          r2_buckets: [
            { binding: "BUCKET", bucket_name: BUCKET, local_dev: { experimental_s3_credentials: CREDENTIALS } },
          ],
        },
      },
    ],
  });
  const { url } = await harness.listen();
  return {
    async call(call) {
      const response = await harness.fetch("/", { method: "POST", body: JSON.stringify(call) });
      // Ours: the Worker wrote it.
      const { answer, error } = (await response.json()) as {
        answer?: unknown;
        error?: { kind: ErrorKind; message: string };
      };
      if (error !== undefined) throw new SweepError(error.kind, error.message);
      return answer;
    },
    s3: {
      endpoint: new URL("/cdn-cgi/local/r2/s3", url).href,
      region: "auto",
      ...CREDENTIALS,
      sessionToken: null,
      forcePathStyle: true,
      bucket: BUCKET,
    },
    close: () => harness.close(),
  };
}

/** What a call answered that tells when its request is on its way, and whether it told that. */
export interface Told<Answer> {
  readonly answer: Answer;
  readonly sent: boolean;
}

async function told<Answer>(telling: Promise<Told<Answer>>, sent: (() => void) | undefined): Promise<Answer> {
  const { answer, sent: isSent } = await telling;
  if (isSent) sent?.();
  return answer;
}

/** A store that runs in workerd: what it is asked travels there and back. */
export function remoteStore(
  workerd: Workerd,
  options: Pick<StoreCall & { about: "store" }, "maxPage" | "s3"> & { readonly prefix?: string } = {},
): Store {
  const { prefix = "", ...rest } = options;
  // Each answer is of the method that it is asked by.
  const ask = <Answer>(
    method: (StoreCall & { about: "store" })["method"],
    args: readonly unknown[],
    signal: AbortSignal | undefined,
  ): Promise<Answer> =>
    workerd.call({
      about: "store",
      method,
      args,
      aborted: signal?.aborted === true,
      prefix,
      ...rest,
    }) as Promise<Answer>;
  return {
    name: "a store in workerd",
    list: ({ signal, sent, ...asked }) => told(ask("list", [asked], signal), sent),
    head: (key, signal) => ask("head", [key], signal),
    delete: (requests, signal, sent) => told(ask("delete", [requests], signal), sent),
    readMarker: (signal) => ask("readMarker", [], signal),
    writeMarker: (text, signal) => ask("writeMarker", [text], signal),
    tryOut: (signal) => ask("tryOut", [], signal),
    listUploads: ({ signal, ...asked }) => ask("listUploads", [asked], signal),
    abortUpload: (upload, signal) => ask("abortUpload", [upload], signal),
    versioning: (signal) => ask("versioning", [], signal),
    clockSkewMs: () => null,
    invalidKey: (key) => invalidObjectKey(key, prefix),
  };
}
