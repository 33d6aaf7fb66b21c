/** The journal: one row per run with its report and its saved place, so that any later slice can go on. */
import type { Twin } from "../core/identity.ts";
import type { Journal, JournalEntry, LedgerCount, SweepProgress } from "../core/ports.ts";
import { DAY_MS } from "../core/safety.ts";
import { NO_TOTALS, type Totals } from "../core/totals.ts";
import type { Row, SqlClient } from "./client.ts";
import { gateStands, type Trigger } from "./gate.ts";
import { STANDING_HOLDS, toHold } from "./holds.ts";
import type { LeaseSession } from "./lease.ts";
import { type CatalogMapping, liveStretches, table } from "./mapping.ts";
import { holdsBlobs } from "./protection.ts";
import { toRestored } from "./restored.ts";
import { parseJson, toMode, toRemovalState, toRunStatus, toSweepName, toTrigger } from "./rows.ts";
import { integer, integerOrNull, type SQL, sql, text } from "./sql.ts";

export interface JournalOptions {
  readonly client: SqlClient;
  readonly session: LeaseSession;
  readonly databaseNow: string;
  readonly gate: readonly Trigger[];
  readonly mapping: CatalogMapping;
}

export function createJournal({ client, session, databaseNow, gate, mapping }: JournalOptions): Journal {
  return {
    async open(held, fresh) {
      const statements = [
        sql`DELETE FROM filesweep_gate WHERE leaves_at <= ${sql.raw(databaseNow)}`,
        UNFINISHED(fresh.mode),
        LEDGER_OF_UNFINISHED(fresh.mode),
        gateStands(mapping, gate),
        sql`SELECT name, value FROM filesweep_meta WHERE name IN ('twin', 'last_run_at', 'last_scan_at', 'totals', 'restored')`,
        catalogFacts(mapping),
        STANDING_HOLDS,
        endedLately(fresh.startedAt - DAY_MS),
        sql`SELECT status FROM filesweep_runs WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1`,
      ];
      const answers = await session.write(held, statements, "again");
      const [, started, ledger, stands, memory, catalog, holds, lately, last] = answers;
      const remembered = new Map((memory ?? []).map((row) => [text(row, "name"), row]));
      const twin = remembered.get("twin");
      const lastRunAt = remembered.get("last_run_at");
      const lastScanAt = remembered.get("last_scan_at");
      const unfinished = started?.[0];
      return {
        entry: unfinished === undefined ? fresh : toEntry(unfinished),
        resumed: unfinished !== undefined,
        ledger: (ledger ?? []).map(toLedgerCount),
        gateStands: stands?.[0]?.["stands"] === 1,
        twin: twin === undefined ? null : parseJson<Twin>(twin, "value"),
        lastRunAt: lastRunAt === undefined ? null : parseJson<number>(lastRunAt, "value"),
        lastScanAt: lastScanAt === undefined ? null : parseJson<number>(lastScanAt, "value"),
        totals: toTotals(remembered.get("totals")),
        restored: toRestored(remembered.get("restored")),
        lastStatus: last?.[0] === undefined ? null : toRunStatus(last[0]["status"] ?? null),
        hasLiveFiles: catalog?.[0]?.["live"] === 1,
        hasUntypedKeys: catalog?.[0]?.["untyped"] === 1,
        holds: (holds ?? []).map(toHold),
        endedLately: new Map((lately ?? []).map((row) => [toSweepName(row["sweep"] ?? null), integer(row, "count")])),
      };
    },
    remember(held, { twin, lastRunAt, lastScanAt }) {
      if (twin !== undefined) session.queue(held, [setMeta("twin", twin)]);
      if (lastScanAt !== undefined) session.queue(held, [setMeta("last_scan_at", lastScanAt)]);
      if (lastRunAt !== undefined) session.queue(held, [setMeta("last_run_at", lastRunAt)]);
    },
    follow(held, entry, totals) {
      session.follow(
        held,
        () => [save(entry), ...(totals === undefined ? [] : [setMeta("totals", totals())])],
        ([row]) => {
          if (row?.["status"] === "cancelled") entry.status = "cancelled";
        },
      );
    },
    async latest(limit) {
      const [rows] = await client.batch([sql`SELECT * FROM filesweep_runs ORDER BY id DESC LIMIT ${limit}`], "read");
      return (rows ?? []).map(toEntry);
    },
  };
}

const UNFINISHED = (mode: string): SQL =>
  sql`SELECT * FROM filesweep_runs WHERE finished_at IS NULL AND mode = ${mode} ORDER BY id LIMIT 1`;

