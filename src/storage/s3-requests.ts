/** The requests of the S3 protocol but for deletes: what is asked, and what the answer says. Keys are those of the bucket. */
import { SweepError } from "../core/errors.ts";
import type { AbortOutcome, ListedObject, UploadName, Versioning } from "../core/ports.ts";
import { type HowSent, holdsControl, isAmbiguousInUrl, type S3Client } from "./s3-client.ts";
import { codeOf, describeKeyError, failureOf, isHtml, type S3Answer } from "./s3-errors.ts";
import {
  parseError,
  parseInstant,
  parseListing,
  parseSize,
  parseUploads,
  parseVersioning,
  type S3Listing,
  type S3Uploads,
  unquote,
} from "./s3-xml.ts";

export type S3Query = Readonly<Record<string, string | null>>;

/** How a page is asked for, and who hears of its answer: while the promise is open, it is not read yet. */
export interface HowListed extends HowSent {
  readonly answered?: ((text: string) => Promise<void>) | undefined;
}

export interface S3Requests {
  /** One page, with at least one object unless it is the last. */
  listObjects(query: S3Query, how?: HowListed): Promise<S3Listing>;
  /** The object under exactly this key, or null on a definite "not found". */
  lookUp(key: string, signal?: AbortSignal): Promise<ListedObject | null>;
  /** A small object's text, or null on a definite "not found". @throws SweepError `corrupt` where it is longer */
  readText(key: string, maxLength: number, signal?: AbortSignal): Promise<string | null>;
  /** Puts an object of filesweep's own; null takes it away. */
  writeText(key: string, text: string | null, signal?: AbortSignal): Promise<void>;
  listUploads(query: S3Query, signal?: AbortSignal): Promise<S3Uploads | "not-supported">;
  abortUpload(upload: UploadName, signal?: AbortSignal): Promise<AbortOutcome>;
  versioning(signal?: AbortSignal): Promise<Versioning>;
}

/** Empty pages in a row that are followed within one call: where many objects were deleted, a listing has some. */
const MAX_EMPTY_PAGES = 100;

