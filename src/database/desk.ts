/** What operators ask and decide: how things stand, the journal, and the ledger in a person's hands. */
import { OPEN_STATES } from "../core/model.ts";
import type { Desk, ObjectLook, Page, Removal, RemovalFilter } from "../core/ports.ts";
import { activityQueries, toActivity } from "./activity.ts";
import { toKeyFacts, unprotectedKeys } from "./catalog.ts";
import type { Row, SqlClient } from "./client.ts";
import { toHold } from "./holds.ts";
import { TOTALS, toEntry, toTotals } from "./journal.ts";
import { OPEN_BY_STATE, toOpen } from "./ledger.ts";
import { type CatalogMapping, isOfStore } from "./mapping.ts";
import { OPEN } from "./migrations.ts";
import { means } from "./protection.ts";
import { RESTORED, toRestored } from "./restored.ts";
import { rowsWhere, toFileRow } from "./row-pages.ts";
import { parseJson, toRemovalReason, toRemovalState, toSweepName } from "./rows.ts";
import { integerOrNull, type SQL, sql, text } from "./sql.ts";
import { fromReadable } from "./values.ts";

/** Whoever is at work on a run that is under way learns of it with the next round trip, and ends. */
const CANCELLABLE = sql.raw("status IN ('paused', 'held', 'running')");

/** Rows that one page of a list looks at, where no index leads to those that are asked for: the page may be short then. */
const WALK = 10_000;

