/** What the doctor does when it is told to, as statements that a person reads before they are executed. */
import type { Instant } from "../core/model.ts";
import { CLOCK_TOLERANCE_MS } from "../core/safety.ts";
import type { SqlClient } from "./client.ts";
import { missingIndexes } from "./indexes.ts";
import type { CatalogMapping } from "./mapping.ts";
import { OPEN } from "./migrations.ts";

/** The indexes that filesweep's statements are made for, and that are not there. */
export async function planIndexes(client: SqlClient, mapping: CatalogMapping): Promise<readonly string[]> {
  const [rows] = await client.batch([{ sql: "SELECT name FROM sqlite_master WHERE type = 'index'", args: [] }], "read");
  return missingIndexes(mapping, new Set((rows ?? []).map((row) => String(row["name"]))));
}

export interface Restore {
  /** The last instant at which the restored database was certainly in use: what it holds is no older. */
  readonly from: Instant;
  /** When a person said that it was restored. */
  readonly to: Instant;
  /** The epoch of the store's marker, where that is this pair's. */
  readonly storeEpoch: number | null;
}

/**
 * What has to be forgotten and remembered after a database was restored: everything that it set out to remove is in
 * doubt, since rows that came later are lost; and no object that came since the backup is an orphan.
 */
export function planRestored({ from, to, storeEpoch }: Restore, gateMs: number): readonly string[] {
  const window = { from: from - CLOCK_TOLERANCE_MS, to: to + CLOCK_TOLERANCE_MS };
  return [
    `INSERT INTO filesweep_meta (name, value) VALUES ('restored', json('[${JSON.stringify(window)}]'))
      ON CONFLICT (name) DO UPDATE SET value = json_insert(value, '$[#]', json('${JSON.stringify(window)}'))`,
    `UPDATE filesweep_gate SET leaves_at = ${to + gateMs} WHERE leaves_at IS NULL`,
    `UPDATE filesweep_removals SET state = 'released', released_by = 'restored', finished_at = ${to} WHERE ${OPEN}`,
    `UPDATE filesweep_runs SET status = 'cancelled', finished_at = ${to} WHERE finished_at IS NULL`,
    `UPDATE filesweep_holds SET status = 'closed' WHERE status <> 'closed'`,
    ...(storeEpoch === null
      ? []
      : [
          `UPDATE filesweep_meta SET value = json_set(value, '$.epoch', max(value ->> '$.epoch', ${storeEpoch})) WHERE name = 'twin'`,
        ]),
  ];
}