export function createS3Requests(client: S3Client): S3Requests {
  const { name } = client.place;
  const failure = (answer: S3Answer, doing: string): SweepError =>
    failureOf(answer, doing, client.place, client.clockSkewMs());

  async function listObjects(query: S3Query, { answered, ...how }: HowListed = {}): Promise<S3Listing> {
    const doing = "listing";
    let token: string | null = null;
    for (let pages = 0; pages < MAX_EMPTY_PAGES; pages += 1) {
      const whole = { "list-type": "2", "encoding-type": "url", ...query, "continuation-token": token };
      const answer = await client.send({ ...how, method: "GET", query: whole }, doing);
      if (!isSuccess(answer)) throw failure(answer, doing);
      await answered?.(answer.text);
      const page = understand(client, answer, doing, parseListing);
      if (page.objects.length > 0 || !page.isTruncated) return page;
      // An empty page with a continuation is not the end.
      if (page.token === null || page.token === token) {
        throw new SweepError("corrupt", `listing ${name} failed: it does not advance; no conclusion is drawn from it`);
      }
      token = page.token;
    }
    throw new SweepError(
      "unavailable",
      `listing ${name} failed: it brought nothing but ${MAX_EMPTY_PAGES} empty pages`,
    );
  }

  async function lookUpInListing(key: string, signal?: AbortSignal): Promise<ListedObject | null> {
    // Of all keys that begin with this one, it is the first.
    const { objects } = await listObjects({ "max-keys": "1", prefix: key }, { signal });
    return objects.find((object) => object.key === key) ?? null;
  }

  return {
    listObjects,
    async lookUp(key, signal) {
      // A server that does not find such a key by its address would say "not found" of what is there.
      if (isAmbiguousInUrl(key) || holdsControl(key)) return lookUpInListing(key, signal);
      const doing = "looking up an object of";
      const answer = await client.send({ method: "HEAD", key, signal }, doing);
      // A HEAD has no body that would say more: the page of a proxy shows in its type alone.
      if (answer.status === 404 && !isHtml(answer)) return null;
      if (!isSuccess(answer)) throw failure(answer, doing);
      const size = answer.headers.get("content-length");
      if (size === null) return lookUpInListing(key, signal);
      const etag = answer.headers.get("etag");
      return {
        key,
        sizeBytes: parseSize(size),
        modifiedAt: parseInstant(answer.headers.get("last-modified")),
        etag: etag === null ? null : unquote(etag),
      };
    },
    async readText(key, maxLength, signal) {
      const doing = "reading the identity marker of";
      const answer = await client.send({ method: "GET", key, signal }, doing);
      if (codeOf(answer) === "NoSuchKey") return null;
      if (!isSuccess(answer)) throw failure(answer, doing);
      if (answer.text.length <= maxLength && !isHtml(answer)) return answer.text;
      throw new SweepError("corrupt", `${doing} ${name} failed: what is under ${key} is not an identity marker`);
    },
    async writeText(key, text, signal) {
      const call = text === null ? { method: "DELETE" as const } : { method: "PUT" as const, body: text };
      const doing = "writing into";
      const answer = await client.send(
        { ...call, key, headers: { "content-type": "application/json" }, signal },
        doing,
      );
      if (!isSuccess(answer) && codeOf(answer) !== "NoSuchKey") throw failure(answer, doing);
    },
    async listUploads(query, signal) {
      const doing = "listing the uploads of";
      // Keys as they are: asked to encode them, Ceph does, and does not say so. The reader of the answer bears any character.
      const call = { method: "GET" as const, query: { uploads: "", ...query }, signal };
      const answer = await client.send(call, doing);
      if (isUnknownCall(answer)) return "not-supported";
      if (!isSuccess(answer)) throw failure(answer, doing);
      return understand(client, answer, doing, parseUploads);
    },
    async abortUpload({ key, uploadId }, signal) {
      if (isAmbiguousInUrl(key)) return { outcome: "refused", error: "its key cannot be written in a URL" };
      const doing = "aborting an upload of";
      const answer = await client.send({ method: "DELETE", key, query: { uploadId }, signal }, doing);
      if (isSuccess(answer) || codeOf(answer) === "NoSuchUpload") return { outcome: "gone" };
      const error = parseError(answer.text);
      if (answer.status === 403 && error?.code === "AccessDenied") {
        return { outcome: "refused", error: describeKeyError(error) };
      }
      throw failure(answer, doing);
    },
    async versioning(signal) {
      const doing = "asking for the versions of";
      const answer = await client.send({ method: "GET", query: { versioning: "" }, signal }, doing);
      // Without the permission, or without the call, a store does not tell.
      if (isUnknownCall(answer) || codeOf(answer) === "AccessDenied") return "unknown";
      if (!isSuccess(answer)) throw failure(answer, doing);
      return understand(client, answer, doing, parseVersioning);
    },
  };
}

export function isSuccess({ status }: S3Answer): boolean {
  return status >= 200 && status < 300;
}

function isUnknownCall(answer: S3Answer): boolean {
  return answer.status === 501 || answer.status === 405 || codeOf(answer) === "NotImplemented";
}

/**
 * Reads a success, which may hold an error all the same, or a web page.
 * @throws SweepError
 */
export function understand<T>(client: S3Client, answer: S3Answer, doing: string, parse: (text: string) => T): T {
  try {
    return parse(answer.text);
  } catch (error) {
    if (parseError(answer.text) !== null || isHtml(answer)) {
      throw failureOf(answer, doing, client.place, client.clockSkewMs());
    }
    if (!(error instanceof SweepError)) throw error;
    throw new SweepError(error.kind, `${doing} ${client.place.name} failed: ${error.message}`, { cause: error });
  }
}
