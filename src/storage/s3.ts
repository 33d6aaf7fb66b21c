/** A store in a bucket of Amazon S3, or of any server that speaks its protocol. */
import { SweepError } from "../core/errors.ts";
import type { ListedObject, ListPage, Store, UploadName } from "../core/ports.ts";
import { MARKER_KEY, PROBE_KEY } from "../core/safety.ts";
import { checkLimit, invalidLookUp, stopIfAborted } from "./guards.ts";
import { invalidObjectKey } from "./object-keys.ts";
import { createS3Client, type S3ClientOptions } from "./s3-client.ts";
import { deleteFromBucket } from "./s3-delete.ts";
import { createS3Requests } from "./s3-requests.ts";
import { foreseeLastKey, type S3Listing } from "./s3-xml.ts";
import { throwRefused, tryOut } from "./try-out.ts";

/** The most that ListObjectsV2 and ListMultipartUploads bring. */
const MAX_PAGE = 1000;

/** A marker is a line; what is larger is none of ours. */
const MAX_MARKER_LENGTH = 4096;

/**
 * A store in a bucket. It sees and touches only what lies under `prefix`; the empty object that consoles put under the
 * prefix itself, as a folder, is none of it.
 *
 * - A delete cannot compare: servers ignore a condition on it, or refuse it. What is asked for goes.
 * - A key that no URL can hold (`.` and `..` segments, `//`) is looked up in a listing, and deleted by DeleteObjects.
 * - On a bucket that keeps versions a delete hides an object, and frees nothing.
 *
 * @throws SweepError `invalid` for a directory bucket, whose listings come in no order; from every call: see
 * `s3-errors.ts` for what each refusal of a store means
 */
export function createS3Store(options: S3ClientOptions): Store {
  const { bucket, prefix } = options;
  // Source: AWS, "Directory buckets": names end in --x-s3, and listings come in no order.
  if (bucket.endsWith("--x-s3")) {
    throw new SweepError("invalid", `${bucket} is a directory bucket, which lists its objects in no order`);
  }
  const client = createS3Client(options);
  const { name } = client.place;
  const requests = createS3Requests(client);
  const invalidKey = (key: string): string | null => invalidObjectKey(key, prefix);

  return {
    name,
    async list({ after, limit, signal, sent, foreseen }) {
      checkLimit(limit);
      stopIfAborted(signal, `listing ${name}`);
      // With the prefix itself, so that an object of just that name, a console's folder, is not listed.
      const from = prefix + (after ?? "");
      const query = { "max-keys": pageSize(limit), prefix: orNull(prefix), "start-after": orNull(from) };
      const answered =
        foreseen &&
        (async (text: string): Promise<void> => {
          const last = foreseeLastKey(text);
          if (last?.startsWith(prefix)) await foreseen(last.slice(prefix.length));
        });
      return toPage(await requests.listObjects(query, { signal, sent, answered }), prefix, name);
    },
    async head(key, signal) {
      stopIfAborted(signal, `looking up an object of ${name}`);
      const invalid = invalidKey(key);
      if (invalid !== null) throw invalidLookUp(key, invalid);
      const found = await requests.lookUp(prefix + key, signal);
      return found === null ? null : { ...found, key };
    },
    async delete(asked, signal, sent) {
      stopIfAborted(signal, `deleting from ${name}`);
      return deleteFromBucket(client, prefix, asked, { signal, sent });
    },
    async readMarker(signal) {
      stopIfAborted(signal, `reading the identity marker of ${name}`);
      return requests.readText(prefix + MARKER_KEY, MAX_MARKER_LENGTH, signal);
    },
    async writeMarker(text, signal) {
      stopIfAborted(signal, `writing the identity marker of ${name}`);
      await requests.writeText(prefix + MARKER_KEY, text, signal);
    },
    async tryOut(signal) {
      stopIfAborted(signal, `trying ${name} out`);
      const key = prefix + PROBE_KEY;
      return tryOut({
        put: () => requests.writeText(key, "probe", signal),
        head: async () => (await requests.lookUp(key, signal)) !== null,
        delete: async () => throwRefused((await deleteFromBucket(client, prefix, [{ key: PROBE_KEY }], { signal }))[0]),
      });
    },
    async listUploads({ after, limit, signal }) {
      checkLimit(limit);
      stopIfAborted(signal, `listing the uploads of ${name}`);
      const markers = after === null ? {} : { "key-marker": prefix + after.key, "upload-id-marker": after.uploadId };
      const query = { "max-uploads": pageSize(limit), prefix: orNull(prefix), ...markers };
      const page = await requests.listUploads(query, signal);
      if (page === "not-supported") return page;
      const strip = <U extends UploadName>(upload: U): U => ({ ...upload, key: below(prefix, upload.key, name) });
      return { uploads: page.uploads.map(strip), next: page.next === null ? null : strip(page.next) };
    },
    async abortUpload({ key, uploadId }, signal) {
      stopIfAborted(signal, `aborting an upload of ${name}`);
      return requests.abortUpload({ key: prefix + key, uploadId }, signal);
    },
    versioning: (signal) => requests.versioning(signal),
    clockSkewMs: () => client.clockSkewMs(),
    invalidKey,
  };
}

function pageSize(limit: number): string {
  return String(Math.min(limit, MAX_PAGE));
}

function orNull(text: string): string | null {
  return text === "" ? null : text;
}

function toPage({ objects, isTruncated }: S3Listing, prefix: string, name: string): ListPage {
  const listed = objects
    .map((object): ListedObject => ({ ...object, key: below(prefix, object.key, name) }))
    .filter(({ key }) => key !== "");
  return { objects: listed, next: isTruncated ? (listed.at(-1)?.key ?? "") : null };
}

/** @throws SweepError `corrupt` for a key that does not lie under the prefix that was asked for */
function below(prefix: string, key: string, name: string): string {
  if (key.startsWith(prefix)) return key.slice(prefix.length);
  throw new SweepError("corrupt", `listing ${name} failed: it leaves its prefix; no conclusion is drawn from it`);
}
