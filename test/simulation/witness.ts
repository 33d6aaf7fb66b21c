/** What is told of a process, and of the slice that it works on. */

import type { Mode } from "../../src/core/model.ts";
import type { DeleteRequest, ListPage, Store, UploadName } from "../../src/core/ports.ts";
import type { RunOutcome } from "../../src/core/run.ts";
import type { Row, Statement } from "../../src/database/client.ts";
import type { Process } from "./process.ts";

/** One slice of a run, under way. */
export interface Slice {
  readonly mode: Mode;
  /** The fence of the lease it got. */
  fence: number | null;
  deletes: number;
  aborts: number;
  rowsEnded: number;
  /** What no sweep of it may touch. */
  readonly ignorePrefixes: readonly string[];
  /** How far its own clock was ahead when it was last looked at: it goes on from there, whatever becomes of the clock. */
  skewMs: number;
  /** How far the store's clock was from its own, as it was told; null: it was not. */
  storeSkewMs: number | null;
}

/** Who is told: the oracle. */
export interface Witness {
  /** A delete is asked for, before any of it happens. */
  asks(process: Process, slice: Slice, requests: readonly DeleteRequest[]): Promise<void>;
  /** A write transaction of a process, executed for it. */
  write(process: Process, slice: Slice, statements: readonly Statement[]): Promise<Row[][]>;
  /** Deletes, and sees what went. */
  delete(process: Process, requests: readonly DeleteRequest[]): ReturnType<Store["delete"]>;
  puts(slice: Slice): void;
  /** A page of the store was listed. */
  lists(slice: Slice, page: ListPage): void;
  /** An abort is asked for, before any of it happens. */
  asksToAbort(process: Process, slice: Slice, upload: UploadName): Promise<void>;
  /** Aborts, and sees what became of uploads and objects. */
  abort(upload: UploadName): ReturnType<Store["abortUpload"]>;
  ended(slice: Slice, outcome: RunOutcome | null): void;
  /** A slice ended with an error that is no answer of a port and no lost lease. */
  broke(process: Process, error: unknown): void;
}
