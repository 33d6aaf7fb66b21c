/**
 * The one way into `condemned`, shared by rows that end and by removals that wait: check that nothing protects the
 * key, condemn, close the gate, all in the transaction of the caller.
 */
import type { AttemptContext, Condemned, HeldLease } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { toRemovalReason, toRemovalState, toSweepName } from "./rows.ts";
import { integer, integerOrNull, type SQL, sql, text, textOrNull } from "./sql.ts";
import { packed, unpacked } from "./values.ts";

/** How long a key stays behind the gate, and by which clock. */
export interface GateTimes {
  readonly databaseNow: string;
  readonly gateMs: number;
}

/** One batch of attempts: the fence it is made under, and its name. */
export interface Attempt {
  readonly fence: number;
  readonly batch: string;
}

export function attemptOf(held: HeldLease, batch: string): Attempt {
  return { fence: held.fence, batch };
}

/** Which of the removals that an attempt marked it must spare, and what becomes of those. */
export interface Sparing {
  /** Of a removal `r`. */
  readonly veto: SQL;
  /** Where this holds, what the attempt itself wrote into the ledger goes out of it again without a trace: nobody saw it. */
  readonly forgets?: SQL;
}

/**
 * Goes on from removals that the caller has marked as condemned, in its transaction: spares those that are vetoed, and
 * closes the gate for the others. The last answer but one is what was released, for {@link toCondemned}.
 *
 * Order: marked, then looked for what protects, then the gate, all in one transaction. A row that came between the look
 * and the gate would be refused by nobody, and would lose its bytes. That vetoed ones are marked for a moment is seen by
 * nobody.
 */
export function condemnMarked(
  attempt: Attempt,
  run: AttemptContext,
  { veto, forgets }: Sparing,
  gate: GateTimes,
): SQL[] {
  const marked = isCondemnedBy(attempt);
  const isNew = isNewIn(run);
  const spared = forgets === undefined ? sql`${marked} AND ${veto}` : sql`${marked} AND NOT ${isNew} AND ${veto}`;
  return [
    // An attempt without an answer keeps its key behind the gate; none will be made any more that could answer.
    sql`UPDATE filesweep_gate SET leaves_at = ${sql.raw(gate.databaseNow)} + ${gate.gateMs} WHERE leaves_at IS NULL
      AND key IN (SELECT r.key FROM filesweep_removals r WHERE ${marked} AND r.attempts > 1 AND ${veto})`,
    ...(forgets === undefined
      ? []
      : [sql`DELETE FROM filesweep_removals AS r WHERE ${marked} AND ${isNew} AND ${forgets}`]),
    sql`UPDATE filesweep_removals AS r SET state = 'released', released_by = 'protected', attempts = attempts - 1,
        finished_at = ${run.now}
      WHERE ${spared} RETURNING ${sql.raw(CONDEMNED.join(", "))}`,
    sql`INSERT INTO filesweep_gate (key, leaves_at) SELECT r.key, NULL FROM filesweep_removals r WHERE ${marked}
      ON CONFLICT (key) DO UPDATE SET leaves_at = NULL`,
  ];
}

/** Whether a removal `r` that is marked was written into the ledger by the attempt that marked it. */
export function isNewIn({ now }: AttemptContext): SQL {
  return sql`(r.attempts = 1 AND r.first_seen_at IS NULL AND r.created_at = ${now})`;
}

/** How a removal is marked as condemned: for the SET of an UPDATE. Marked twice by one attempt, it is attempted once. */
export function markCondemned({ fence, batch }: Attempt, run: AttemptContext): SQL {
  return sql`state = 'condemned', attempts = attempts + iif(batch IS ${batch}, 0, 1), attempt_fence = ${fence},
    batch = ${batch}, next_attempt_at = ${run.now}, error = NULL`;
}

/** What one attempt condemned, and no later one: in the words of an index. */
export function isCondemnedBy({ fence, batch }: Attempt): SQL {
  return sql`state = 'condemned' AND attempt_fence = ${fence} AND batch = ${batch}`;
}

/** Removals `r`, for {@link readCondemned}. */
export function selectCondemned(which: SQL): SQL {
  return packed(CONDEMNED, sql`SELECT * FROM filesweep_removals r WHERE ${which}`);
}

/** @param others how many of their batch were answered elsewhere */
export function readCondemned(answer: readonly Row[] | undefined, others = 0): Condemned[] {
  const rows = unpacked(CONDEMNED, answer);
  return rows.map((row) => toCondemned(row, rows.length + others));
}

const CONDEMNED = [
  "id",
  "key",
  "sweep",
  "reason",
  "run_id",
  "items",
  "size_bytes",
  "modified_at",
  "etag",
  "compare",
  "attempts",
  "attempt_from",
  "batch",
];

export function toCondemned(row: Row, batchSize: number): Condemned {
  const sizeBytes = integer(row, "size_bytes");
  const look = { sizeBytes, modifiedAt: integerOrNull(row, "modified_at"), etag: textOrNull(row, "etag") };
  return {
    id: text(row, "id"),
    key: text(row, "key"),
    sweep: toSweepName(row["sweep"] ?? null),
    reason: toRemovalReason(row["reason"] ?? null),
    runId: text(row, "run_id"),
    items: integer(row, "items"),
    sizeBytes,
    attempts: integer(row, "attempts"),
    batch: text(row, "batch"),
    batchSize,
    from: toRemovalState(row["attempt_from"] ?? null),
    expected: integer(row, "compare") === 1 ? look : null,
  };
}
