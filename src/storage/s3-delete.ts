/** Deletes keys of a bucket: in batches where a batch can name them, alone where it cannot. Every key's answer is read. */
import { SweepError } from "../core/errors.ts";
import type { DeleteOutcome, DeleteRequest } from "../core/ports.ts";
import { MAX_DELETE_BATCH } from "../core/safety.ts";
import { deleteInHalves } from "./in-halves.ts";
import { invalidObjectKey } from "./object-keys.ts";
import { type HowSent, holdsControl, isAmbiguousInUrl, type S3Client } from "./s3-client.ts";
import { codeOf, describeKeyError, failureOf, type S3Answer } from "./s3-errors.ts";
import { createS3Requests, isSuccess, understand } from "./s3-requests.ts";
import { parseDeleteResult, parseError, renderDelete } from "./s3-xml.ts";

/** Requests for keys that go alone, at the same time. */
const ALONE_AT_ONCE = 4;

type Outcome = Omit<DeleteOutcome, "key">;
/** By key, relative to the store's prefix. */
type Outcomes = ReadonlyMap<string, Outcome>;

/** One outcome for each request, in their order. @throws SweepError where no request was answered */
export async function deleteFromBucket(
  client: S3Client,
  prefix: string,
  requests: readonly DeleteRequest[],
  how?: HowSent,
): Promise<DeleteOutcome[]> {
  const outcomes = new Map<string, Outcome>();
  const valid: string[] = [];
  for (const key of new Set(requests.map((request) => request.key))) {
    const invalid = invalidObjectKey(key, prefix);
    if (invalid === null) valid.push(key);
    else outcomes.set(key, { outcome: "refused", error: invalid });
  }
  const deleteTogether = (keys: readonly string[]): Promise<Outcomes> =>
    deleteInHalves(keys, (some) => deleteBatch(client, prefix, some, how), refusalOf);
  const pieces = [
    ...inChunks(
      valid.filter((key) => !isOdd(prefix + key)),
      MAX_DELETE_BATCH,
    ).map((keys) => () => deleteTogether(keys)),
    ...inChunks(
      valid.filter((key) => isOdd(prefix + key)),
      ALONE_AT_ONCE,
    ).map((keys) => () => deleteAlone(client, prefix, keys, how)),
  ];
  const failures: unknown[] = [];
  for (const piece of pieces) {
    try {
      for (const [key, outcome] of await piece()) outcomes.set(key, outcome);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0 && failures.length === pieces.length) throw failures[0];
  const lost = failures[0] instanceof Error ? failures[0].message : "no answer";
  return requests.map(({ key }) => ({ key, ...(outcomes.get(key) ?? { outcome: "unknown", error: lost }) }));
}

/** The codes by which stores refuse a whole batch for what one of its keys is; Ceph says 400 and nothing more. */
const ABOUT_KEYS: readonly unknown[] = [
  null,
  "MalformedXML",
  "InvalidArgument",
  "InvalidRequest",
  "InvalidURI",
  "KeyTooLongError",
];

/** Why a batch was refused for what is in it; null where the error is about something else. */
function refusalOf(error: unknown): string | null {
  if (!(error instanceof SweepError) || error.details["status"] !== 400) return null;
  return ABOUT_KEYS.includes(error.details["code"]) ? error.message : null;
}

async function deleteBatch(
  client: S3Client,
  prefix: string,
  keys: readonly string[],
  how?: HowSent,
): Promise<Outcomes> {
  const doing = "deleting from";
  const body = renderDelete(keys.map((key) => prefix + key));
  const headers = { "content-type": "application/xml", "content-md5": await contentMd5(body) };
  const answer = await client.send({ ...how, method: "POST", query: { delete: "" }, headers, body }, doing);
  if (!isSuccess(answer)) throw failure(client, answer, doing);
  const answers = understand(client, answer, doing, parseDeleteResult);
  return new Map(
    keys.map((key): [string, Outcome] => {
      const error = answers.get(prefix + key);
      // Not named is not answered: it may be gone, or not.
      if (error === undefined) return [key, { outcome: "unknown", error: "the store's answer does not name this key" }];
      const isGone = error === null || error.code === "NoSuchKey";
      return [key, isGone ? { outcome: "gone" } : { outcome: "refused", error: describeKeyError(error) }];
    }),
  );
}

async function deleteAlone(
  client: S3Client,
  prefix: string,
  keys: readonly string[],
  how?: HowSent,
): Promise<Outcomes> {
  const answers = await Promise.allSettled(keys.map((key) => deleteOdd(client, prefix, key, how)));
  const outcomes = new Map<string, Outcome>();
  for (const [index, answer] of answers.entries()) {
    const outcome = answer.status === "fulfilled" ? answer.value : undefined;
    if (outcome !== undefined) outcomes.set(keys[index] ?? "", outcome);
  }
  const lost = answers.find((answer) => answer.status === "rejected");
  if (outcomes.size === 0 && lost !== undefined) throw lost.reason;
  return outcomes;
}

/**
 * Whether a document may not carry this key unharmed: some stores refuse a batch for a control character in it, and some
 * take the blanks at either end of a key away, so that another object would be deleted.
 */
function isOdd(key: string): boolean {
  return holdsControl(key) || key.trim() !== key;
}

/** In a batch of its own, then by its address, as far as neither could name another object. */
async function deleteOdd(client: S3Client, prefix: string, key: string, how?: HowSent): Promise<Outcome | undefined> {
  const whole = prefix + key;
  if (whole.trim() === whole) {
    const outcomes = await deleteInHalves([key], (only) => deleteBatch(client, prefix, only, how), refusalOf);
    const outcome = outcomes.get(key);
    if (outcome?.outcome === "gone") return outcome;
  }
  if (!isAmbiguousInUrl(whole)) {
    const outcome = await deleteOne(client, whole, how);
    if (outcome.outcome !== "gone") return outcome;
  }
  // What a store says of such a key is not taken at its word: it may have understood another.
  const isThere = (await createS3Requests(client).lookUp(whole, how?.signal)) !== null;
  return isThere ? { outcome: "refused", error: "the store does not find it by its name" } : { outcome: "gone" };
}

async function deleteOne(client: S3Client, key: string, how?: HowSent): Promise<Outcome> {
  const doing = "deleting from";
  const answer = await client.send({ ...how, method: "DELETE", key }, doing);
  if (isSuccess(answer) || (answer.status === 404 && codeOf(answer) !== "NoSuchBucket")) return { outcome: "gone" };
  const error = parseError(answer.text);
  const isRefusal = error?.code === "AccessDenied" || (answer.status === 400 && error !== null);
  if (error !== null && isRefusal) return { outcome: "refused", error: describeKeyError(error) };
  throw failure(client, answer, doing);
}

function failure(client: S3Client, answer: S3Answer, doing: string): Error {
  return failureOf(answer, doing, client.place, client.clockSkewMs());
}

/**
 * MinIO and others refuse a DeleteObjects without it. Workers digest MD5 themselves; Node and Deno do in `node:crypto`, which
 * is asked for without an import, since a Worker's bundle may hold nothing of Node. A library's would be 2 kB of it, gzipped.
 */
async function contentMd5(body: string): Promise<string> {
  const bytes = new TextEncoder().encode(body);
  const crypto = globalThis.process?.getBuiltinModule?.("node:crypto");
  if (crypto !== undefined) return crypto.createHash("md5").update(bytes).digest("base64");
  return btoa(String.fromCharCode(...new Uint8Array(await globalThis.crypto.subtle.digest("MD5", bytes))));
}

function inChunks<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
  return chunks;
}
