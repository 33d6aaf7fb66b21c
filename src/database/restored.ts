/** What is remembered of the database having been restored from backups. */
import type { RestoreWindow } from "../core/model.ts";
import type { Row } from "./client.ts";
import { parseJson } from "./rows.ts";
import { type SQL, sql } from "./sql.ts";

export const RESTORED: SQL = sql`SELECT value FROM filesweep_meta WHERE name = 'restored'`;

/** @param row of `filesweep_meta`, if there is one */
export function toRestored(row: Row | undefined): readonly RestoreWindow[] {
  return row === undefined ? [] : parseJson<RestoreWindow[]>(row, "value");
}