const LEDGER_OF_UNFINISHED = (mode: string): SQL =>
  sql`SELECT sweep, state, sum(items) AS count, sum(size_bytes) AS bytes FROM filesweep_removals
    WHERE run_id = (SELECT id FROM filesweep_runs WHERE finished_at IS NULL AND mode = ${mode} ORDER BY id LIMIT 1)
    GROUP BY sweep, state`;

function setMeta(name: string, value: unknown): SQL {
  return sql`INSERT INTO filesweep_meta (name, value) VALUES (${name}, ${JSON.stringify(value)})
    ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
}

/** Two probes of an index each, where there is one. */
function catalogFacts(mapping: CatalogMapping): SQL {
  const live = liveStretches(mapping).map(
    (isLive) => sql`EXISTS (SELECT 1 FROM ${table(mapping, "f")} WHERE ${isLive("f")})`,
  );
  return sql`SELECT ${sql.join(live, sql` OR `)} AS live, ${holdsBlobs(mapping)} AS untyped`;
}

/**
 * What the sweeps ended since an instant, from the journal: for sweeps of rows also rows whose object stays or is not
 * gone yet. What an approval let through does not count.
 */
function endedLately(since: number): SQL {
  const tally = (path: string): SQL =>
    sql`coalesce(s.value ->> ${`$.${path.replace("still-protected", '"still-protected"')}.count`}, 0)`;
  return sql`SELECT s.value ->> '$.report.name' AS sweep,
      sum(max(0, ${tally("report.removed")} + iif(s.value ->> '$.report.name' = 'orphaned-objects',
          ${tally("report.carriedOver")},
          ${tally("report.deferred")} + ${tally("report.failed")}
            + iif(r.status = 'held', 0, ${tally("report.kept.still-protected")}))
        - coalesce(s.value ->> '$.letThrough', 0))) AS count
    FROM filesweep_runs r, json_each(r.sweeps) s
    WHERE r.mode = 'remove' AND (r.finished_at > ${since} OR r.finished_at IS NULL) GROUP BY 1`;
}

export const TOTALS: SQL = sql`SELECT value FROM filesweep_meta WHERE name = 'totals'`;

export function toTotals(row: Row | undefined): Totals {
  return row === undefined ? NO_TOTALS : parseJson<Totals>(row, "value");
}

/** What a person cancelled stays cancelled, whatever its holder writes; the answer says so. */
function save(entry: JournalEntry): SQL {
  return sql`INSERT INTO filesweep_runs
      (id, mode, status, trigger, started_at, finished_at, duration_ms, slices, calls, holds, sweeps)
    VALUES (${entry.id}, ${entry.mode}, ${entry.status}, ${entry.trigger}, ${entry.startedAt}, ${entry.finishedAt},
      ${entry.durationMs}, ${entry.slices}, ${JSON.stringify(entry.calls)}, ${JSON.stringify(entry.holds)},
      ${JSON.stringify(entry.sweeps)})
    ON CONFLICT (id) DO UPDATE SET status = iif(filesweep_runs.status = 'cancelled', 'cancelled', excluded.status),
      finished_at = iif(filesweep_runs.status = 'cancelled', coalesce(excluded.finished_at, filesweep_runs.finished_at),
        excluded.finished_at),
      duration_ms = excluded.duration_ms, slices = excluded.slices, calls = excluded.calls, holds = excluded.holds,
      sweeps = excluded.sweeps
    RETURNING status`;
}

export function toEntry(row: Row): JournalEntry {
  return {
    id: text(row, "id"),
    mode: toMode(row["mode"] ?? null),
    status: toRunStatus(row["status"] ?? null),
    trigger: toTrigger(row["trigger"] ?? null),
    startedAt: integer(row, "started_at"),
    finishedAt: integerOrNull(row, "finished_at"),
    durationMs: integer(row, "duration_ms"),
    slices: integer(row, "slices"),
    calls: parseJson<JournalEntry["calls"]>(row, "calls"),
    holds: parseJson<JournalEntry["holds"]>(row, "holds"),
    sweeps: parseJson<SweepProgress[]>(row, "sweeps"),
  };
}

function toLedgerCount(row: Row): LedgerCount {
  return {
    sweep: toSweepName(row["sweep"] ?? null),
    state: toRemovalState(row["state"] ?? null),
    count: integer(row, "count"),
    bytes: integer(row, "bytes"),
  };
}
