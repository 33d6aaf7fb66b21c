/** Signed requests to an S3 store, over web standards alone: addresses, signatures, answers read whole, the store's clock. */
import { AwsV4Signer } from "aws4fetch";
import { SweepError } from "../core/errors.ts";
import type { S3Settings } from "../core/settings.ts";
import type { S3Answer, S3Place } from "./s3-errors.ts";

export interface S3ClientOptions extends S3Settings {
  readonly bucket: string;
  readonly prefix: string;
  /** The runtime's wall clock, in epoch milliseconds: signatures and the store's clock go by it. */
  readonly now: () => number;
  /** Default: the runtime's. */
  readonly fetch?: typeof fetch;
}

export interface S3Call {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Of the object, with the store's prefix; without one the call is about the bucket. May not be {@link isAmbiguousInUrl}. */
  readonly key?: string;
  /** Those that are null are left out. */
  readonly query?: Readonly<Record<string, string | null>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  /** Called once the request is on its way. */
  readonly sent?: (() => void) | undefined;
}

/** How a request is to be sent, for those who pass it on. */
export type HowSent = Pick<S3Call, "signal" | "sent">;

export interface S3Client {
  readonly place: S3Place;
  /** One request. Whatever the store answers is an answer. @throws SweepError `unavailable` where none came, or `corrupt` */
  send(call: S3Call, doing: string): Promise<S3Answer>;
  clockSkewMs(): number | null;
}

/** 1,000 keys of 1,024 bytes, percent-encoded, and what comes with them, take less than 4 MiB. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** The first region of AWS, where buckets can be asked for that are elsewhere: the answer names the right region. */
const AWS_DEFAULT_REGION = "us-east-1";

/** The resolution of an HTTP date. */
const DATE_RESOLUTION_MS = 1000;

export function createS3Client(options: S3ClientOptions): S3Client {
  const { bucket, prefix, now, accessKeyId, secretAccessKey } = options;
  const send = options.fetch ?? fetch;
  const { base, region } = addressOf(options);
  const place = { name: `s3://${bucket}/${prefix}`, bucket, region, origin: new URL(base).origin };
  const sessionToken = options.sessionToken === null ? {} : { sessionToken: options.sessionToken };
  const signingKeys = new Map<string, ArrayBuffer>();
  let skewMs: number | null = null;

  async function signed({
    method,
    key = "",
    query = {},
    headers = {},
    body = "",
  }: S3Call): Promise<[string, RequestInit]> {
    const signer = new AwsV4Signer({
      method,
      url: `${base}${encodePath(key)}${encodeQuery(query)}`,
      headers: { ...headers, "x-amz-content-sha256": await sha256(body) },
      accessKeyId,
      secretAccessKey,
      ...sessionToken,
      service: "s3",
      region,
      cache: signingKeys,
      datetime: new Date(now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const request = await signer.sign();
    const content = body === "" ? {} : { body };
    return [request.url.href, { method, headers: request.headers, ...content }];
  }

  return {
    place,
    async send(call, doing) {
      const [url, init] = await signed(call);
      const sentAt = now();
      let answer: Response;
      try {
        // Not followed: what a redirect names was not signed for, and need not be a store.
        const answering = send(url, { ...init, redirect: "manual", ...(call.signal && { signal: call.signal }) });
        // Not at once: a runtime writes a request some turns after it was asked to.
        if (call.sent !== undefined) setTimeout(call.sent, 0);
        answer = await answering;
      } catch (error) {
        throw unanswered(doing, place, error);
      }
      skewMs = skewOf(answer.headers.get("date"), sentAt, now()) ?? skewMs;
      return { status: answer.status, headers: answer.headers, text: await read(answer, doing, place) };
    },
    clockSkewMs: () => skewMs,
  };
}

/** Where the bucket is asked for: its address, which ends in a slash, and the region to sign for. */
function addressOf({ endpoint, region, bucket, forcePathStyle }: S3ClientOptions): { base: string; region: string } {
  const signRegion = endpoint === null && region === "auto" ? AWS_DEFAULT_REGION : region;
  const server = new URL(endpoint ?? `https://s3.${signRegion}.amazonaws.com`);
  const path = server.pathname.endsWith("/") ? server.pathname : `${server.pathname}/`;
  // A certificate for *.host covers no further dot.
  const inPath = forcePathStyle || (bucket.includes(".") && server.protocol === "https:");
  const host = inPath ? server.host : `${bucket}.${server.host}`;
  return { base: `${server.protocol}//${host}${path}${inPath ? `${bucket}/` : ""}`, region: signRegion };
}

/**
 * Whether a URL cannot hold this key: its reader takes `.` and `..` segments away, and some stores take `//` for one
 * slash, so that another object would be addressed.
 */
export function isAmbiguousInUrl(key: string): boolean {
  return /^\/|\/\/|(^|\/)\.{1,2}(\/|$)/.test(key);
}

/** What no XML 1.0 can hold, what its readers change, and what some servers do not find in a URL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\uFFFE\uFFFF]/;

/** Whether a key holds characters over which stores trip, in an address as in a document. */
export function holdsControl(key: string): boolean {
  return CONTROL.test(key);
}

function encodePath(key: string): string {
  return key.split("/").map(encode).join("/");
}

function encodeQuery(query: Readonly<Record<string, string | null>>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === null ? [] : [`${encode(name)}=${encode(value)}`],
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** As RFC 3986 has it, and signatures with it: all but letters, digits and `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** How far apart the clocks are at the least: an answer's date was true at some moment between request and answer. */
function skewOf(date: string | null, sentAt: number, receivedAt: number): number | null {
  const told = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(told)) return null;
  return Math.max(0, told - receivedAt, sentAt - (told + DATE_RESOLUTION_MS));
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

async function read(answer: Response, doing: string, place: S3Place): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (const reader = answer.body?.getReader(); reader !== undefined; ) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > MAX_ANSWER_BYTES) {
        await reader.cancel();
        throw new SweepError(
          "corrupt",
          `${doing} ${place.name} failed: the answer is longer than any that makes sense`,
        );
      }
      chunks.push(value);
    }
  } catch (error) {
    if (error instanceof SweepError) throw error;
    throw unanswered(doing, place, error);
  }
  try {
    return UTF8.decode(joined(chunks, length));
  } catch (cause) {
    throw new SweepError("corrupt", `${doing} ${place.name} failed: the answer is no UTF-8`, { cause });
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** No answer, or a part of one: whether the request had an effect is not known. */
function unanswered(doing: string, { name, origin }: S3Place, cause: unknown): SweepError {
  const source = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = source instanceof Error && "code" in source ? ` (${String(source.code)})` : "";
  return new SweepError("unavailable", `${doing} ${name} failed: no answer from ${origin}${code}`, { cause });
}
