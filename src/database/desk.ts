/** What operators ask and decide: how things stand, the journal, and the ledger in a person's hands. */
import type { Clock, Desk, ObjectLook, Page } from "../core/ports.ts";
import { activityQueries, toActivity } from "./activity.ts";
import { toKeyFacts, unprotectedKeys } from "./catalog.ts";
import type { Row, SqlClient } from "./client.ts";
import { toHold } from "./holds.ts";
import { TOTALS, toEntry, toTotals } from "./journal.ts";
import { OPEN_BY_STATE, toOpen } from "./ledger.ts";
import { type CatalogMapping, isOfStore } from "./mapping.ts";
import { type KnownTally, knownTally, stageOf } from "./open-tally.ts";
import { means } from "./protection.ts";
import { listRemovals, removalsOf, toRemovals } from "./removals.ts";
import { RESTORED, toRestored } from "./restored.ts";
import { rowsWhere, toFileRows } from "./row-pages.ts";
import { integerOrNull, type SQL, sql, textOrNull } from "./sql.ts";

/** Whoever is at work on a run that is under way learns of it with the next round trip, and ends. */
const CANCELLABLE = sql.raw("status IN ('paused', 'held', 'running')");

export interface DeskOptions {
  readonly client: SqlClient;
  readonly clock: Clock;
  readonly mapping: CatalogMapping;
  readonly databaseNow: string;
}

export function createDesk({ client, clock, mapping, databaseNow }: DeskOptions): Desk {
  let known: KnownTally | null = null;
  let decisions = 0;
  const now = sql.raw(databaseNow);
  /** What a person looks at before a decision, or after it, is what was written last. */
  const ask = async (...queries: SQL[]): Promise<Row[][]> => client.batch(queries, "fresh");
  /** What is decided here bears being said twice. */
  const change = async (...statements: SQL[]): Promise<Row[][]> => {
    try {
      return await client.batch(statements, "write", { again: true });
    } finally {
      decisions += 1;
      known = null;
    }
  };
  const look = async (...queries: SQL[]): Promise<Row[][]> => client.batch(queries, "read");
  /** Whether a decision stands, once it was made: sent again after a lost answer, it finds what it did the first time. */
  const decide = async (decision: SQL, stands: SQL): Promise<boolean> =>
    (await change(decision, stands))[1]?.length === 1;

  return {
    async overview() {
      const asOf = decisions;
      const last = known !== null && clock.monotonicMs() < known.until ? known : null;
      const [totals, runs, holds, open] = await look(
        TOTALS,
        sql`SELECT * FROM filesweep_runs ORDER BY id DESC LIMIT 1`,
        sql`SELECT * FROM filesweep_holds WHERE status <> 'closed' ORDER BY id DESC`,
        ...(last === null ? [OPEN_BY_STATE] : []),
      );
      const lastRun = runs?.[0] === undefined ? null : toEntry(runs[0]);
      const stage = stageOf(lastRun);
      const isKnown = last !== null && last.stage === stage;
      const tallies = isKnown ? last.open : toOpen(open ?? (await look(OPEN_BY_STATE))[0] ?? []);
      // Order: a count that was begun before a decision, and answered after it, tells of nothing that still is.
      if (!isKnown) known = asOf === decisions ? knownTally(tallies, stage, clock.monotonicMs()) : null;
      return { totals: toTotals(totals?.[0]), lastRun, open: tallies, holds: (holds ?? []).map(toHold) };
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
      const [found] = await look(listRemovals(filter));
      const page = toPage(toRemovals(found), filter.limit);
      return { ...page, next: page.next ?? textOrNull({ floor: null, ...found?.[0] }, "floor") };
    },
    async removal(id) {
      const [found] = await ask(removalsOf(sql`id = ${id}`));
      return toRemovals(found)[0] ?? null;
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
      const key = toFileRows(mapping, rows)[0]?.key;
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
        removalsOf(sql`key = ${key} ORDER BY id DESC LIMIT 20`),
        sql`SELECT leaves_at FROM filesweep_gate WHERE key = ${key} AND (leaves_at IS NULL OR leaves_at > ${now})`,
        RESTORED,
      );
      return {
        files: toFileRows(mapping, files),
        facts: facts?.[0] === undefined ? undefined : toKeyFacts(facts[0]),
        removals: toRemovals(removals),
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

/** With a look, the release lasts until the object looks different; without one there is no object left to keep. */
function releaseRemoval(id: string, at: number, look: ObjectLook | null): SQL {
  const seen =
    look === null
      ? sql``
      : sql`, size_bytes = ${look.sizeBytes}, modified_at = ${look.modifiedAt}, etag = ${look.etag}`;
  return sql`UPDATE filesweep_removals SET state = 'released', released_by = 'operator', finished_at = ${at} ${seen}
    WHERE id = ${id} AND state IN ('suspected', 'due', 'failed', 'abandoned')`;
}
