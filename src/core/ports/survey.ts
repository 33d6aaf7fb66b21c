/** What the doctor asks of the database. Nothing here writes, nor needs filesweep's own tables to be there. */
import type { Twin } from "../identity.ts";
import type { Instant } from "../model.ts";
import type { FileRow } from "./catalog.ts";

/** `lost`: it was installed once, and does not stand as it was written. `never`: it was not. */
export type GateStanding = "stands" | "lost" | "never";

/** How SQLite would carry out the statements of one method. */
export interface StatementPlan {
  /** The method that sends it, such as `catalog.due`. */
  readonly method: string;
  /** The steps that walk a whole table of the application's, or sort it: the lines of EXPLAIN QUERY PLAN. */
  readonly slow: readonly string[];
}

export interface Survey {
  /** One round trip, with a writer's lock: that the database answers and could be written; its clock. */
  greet(): Promise<{ readonly databaseAt: Instant }>;
  /**
   * One round trip or two: filesweep's own tables, and whether the application's table is as the settings say.
   * @throws SweepError `invalid` where that is not so, or the own tables are newer than this program
   */
  schema(): Promise<{
    /** 0: filesweep's own tables are not there yet. */
    readonly version: number;
    readonly newest: number;
    /** False: the default table will be made by the first run. */
    readonly hasTable: boolean;
    readonly table: string;
  }>;
  /** One round trip: live rows in the order of their keys, and how many rows the table has, counted up to `countLimit`. */
  sample(limit: number, countLimit: number): Promise<{ readonly files: readonly FileRow[]; readonly rows: number }>;
  /** One round trip: which of the keys no row names, whatever its status. */
  unnamed(keys: readonly string[]): Promise<ReadonlySet<string>>;
  /** The plans of the statements on the application's table, by a connection of its own; none is executed. */
  plans(): Promise<readonly StatementPlan[]>;
  /** One round trip: the statements that create the indexes which are missing. */
  missingIndexes(): Promise<readonly string[]>;
  /** One round trip. */
  gate(): Promise<GateStanding>;
  /** One round trip: what is remembered of the pair and of runs; nothing where the own tables are not there. */
  memory(): Promise<{
    readonly twin: Twin | null;
    readonly lastRunAt: Instant | null;
    /** Objects that the last complete scan saw; null before the first. */
    readonly scanned: number | null;
  }>;
}
