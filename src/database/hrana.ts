/**
 * The one request that a batch is to a remote database, and its answer: libSQL's Hrana 2 over HTTP, as JSON. Pure.
 *
 * Of our own because of the Worker's size: @libsql/client and what it stands on come to 14 kB of its 120, gzipped.
 * @tursodatabase/serverless 1.4, with fetch alone, would do with 5; but it drops what an HTTP error says, leaves its stream
 * open, sends the token wherever an answer's `base_url` points to, and wants Node's `Buffer`.
 *
 * The request opens its stream and closes it. So no answer's `baton` or `base_url` is ever of use: what comes next is a
 * stream of its own, at the address that the settings name.
 *
 * Sources: tursodatabase/libsql, `docs/HTTP_V2_SPEC.md` and `docs/HRANA_3_SPEC.md`.
 */
import { SweepError } from "../core/errors.ts";
import type { RowTally, Value } from "../core/ports.ts";
import type { Row, Statement } from "./client.ts";
import { bytesOf, charactersOf, toArgument, toRow } from "./client-values.ts";

/** Where requests go, below a database's address. */
export const PIPELINE_PATH = "/v2/pipeline";

/** As one transaction, all or none, which reads or writes; or `bare`: each by itself, in none. */
export type PipelineMode = "read" | "write" | "bare";

/** The server refused a statement, in its words: SQLite's code, or one of its own. */
export class HranaError extends Error {
  override readonly name = "HranaError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** As much of the protocol's documents as is used. */
type Wire = Readonly<Record<string, unknown>>;

// ----------------------------------------------------------------------------------------------------------- request

/**
 * A request's body.
 * @throws SweepError `bug` for a number that JSON has no form for
 */
export function pipelineBody(statements: readonly Statement[], mode: PipelineMode): string {
  const steps = mode === "bare" ? statements.map(toStatement).map((stmt) => ({ stmt })) : transaction(statements, mode);
  return JSON.stringify({ baton: null, requests: [{ type: "batch", batch: { steps } }, { type: "close" }] });
}

/**
 * BEGIN, the statements, COMMIT, ROLLBACK. Each but the last wants the one before it to have gone well.
 *
 * Order: one that wanted only the BEGIN to have gone well would run after an error that ended the transaction by itself
 * (SQLite does so when a disk is full), and its write would stay.
 */
function transaction(statements: readonly Statement[], mode: "read" | "write"): Wire[] {
  // Taking the lock at once, a write cannot find after its first read that another one came between.
  const begin = mode === "write" ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED";
  const texts = [{ sql: begin, args: [] }, ...statements, { sql: "COMMIT", args: [] }];
  const committed = texts.length - 1;
  return [
    ...texts.map((text, index) => ({
      stmt: toStatement(text),
      ...(index > 0 && { condition: { type: "ok", step: index - 1 } }),
    })),
    {
      stmt: toStatement({ sql: "ROLLBACK", args: [] }),
      condition: { type: "not", cond: { type: "ok", step: committed } },
    },
  ];
}

function toStatement({ sql, args }: Statement): Wire {
  return { sql, args: args.map(toWire) };
}

function toWire(given: Value): Wire {
  const value = toArgument(given);
  if (value === null) return { type: "null" };
  if (typeof value === "bigint") return { type: "integer", value: `${value}` };
  if (typeof value === "string") return { type: "text", value };
  if (typeof value !== "number") return { type: "blob", base64: btoa(charactersOf(value)) };
  if (Number.isFinite(value)) return { type: "float", value };
  throw new SweepError("bug", "a statement got a number that is none, or infinite: the protocol has no form for it");
}

// ------------------------------------------------------------------------------------------------------------ answer

export interface PipelineAnswer {
  /** The rows of each statement. */
  readonly rows: Row[][];
  /** What the server counted for all of them; 0 of one that does not count. */
  readonly counted: RowTally;
}

/**
 * The answer to what {@link pipelineBody} made of `count` statements.
 * @throws HranaError where the server refused one; Error where the answer is none
 */
export function readPipelineAnswer(text: string, count: number, mode: PipelineMode): PipelineAnswer {
  const [first] = listOf(JSON.parse(text), "results");
  if (fieldOf(first, "type") === "error") throw toError(fieldOf(first, "error"));
  const result = fieldOf(fieldOf(first, "response"), "result");
  const results = listOf(result, "step_results");
  const before = mode === "bare" ? 0 : 1;
  // What the ROLLBACK met is of no interest: it follows an error, and there may be nothing left to roll back.
  const told = count + 2 * before;
  const failure = listOf(result, "step_errors")
    .slice(0, told)
    .find((error) => error !== null);
  if (failure !== undefined) throw toError(failure);
  if (results.length < told || results.slice(0, told).includes(null)) throw new Error("a step was left out");
  const all = (name: string): number => results.reduce<number>((sum, one) => sum + countOf(one, name), 0);
  return {
    rows: results.slice(before, before + count).map(toRows),
    counted: { read: all("rows_read"), written: all("rows_written") },
  };
}

function countOf(result: unknown, name: string): number {
  const count = result === null ? 0 : fieldOf(result, name);
  return typeof count === "number" ? count : 0;
}

function toRows(result: unknown): Row[] {
  const columns = listOf(result, "cols").map((column) => String(fieldOf(column, "name") ?? ""));
  return listOf(result, "rows").map((row) => {
    if (!Array.isArray(row) || row.length !== columns.length) throw new Error("a row does not fit its columns");
    return toRow(columns, row.map(fromWire));
  });
}

/** Integers as bigint: as a number one over 2^53 would be another. */
function fromWire(wire: unknown): unknown {
  // Of anything but an object there is no field.
  const { type, value, base64 } = (wire ?? {}) as Wire;
  if (type === "null") return null;
  if (type === "text" && typeof value === "string") return value;
  if (type === "integer" && typeof value === "string") return BigInt(value);
  if (type === "float" && typeof value === "number") return value;
  if (type === "blob" && typeof base64 === "string") {
    return bytesOf(atob(base64));
  }
  throw new Error("the answer holds no value where one is due");
}

function toError(error: unknown): HranaError {
  return new HranaError(String(fieldOf(error, "code") ?? ""), String(fieldOf(error, "message") ?? ""));
}

function listOf(parent: unknown, name: string): unknown[] {
  const value = fieldOf(parent, name);
  if (!Array.isArray(value)) throw new Error(`the answer has no ${name}`);
  return value;
}

function fieldOf(parent: unknown, name: string): unknown {
  // An object of JSON has fields of any name.
  return typeof parent === "object" && parent !== null ? (parent as Wire)[name] : undefined;
}
