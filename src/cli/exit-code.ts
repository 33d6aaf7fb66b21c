/** What a command's exit code says. Part of the contract. */
import { type ErrorKind, isSweepError, LeaseLostError } from "../core/errors.ts";
import type { RunReport } from "../core/model.ts";
import type { RunOutcome } from "../core/run.ts";

export const EXIT = {
  /** Everything was done. */
  done: 0,
  /** Done, with failures. */
  failures: 1,
  /** The command line or the settings are wrong. */
  usage: 2,
  /** Something waits for a person. */
  held: 3,
  /** Another holder has the lease. */
  leaseHeld: 4,
  /** The database or the store cannot be reached. */
  unreachable: 5,
  /** Stopped early; the next run goes on. */
  stoppedEarly: 6,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Of several that apply, the first of these is the exit code. */
const PRECEDENCE: readonly ExitCode[] = [
  EXIT.usage,
  EXIT.unreachable,
  EXIT.leaseHeld,
  EXIT.failures,
  EXIT.stoppedEarly,
  EXIT.held,
];

/** How a command ended: with a run's outcome, or with an error. */
export type CommandOutcome = RunOutcome | { readonly kind: "threw"; readonly error: unknown };

/** The exit code of a run, or of the error that ended the command. */
export function exitCodeOf(outcome: CommandOutcome): ExitCode {
  switch (outcome.kind) {
    case "lease-held":
      return EXIT.leaseHeld;
    case "threw":
      return exitCodeOfError(outcome.error);
    case "ran":
      return firstOf([...codesOf(outcome.report), ...(outcome.unreachable ? [EXIT.unreachable] : [])]);
  }
}

/** Of several exit codes the one that counts. */
export function firstOf(codes: readonly ExitCode[]): ExitCode {
  return PRECEDENCE.find((code) => codes.includes(code)) ?? EXIT.done;
}

/** Everything that applies to a run. Failures count whatever its status: a held or paused run may have some too. */
function codesOf(report: RunReport): ExitCode[] {
  const { status, holds, sweeps } = report;
  const codes: ExitCode[] = [];
  const failed = sweeps.some((sweep) => sweep.status === "failed" || sweep.failed.count > 0);
  if (failed || status === "completed-with-failures" || status === "failed") codes.push(EXIT.failures);
  // A run that a person cancelled ended before its end, as one that was interrupted did.
  if (status === "paused" || status === "running" || status === "cancelled") codes.push(EXIT.stoppedEarly);
  if (status === "held" || holds.length > 0 || sweeps.some((sweep) => sweep.status === "held")) codes.push(EXIT.held);
  return codes;
}

/** The only map from an error to an exit code. */
function exitCodeOfError(error: unknown): ExitCode {
  if (error instanceof LeaseLostError) return EXIT.leaseHeld;
  return isSweepError(error) ? BY_KIND[error.kind] : EXIT.failures;
}

const BY_KIND: Readonly<Record<ErrorKind, ExitCode>> = {
  invalid: EXIT.usage,
  "not-found": EXIT.usage,
  // Credentials that are refused, and a file that is no database, are as good as not there.
  unauthorized: EXIT.unreachable,
  unavailable: EXIT.unreachable,
  corrupt: EXIT.unreachable,
  conflict: EXIT.failures,
  bug: EXIT.failures,
};
