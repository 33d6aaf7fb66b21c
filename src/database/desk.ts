/** What operators ask and decide: the ledger in a person's hands. */
import { OPEN_STATES, REMOVAL_REASONS } from "../core/model.ts";
import type { Desk, ObjectLook, Removal, RemovalFilter } from "../core/ports.ts";
import { toKeyFacts, unprotectedKeys } from "./catalog.ts";
import type { Row, SqlClient } from "./client.ts";
import { type CatalogMapping, column } from "./mapping.ts";
import { OPEN } from "./migrations.ts";
import { rowsWhere, toFileRow } from "./row-pages.ts";
import { toRemovalState, toSweepName, word } from "./rows.ts";
import { integer, integerOrNull, render, type SQL, sql, text, textOrNull } from "./sql.ts";
import { fromReadable } from "./values.ts";

/** A run that is under way under a live lease is ended by whoever holds it. */
const CANCELLABLE = sql.raw("status IN ('paused', 'held', 'running')");

export function createDesk(client: SqlClient, mapping: CatalogMapping, databaseNow: string): Desk {
  const now = sql.raw(databaseNow);
  /** In a write batch: on the primary, where decisions belong. */
  const ask = async (...queries: SQL[]): Promise<Row[][]> => client.batch(queries.map(render), "write");
  const changed = async (statement: SQL): Promise<boolean> => (await ask(statement))[0]?.length === 1;

  return {
    async removals(filter) {
      const [rows] = await client.batch([render(listRemovals(filter))], "read");
      return (rows ?? []).map(toRemoval);
    },
    async removal(id) {
      const [rows] = await ask(sql`SELECT * FROM filesweep_removals WHERE id = ${id}`);
      return rows?.[0] === undefined ? null : toRemoval(rows[0]);
    },
    release: (id, at, look) => changed(releaseRemoval(id, at, look)),
    retry: (id) =>
      changed(sql`UPDATE filesweep_removals SET state = 'due', attempts = 0, attempt_fence = 0, next_attempt_at = 0
        WHERE id = ${id} AND state IN ('failed', 'abandoned') RETURNING id`),
    async cancelRun(id, at) {
      const [found, cancelled] = await ask(
        sql`SELECT id FROM filesweep_runs WHERE id = ${id}`,
        sql`UPDATE filesweep_runs SET status = 'cancelled', finished_at = ${at} WHERE id = ${id} AND ${CANCELLABLE}
          AND NOT (status IN ('running', 'paused') AND EXISTS (SELECT 1 FROM filesweep_lease WHERE expires_at > ${now})) RETURNING id`,
      );
      return found?.length === 1 ? cancelled?.length === 1 : null;
    },
    async keyOf(fileId) {
      const [rows] = await ask(rowsWhere(mapping, sql`${column(mapping, "f", "id")} = ${fileId}`, 1));
      const key = fromReadable(rows?.[0]?.["key"] ?? null);
      return typeof key === "string" ? key : null;
    },
    async record(key) {
      const [files, facts, removals, gate] = await ask(
        rowsWhere(mapping, sql`${column(mapping, "f", "key")} = ${key}`, 100),
        unprotectedKeys(mapping, [key]),
        sql`SELECT * FROM filesweep_removals WHERE key = ${key} ORDER BY id DESC LIMIT 20`,
        sql`SELECT leaves_at FROM filesweep_gate WHERE key = ${key} AND (leaves_at IS NULL OR leaves_at > ${now})`,
      );
      return {
        files: (files ?? []).map(toFileRow),
        facts: facts?.[0] === undefined ? undefined : toKeyFacts(facts[0]),
        removals: (removals ?? []).map(toRemoval),
        gateUntil: gate?.[0] === undefined ? undefined : integerOrNull(gate[0], "leaves_at"),
      };
    },
  };
}

/**
 * The newest first. What is open, and what begins with a prefix, is found by its own index and sorted (the unary plus);
 * anything else by walking back from the newest.
 */
function listRemovals({ state, reason, runId, keyPrefix, after, limit }: RemovalFilter): SQL {
  const conditions = [sql`1`];
  const isOpen = OPEN_STATES.some((open) => open === state);
  if (state !== undefined) conditions.push(sql`state = ${state}`);
  if (isOpen) conditions.push(sql.raw(OPEN));
  if (reason !== undefined) conditions.push(sql`reason = ${reason}`);
  if (runId !== undefined) conditions.push(sql`run_id = ${runId}`);
  if (keyPrefix) {
    // Everything that begins so lies between the prefix and the prefix with a byte behind it that no text has.
    conditions.push(sql`key >= ${keyPrefix} AND key < ${keyPrefix} || CAST(x'ff' AS TEXT)`);
    conditions.push(sql`substr(key, 1, length(${keyPrefix})) = ${keyPrefix}`);
  }
  if (after !== undefined) conditions.push(isOpen || keyPrefix ? sql`+id < ${after}` : sql`id < ${after}`);
  const order = isOpen || keyPrefix ? sql`+id` : sql`id`;
  return sql`SELECT * FROM filesweep_removals WHERE ${sql.join(conditions, sql` AND `)} ORDER BY ${order} DESC LIMIT ${limit}`;
}

/** With a look, the release lasts until the object looks different; without one there is no object left to keep. */
function releaseRemoval(id: string, at: number, look: ObjectLook | null): SQL {
  const seen =
    look === null
      ? sql``
      : sql`, size_bytes = ${look.sizeBytes}, modified_at = ${look.modifiedAt}, etag = ${look.etag}`;
  return sql`UPDATE filesweep_removals SET state = 'released', released_by = 'operator', finished_at = ${at} ${seen}
    WHERE id = ${id} AND state IN ('suspected', 'due', 'failed', 'abandoned') RETURNING id`;
}

function toRemoval(row: Row): Removal {
  return {
    id: text(row, "id"),
    key: text(row, "key"),
    state: toRemovalState(row["state"] ?? null),
    reason: word(REMOVAL_REASONS, row["reason"] ?? null, "reason"),
    sweep: toSweepName(row["sweep"] ?? null),
    runId: text(row, "run_id"),
    sizeBytes: integer(row, "size_bytes"),
    createdAt: integer(row, "created_at"),
    firstSeenAt: integerOrNull(row, "first_seen_at"),
    attempts: integer(row, "attempts"),
    nextAttemptAt: row["state"] === "failed" ? integerOrNull(row, "next_attempt_at") : null,
    error: textOrNull(row, "error"),
    releasedBy: textOrNull(row, "released_by"),
    finishedAt: integerOrNull(row, "finished_at"),
  };
}
