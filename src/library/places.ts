/**
 * Where database and store are, chosen by the scheme of their addresses: the one place for each. Imports nothing that a
 * Worker lacks; what needs a file system is handed in.
 */
import { SweepError } from "../core/errors.ts";
import type { Clock, Store } from "../core/ports.ts";
import type { Settings } from "../core/settings.ts";
import type { SqlClient } from "../database/client.ts";
import type { RemoteOptions } from "../database/remote-client.ts";
import { createR2Store, isR2Binding } from "../storage/r2.ts";
import { createS3Store } from "../storage/s3.ts";
import type { S3ClientOptions } from "../storage/s3-client.ts";

/** Something that an address of the settings names. */
interface Place {
  /** For people and logs: an absolute path, or an address. Holds no secret. */
  readonly name: string;
  /**
   * What to tell a person where it is plainly not there; null where it is there, or where only a call can tell.
   * @throws SweepError `unavailable` where not even that can be told
   */
  absence(): Promise<string | null>;
}

export interface DatabasePlace extends Place {
  /**
   * Opens it for who closes it. With `create` a file that is absent is made, and its folder.
   * @throws SweepError `unavailable` where it cannot be opened, or is absent and not to be made
   */
  open(create: "create" | "existing"): Promise<SqlClient>;
}

export interface StorePlace extends Place {
  /** Whether calls go over a network, so that one that fails may be made again, and the store may ask to slow down. */
  readonly isRemote: boolean;
  /** Makes no call yet. */
  open(clock: Clock): Store;
}

/** What a runtime with a file system brings along. */
export interface FilePlaces {
  /** @param path as the settings hold it: relative to the working directory, or absolute */
  database(path: string): DatabasePlace;
  /** @param path as the settings hold it: relative to the working directory, or absolute */
  store(path: string, options: { readonly concurrency: number }): StorePlace;
}

/** What settings alone cannot reach. */
export interface Reach {
  /** Null in a Worker, whose settings refuse `file:`. */
  readonly files: FilePlaces | null;
  /** What is bound to the Worker, by name. Absent elsewhere. */
  readonly bindings?: Readonly<Record<string, unknown>>;
}

/** To add a database: its client in `src/database`, and a line here. */
export function chooseDatabase({ databaseUrl, databaseAuthToken }: Settings, { files }: Reach): DatabasePlace {
  if (databaseUrl.kind === "remote") return remoteDatabase({ url: databaseUrl.url, authToken: databaseAuthToken });
  if (files !== null) return files.database(databaseUrl.path);
  // Settings refuse what no adapter is built for.
  throw new SweepError("bug", `there is no database adapter for ${databaseUrl.kind}:`);
}

/** A remote database is made by its provider, never by opening it; whether it is there, the first call tells. */
function remoteDatabase(options: RemoteOptions): DatabasePlace {
  return {
    name: options.url,
    absence: () => Promise.resolve(null),
    async open() {
      // Loaded where it is needed: a process that works on a file has no use for it.
      const { openRemoteClient } = await import("../database/remote-client.ts");
      return openRemoteClient(options);
    },
  };
}

/** To add a store: its file in `src/storage`, and a line here. */
export function chooseStore({ storage, s3, concurrency }: Settings, { files, bindings }: Reach): StorePlace {
  if (storage.kind === "s3" && s3 !== null) return bucketOverHttp({ ...storage, ...s3 });
  if (storage.kind === "r2") return boundBucket(storage, bindings ?? {});
  if (storage.kind === "file" && files !== null) return files.store(storage.path, { concurrency });
  // Settings refuse what no adapter is built for.
  throw new SweepError("bug", `there is no store adapter for ${storage.kind}:`);
}

/** A bucket is made by its provider; whether it is there, the first call tells. */
function bucketOverHttp(options: Omit<S3ClientOptions, "now">): StorePlace {
  return {
    name: `s3://${options.bucket}/${options.prefix}`,
    isRemote: true,
    absence: () => Promise.resolve(null),
    open: ({ now }) => createS3Store({ ...options, now }),
  };
}

/** @throws SweepError `invalid` where the Worker has no such binding */
function boundBucket(
  { binding, prefix }: { readonly binding: string; readonly prefix: string },
  bindings: Readonly<Record<string, unknown>>,
): StorePlace {
  const bucket = bindings[binding];
  if (!isR2Binding(bucket)) {
    throw new SweepError(
      "invalid",
      `STORAGE_URL names the R2 binding ${binding}, which this Worker does not have; add it to wrangler.toml: [[r2_buckets]] with binding = "${binding}" and bucket_name`,
    );
  }
  return {
    name: `r2://${binding}/${prefix}`,
    isRemote: true,
    absence: () => Promise.resolve(null),
    open: () => createR2Store({ bucket, binding, prefix }),
  };
}
