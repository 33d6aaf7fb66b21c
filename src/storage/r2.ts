/** A store in an R2 bucket that is bound to the Worker this runs in. */
import { type ErrorKind, SweepError } from "../core/errors.ts";
import type { DeleteOutcome, DeleteRequest, ListedObject, ListPage, Store } from "../core/ports.ts";
import { MARKER_KEY, MAX_DELETE_BATCH, PROBE_KEY } from "../core/safety.ts";
import { checkLimit, invalidLookUp, stopIfAborted } from "./guards.ts";
import { deleteInHalves } from "./in-halves.ts";
import { invalidObjectKey } from "./object-keys.ts";
import { throwRefused, tryOut } from "./try-out.ts";

/** As much of an R2 bucket's binding as is used. */
export interface R2Binding {
  list(options: { limit: number; prefix?: string; startAfter?: string; cursor?: string }): Promise<R2Listing>;
  head(key: string): Promise<R2Listed | null>;
  get(key: string): Promise<{ readonly size: number; text(): Promise<string> } | null>;
  put(key: string, value: string): Promise<unknown>;
  delete(keys: string[]): Promise<void>;
}

/** Whether what is bound under a name is a bucket. */
export function isR2Binding(bound: unknown): bound is R2Binding {
  const has = (name: string): boolean => typeof Reflect.get(Object(bound), name) === "function";
  return ["list", "head", "get", "put", "delete"].every(has);
}

export interface R2Listed {
  readonly key: string;
  readonly size: number;
  readonly uploaded: Date;
  readonly etag: string;
}

export interface R2Listing {
  readonly objects: readonly R2Listed[];
  readonly truncated: boolean;
  readonly cursor?: string;
}

export interface R2StoreOptions {
  readonly bucket: R2Binding;
  /** The binding's name, for people. */
  readonly binding: string;
  /** Empty, or ends in `/`. */
  readonly prefix: string;
}

/** Source: Cloudflare, "R2: Workers API reference": `list` brings at most 1,000 objects. */
const MAX_PAGE = 1000;

/** Empty pages in a row that are followed within one call. */
const MAX_EMPTY_PAGES = 100;

/** A marker is a line; what is larger is none of ours. */
const MAX_MARKER_BYTES = 4096;

/**
 * A store in an R2 bucket, under `prefix`. A delete cannot compare, and tells nothing of single keys: what it does not
 * refuse as a whole is gone. The binding lists no multipart uploads (over the S3 protocol they can be).
 */
