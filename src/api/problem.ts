/**
 * Errors as RFC 9457 problems. The only map from an error to an HTTP status. A problem never holds a stack, SQL, or a
 * part of what was sent.
 */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { type ErrorKind, isSweepError, LeaseLostError } from "../core/errors.ts";
import type { Log } from "../core/ports.ts";

/** What a problem asks of whoever called: the kinds of errors, and those that only HTTP knows. */
export type ProblemKind = ErrorKind | "lease-held" | "not-configured";

export type ProblemStatus = 400 | 401 | 404 | 405 | 409 | 413 | 415 | 500 | 503;

/** Further members of the document, each written by this program. */
export type ProblemMembers = Readonly<Record<string, unknown>>;

export interface ProblemOptions {
  readonly members?: ProblemMembers;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** What a route throws, or answers with. `detail` is one or two sentences for a person. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: ProblemStatus;
  readonly kind: ProblemKind;
  readonly members: ProblemMembers;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: ProblemStatus, kind: ProblemKind, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.kind = kind;
    this.members = options.members ?? {};
    this.headers = options.headers ?? {};
  }
}

export const PROBLEM_TYPE = "application/problem+json";

const TITLES: Readonly<Record<ProblemStatus, string>> = {
  400: "The request is not valid",
  401: "A token is needed",
  404: "There is no such thing",
  405: "The method is not allowed",
  409: "It cannot be done now",
  413: "The request is too large",
  415: "The content type is not supported",
  500: "Something is wrong with filesweep",
  503: "Not available",
};

/** Seconds after which trying again is right. */
const RETRY_AFTER = "10";

const INTERNAL = "an assumption of this program does not hold; the log tells more, under this request id";

/** The problem of any error. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof LeaseLostError) {
    return new Problem(409, "conflict", "another holder took over the lease on the way", { cause: error });
  }
  if (isSweepError(error)) {
    const [status, ownDetail] = BY_KIND[error.kind];
    const headers = error.kind === "unavailable" ? { "Retry-After": RETRY_AFTER } : {};
    return new Problem(status, error.kind, ownDetail ?? error.message, { headers, cause: error });
  }
  if (error instanceof HTTPException && error.status < 500) {
    return new Problem(400, "invalid", "the request cannot be read", { cause: error });
  }
  return new Problem(500, "bug", INTERNAL, { cause: error });
}

/** The same; what is no fault of the caller's is logged, under the request's id. */
export function toLoggedProblem(error: unknown, c: Context, log: Log): Problem {
  const problem = toProblem(error);
  const { status, kind, cause = problem } = problem;
  if (status >= 500 && kind !== "not-configured") {
    log({ level: "error", event: "request.failed", request: requestIdOf(c), status, error: cause });
  }
  return problem;
}

/** By kind the status, and the detail where the error's own message may hold what was asked for, or is of no use outside. */
const BY_KIND: Readonly<Record<ErrorKind, readonly [ProblemStatus, string?]>> = {
  invalid: [400],
  "not-found": [404, "nothing has that id"],
  conflict: [409],
  unavailable: [503],
  // The caller's token was right: it is filesweep's own that somebody refuses.
  unauthorized: [503, "the database or the store refuses filesweep's credentials"],
  corrupt: [500],
  bug: [500, INTERNAL],
};

/** The document, with the request's id. */
export function problemResponse(c: Context, { status, kind, message, members, headers }: Problem): Response {
  const document = {
    type: `urn:filesweep:problem:${kind}`,
    title: TITLES[status],
    status,
    detail: message,
    kind,
    requestId: requestIdOf(c),
    ...members,
  };
  return c.body(JSON.stringify(document), status, { ...headers, "Content-Type": PROBLEM_TYPE });
}

const REQUEST_ID = "X-Request-Id";

/** Gives the request an id of our own: one that was sent along would be an echo. */
export function nameRequest(c: Context, id: string): void {
  c.header(REQUEST_ID, id);
}

export function requestIdOf(c: Context): string {
  return c.res.headers.get(REQUEST_ID) ?? "";
}
