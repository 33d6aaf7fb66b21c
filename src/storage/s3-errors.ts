/** What an S3 store's refusals mean for whoever set it up, and what to do next. */
import { type ErrorKind, SweepError } from "../core/errors.ts";
import { parseError, type S3Error } from "./s3-xml.ts";

/** Where a request went, for messages. Holds no secret. */
export interface S3Place {
  /** Such as `s3://bucket/prefix/`. */
  readonly name: string;
  readonly bucket: string;
  /** The region that requests are signed for. */
  readonly region: string;
  /** Scheme and host of the server. */
  readonly origin: string;
}

/** An answer, read whole. */
export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Empty for a HEAD. */
  readonly text: string;
}

/** How far the clocks are apart, where a refusal is about that; null where no answer told. */
export type Skew = number | null;

/** The code of a refusal, or `HTTP 404` where the answer holds none. */
export function codeOf(answer: S3Answer): string {
  return parseError(answer.text)?.code || `HTTP ${answer.status}`;
}

/** The error of an answer that is no success. `doing` is such as `listing`. */
export function failureOf(answer: S3Answer, doing: string, place: S3Place, skewMs: Skew): SweepError {
  const error = parseError(answer.text);
  const region = error?.region ?? answer.headers.get("x-amz-bucket-region");
  const told = explain(answer, error, region, place, skewMs);
  const details = { status: answer.status, code: error?.code ?? null, slowDown: isSlowDown(answer.status, error) };
  return new SweepError(told.kind, `${doing} ${place.name} failed: ${told.why}`, { details });
}

interface Told {
  readonly kind: ErrorKind;
  readonly why: string;
}

function explain(answer: S3Answer, error: S3Error | null, region: string | null, place: S3Place, skewMs: Skew): Told {
  const known = error === null ? undefined : KNOWN[error.code];
  // Before what a code means: of the wrong region each store tells in another way, but all of them name the right one.
  if (region !== null && region !== place.region && (answer.status === 301 || answer.status === 400)) {
    return invalid(
      `the bucket is in the region ${plain(region)}, not ${plain(place.region)}; set S3_REGION=${plain(region)}`,
    );
  }
  if (known !== undefined) return known(place, skewMs);
  if (answer.status === 429 || answer.status >= 500) return unavailable(describe(answer, error));
  if (error === null && isHtml(answer)) {
    return {
      kind: "corrupt",
      why: `${place.origin} answered with a web page (HTTP ${answer.status}) where S3 answers with XML: S3_ENDPOINT is another address, or a proxy stands in between`,
    };
  }
  if (answer.status >= 300 && answer.status < 400) {
    return invalid(
      `${place.origin} answered with a redirect (HTTP ${answer.status}), which a signed request does not follow; set S3_ENDPOINT to the address that answers, and S3_REGION`,
    );
  }
  if (answer.status === 401 || answer.status === 403) return unauthorized(describe(answer, error));
  if (answer.status === 404) return { kind: "not-found", why: describe(answer, error) };
  // A success that holds no success: the store makes no sense, or an error came late.
  if (answer.status < 300)
    return error === null ? { kind: "corrupt", why: describe(answer, error) } : unavailable(describe(answer, error));
  return invalid(describe(answer, error));
}

/** Source of the codes: Amazon S3 API Reference, "Error responses"; R2's and Ceph's are among them. */
const KNOWN: Readonly<Record<string, (place: S3Place, skewMs: Skew) => Told>> = {
  NoSuchBucket: ({ bucket, origin }) => ({
    kind: "not-found",
    why: `there is no bucket ${plain(bucket)} at ${origin}; STORAGE_URL names the bucket, S3_ENDPOINT the server`,
  }),
  InvalidBucketName: ({ bucket }) => invalid(`${plain(bucket)} is no name of a bucket there`),
  InvalidAccessKeyId: () => unauthorized("the store does not know the key of S3_ACCESS_KEY_ID"),
  SignatureDoesNotMatch: () =>
    unauthorized(
      "the store refuses the signature: S3_SECRET_ACCESS_KEY does not belong to S3_ACCESS_KEY_ID, or a proxy changes requests",
    ),
  AccessDenied: () => unauthorized("the store denies it: these credentials lack the permission"),
  AllAccessDisabled: () => unauthorized("the store denies all access to this bucket"),
  ExpiredToken: () =>
    unauthorized("the credentials are temporary and have expired: S3_SESSION_TOKEN and its key have to be renewed"),
  TokenRefreshRequired: () =>
    unauthorized("the credentials are temporary and have expired: S3_SESSION_TOKEN and its key have to be renewed"),
  InvalidToken: () =>
    unauthorized("the store does not know the token of S3_SESSION_TOKEN, or it does not belong to S3_ACCESS_KEY_ID"),
  RequestTimeTooSkewed: (_place, skewMs) => {
    const apart = skewMs === null ? "are too far apart" : `are ${Math.round(skewMs / 60_000)} minutes apart`;
    return unauthorized(
      `the clocks of this machine and of the store ${apart}, so the store refuses the signature: set this machine's clock`,
    );
  },
  AuthorizationHeaderMalformed: ({ region }) =>
    invalid(`the store does not take a signature for the region ${plain(region)}; set S3_REGION to the bucket's`),
  IllegalLocationConstraintException: ({ region }) =>
    invalid(`the bucket is not in the region ${plain(region)}; set S3_REGION to the bucket's`),
  SlowDown: () => unavailable("the store asks to slow down"),
  TooManyRequests: () => unavailable("the store asks to slow down"),
  InternalError: () => unavailable("the store had an error of its own (InternalError)"),
  ServiceUnavailable: () => unavailable("the store is not available for now (ServiceUnavailable)"),
  RequestTimeout: () => unavailable("the store gave up waiting for the request (RequestTimeout)"),
  OperationAborted: () => unavailable("the store is busy with another operation on this bucket (OperationAborted)"),
};

function isSlowDown(status: number, error: S3Error | null): boolean {
  return status === 429 || status === 503 || error?.code === "SlowDown";
}

/** Whether this is the page of a proxy, or of another server. */
export function isHtml({ headers, text }: S3Answer): boolean {
  return /\bhtml\b/i.test(headers.get("content-type") ?? "") || /^\s*<(!doctype )?html\b/i.test(text);
}

/** Code and message as the store gave them, without what could break a line or fill a screen. */
function describe({ status }: S3Answer, error: S3Error | null): string {
  if (error === null) return `it answered HTTP ${status}`;
  const message = error.message === "" ? "" : `: ${plain(error.message)}`;
  return `it answered HTTP ${status}, ${plain(error.code)}${message}`;
}

/** What a store says of one key, for a person. */
export function describeKeyError({ code, message }: S3Error): string {
  return message === "" ? plain(code) : `${plain(code)}: ${plain(message)}`;
}

function plain(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").slice(0, 200);
}

function invalid(why: string): Told {
  return { kind: "invalid", why };
}

function unauthorized(why: string): Told {
  return { kind: "unauthorized", why };
}

function unavailable(why: string): Told {
  return { kind: "unavailable", why };
}
