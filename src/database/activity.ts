/** What went lately, what there is and what goes next, from what runs left in the journal, and from an index. */
import type { Instant } from "../core/model.ts";
import type { Activity, Cutoffs } from "../core/ports.ts";
import type { Row } from "./client.ts";
import { type CatalogMapping, isFree, table } from "./mapping.ts";
import { sizeOf, toTally } from "./row-pages.ts";
import { toSweepName } from "./rows.ts";
import { integer, type SQL, sql, text } from "./sql.ts";
import { dueStages } from "./stages.ts";

/** The most runs that are read: more than there are in 30 days of a run every half hour. */
const RUNS_READ = 1500;

/** The most rows that are counted in each stretch of an index. */
const ROWS_COUNTED = 1000;

/** The answers are for {@link toActivity}. */
export function activityQueries(mapping: CatalogMapping, since: Instant, due: Cutoffs): SQL[] {
  return [reclaimed(since), oldestRead(since), lastScan(), ...dueNext(mapping, due)];
}

export function toActivity([reclaimed, oldest, scan, due]: readonly Row[][]): Activity {
  const found = scan?.[0];
  const counted = due?.[0];
  return {
    reclaimed: (reclaimed ?? []).map((row) => ({
      day: text(row, "day"),
      sweep: toSweepName(row["sweep"] ?? null),
      removed: toTally(row),
    })),
    wholeSince: oldest?.[0] === undefined ? null : integer(oldest[0], "started_at"),
    scan:
      found === undefined
        ? null
        : {
            runId: text(found, "id"),
            at: integer(found, "started_at"),
            listed: { count: integer(found, "listed"), bytes: integer(found, "listed_bytes") },
            inCatalog: { count: integer(found, "protected"), bytes: integer(found, "protected_bytes") },
          },
    dueNext: counted === undefined ? null : { ...toTally(counted), isMore: integer(counted, "more") === 1 },
  };
}

/** The newest runs, whose ids are in the order of time. */
const LATELY = sql`SELECT id, mode, started_at, sweeps FROM filesweep_runs ORDER BY id DESC LIMIT ${RUNS_READ}`;

function reclaimed(since: Instant): SQL {
  const whole = (part: string): SQL =>
    sql.raw(`sum((s.value ->> '$.report.removed.${part}') + (s.value ->> '$.report.carriedOver.${part}')) AS ${part}`);
  return sql`SELECT date(r.started_at / 1000, 'unixepoch') AS day, s.value ->> '$.report.name' AS sweep,
      ${whole("count")}, ${whole("bytes")}
    FROM (${LATELY}) r, json_each(r.sweeps) s WHERE r.started_at >= ${since} AND r.mode = 'remove'
    GROUP BY day, sweep HAVING count > 0 ORDER BY day, sweep`;
}

/** The last run that is read, where there are older ones since the time asked for. */
function oldestRead(since: Instant): SQL {
  return sql`SELECT started_at FROM (SELECT started_at FROM filesweep_runs ORDER BY id DESC LIMIT 1 OFFSET ${RUNS_READ - 1}) WHERE started_at > ${since}`;
}

/** The walk goes back to the scan, no further; a run that is under way has not ended its own. */
function lastScan(): SQL {
  const tally = (path: string): SQL => sql.raw(`coalesce(s.value ->> '$.report.${path}', 0)`);
  return sql`SELECT r.id, r.started_at, ${tally("seen.count")} AS listed, ${tally("seen.bytes")} AS listed_bytes,
      ${tally('kept."still-protected".count')} AS protected, ${tally('kept."still-protected".bytes')} AS protected_bytes
    FROM (${LATELY}) r, json_each(r.sweeps) s
    WHERE s.value ->> '$.report.name' = 'orphaned-objects' AND s.value ->> '$.report.status' IN ('completed', 'held')
    LIMIT 1`;
}

function dueNext(mapping: CatalogMapping, due: Cutoffs): SQL[] {
  const stages = dueStages(mapping, due).filter(({ position, unreadable }) => position !== null && !unreadable);
  if (stages.length === 0) return [];
  const size = sizeOf(mapping, "f");
  const parts = stages.map(
    (stage) => sql`SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM (
      SELECT ${size} AS size FROM ${table(mapping, "f")} WHERE ${stage.where("f")} AND ${isFree(mapping, "f")} LIMIT ${ROWS_COUNTED})`,
  );
  return [
    sql`SELECT sum(count) AS count, sum(bytes) AS bytes, max(count) = ${ROWS_COUNTED} AS more FROM (${sql.join(parts, sql` UNION ALL `)})`,
  ];
}