export function createDesk(client: SqlClient, mapping: CatalogMapping, databaseNow: string): Desk {
  const now = sql.raw(databaseNow);
  /** What a person looks at before a decision, or after it, is what was written last. */
  const ask = async (...queries: SQL[]): Promise<Row[][]> => client.batch(queries, "fresh");
  /** What is decided here bears being said twice. */
  const change = async (...statements: SQL[]): Promise<Row[][]> => client.batch(statements, "write", { again: true });
  const look = async (...queries: SQL[]): Promise<Row[][]> => client.batch(queries, "read");
  /** Whether a decision stands, once it was made: sent again after a lost answer, it finds what it did the first time. */
  const decide = async (decision: SQL, stands: SQL): Promise<boolean> =>
    (await change(decision, stands))[1]?.length === 1;

  return {
    async overview() {
      const [totals, last, open, holds] = await look(
        TOTALS,
        sql`SELECT * FROM filesweep_runs ORDER BY id DESC LIMIT 1`,
        OPEN_BY_STATE,
        sql`SELECT * FROM filesweep_holds WHERE status <> 'closed' ORDER BY id DESC`,
      );
      return {
        totals: toTotals(totals?.[0]),
        lastRun: last?.[0] === undefined ? null : toEntry(last[0]),
        open: toOpen(open ?? []),
        holds: (holds ?? []).map(toHold),
      };
    },
    async activity(since, due) {
      return toActivity(await look(...activityQueries(mapping, since, due)));
    },
    async runs({ after, limit }) {
      const behind = after === undefined ? sql`` : sql`WHERE id < ${after}`;
      const [rows] = await look(sql`SELECT * FROM filesweep_runs ${behind} ORDER BY id DESC LIMIT ${limit + 1}`);
      return toPage((rows ?? []).map(toEntry), limit);
    },
    async run(id) {
      const [rows] = await ask(sql`SELECT * FROM filesweep_runs WHERE id = ${id}`);
      return rows?.[0] === undefined ? null : toEntry(rows[0]);
    },
    async holds({ status, after, limit }) {
      const which = status === undefined ? sql`status <> 'closed'` : sql`status = ${status}`;
      const behind = after === undefined ? sql`` : sql`AND id < ${after}`;
      const [rows] = await look(
        sql`SELECT * FROM filesweep_holds WHERE ${which} ${behind} ORDER BY id DESC LIMIT ${limit + 1}`,
      );
      return toPage((rows ?? []).map(toHold), limit);
    },
    async hold(id) {
      const [rows] = await ask(sql`SELECT * FROM filesweep_holds WHERE id = ${id}`);
      return rows?.[0] === undefined ? null : toHold(rows[0]);
    },
    async removals(filter) {
      const [rows, floor] = await look(listRemovals(filter), ...(isWalked(filter) ? [floorOf(filter)] : []));
      const page = toPage((rows ?? []).map(toRemoval), filter.limit);
      const behind = floor?.[0];
      return page.next === null && behind !== undefined ? { ...page, next: text(behind, "id") } : page;
    },
    async removal(id) {
      const [rows] = await ask(sql`SELECT ${REMOVAL} FROM filesweep_removals WHERE id = ${id}`);
      return rows?.[0] === undefined ? null : toRemoval(rows[0]);
    },
    release: (id, at, look) =>
      decide(
        releaseRemoval(id, at, look),
        sql`SELECT id FROM filesweep_removals
          WHERE id = ${id} AND state = 'released' AND released_by = 'operator' AND finished_at = ${at}`,
      ),
    retry: (id) =>
      decide(
        sql`UPDATE filesweep_removals SET state = 'due', attempts = 0, attempt_fence = 0, next_attempt_at = 0
          WHERE id = ${id} AND state IN ('failed', 'abandoned')`,
        sql`SELECT id FROM filesweep_removals WHERE id = ${id} AND state = 'due' AND attempts = 0 AND next_attempt_at = 0`,
      ),
    async cancelRun(id, at) {
      const [, found] = await change(
        sql`UPDATE filesweep_runs SET status = 'cancelled', finished_at = ${at} WHERE id = ${id} AND ${CANCELLABLE}`,
        sql`SELECT status = 'cancelled' AND finished_at = ${at} AS cancelled FROM filesweep_runs WHERE id = ${id}`,
      );
      return found?.[0] === undefined ? null : found[0]["cancelled"] === 1;
    },
    async keyOf(fileId) {
      const [rows] = await ask(rowsWhere(mapping, hasId(mapping, fileId), 1));
      const key = fromReadable(rows?.[0]?.["key"] ?? null);
      return typeof key === "string" ? key : null;
    },
    async record(key) {
      const [files, facts, removals, gate, restored] = await ask(
        rowsWhere(
          mapping,
          sql`${means(mapping.key, mapping.derived, "f", sql`${key}`)} AND ${isOfStore(mapping, "f")}`,
          100,
        ),
        unprotectedKeys(mapping, [key]),
        sql`SELECT ${REMOVAL} FROM filesweep_removals WHERE key = ${key} ORDER BY id DESC LIMIT 20`,
        sql`SELECT leaves_at FROM filesweep_gate WHERE key = ${key} AND (leaves_at IS NULL OR leaves_at > ${now})`,
        RESTORED,
      );
      return {
        files: (files ?? []).map((row) => toFileRow(mapping, row)),
        facts: facts?.[0] === undefined ? undefined : toKeyFacts(facts[0]),
        removals: (removals ?? []).map(toRemoval),
        gateUntil: gate?.[0] === undefined ? undefined : integerOrNull(gate[0], "leaves_at"),
        restored: toRestored(restored?.[0]),
      };
    },
  };
}

/** One more than is shown tells whether there are more. */
function toPage<Item extends { readonly id: string }>(found: readonly Item[], limit: number): Page<Item> {
  const items = found.slice(0, limit);
  return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null };
}

/** A person writes every id as a text. */
function hasId(mapping: CatalogMapping, id: string): SQL {
  const column = { column: mapping.columns.id, prefix: "", isText: !mapping.mapped, indexed: true };
  return sql`${means(column, [], "f", sql`${id}`)} AND ${isOfStore(mapping, "f")}`;
}

/**
 * The newest first. Those of one run, and those of all, are walked back from the newest along their index; where more is
 * asked for than that, no further than to the floor. What is open, and what begins with a prefix, is found by its own
 * index and sorted (the unary plus).
 */
