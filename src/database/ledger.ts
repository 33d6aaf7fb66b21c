/** The ledger of removals: what was seen, what waits, what was attempted and what became of it. */
import type { HoldSample, RemovalState, Tally } from "../core/model.ts";
import type { AttemptContext, Condemned, HeldLease, Ledger, Settlement, Sighting } from "../core/ports.ts";
import { OWN_PREFIX } from "../core/safety.ts";
import type { Row, SqlClient } from "./client.ts";
import {
  type Attempt,
  attemptOf,
  condemnMarked,
  isCondemnedBy,
  markCondemned,
  readCondemned,
  selectCondemned,
  toCondemned,
} from "./condemn.ts";
import type { LeaseSession } from "./lease.ts";
import type { CatalogMapping } from "./mapping.ts";
import { OPEN, WAITING } from "./migrations.ts";
import { isProtected } from "./protection.ts";
import { toTally } from "./row-pages.ts";
import { toRemovalState } from "./rows.ts";
import { integer, integerOrNull, jsonRows, type SQL, sql, text } from "./sql.ts";

export interface LedgerOptions {
  readonly client: SqlClient;
  readonly mapping: CatalogMapping;
  readonly session: LeaseSession;
  readonly databaseNow: string;
  readonly gateMs: number;
}

export function createLedger(options: LedgerOptions): Ledger {
  const { client, mapping, session } = options;
  return {
    sight(held, sightings) {
      if (sightings.length > 0) session.queue(held, [recordSightings(sightings)]);
    },
    async closeScan(held, scan) {
      await session.write(held, closeScan(mapping, scan), "none");
    },
    async ripe(held, scan) {
      const [tallies, sample] = await session.write(
        held,
        [countRipe(scan), sampleSuspects(scan.sample, scan.runId)],
        "again",
      );
      const tally = (covered: number): Tally => toTally(tallies?.find((row) => row["covered"] === covered));
      return {
        covered: tally(1),
        others: tally(0),
        sample: (sample ?? []).map((row) => toSample(row, scan.quarantineMs)),
      };
    },
    async trim(held, before, limit) {
      // Where an answer is lost, what it counted is not counted; the next piece goes all the same.
      const deleted = await session.write(held, trimBefore(before, limit), "again");
      return deleted.reduce((sum, rows) => sum + rows.length, 0);
    },
    async condemn(held, ask) {
      return condemnWaiting(options, held, ask);
    },
    settle(held, settlements) {
      for (const batch of new Set(settlements.map(({ removal }) => removal.batch))) {
        const some = settlements.filter(({ removal }) => removal.batch === batch);
        session.queue(held, recordBatch(attemptOf(held, batch), some, options));
      }
    },
    async open() {
      const [rows] = await client.batch([OPEN_BY_STATE], "read");
      return toOpen(rows ?? []);
    },
  };
}

export const OPEN_BY_STATE: SQL = sql`SELECT state, count(*) AS count, coalesce(sum(size_bytes), 0) AS bytes
  FROM filesweep_removals WHERE ${sql.raw(OPEN)} GROUP BY state`;

export function toOpen(rows: readonly Row[]): Partial<Record<RemovalState, Tally>> {
  return Object.fromEntries(
    rows.map((row): [RemovalState, Tally] => [
      toRemovalState(row["state"] ?? null),
      { count: integer(row, "count"), bytes: integer(row, "bytes") },
    ]),
  );
}

// ----------------------------------------------------------------------------------------------------- sightings

/** A first sighting starts the quarantine; a later one that looks the same leaves its start alone. */
function recordSightings(sightings: readonly Sighting[]): SQL {
  const rows = sightings.map(({ removalId, object, reason, runId, seenAt, ripe, first }) => [
    removalId,
    object.key,
    reason,
    runId,
    seenAt,
    object.sizeBytes,
    object.modifiedAt,
    object.etag,
    ripe ? 1 : 0,
    first ? seenAt : null,
    first ? runId : null,
  ]);
  return sql`INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, size_bytes, modified_at, etag, compare,
      created_at, first_seen_at, first_seen_run, last_seen_at, last_seen_run, ripe)
    SELECT value ->> 0, value ->> 1, 'suspected', value ->> 2, 'orphaned-objects', value ->> 3, value ->> 5, value ->> 6,
      value ->> 7, 1, value ->> 4, value ->> 9, value ->> 10, value ->> 4, value ->> 3, value ->> 8
    FROM ${jsonRows(rows)} WHERE true
    ON CONFLICT (key) WHERE ${sql.raw(OPEN)} DO UPDATE SET reason = excluded.reason, size_bytes = excluded.size_bytes,
      modified_at = excluded.modified_at, etag = excluded.etag, ripe = excluded.ripe,
      last_seen_at = excluded.last_seen_at, last_seen_run = excluded.last_seen_run,
      first_seen_at = coalesce(excluded.first_seen_at, first_seen_at),
      first_seen_run = coalesce(excluded.first_seen_run, first_seen_run)
    WHERE state = 'suspected' ON CONFLICT (id) DO NOTHING`;
}

