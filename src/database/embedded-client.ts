/**
 * The client of a database in a file, in this process.
 *
 * It uses `libsql`, the binding that `@libsql/client/sqlite3` is made of, without the layer in between: that one
 * compiles every statement anew and spends three times as long on a page of rows as on reading it.
 *
 * Facts about libsql 0.5 that it is built on: one SQLITE_BUSY leaves a connection unusable ("SQL statements in
 * progress") until it is opened anew; the wait for another process blocks the event loop; a path is taken literally.
 */
import type Libsql from "libsql";
import { SweepError } from "../core/errors.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";
import type { BatchMode, Row, SqlClient, Statement } from "./client.ts";
import { isBusy, refusal, vendorError } from "./client-errors.ts";
import { planLines, toArgument, toRow } from "./client-values.ts";

/** How long one attempt waits for another process, in milliseconds. The wait blocks the event loop, so it is short, and repeated. */
const BUSY_TIMEOUT_MS = 500;

/** Pause between two attempts, in milliseconds, plus as much again at random. */
const BUSY_PAUSE_MS = 20;

/** Compiled statements that a connection keeps: more than a run has different ones. */
const MOST_PREPARED = 200;

/**
 * Pages that a connection keeps, in KiB. With SQLite's own 2 MB, a run that ends 100,000 files reads each page of the
 * ledger's indexes several times as often; with more than this it is no faster.
 */
const CACHE_KIB = 4000;

/**
 * Opens an embedded database; the native addon is loaded here and nowhere else.
 * @param path absolute, or `:memory:`
 * @param as `existing`: what is there stays as it is, were it an empty file
 * @throws SweepError `unavailable` where the file cannot be opened, or the addon not loaded
 */
export async function openFileClient(path: string, as: "new" | "existing" = "new"): Promise<SqlClient> {
  const Database = await loadDriver();
  const connect = (): Connection => {
    try {
      return openConnection(new Database(path, { timeout: BUSY_TIMEOUT_MS }));
    } catch (error) {
      throw toSweepError(error, path);
    }
  };
  let connection = connect();
  const reconnect = (): void => {
    connection.close();
    connection = connect();
  };
  try {
    if (as === "new") connection.useWriteAheadLog();
  } catch (error) {
    if (!isBusy(error)) throw toSweepError(error, path);
    reconnect();
  }
  let calls = 0;
  return {
    async batch(statements, mode) {
      calls += 1;
      const giveUpAt = performance.now() + CALL_TIMEOUT_MS;
      for (;;) {
        try {
          const results = connection.batch(statements, mode);
          await giveWay();
          return results;
        } catch (error) {
          const busy = isBusy(error);
          // The batch was rolled back, so repeating it is safe.
          if (busy) reconnect();
          if (!busy || performance.now() > giveUpAt) throw toSweepError(error, path);
          await pause(BUSY_PAUSE_MS * (1 + Math.random()));
        }
      }
    },
    async explain(statement) {
      calls += 1;
      // A connection of its own, and no transaction: explaining a write leaves a connection unable to commit.
      const own = connect();
      try {
        return planLines(own.execute({ ...statement, sql: `EXPLAIN QUERY PLAN ${statement.sql}` }));
      } catch (error) {
        throw toSweepError(error, path);
      } finally {
        own.close();
      }
    },
    calls: () => calls,
    close: () => connection.close(),
  };
}

/** @throws SweepError `unavailable` where there is no native code for this machine, or Deno may not load it */
async function loadDriver(): Promise<typeof Libsql> {
  try {
    return (await import("libsql")).default;
  } catch (cause) {
    const [line = ""] = (cause instanceof Error ? cause.message : "").split("\n", 1);
    const text = `the native code of libSQL cannot be loaded (${line}); Deno wants --allow-ffi for it`;
    throw new SweepError("unavailable", text, { cause });
  }
}

interface Connection {
  /** One transaction, rolled back where it throws. */
  batch(statements: readonly Statement[], mode: BatchMode): Row[][];
  /** One statement, in no transaction. */
  execute(statement: Statement): Row[];
  /** A database made just now gets one, so that readers and the writer do not wait for each other. One that exists keeps what it has. */
  useWriteAheadLog(): void;
  close(): void;
}

function openConnection(database: Libsql.Database): Connection {
  // One integer over 2^53 would otherwise make a whole result throw.
  database.defaultSafeIntegers(true);
  const prepared = new Map<string, Libsql.Statement>();
  let hasCache = false;

  /** In a transaction, since the statement reads the schema: outside of one it would have to wait for other processes. */
  function enlargeCache(): void {
    if (!hasCache) database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    hasCache = true;
  }

  function prepare(text: string): Libsql.Statement {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    const statement = database.prepare(text);
    if (statement.reader) statement.raw(true);
    if (prepared.size >= MOST_PREPARED) prepared.clear();
    prepared.set(text, statement);
    return statement;
  }

  function execute({ sql, args }: Statement): Row[] {
    const statement = prepare(sql);
    const values = args.map(toArgument);
    if (!statement.reader) {
      statement.run(values);
      return [];
    }
    // Rows of values, since `raw` was asked for above.
    const rows = statement.all(values) as unknown[][];
    if (rows.length === 0) return [];
    const columns = statement.columns().map(({ name }) => name);
    return rows.map((row) => toRow(columns, row));
  }

  return {
    execute,
    batch(statements, mode) {
      database.exec(mode === "write" ? "BEGIN IMMEDIATE" : "BEGIN");
      try {
        enlargeCache();
        const results = statements.map(execute);
        database.exec("COMMIT");
        return results;
      } catch (error) {
        if (database.inTransaction) database.exec("ROLLBACK");
        throw error;
      }
    },
    useWriteAheadLog() {
      if (database.prepare("PRAGMA page_count").raw(true).all().flat()[0] === 0n)
        database.exec("PRAGMA journal_mode = WAL");
    },
    close() {
      prepared.clear();
      database.close();
    },
  };
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
