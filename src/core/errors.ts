/**
 * What a failure asks of whoever called.
 *
 * - `invalid`: the input or the settings are wrong; say what is allowed, do not retry
 * - `unauthorized`: the credentials are missing or refused
 * - `not-found`: the thing named does not exist
 * - `conflict`: somebody else holds it, or it changed meanwhile
 * - `unavailable`: a store or database did not answer; retrying later is right
 * - `corrupt`: what was read makes no sense; never delete on the strength of it
 * - `bug`: an assumption of this program does not hold
 */
export type ErrorKind = "invalid" | "unauthorized" | "not-found" | "conflict" | "unavailable" | "corrupt" | "bug";

export interface SweepErrorOptions {
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * The only error that filesweep's own code throws. `kind` names the caller's next move; `message` is written for a
 * person and holds no secret and no SQL.
 */
export class SweepError extends Error {
  override readonly name = "SweepError";
  readonly kind: ErrorKind;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;

  constructor(kind: ErrorKind, message: string, options: SweepErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.details = options.details ?? {};
  }
}

/** The lease of this run was taken over or ran out: nothing more may be written or deleted under it. */
export class LeaseLostError extends SweepError {
  constructor(options: SweepErrorOptions = {}) {
    super("conflict", "the lease was lost: another holder took over, or this one was stopped for too long", options);
  }
}

/** Tells whether `error` is a {@link SweepError}, and one of `kind` where that is given. */
export function isSweepError(error: unknown, kind?: ErrorKind): error is SweepError {
  return error instanceof SweepError && (kind === undefined || error.kind === kind);
}