function closeScan(mapping: CatalogMapping, scan: { runId: string; at: number; promoteUpTo: number | null }): SQL[] {
  const gone = sql`UPDATE filesweep_removals AS r SET state = 'released', finished_at = ${scan.at},
      released_by = iif(${isProtected(mapping, sql`r.key`)}, 'protected', 'gone')
    WHERE state = 'suspected' AND last_seen_run <> ${scan.runId}
      AND last_seen_at < (SELECT started_at FROM filesweep_runs WHERE id = ${scan.runId})`;
  const due = sql`UPDATE filesweep_removals SET state = 'due', run_id = ${scan.runId}, next_attempt_at = ${scan.at}
    WHERE ${ripeOf(scan.runId)} AND first_seen_at <= ${scan.promoteUpTo}`;
  return scan.promoteUpTo === null ? [gone] : [gone, due];
}

function ripeOf(runId: string): SQL {
  return sql`state = 'suspected' AND last_seen_run = ${runId} AND ripe = 1`;
}

function countRipe({ runId, coveredUpTo }: { runId: string; coveredUpTo: number | null }): SQL {
  return sql`SELECT first_seen_at <= ${coveredUpTo ?? -1} AS covered, count(*) AS count, sum(size_bytes) AS bytes
    FROM filesweep_removals WHERE ${ripeOf(runId)} GROUP BY 1`;
}

/** Ripe ones first, by key: a person who looks sees what would go at once. */
function sampleSuspects(limit: number, runId: string): SQL {
  return sql`SELECT key, size_bytes, reason, ripe, first_seen_at FROM filesweep_removals
    WHERE state = 'suspected' AND last_seen_run = ${runId} ORDER BY ripe DESC, key LIMIT ${limit}`;
}

/** A ripe one may go as soon as a person approves, the others not before their quarantine is over. */
function toSample(row: Row, quarantineMs: number): HoldSample {
  const mayGoAt = integer(row, "ripe") === 1 ? null : (integerOrNull(row, "first_seen_at") ?? 0) + quarantineMs;
  return { key: text(row, "key"), bytes: integer(row, "size_bytes"), reason: text(row, "reason"), mayGoAt };
}

/**
 * A piece of the past, each table's no larger than `limit`. A release by a person is remembered: it vetoes the object.
 * Abandoned removals wait for one.
 */
function trimBefore(before: number, limit: number): SQL[] {
  return [
    sql`DELETE FROM filesweep_removals WHERE id IN (SELECT id FROM filesweep_removals
      WHERE finished_at IS NOT NULL AND finished_at < ${before}
        AND (state = 'removed' OR (state = 'released' AND released_by <> 'operator')) LIMIT ${limit}) RETURNING 1 AS one`,
    sql`DELETE FROM filesweep_runs WHERE id IN (SELECT id FROM filesweep_runs
      WHERE finished_at < ${before} LIMIT ${limit}) RETURNING 1 AS one`,
    sql`DELETE FROM filesweep_holds WHERE id IN (SELECT id FROM filesweep_holds
      WHERE status = 'closed' AND as_of < ${before} LIMIT ${limit}) RETURNING 1 AS one`,
  ];
}

// ------------------------------------------------------------------------------------------------------ attempts

/**
 * Under an earlier lease a removal was attempted by somebody before; under this one it is attempted once. What was refused
 * has a time to wait for. What was not answered has none: by a clock that was ahead it would stay behind the gate.
 */
function waiting({ fence }: HeldLease, now: number, limit: number): SQL {
  return sql`SELECT id FROM filesweep_removals WHERE state = 'condemned' AND attempt_fence < ${fence}
    UNION ALL SELECT * FROM (SELECT id FROM filesweep_removals WHERE ${sql.raw(WAITING)}
      AND next_attempt_at <= ${now} AND attempt_fence < ${fence} ORDER BY next_attempt_at, id)
    LIMIT ${limit}`;
}

