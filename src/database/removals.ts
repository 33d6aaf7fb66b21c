/**
 * Removals as people are shown them: one, and pages of them, the newest first. A page looks at a bounded number of rows,
 * however large the ledger is and whatever is asked for; but for what was given up, of which it looks at all.
 *
 * Where an index leads to all that may be asked for, and that is not much, it is sorted. Else the ledger, or one run's
 * share of it, is walked back from the newest: if more is asked for than that, a page may be short, or empty, and says
 * where to go on.
 */
import type { Removal, RemovalFilter } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { OPEN, WAITING } from "./migrations.ts";
import { toRemovalReason, toRemovalState, toSweepName } from "./rows.ts";
import { integer, integerOrNull, type SQL, sql, text, textOrNull } from "./sql.ts";
import { packed, unpacked } from "./values.ts";

/** Rows that one page of a walk looks at. */
const WALKED_AT_MOST = 10_000;

/** Rows that are sorted for one page, which takes about 10 ms. */
const SORTED_AT_MOST = 20_000;

/**
 * One more than the limit tells whether there are more. Where a walk may end before the ledger does, `floor` is the id of
 * the last row that it looks at, or null.
 */
export function listRemovals(filter: RemovalFilter): SQL {
  const { runId, after } = filter;
  const way = wayTo(filter);
  const wanted = conditionsOf(filter);
  const limit = sql`${filter.limit + 1}`;
  const behind = (id: string): SQL[] => (after === undefined ? [] : [sql`${sql.raw(id)} < ${after}`]);
  const stretch = [...(runId === undefined ? [] : [sql`run_id = ${runId}`]), ...behind("id")];
  const walked = (where: readonly SQL[], count: SQL): SQL =>
    sql`${all(...stretch, ...where)} ORDER BY id DESC LIMIT ${count}`;
  if (wanted.length === 0) return removalsOf(walked([], limit));

  // What is sorted are rowids alone; the unary plus keeps their order from being read from their index.
  const sorted = ({ range }: Way, count: SQL): SQL => sql`rowid IN (
    SELECT rowid FROM filesweep_removals WHERE ${all(range, ...wanted, ...behind("+id"))}
    ORDER BY +id DESC LIMIT ${count}) ORDER BY +id DESC`;
  if (way?.isShort) return removalsOf(sorted(way, limit));

  // Where the way leads to much, or there is none, the ledger is walked; else what is found is sorted. A limit of 0 reads nothing.
  const much =
    way === null
      ? sql`SELECT 1`
      : sql`SELECT count(*) > ${SORTED_AT_MOST} FROM (SELECT 1 FROM filesweep_removals WHERE ${way.range} LIMIT ${SORTED_AT_MOST + 1})`;
  const ifMuch = (count: SQL, other = sql`0`): SQL => sql`iif((SELECT yes FROM much), ${count}, ${other})`;
  const floor = sql`SELECT id FROM filesweep_removals WHERE ${walked([], ifMuch(sql`1`))} OFFSET ${WALKED_AT_MOST - 1}`;
  const rows = rowsOf(walked([...wanted, sql`id >= coalesce((SELECT id FROM floor), '')`], ifMuch(limit)));
  const found =
    way === null
      ? rows
      : sql`SELECT * FROM (${rowsOf(sorted(way, ifMuch(sql`0`, limit)))}) UNION ALL SELECT * FROM (${rows})`;
  return sql`WITH much(yes) AS (${much}), floor(id) AS (${floor})
    SELECT packed, (SELECT id FROM floor) AS floor FROM (${packed(COLUMNS, found)})`;
}

function all(...conditions: readonly SQL[]): SQL {
  return conditions.length === 0 ? sql`1` : sql.join(conditions, sql` AND `);
}

/** What is asked for beside the run, in words that lead to no index. */
function conditionsOf({ state, reason, keyPrefix }: RemovalFilter): SQL[] {
  return [
    ...(state === undefined ? [] : [sql`+state = ${state}`]),
    ...(reason === undefined ? [] : [sql`reason = ${reason}`]),
    ...(keyPrefix ? [beginsWith(keyPrefix, sql`+key`)] : []),
  ];
}

/** A stretch of an index that holds everything that is asked for, in the words of that index. */
interface Way {
  readonly range: SQL;
  /** It is sorted however much it leads to. */
  readonly isShort?: true;
}

/** Null where only a walk finds what is asked for. */
function wayTo({ state, runId, keyPrefix }: RemovalFilter): Way | null {
  if (runId !== undefined) return null;
  const begin = keyPrefix ? sql` AND ${beginsWith(keyPrefix, sql`key`)}` : sql``;
  // Each in an index of its own. That of suspects is not in the order of keys: by those they are found among what is open.
  if (state === "condemned" || (state === "suspected" && !keyPrefix)) return { range: sql.raw(`state = '${state}'`) };
  if (state === "due" || state === "failed") return { range: sql.raw(WAITING) };
  // Shown until somebody acts, however many they are.
  if (state === "abandoned") return { range: sql`state = 'abandoned'${begin}`, isShort: true };
  if (state === "suspected") return { range: sql`state = 'suspected' AND ${sql.raw(OPEN)}${begin}` };
  return keyPrefix ? { range: beginsWith(keyPrefix, sql`key`) } : null;
}

/** Everything that begins so lies between the prefix and the prefix with a byte behind it that no text has. */
function beginsWith(prefix: string, key: SQL): SQL {
  return sql`${key} >= ${prefix} AND ${key} < ${prefix} || CAST(x'ff' AS TEXT) AND substr(key, 1, length(${prefix})) = ${prefix}`;
}

/** Removals as people are shown them, for {@link toRemovals}. @param which what stands behind WHERE, in the order that is wanted */
export function removalsOf(which: SQL): SQL {
  return packed(COLUMNS, rowsOf(which));
}

function rowsOf(which: SQL): SQL {
  return sql`SELECT * FROM filesweep_removals WHERE ${which}`;
}

const COLUMNS = [
  "id",
  "key",
  "state",
  "reason",
  "sweep",
  "run_id",
  "size_bytes",
  "created_at",
  "first_seen_at",
  "attempts",
  "next_attempt_at",
  "error",
  "released_by",
  "finished_at",
];

export function toRemovals(answer: readonly Row[] | undefined): Removal[] {
  return unpacked(COLUMNS, answer).map(toRemoval);
}

function toRemoval(row: Row): Removal {
  const state = toRemovalState(row["state"] ?? null);
  return {
    id: text(row, "id"),
    key: text(row, "key"),
    state,
    reason: toRemovalReason(row["reason"] ?? null),
    sweep: toSweepName(row["sweep"] ?? null),
    runId: text(row, "run_id"),
    sizeBytes: integer(row, "size_bytes"),
    createdAt: integer(row, "created_at"),
    firstSeenAt: integerOrNull(row, "first_seen_at"),
    attempts: integer(row, "attempts"),
    nextAttemptAt: state === "failed" ? integer(row, "next_attempt_at") : null,
    error: textOrNull(row, "error"),
    releasedBy: textOrNull(row, "released_by"),
    finishedAt: integerOrNull(row, "finished_at"),
  };
}
