/** The reference store: what the contract says, and no more. For tests, simulations and trying things out. */
import { compareKeys } from "../core/keys.ts";
import type {
  DeleteOutcome,
  DeleteRequest,
  ListedObject,
  ListedUpload,
  ListPage,
  Store,
  UploadName,
  UploadPage,
} from "../core/ports.ts";
import { MARKER_KEY, PROBE_KEY } from "../core/safety.ts";
import { checkLimit, invalidLookUp, stopIfAborted } from "./guards.ts";
import { invalidObjectKey } from "./object-keys.ts";
import { countUpTo, sortKeys } from "./sorted-keys.ts";
import { throwRefused, tryOut } from "./try-out.ts";

export interface MemoryStoreOptions {
  /** The time that a put without `modifiedAt` gets, in epoch milliseconds. */
  readonly now?: () => number;
  /** Pages are no longer than this, whatever was asked for: a store may answer short pages that are not the last. */
  readonly maxPage?: number;
}

/** A store whose objects a test puts and looks at directly. */
export interface MemoryStore extends Store {
  /** Without `fields`: 0 bytes, modified now, with an etag of its own. */
  put(key: string, fields?: Partial<Omit<ListedObject, "key">>): void;
  remove(key: string): void;
  has(key: string): boolean;
  /** In UTF-8 byte order. */
  keys(): string[];
  /** From now on deletes of this key, and aborts of its uploads, are refused, with this reason; null allows them again. */
  refuse(key: string, reason: string | null): void;
  /** Begins a multipart upload and answers its id; without `initiatedAt` now. */
  beginUpload(key: string, initiatedAt?: number | null): string;
  /**
   * Makes an object of an upload: as on S3, its time is that at which the upload was begun. Answers false, and makes
   * none, where there is no such upload any more.
   */
  completeUpload(uploadId: string, fields?: Partial<Omit<ListedObject, "key" | "modifiedAt">>): boolean;
  /** Those that were neither completed nor aborted, in the order of a listing. */
  uploads(): ListedUpload[];
}

/** A store in memory, empty at first. */
export function createMemoryStore({ now = () => 0, maxPage = Infinity }: MemoryStoreOptions = {}): MemoryStore {
  const objects = new Map<string, ListedObject>();
  const refused = new Map<string, string>();
  /** Holds every key, in order, and perhaps some that are gone; null when one is missing. */
  let sorted: string[] | null = null;
  const uploads = new Map<string, ListedUpload>();
  let puts = 0;
  let begun = 0;
  let marker: string | null = null;

  function list(after: string | null, limit: number): ListPage {
    sorted ??= sortKeys([...objects.keys()]);
    const page: ListedObject[] = [];
    for (let index = after === null ? 0 : countUpTo(sorted, after); index < sorted.length; index += 1) {
      const object = objects.get(sorted[index] ?? "");
      if (object === undefined) continue;
      if (page.length === Math.min(limit, maxPage)) return { objects: page, next: page.at(-1)?.key ?? null };
      page.push(object);
    }
    return { objects: page, next: null };
  }

  function listUploads(after: UploadName | null, limit: number): UploadPage {
    const behind = sortUploads(uploads.values()).filter(
      (upload) => after === null || compareUploads(upload, after) > 0,
    );
    const page = behind.slice(0, Math.min(limit, maxPage));
    return { uploads: page, next: page.length < behind.length ? (page.at(-1) ?? null) : null };
  }

  function deleteOne({ key, expected }: DeleteRequest): DeleteOutcome {
    const reason = invalidObjectKey(key) ?? refused.get(key);
    if (reason !== undefined) return { key, outcome: "refused", error: reason };
    const object = objects.get(key);
    if (object !== undefined && expected !== undefined && !looksLike(object, expected))
      return { key, outcome: "changed" };
    objects.delete(key);
    return { key, outcome: "gone" };
  }

  // Async, so that what is thrown becomes a rejection, as in every other store.
  return {
    name: "memory:",
    async list({ after, limit, signal, sent }) {
      checkLimit(limit);
      stopIfAborted(signal, "listing memory:");
      sent?.();
      return list(after, limit);
    },
    async head(key, signal) {
      stopIfAborted(signal, "looking up an object of memory:");
      const invalid = invalidObjectKey(key);
      if (invalid !== null) throw invalidLookUp(key, invalid);
      return objects.get(key) ?? null;
    },
    async delete(requests, signal, sent) {
      stopIfAborted(signal, "deleting from memory:");
      sent?.();
      return requests.map(deleteOne);
    },
    async readMarker() {
      return marker;
    },
    async writeMarker(text) {
      marker = text;
      if (text === null) objects.delete(MARKER_KEY);
      else this.put(MARKER_KEY, { sizeBytes: text.length });
    },
    tryOut() {
      return tryOut({
        put: async () => this.put(PROBE_KEY),
        head: async () => objects.has(PROBE_KEY),
        delete: async () => throwRefused(deleteOne({ key: PROBE_KEY })),
      });
    },
    async listUploads({ after, limit, signal }) {
      checkLimit(limit);
      stopIfAborted(signal, "listing the uploads of memory:");
      return listUploads(after, limit);
    },
    async abortUpload({ key, uploadId }, signal) {
      stopIfAborted(signal, "aborting an upload of memory:");
      const reason = refused.get(key);
      if (reason !== undefined) return { outcome: "refused", error: reason };
      if (uploads.get(uploadId)?.key === key) uploads.delete(uploadId);
      return { outcome: "gone" };
    },
    async versioning() {
      return "none";
    },
    clockSkewMs: () => null,
    invalidKey: (key) => invalidObjectKey(key),
    put(key, fields = {}) {
      puts += 1;
      if (!objects.has(key)) sorted = null;
      objects.set(key, { key, sizeBytes: 0, modifiedAt: now(), etag: `etag-${puts}`, ...fields });
    },
    remove(key) {
      if (key === MARKER_KEY) marker = null;
      objects.delete(key);
    },
    has: (key) => objects.has(key),
    keys: () => sortKeys([...objects.keys()]),
    refuse(key, reason) {
      if (reason === null) refused.delete(key);
      else refused.set(key, reason);
    },
    beginUpload(key, initiatedAt = now()) {
      begun += 1;
      const uploadId = `upload-${begun}`;
      uploads.set(uploadId, { key, uploadId, initiatedAt });
      return uploadId;
    },
    completeUpload(uploadId, fields = {}) {
      const upload = uploads.get(uploadId);
      if (upload === undefined) return false;
      uploads.delete(uploadId);
      this.put(upload.key, { ...fields, modifiedAt: upload.initiatedAt });
      return true;
    },
    uploads: () => sortUploads(uploads.values()),
  };
}

/** An etag decides alone where both have one: it is made from the bytes. */
function looksLike(object: ListedObject, expected: NonNullable<DeleteRequest["expected"]>): boolean {
  if (object.etag !== null && expected.etag !== null) return object.etag === expected.etag;
  return object.sizeBytes === expected.sizeBytes && object.modifiedAt === expected.modifiedAt;
}

function sortUploads(uploads: Iterable<ListedUpload>): ListedUpload[] {
  return [...uploads].sort(compareUploads);
}

function compareUploads(a: UploadName, b: UploadName): number {
  return compareKeys(a.key, b.key) || compareKeys(a.uploadId, b.uploadId);
}