async function condemnWaiting(
  options: LedgerOptions,
  held: HeldLease,
  ask: { limit: number; ignorePrefixes: readonly string[] } & AttemptContext,
): Promise<{ condemned: readonly Condemned[]; released: readonly Condemned[] }> {
  const { mapping, session } = options;
  const attempt = attemptOf(held, session.nextBatch(held));
  const veto = sql`(${isProtected(mapping, sql`r.key`)} OR ${isIgnored(ask.ignorePrefixes)})`;
  const answers = await session.write(held, [
    sql`UPDATE filesweep_removals SET attempt_from = state, ${markCondemned(attempt, ask)}
      WHERE id IN (${waiting(held, ask.now, ask.limit)})`,
    ...condemnMarked(attempt, ask, { veto }, options),
    selectCondemned(isCondemnedBy(attempt)),
  ]);
  const released = (answers.at(-3) ?? []).map((row) => toCondemned(row, 0));
  return { condemned: readCondemned(answers.at(-1)), released };
}

function isIgnored(ignorePrefixes: readonly string[]): SQL {
  return sql`EXISTS (SELECT 1 FROM ${jsonRows([OWN_PREFIX, ...ignorePrefixes])} i
    WHERE substr(r.key, 1, length(i.value)) = i.value)`;
}

/**
 * What became of the attempts of one batch. Only one that is still the newest of its removal is recorded: a late answer
 * changes nothing, and opens no gate while a newer attempt is under way.
 *
 * Order: the gate first, as long as what was answered can be told by being condemned. It opens some time after the answer,
 * by the database's clock; while there is none, it stays closed.
 */
function recordBatch(attempt: Attempt, settlements: readonly Settlement[], options: LedgerOptions): SQL[] {
  const those = (wanted: (settlement: Settlement) => boolean): SQL => {
    const removals = settlements.filter(wanted).map(({ removal }) => removal);
    if (removals.length === removals[0]?.batchSize) return isCondemnedBy(attempt);
    return sql`id IN (SELECT value FROM ${jsonRows(removals.map(({ id }) => id))}) AND ${isStillOf(attempt)}`;
  };
  const others = settlements
    .filter(({ outcome }) => outcome !== "gone")
    // Cut in the middle of a character, a vendor's words would be stored as no UTF-8, which ends the process that reads it.
    .map(({ removal, outcome, error, at, nextAttemptAt }) => [
      removal.id,
      outcome,
      error?.toWellFormed() ?? null,
      at,
      nextAttemptAt,
    ]);
  return [
    sql`UPDATE filesweep_gate SET leaves_at = ${sql.raw(options.databaseNow)} + ${options.gateMs}
      FROM (SELECT key FROM filesweep_removals WHERE ${those(({ outcome }) => outcome !== "unknown")}) r
      WHERE filesweep_gate.key = r.key`,
    sql`UPDATE filesweep_removals SET state = 'removed', finished_at = ${settlements[0]?.at ?? 0}
      WHERE ${those(({ outcome }) => outcome === "gone")}`,
    ...(others.length === 0 ? [] : [recordOthers(attempt, others)]),
  ];
}

/** {@link isCondemnedBy}, of removals that are found by their ids. */
function isStillOf({ fence, batch }: Attempt): SQL {
  return sql`+state = 'condemned' AND +attempt_fence = ${fence} AND +batch = ${batch}`;
}

/** Rows: id, outcome, error, when, when to try again. */
function recordOthers(attempt: Attempt, rows: readonly unknown[]): SQL {
  return sql`UPDATE filesweep_removals SET
      state = CASE j.outcome WHEN 'changed' THEN 'released' WHEN 'unknown' THEN 'condemned'
        ELSE iif(j.next IS NULL, 'abandoned', 'failed') END,
      released_by = iif(j.outcome = 'changed', 'changed', NULL),
      finished_at = iif(j.outcome = 'changed', j.at, NULL),
      next_attempt_at = coalesce(j.next, next_attempt_at),
      error = j.error
    FROM (SELECT value ->> 0 AS id, value ->> 1 AS outcome, value ->> 2 AS error, value ->> 3 AS at, value ->> 4 AS next
      FROM ${jsonRows(rows)}) j
    WHERE filesweep_removals.id = j.id AND ${isStillOf(attempt)}`;
}
