/** The holds: what waits for a person, and what a person said of it. */
import { SweepError } from "../core/errors.ts";
import { HOLD_CAUSES, HOLD_STATUSES, type Hold, type HoldSample } from "../core/model.ts";
import type { Holds, SweepProgress } from "../core/ports.ts";
import { emptyProgress } from "../core/report.ts";
import type { Row, SqlClient } from "./client.ts";
import type { LeaseSession } from "./lease.ts";
import { parseJson, toSweepName, word } from "./rows.ts";
import { integer, integerOrNull, type SQL, sql, text } from "./sql.ts";

export function createHolds(client: SqlClient, session: LeaseSession, databaseNow: string): Holds {
  async function find(id: string): Promise<Hold | null> {
    const query = sql`SELECT * FROM filesweep_holds WHERE id = ${id}`;
    const [rows] = await client.batch([query], "fresh");
    const row = rows?.[0];
    return row === undefined ? null : toHold(row);
  }

  return {
    write(held, hold) {
      session.queue(held, [write(hold)]);
    },
    async list({ closed }) {
      const which = closed ? sql`` : sql`WHERE status <> 'closed'`;
      const [rows] = await client.batch([sql`SELECT * FROM filesweep_holds ${which} ORDER BY id DESC`], "read");
      return (rows ?? []).map(toHold);
    },
    async decide(id, decision) {
      const hold = await find(id);
      if (hold === null) return null;
      const until = decision.status === "approved" ? decision.until : null;
      // Order: the run first, while the hold is undecided. A decision that comes too late reopens nothing.
      const reopened = decision.status === "approved" ? await reopenRun(client, hold, databaseNow) : [];
      const statements = [...reopened, decideHold(id, decision.status, until), stands(id, decision.status, until)];
      const answers = await client.batch(statements, "write", { again: true });
      if (answers.at(-1)?.length !== 1) {
        throw new SweepError("conflict", `hold ${id} is ${hold.status}: only an open or a silenced one can be decided`);
      }
      return find(id);
    },
  };
}

export const STANDING_HOLDS: SQL = sql`SELECT * FROM filesweep_holds WHERE status <> 'closed' ORDER BY id`;

const UNDECIDED = sql.raw("status IN ('open', 'cancelled')");

/** What a person said meanwhile stays: a refresh by a run that did not know of it changes nothing. */
function write(hold: Hold): SQL {
  const { id, cause, sweep, status, openedAt, asOf, runId, detail, count, bytes, sample, approvedUntil } = hold;
  return sql`INSERT INTO filesweep_holds
      (id, cause, sweep, status, opened_at, as_of, run_id, detail, count, bytes, sample, approved_until)
    VALUES (${id}, ${cause}, ${sweep}, ${status}, ${openedAt}, ${asOf}, ${runId}, ${detail}, ${count}, ${bytes},
      ${JSON.stringify(sample)}, ${approvedUntil})
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, as_of = excluded.as_of, run_id = excluded.run_id,
      detail = excluded.detail, count = excluded.count, bytes = excluded.bytes, sample = excluded.sample
    WHERE filesweep_holds.status = excluded.status OR excluded.status = 'closed'`;
}

function decideHold(id: string, status: string, until: number | null): SQL {
  return sql`UPDATE filesweep_holds SET status = ${status}, approved_until = ${until}
    WHERE id = ${id} AND ${UNDECIDED}`;
}

/** Whether a decision stands, once it was made: sent again after a lost answer, it finds what it did the first time. */
function stands(id: string, status: string, until: number | null): SQL {
  return sql`SELECT id FROM filesweep_holds WHERE id = ${id} AND status = ${status} AND approved_until IS ${until}`;
}

/**
 * The run that was held goes on under its id: what was held back in it is done anew. So is its scan: what that saw does
 * not pass for seen by the next one, which would count it, and remove what is under its key by then.
 */
async function reopenRun(client: SqlClient, hold: Hold, databaseNow: string): Promise<SQL[]> {
  const query = sql`SELECT sweeps, holds FROM filesweep_runs WHERE id = ${hold.runId} AND mode = 'remove' AND status IN ('held', 'paused')`;
  const [rows] = await client.batch([query], "fresh");
  const row = rows?.[0];
  if (row === undefined) return [];
  const sweeps = parseJson<SweepProgress[]>(row, "sweeps").map((progress) => {
    const { name, status } = progress.report;
    const again = hold.sweep === null ? status !== "skipped" : name === hold.sweep;
    return again ? { ...emptyProgress(name), letThrough: progress.letThrough } : progress;
  });
  const others = parseJson<Hold[]>(row, "holds").filter(({ id }) => id !== hold.id);
  const mayGoOn = sql`id = ${hold.runId} AND (status = 'held' OR (status = 'paused'
      AND NOT EXISTS (SELECT 1 FROM filesweep_lease WHERE expires_at > ${sql.raw(databaseNow)})))
    AND EXISTS (SELECT 1 FROM filesweep_holds h WHERE h.id = ${hold.id} AND h.${UNDECIDED})`;
  const scansAnew = sweeps.some(({ report, place }) => report.name === "orphaned-objects" && place === null);
  const forget = sql`UPDATE filesweep_removals SET last_seen_run = '', ripe = 0
    WHERE state = 'suspected' AND last_seen_run = ${hold.runId}
      AND EXISTS (SELECT 1 FROM filesweep_runs WHERE ${mayGoOn})`;
  const reopen = sql`UPDATE filesweep_runs SET status = 'paused', finished_at = NULL,
      sweeps = ${JSON.stringify(sweeps)}, holds = ${JSON.stringify(others)}
    WHERE ${mayGoOn}`;
  return scansAnew ? [forget, reopen] : [reopen];
}

export function toHold(row: Row): Hold {
  const sweep = row["sweep"] ?? null;
  return {
    id: text(row, "id"),
    cause: word(HOLD_CAUSES, row["cause"] ?? null, "hold cause"),
    sweep: sweep === null ? null : toSweepName(sweep),
    status: word(HOLD_STATUSES, row["status"] ?? null, "hold status"),
    openedAt: integer(row, "opened_at"),
    asOf: integer(row, "as_of"),
    runId: text(row, "run_id"),
    detail: text(row, "detail"),
    count: integer(row, "count"),
    bytes: integer(row, "bytes"),
    sample: parseJson<HoldSample[]>(row, "sample"),
    approvedUntil: integerOrNull(row, "approved_until"),
  };
}
