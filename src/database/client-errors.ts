/** What both clients are told in the same words: SQLite's own codes, as beginnings, since a server sends no more than that. */
import { SweepError } from "../core/errors.ts";

export interface VendorError {
  readonly code: string;
  readonly message: string;
}

export function vendorError(error: unknown): VendorError {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  return { code, message: error instanceof Error ? error.message : String(error) };
}

export function isBusy(error: unknown): boolean {
  const { code, message } = vendorError(error);
  return (
    code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED") || message.includes("SQL statements in progress")
  );
}

/**
 * SQLite's refusal of a statement, as ours. The vendor's message is kept in `details.vendor` for constraint failures
 * and bugs only, where the adapters tell them apart.
 * @param name the database, for a person
 */
export function refusal(error: unknown, name: string): SweepError {
  const { code, message } = vendorError(error);
  if (code.startsWith("SQLITE_CONSTRAINT")) {
    return new SweepError("conflict", "a constraint of the database refused a write", {
      cause: error,
      details: { vendor: message },
    });
  }
  if (code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB")) {
    return new SweepError("corrupt", `${name} is not a readable SQLite database (${code})`, { cause: error });
  }
  return new SweepError("bug", `the database refused a statement (${code || "no code"})`, {
    cause: error,
    details: { vendor: message },
  });
}
