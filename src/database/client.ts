/**
 * What the database adapters need of a client: a batch of statements is one round trip and one transaction. The clients
 * are `embedded-client.ts` and `remote-client.ts`; they alone know the vendor's package and its errors.
 */
import type { RowTally, Value } from "../core/ports.ts";

export interface Statement {
  readonly sql: string;
  readonly args: readonly Value[];
}

export type Row = Readonly<Record<string, Value>>;

export interface BatchOptions {
  /**
   * The batch may be executed twice: it then leaves the same and answers the same, or fails with `details.repeated`. A
   * client whose answers can get lost sends it again. Default: what only reads may.
   */
  readonly again?: boolean;
}

/**
 * What a batch does. `fresh` only reads, but what was written last: of a remote database on its primary, behind all
 * writes; of one in a file that is a `read`, which waits for no writer.
 */
export type BatchMode = "read" | "fresh" | "write";

export interface SqlClient {
  /**
   * Runs the statements in one transaction, all or none; answers the rows of each.
   * @throws SweepError `unavailable` when the database is busy, gone or full, and of a remote one also where the answer
   * was lost: then it may have been done. `conflict` when a constraint refuses it, with the database's words in
   * `details.vendor`.
   */
  batch(statements: readonly Statement[], mode: BatchMode, options?: BatchOptions): Promise<Row[][]>;
  /**
   * How SQLite would carry out a statement, in the lines of EXPLAIN QUERY PLAN. It is not executed.
   * @throws SweepError `bug` where it cannot be prepared, such as for a table that is not there
   */
  explain(statement: Statement): Promise<string[]>;
  /** Round trips so far. */
  calls(): number;
  /** Absent where the database does not tell: one in a file. */
  rows?(): RowTally;
  close(): void;
}