function listRemovals(filter: RemovalFilter): SQL {
  const { state, reason, runId, keyPrefix, after, limit } = filter;
  const conditions = [sql`1`];
  if (state !== undefined) conditions.push(sql`state = ${state}`);
  if (isOpen(filter)) conditions.push(sql.raw(OPEN));
  if (reason !== undefined) conditions.push(sql`reason = ${reason}`);
  if (runId !== undefined) conditions.push(sql`run_id = ${runId}`);
  if (keyPrefix) {
    // Everything that begins so lies between the prefix and the prefix with a byte behind it that no text has.
    const key = isSorted(filter) ? sql`key` : sql`+key`;
    conditions.push(sql`${key} >= ${keyPrefix} AND ${key} < ${keyPrefix} || CAST(x'ff' AS TEXT)`);
    conditions.push(sql`substr(key, 1, length(${keyPrefix})) = ${keyPrefix}`);
  }
  const id = isSorted(filter) ? sql`+id` : sql`id`;
  if (after !== undefined) conditions.push(sql`${id} < ${after}`);
  if (isWalked(filter)) conditions.push(sql`id >= coalesce((${floorOf(filter)}), '')`);
  const where = sql`FROM filesweep_removals WHERE ${sql.join(conditions, sql` AND `)} ORDER BY ${id} DESC LIMIT ${limit + 1}`;
  if (!isSorted(filter)) return sql`SELECT ${REMOVAL} ${where}`;
  // What is sorted are ids alone.
  return sql`SELECT ${REMOVAL} FROM filesweep_removals WHERE id IN (SELECT id ${where}) ORDER BY +id DESC`;
}

/** The last row that a page looks at, where it may find fewer than it looks at. None where that is the end. */
function floorOf({ runId, after }: RemovalFilter): SQL {
  const conditions = [sql`1`];
  if (runId !== undefined) conditions.push(sql`run_id = ${runId}`);
  if (after !== undefined) conditions.push(sql`id < ${after}`);
  return sql`SELECT id FROM filesweep_removals WHERE ${sql.join(conditions, sql` AND `)} ORDER BY id DESC LIMIT 1 OFFSET ${WALK - 1}`;
}

function isOpen({ state }: RemovalFilter): boolean {
  return OPEN_STATES.some((open) => open === state);
}

function isSorted(filter: RemovalFilter): boolean {
  return filter.runId === undefined && (isOpen(filter) || Boolean(filter.keyPrefix));
}

function isWalked(filter: RemovalFilter): boolean {
  const { state, reason, keyPrefix } = filter;
  return !isSorted(filter) && (state !== undefined || reason !== undefined || Boolean(keyPrefix));
}

/** With a look, the release lasts until the object looks different; without one there is no object left to keep. */
function releaseRemoval(id: string, at: number, look: ObjectLook | null): SQL {
  const seen =
    look === null
      ? sql``
      : sql`, size_bytes = ${look.sizeBytes}, modified_at = ${look.modifiedAt}, etag = ${look.etag}`;
  return sql`UPDATE filesweep_removals SET state = 'released', released_by = 'operator', finished_at = ${at} ${seen}
    WHERE id = ${id} AND state IN ('suspected', 'due', 'failed', 'abandoned')`;
}

/** A removal as one value: the embedded driver takes as long for a value as SQLite for a row, and a list has hundreds. */
const REMOVAL =
  sql.raw(`json_array(id, key, state, reason, sweep, run_id, size_bytes, created_at, first_seen_at, attempts,
  next_attempt_at, error, released_by, finished_at) AS removal`);

type RemovalValues = readonly [
  id: string,
  key: string,
  state: string,
  reason: string,
  sweep: string,
  runId: string,
  sizeBytes: number,
  createdAt: number,
  firstSeenAt: number | null,
  attempts: number,
  nextAttemptAt: number,
  error: string | null,
  releasedBy: string | null,
  finishedAt: number | null,
];

function toRemoval(row: Row): Removal {
  const [id, key, state, reason, sweep, runId, sizeBytes, createdAt, firstSeenAt, attempts, next, error, by, end] =
    parseJson<RemovalValues>(row, "removal");
  return {
    id,
    key,
    state: toRemovalState(state),
    reason: toRemovalReason(reason),
    sweep: toSweepName(sweep),
    runId,
    sizeBytes,
    createdAt,
    firstSeenAt,
    attempts,
    nextAttemptAt: state === "failed" ? next : null,
    error,
    releasedBy: by,
    finishedAt: end,
  };
}
