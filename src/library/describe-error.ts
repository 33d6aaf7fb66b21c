/** Errors, as people and logs may see them. */
import { type ErrorKind, isSweepError } from "../core/errors.ts";

/** What may be told of an error: never a stack, and of a foreign one only its first line, without SQL. */
export interface ErrorDescription {
  readonly message: string;
  readonly kind: ErrorKind;
}

const LONGEST_FOREIGN_MESSAGE = 200;

/** An error of our own tells its message, written for people; another one is a bug, and may hold anything. */
export function describeError(error: unknown): ErrorDescription {
  if (isSweepError(error)) return { message: error.message, kind: error.kind };
  const text = error instanceof Error ? error.message : String(error);
  // drizzle's message is the statement with all its parameters.
  if (/^Failed query:/i.test(text)) return { message: "the database refused a statement", kind: "bug" };
  const [line = ""] = text.split("\n", 1);
  return { message: line.slice(0, LONGEST_FOREIGN_MESSAGE) || "unknown error", kind: "bug" };
}
