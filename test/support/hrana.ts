/**
 * The wire protocol of a remote libSQL database, Hrana 2 over HTTP as JSON, over a libSQL file: as much of it as one
 * request that opens and closes its stream needs. Errors are worded and coded as libsql-server does.
 */
import Database from "libsql";

type Wire = Readonly<Record<string, unknown>>;
type Connection = InstanceType<typeof Database>;

/** One request, which is one stream. */
interface Stream {
  readonly db: Connection;
  /** SQL texts that the client stored, by its own numbers. */
  readonly texts: Map<unknown, string>;
  /** Another connection had the database locked. */
  wasBusy: boolean;
}

/** A statement failed, as the protocol says it. */
class StatementError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** One database file, opened when it is first needed. Works synchronously: requests come one after the other. */
export function createHranaDatabase(path: string): { answer(body: unknown): Wire; close(): void } {
  let open: Connection | null = null;
  const connection = (): Connection => {
    if (open === null) {
      open = new Database(path, { timeout: 500 });
      // As the server has it: readers and the writer do not wait for each other.
      open.pragma("journal_mode = WAL");
    }
    return open;
  };
  const close = (): void => {
    open?.close();
    open = null;
  };
  return {
    close,
    /** @throws Error where the body is no request of the protocol */
    answer(body) {
      const stream: Stream = { db: connection(), texts: new Map(), wasBusy: false };
      const results = listOf(body, "requests").map((request) => answerOne(stream, request));
      // A stream that ends in a transaction is rolled back. A connection that met a lock is of no use any more.
      if (stream.db.inTransaction) stream.db.exec("ROLLBACK");
      if (stream.wasBusy) close();
      return { baton: null, base_url: null, results };
    },
  };
}

function answerOne(stream: Stream, request: Wire): Wire {
  const type = request["type"];
  try {
    switch (type) {
      case "store_sql":
        stream.texts.set(request["sql_id"], String(request["sql"]));
        return { type: "ok", response: { type } };
      case "close":
      case "close_sql":
        return { type: "ok", response: { type } };
      case "execute":
        return { type: "ok", response: { type, result: execute(stream, objectOf(request, "stmt")) } };
      case "batch":
        return { type: "ok", response: { type, result: executeSteps(stream, objectOf(request, "batch")) } };
      default:
        throw new StatementError("HRANA_UNKNOWN_REQUEST", `this server knows no request ${String(type)}`);
    }
  } catch (error) {
    return { type: "error", error: failed(stream, error) };
  }
}

function executeSteps(stream: Stream, batch: Wire): Wire {
  const results: (Wire | null)[] = [];
  const errors: (Wire | null)[] = [];
  const holds = (condition: unknown): boolean => {
    if (condition === undefined || condition === null) return true;
    const { type, step, cond, conds } = condition as Record<string, unknown>;
    if (type === "ok") return results[Number(step)] != null;
    if (type === "error") return errors[Number(step)] != null;
    if (type === "not") return !holds(cond);
    if (type === "and" && Array.isArray(conds)) return conds.every(holds);
    if (type === "or" && Array.isArray(conds)) return conds.some(holds);
    if (type === "is_autocommit") return !stream.db.inTransaction;
    throw new StatementError("HRANA_UNKNOWN_CONDITION", `this server knows no condition ${String(type)}`);
  };
  for (const step of listOf(batch, "steps")) {
    let result: Wire | null = null;
    let failure: Wire | null = null;
    try {
      if (holds(step["condition"])) result = execute(stream, objectOf(step, "stmt"));
    } catch (error) {
      failure = failed(stream, error);
    }
    results.push(result);
    errors.push(failure);
  }
  return { step_results: results, step_errors: errors };
}

function execute({ db, texts }: Stream, stmt: Wire): Wire {
  const sql = stmt["sql"] ?? texts.get(stmt["sql_id"]);
  if (typeof sql !== "string") throw new StatementError("HRANA_SQL_NOT_FOUND", "SQL text was not found");
  const statement = prepare(db, sql);
  const args = listOf(stmt, "args").map(fromWire);
  if (!statement.reader) {
    const { changes, lastInsertRowid } = statement.run(args);
    return { cols: [], rows: [], affected_row_count: changes, last_insert_rowid: String(lastInsertRowid) };
  }
  const rows = statement
    .safeIntegers(true)
    .raw(true)
    .all(...args) as unknown[][];
  const cols = statement.columns().map(({ name, type }) => ({ name, decltype: type }));
  return { cols, rows: rows.map((row) => row.map(toWire)), affected_row_count: 0, last_insert_rowid: null };
}

function prepare(db: Connection, sql: string): Database.Statement<unknown[]> {
  try {
    return db.prepare(sql);
  } catch (error) {
    const { code, message } = toWireError(error);
    if (code !== "SQLITE_UNKNOWN") throw error;
    throw new StatementError("SQL_INPUT_ERROR", message.replace("SQLite error", "SQL input error"));
  }
}

function failed(stream: Stream, error: unknown): Wire {
  const { code, message } = toWireError(error);
  stream.wasBusy ||= code === "SQLITE_BUSY";
  return { code, message };
}

/** The server sends SQLite's primary codes alone, and calls the commonest of them unknown. */
function toWireError(error: unknown): { readonly message: string; readonly code: string } {
  if (error instanceof StatementError) return { message: error.message, code: error.code };
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const primary = /^SQLITE_[A-Z]+/.exec(code)?.[0] ?? "SQLITE_UNKNOWN";
  const message = error instanceof Error ? error.message : String(error);
  return { message: `SQLite error: ${message}`, code: primary === "SQLITE_ERROR" ? "SQLITE_UNKNOWN" : primary };
}

function fromWire({ type, value, base64 }: Wire): unknown {
  switch (type) {
    case "null":
      return null;
    case "integer":
      return BigInt(String(value));
    case "float":
    case "text":
      return value;
    case "blob":
      return Buffer.from(String(base64), "base64");
    default:
      throw new StatementError("ARGS_INVALID", `this server knows no value ${String(type)}`);
  }
}

/** An infinity has no form in JSON: the server sends null in its place. */
function toWire(value: unknown): Wire {
  if (value === null) return { type: "null" };
  if (typeof value === "bigint") return { type: "integer", value: value.toString() };
  if (typeof value === "number") return { type: "float", value };
  if (typeof value === "string") return { type: "text", value };
  if (value instanceof Uint8Array) return { type: "blob", base64: Buffer.from(value).toString("base64") };
  throw new Error(`libSQL answered a ${typeof value}`);
}

function objectOf(parent: unknown, name: string): Wire {
  const value = fieldOf(parent, name);
  if (typeof value !== "object" || value === null) throw new Error(`the request's ${name} is no object`);
  return value as Wire;
}

function listOf(parent: unknown, name: string): Wire[] {
  const value = fieldOf(parent, name);
  if (!Array.isArray(value)) throw new Error(`the request's ${name} is no list`);
  return value as Wire[];
}

function fieldOf(parent: unknown, name: string): unknown {
  return typeof parent === "object" && parent !== null ? (parent as Wire)[name] : undefined;
}
