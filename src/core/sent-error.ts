/** Errors on their way from one thread to another: copied for that, an error would lose its class and what that adds. */
import { LeaseLostError, SweepError } from "./errors.ts";

/** An error, as a value that can be copied. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
  /** Of an error of ours; null of any other. */
  readonly own: (Pick<SweepError, "kind" | "details"> & { readonly isLeaseLost: boolean }) | null;
  /** What an error of a vendor, or of the system, is known by. */
  readonly code: string | null;
  readonly cause: SentError | null;
}

/** How many causes go along, one behind the other: a chain that leads back to itself has an end too. */
const MOST_CAUSES = 8;

/** Whatever was thrown, to be sent. */
export function toSentError(thrown: unknown, causes = MOST_CAUSES): SentError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { name, message, stack = null, cause } = error;
  return {
    name,
    message,
    stack,
    own:
      error instanceof SweepError
        ? { kind: error.kind, details: error.details, isLeaseLost: error instanceof LeaseLostError }
        : null,
    code: "code" in error ? String(error.code) : null,
    cause: cause === undefined || causes === 0 ? null : toSentError(cause, causes - 1),
  };
}

/** The error that was sent: one of ours again where it was one, with its kind, its details and its causes. */
export function fromSentError({ name, message, stack, own, code, cause }: SentError): Error {
  const causes = cause === null ? {} : { cause: fromSentError(cause) };
  const error = own === null ? Object.assign(new Error(message, causes), { name }) : ownError(message, own, causes);
  return Object.assign(error, stack !== null && { stack }, code !== null && { code });
}

function ownError(
  message: string,
  { kind, details, isLeaseLost }: NonNullable<SentError["own"]>,
  causes: { readonly cause?: Error },
): SweepError {
  return isLeaseLost
    ? new LeaseLostError({ details, ...causes })
    : new SweepError(kind, message, { details, ...causes });
}