export function createR2Store({ bucket, binding, prefix }: R2StoreOptions): Store {
  const name = `r2://${binding}/${prefix}`;
  const invalidKey = (key: string): string | null => invalidObjectKey(key, prefix);
  const under = prefix === "" ? {} : { prefix };

  async function ask<Answer>(
    doing: string,
    signal: AbortSignal | undefined,
    call: () => Promise<Answer>,
  ): Promise<Answer> {
    stopIfAborted(signal, `${doing} ${name}`);
    try {
      return await call();
    } catch (error) {
      throw toSweepError(`${doing} ${name}`, error);
    }
  }

  async function list(after: string | null, limit: number, signal?: AbortSignal): Promise<ListPage> {
    // With the prefix itself, so that an object of just that name, a console's folder, is not listed.
    const from = prefix + (after ?? "");
    const begin = from === "" ? {} : { startAfter: from };
    let cursor: string | undefined;
    for (let pages = 0; pages < MAX_EMPTY_PAGES; pages += 1) {
      const place = cursor === undefined ? begin : { cursor };
      const page: R2Listing = await ask("listing", signal, () =>
        bucket.list({ limit: Math.min(limit, MAX_PAGE), ...under, ...place }),
      );
      const objects = page.objects.map((object) => toObject(object, prefix, name)).filter(({ key }) => key !== "");
      if (objects.length > 0 || !page.truncated) {
        return { objects, next: page.truncated ? (objects.at(-1)?.key ?? null) : null };
      }
      // An empty page with a continuation is not the end.
      if (page.cursor === undefined || page.cursor === cursor) {
        throw new SweepError("corrupt", `listing ${name} failed: it does not advance; no conclusion is drawn from it`);
      }
      cursor = page.cursor;
    }
    throw new SweepError(
      "unavailable",
      `listing ${name} failed: it brought nothing but ${MAX_EMPTY_PAGES} empty pages`,
    );
  }

  async function deleteAll(requests: readonly DeleteRequest[], signal?: AbortSignal): Promise<DeleteOutcome[]> {
    const outcomes = new Map<string, Omit<DeleteOutcome, "key">>();
    const valid: string[] = [];
    for (const key of new Set(requests.map((request) => request.key))) {
      const invalid = invalidKey(key);
      if (invalid === null) valid.push(key);
      else outcomes.set(key, { outcome: "refused", error: invalid });
    }
    for (let start = 0; start < valid.length; start += MAX_DELETE_BATCH) {
      const chunk = valid.slice(start, start + MAX_DELETE_BATCH);
      const answers = await deleteInHalves(
        chunk,
        async (keys) => {
          await ask("deleting from", signal, () => bucket.delete(keys.map((key) => prefix + key)));
          return keys.map((key) => [key, { outcome: "gone" }] as const);
        },
        refusalOf,
      );
      for (const [key, outcome] of answers) outcomes.set(key, outcome);
    }
    return requests.map(({ key }) => ({ key, ...(outcomes.get(key) ?? { outcome: "unknown" }) }));
  }

  const markerKey = prefix + MARKER_KEY;
  return {
    name,
    async list({ after, limit, signal, sent }) {
      checkLimit(limit);
      const listing = list(after, limit, signal);
      sent?.();
      return listing;
    },
    async head(key, signal) {
      const invalid = invalidKey(key);
      const found = await ask("looking up an object of", signal, async () => {
        if (invalid !== null) throw invalidLookUp(key, invalid);
        return bucket.head(prefix + key);
      });
      return found === null ? null : toObject(found, prefix, name);
    },
    async delete(requests, signal, sent) {
      stopIfAborted(signal, `deleting from ${name}`);
      const deleting = deleteAll(requests, signal);
      sent?.();
      return deleting;
    },
    readMarker: (signal) =>
      ask("reading the identity marker of", signal, async () => {
        const found = await bucket.get(markerKey);
        if (found === null || found.size <= MAX_MARKER_BYTES) return (await found?.text()) ?? null;
        throw new SweepError("corrupt", `what is under ${markerKey} of ${name} is not an identity marker`);
      }),
    writeMarker: (text, signal) =>
      ask("writing the identity marker of", signal, async () => {
        if (text === null) await bucket.delete([markerKey]);
        else await bucket.put(markerKey, text);
      }),
    tryOut: (signal) =>
      tryOut({
        put: async () => void (await ask("writing into", signal, () => bucket.put(prefix + PROBE_KEY, "probe"))),
        head: async () =>
          (await ask("looking up an object of", signal, () => bucket.head(prefix + PROBE_KEY))) !== null,
        delete: async () => throwRefused((await deleteAll([{ key: PROBE_KEY }], signal))[0]),
      }),
    listUploads: async () => "not-supported",
    async abortUpload() {
      throw new SweepError("bug", "the binding of an R2 bucket lists no uploads");
    },
    // Source: Cloudflare, "R2: S3 API compatibility": R2 keeps no versions.
    versioning: async () => "none",
    clockSkewMs: () => null,
    invalidKey,
  };
}

/** @throws SweepError `corrupt` for a key that does not lie under the prefix that was asked for */
function toObject({ key, size, uploaded, etag }: R2Listed, prefix: string, name: string): ListedObject {
  if (!key.startsWith(prefix)) {
    throw new SweepError("corrupt", `listing ${name} failed: it leaves its prefix; no conclusion is drawn from it`);
  }
  const at = uploaded.getTime();
  return { key: key.slice(prefix.length), sizeBytes: size, modifiedAt: Number.isNaN(at) ? null : at, etag };
}

/** Source: Cloudflare, "R2: Error codes". What is not here may pass: it is `unavailable`. */
const KINDS: Readonly<Record<number, ErrorKind>> = {
  10002: "unauthorized",
  10003: "unauthorized",
  10005: "invalid",
  10006: "not-found",
  10020: "invalid",
  10022: "bug",
  10027: "bug",
  10029: "invalid",
  10042: "unauthorized",
  10069: "conflict",
};

/** The codes that are about the keys of a batch: a name that R2 does not take, an object that a rule of the bucket locks. */
const ABOUT_KEYS: readonly number[] = [10020, 10029, 10069];

/** Too many requests; the service is not available. */
const SLOW_DOWN: readonly number[] = [10043, 10058];

/** A binding's error says its code in its message alone: `delete: … (10058)`. */
function toSweepError(doing: string, error: unknown): SweepError {
  if (error instanceof SweepError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = Number(/\((\d{5,6})\)\s*$/.exec(message)?.[1] ?? 0);
  const details = { code, slowDown: SLOW_DOWN.includes(code) };
  return new SweepError(KINDS[code] ?? "unavailable", `${doing} failed: ${message.slice(0, 200)}`, {
    cause: error,
    details,
  });
}

function refusalOf(error: unknown): string | null {
  if (!(error instanceof SweepError)) return null;
  return ABOUT_KEYS.includes(Number(error.details["code"])) ? error.message : null;
}
