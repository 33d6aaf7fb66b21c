/** What the doctor says of one thing that a first run depends on. */

/** In the order in which they are looked at: what comes later makes no sense where what comes before is broken. */
export const CHECK_NAMES = [
  "settings",
  "paths",
  "database",
  "store",
  "permissions",
  "bucket",
  "clocks",
  "table",
  "times",
  "keys",
  "indexes",
  "gate",
  "identity",
  "quarantine",
  "cost",
] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

/** `unknown`: it could not be looked at, mostly because of what an earlier check found. */
export const CHECK_STATUSES = ["ok", "warning", "problem", "unknown"] as const;
export type CheckStatus = (typeof CHECK_STATUSES)[number];

/**
 * What a problem means for a run that would start now.
 *
 * - `settings`: it would be refused, or would go by a wrong picture of the application
 * - `unreachable`: it would find no database or no store
 * - `failing`: it would run, and fail at what it is for
 * - `held`: it would wait for a person
 */
export const PROBLEM_KINDS = ["settings", "unreachable", "failing", "held"] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

export interface Check {
  readonly name: CheckName;
  readonly status: CheckStatus;
  /** Only of a problem. */
  readonly kind: ProblemKind | null;
  /** What was found, for a person. Holds no secret. */
  readonly found: string;
  /** What is needed instead; null where nothing is. */
  readonly needed: string | null;
  /** The line that mends it: a command, a setting, a statement. Null where there is none. */
  readonly mend: string | null;
}

interface Remedy {
  readonly needed?: string;
  readonly mend?: string;
}

export function ok(name: CheckName, found: string): Check {
  return { name, status: "ok", kind: null, found, needed: null, mend: null };
}

export function unknown(name: CheckName, found: string): Check {
  return { name, status: "unknown", kind: null, found, needed: null, mend: null };
}

export function warning(name: CheckName, found: string, { needed, mend }: Remedy = {}): Check {
  return { name, status: "warning", kind: null, found, needed: needed ?? null, mend: mend ?? null };
}

export function problem(name: CheckName, kind: ProblemKind, found: string, { needed, mend }: Remedy = {}): Check {
  return { name, status: "problem", kind, found, needed: needed ?? null, mend: mend ?? null };
}
