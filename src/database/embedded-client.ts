/**
 * The client of a database in a file, in this process.
 *
 * Facts about @libsql/client 0.18 that it is built on: one SQLITE_BUSY leaves a connection unusable until `reconnect()`;
 * the wait for another process blocks the event loop; the default entry of the package loads the native addon at once.
 */
import type { Client } from "@libsql/client";
import { SweepError } from "../core/errors.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";
import type { SqlClient } from "./client.ts";
import { isBusy, refusal, vendorError } from "./client-errors.ts";
import { planLines, toInput, toRows } from "./client-values.ts";

/** How long one attempt waits for another process, in milliseconds. The wait blocks the event loop, so it is short, and repeated. */
const BUSY_TIMEOUT_MS = 500;

/** Pause between two attempts, in milliseconds, plus as much again at random. */
const BUSY_PAUSE_MS = 20;

/**
 * Opens an embedded database; the native addon is loaded here and nowhere else.
 * @param as `existing`: what is there stays as it is, were it an empty file
 * @throws SweepError `unavailable` where the file cannot be opened
 */
export async function openFileClient(path: string, as: "new" | "existing" = "new"): Promise<SqlClient> {
  const { createClient } = await import("@libsql/client/sqlite3");
  let client: Client;
  try {
    client = createClient({ url: fileUrl(path), timeout: BUSY_TIMEOUT_MS, intMode: "bigint" });
  } catch (error) {
    throw toSweepError(error, path);
  }
  if (as === "new") await useWriteAheadLog(client, path);
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
          return results.map(toRows);
        } catch (error) {
          // A busy connection stays poisoned ("cannot commit transaction") until it is opened anew. The batch was
          // rolled back, so repeating it is safe.
          if (!isBusy(error) || performance.now() > giveUpAt) throw toSweepError(error, path);
          client.reconnect();
          await pause(BUSY_PAUSE_MS * (1 + Math.random()));
        }
      }
    },
    async explain(statement) {
      calls += 1;
      // A connection of its own, and no transaction: explaining a write leaves a connection unable to commit.
      const own = createClient({ url: fileUrl(path), timeout: BUSY_TIMEOUT_MS, intMode: "bigint" });
      try {
        return planLines(await own.execute(toInput({ ...statement, sql: `EXPLAIN QUERY PLAN ${statement.sql}` })));
      } catch (error) {
        throw toSweepError(error, path);
      } finally {
        own.close();
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

/** The embedded client works synchronously: without this, signals, time-outs and requests would wait for the whole run. */
function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function toSweepError(error: unknown, path: string): SweepError {
  const { code, message } = vendorError(error);
  if (isBusy(error)) {
    const waited = CALL_TIMEOUT_MS / 1000;
    return new SweepError("unavailable", `another process kept the database ${path} locked for over ${waited} s`, {
      cause: error,
    });
  }
  if (/^SQLITE_(CANTOPEN|FULL|READONLY|IOERR|PERM|AUTH)/.test(code) || /unable to open/i.test(message)) {
    return new SweepError("unavailable", `the database ${path} cannot be opened or written (${code || message})`, {
      cause: error,
    });
  }
  return refusal(error, path);
}
