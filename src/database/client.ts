/**
 * One connection to a libSQL database: a batch of statements is one round trip and one transaction. This file is the
 * only one that knows the vendor's client and its errors.
 *
 * Facts about @libsql/client 0.18 that it is built on: one SQLITE_BUSY leaves a local connection unusable until
 * `reconnect()`; a JS number binds as REAL; one integer over 2^53 makes a whole result throw unless read as bigint.
 */
import type { Client, InStatement, InValue } from "@libsql/client";
import { SweepError } from "../core/errors.ts";
import type { Value } from "../core/ports.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";

export interface Statement {
  readonly sql: string;
  readonly args: readonly Value[];
}

export type Row = Readonly<Record<string, Value>>;

/** What the database adapters need of a client. */
export interface SqlClient {
  /**
   * Runs the statements in one transaction, all or none; answers the rows of each.
   * @throws SweepError `unavailable` when the database is busy, gone or full; `conflict` when a constraint refuses it.
   */
  batch(statements: readonly Statement[], mode: "read" | "write"): Promise<Row[][]>;
  /** Round trips so far. */
  calls(): number;
  close(): void;
}

/** How long one attempt waits for another process, in milliseconds. The wait blocks the event loop, so it is short, and repeated. */
const BUSY_TIMEOUT_MS = 500;

/** Pause between two attempts, in milliseconds, plus as much again at random. */
const BUSY_PAUSE_MS = 20;

/**
 * Opens an embedded database; the native addon is loaded here and nowhere else.
 * @throws SweepError `unavailable` where the file cannot be opened
 */
export async function openFileClient(path: string): Promise<SqlClient> {
  const { createClient } = await import("@libsql/client/sqlite3");
  let client: Client;
  try {
    client = createClient({ url: fileUrl(path), timeout: BUSY_TIMEOUT_MS, intMode: "bigint" });
  } catch (error) {
    throw toSweepError(error, path);
  }
  await useWriteAheadLog(client, path);
  let calls = 0;
  return {
    async batch(statements, mode) {
      calls += 1;
      const input = statements.map(toInput);
      const giveUpAt = performance.now() + CALL_TIMEOUT_MS;
      for (;;) {
        try {
          const results = await client.batch(input, mode === "write" ? "write" : "deferred");
          await giveWay();
          return results.map((result) => result.rows.map((row) => toRow(result.columns, row)));
        } catch (error) {
          // A busy connection stays poisoned ("cannot commit transaction") until it is opened anew. The batch was
          // rolled back, so repeating it is safe.
          if (!isBusy(error) || performance.now() > giveUpAt) throw toSweepError(error, path);
          client.reconnect();
          await pause(BUSY_PAUSE_MS * (1 + Math.random()));
        }
      }
    },
    calls: () => calls,
    close: () => client.close(),
  };
}

/** A database made just now gets a write-ahead log, so that readers and the writer do not wait for each other. One that exists keeps what it has. */
async function useWriteAheadLog(client: Client, path: string): Promise<void> {
  try {
    const { rows } = await client.execute("PRAGMA page_count");
    if (rows[0]?.["page_count"] === 0n) await client.execute("PRAGMA journal_mode = WAL");
  } catch (error) {
    if (isBusy(error)) client.reconnect();
    else throw toSweepError(error, path);
  }
}

/** libSQL parses a URL: what has a meaning in one is escaped, so that the path arrives as it is written. */
function fileUrl(path: string): string {
  return `file:${path.replace(/[%?#]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)}`;
}

function toInput(statement: Statement): InStatement {
  return { sql: statement.sql, args: statement.args.map(toArgument) };
}

/** Whole numbers go as integers: as a JS number, 123 would be stored in a TEXT column as '123.0'. */
function toArgument(value: Value): InValue {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

function toRow(columns: readonly string[], row: ArrayLike<unknown>): Row {
  const result: Record<string, Value> = {};
  for (const [index, column] of columns.entries()) result[column] = toValue(row[index]);
  return result;
}

function toValue(value: unknown): Value {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  throw new SweepError("bug", `the database client answered a value of type ${typeof value}`);
}

/** The embedded client works synchronously: without this, signals, time-outs and requests would wait for the whole run. */
function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface VendorError {
  readonly code: string;
  readonly message: string;
}

function vendorError(error: unknown): VendorError {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  return { code, message: error instanceof Error ? error.message : String(error) };
}

function isBusy(error: unknown): boolean {
  const { code, message } = vendorError(error);
  return (
    code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED") || message.includes("SQL statements in progress")
  );
}

/** The vendor's message is kept in `details.vendor` for constraint failures only, where the adapters tell them apart. */
function toSweepError(error: unknown, path: string): SweepError {
  const { code, message } = vendorError(error);
  if (isBusy(error)) {
    const waited = CALL_TIMEOUT_MS / 1000;
    return new SweepError("unavailable", `another process kept the database ${path} locked for over ${waited} s`, {
      cause: error,
    });
  }
  if (code.startsWith("SQLITE_CONSTRAINT")) {
    return new SweepError("conflict", "a constraint of the database refused a write", {
      cause: error,
      details: { vendor: message },
    });
  }
  if (code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB")) {
    return new SweepError("corrupt", `${path} is not a readable SQLite database (${code})`, { cause: error });
  }
  if (/^SQLITE_(CANTOPEN|FULL|READONLY|IOERR|PERM|AUTH)/.test(code) || /unable to open/i.test(message)) {
    return new SweepError("unavailable", `the database ${path} cannot be opened or written (${code || message})`, {
      cause: error,
    });
  }
  return new SweepError("bug", `the database refused a statement (${code || "no code"})`, {
    cause: error,
    details: { vendor: message },
  });
}
