/**
 * The one way into `condemned`, shared by rows that end and by removals that wait: check that nothing protects the
 * key, condemn, close the gate, all in the transaction of the caller.
 */
import type { AttemptContext, Condemned, HeldLease } from "../core/ports.ts";
import type { Row } from "./client.ts";
import type { CatalogMapping } from "./mapping.ts";
import { isProtected } from "./protection.ts";
import { toRemovalState, toSweepName } from "./rows.ts";
import { integer, integerOrNull, type SQL, sql, text, textOrNull } from "./sql.ts";

/** One batch of attempts: the fence it is made under, and its name. */
export interface Attempt {
  readonly fence: number;
  readonly batch: string;
}

export function attemptOf(held: HeldLease, batch: string): Attempt {
  return { fence: held.fence, batch };
}

/**
 * Condemns the picked removals that nothing protects, and closes the gate for their keys. Answers the condemned.
 *
 * Order: both in one transaction. A row that came between the check and the gate would be refused by nobody, and would
 * lose its bytes.
 */
export function condemnPicked(mapping: CatalogMapping, picked: SQL, attempt: Attempt, run: AttemptContext): SQL[] {
  return [
    sql`UPDATE filesweep_removals AS r SET state = 'condemned', attempt_from = state, attempts = attempts + 1,
        attempt_fence = ${attempt.fence}, batch = ${attempt.batch}, next_attempt_at = ${run.now}, error = NULL
      WHERE r.id IN (${picked}) AND NOT ${isProtected(mapping, sql`r.key`)}
      RETURNING ${CONDEMNED_COLUMNS}`,
    sql`INSERT INTO filesweep_gate (key, leaves_at)
      SELECT key, NULL FROM filesweep_removals WHERE state = 'condemned' AND batch = ${attempt.batch}
      ON CONFLICT (key) DO UPDATE SET leaves_at = NULL`,
  ];
}

export const CONDEMNED_COLUMNS: SQL = sql.raw(
  "id, key, sweep, run_id, items, size_bytes, modified_at, etag, compare, attempts, attempt_from",
);

export function toCondemned(row: Row): Condemned {
  const sizeBytes = integer(row, "size_bytes");
  const look = { sizeBytes, modifiedAt: integerOrNull(row, "modified_at"), etag: textOrNull(row, "etag") };
  return {
    id: text(row, "id"),
    key: text(row, "key"),
    sweep: toSweepName(row["sweep"] ?? null),
    runId: text(row, "run_id"),
    items: integer(row, "items"),
    sizeBytes,
    attempts: integer(row, "attempts"),
    from: toRemovalState(row["attempt_from"] ?? null),
    expected: integer(row, "compare") === 1 ? look : null,
  };
}
