/** The database, as one run needs it. */
import type { Catalog } from "./catalog.ts";
import type { Desk } from "./desk.ts";
import type { Holds, Journal } from "./journal.ts";
import type { Leases } from "./lease.ts";
import type { Ledger } from "./ledger.ts";

/** The database, as one run needs it. */
export interface Database {
  readonly desk: Desk;
  readonly leases: Leases;
  readonly journal: Journal;
  readonly catalog: Catalog;
  readonly ledger: Ledger;
  readonly holds: Holds;
  /** Round trips so far. */
  calls(): number;
  /** Null of a database that does not tell. */
  rows(): RowTally | null;
}

/** Rows that a database has read and written so far, as it counts (and bills) them. */
export interface RowTally {
  readonly read: number;
  readonly written: number;
}
