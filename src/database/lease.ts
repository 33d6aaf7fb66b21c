/**
 * The lease: one row, taken and renewed by the database's clock, and the session that every write of a run goes
 * through. A round trip of a session is one transaction: the fence first, then what was queued, then the statements
 * asked for. If the lease is lost, the fence makes the whole transaction fail.
 *
 * Round trips are numbered, and the fence lets each number in once: a request that is sent again, or comes late, is not
 * carried out a second time.
 */
import { LeaseLostError, SweepError } from "../core/errors.ts";
import type { Clock, HeldLease, LeaseHolder, Leases, leaseBrand } from "../core/ports.ts";
import { LEASE_MS } from "../core/safety.ts";
import type { Row, SqlClient } from "./client.ts";
import { integer, type SQL, sql, text } from "./sql.ts";

/**
 * What becomes of a round trip that was carried out, and whose answer was lost for good.
 *
 * - `once`: the statements tell what they changed, and would not tell it again: the round trip is `unavailable`
 * - `again`: they are carried out anew
 * - `none`: nobody needs their answer
 */
export type LostAnswer = "once" | "again" | "none";

/** Round trips made with a lease. */
export interface LeaseSession {
  /**
   * Writes what is queued together with these statements; answers the rows of each. Default: `once`.
   * @throws LeaseLostError
   */
  write(held: HeldLease, statements: readonly SQL[], lost?: LostAnswer): Promise<Row[][]>;
  /** Writes what is queued and reads, on the primary, in the same transaction. @throws LeaseLostError */
  read(held: HeldLease, query: SQL): Promise<Row[]>;
  /** Kept for the next round trip. */
  queue(held: HeldLease, statements: readonly SQL[]): void;
  /** Made anew for every round trip from now on: the journal's entry, as it is at that moment. `answered` gets the rows of the first. */
  follow(held: HeldLease, makeStatements: () => readonly SQL[], answered: (rows: readonly Row[]) => void): void;
  /** A name for one batch of attempts, unique in the ledger. */
  nextBatch(held: HeldLease): string;
}

export interface LeaseOptions {
  readonly client: SqlClient;
  readonly clock: Clock;
  /** The database's clock as an SQL expression in epoch milliseconds. */
  readonly databaseNow: string;
}

export function createLeases(options: LeaseOptions): { leases: Leases; session: LeaseSession } {
  const { client, clock } = options;
  const now = sql.raw(options.databaseNow);

  /** Order: one after the other. Of two on their way at once the later number may come first, and would shut out the other. */
  function write(held: HeldLease, statements: readonly SQL[], lost: LostAnswer = "once"): Promise<Row[][]> {
    const own = ownLease(held);
    const answer = own.underWay.then(() => writeNow(own, statements, lost));
    own.underWay = answer.catch(() => {});
    return answer;
  }

  async function writeNow(own: OwnLease, statements: readonly SQL[], lost: LostAnswer): Promise<Row[][]> {
    const queued = own.queued.splice(0);
    const followed = own.followed?.makeStatements() ?? [];
    own.step += 1;
    const before = [fence(own, now), ...queued, ...followed];
    // Counted from before the request was sent: the database renews later than this, never sooner.
    const sentAt = clock.monotonicMs();
    try {
      const results = await client.batch([...before, ...statements], "write", { again: true });
      own.renewedAt = sentAt;
      if (followed.length > 0) own.followed?.answered(results[1 + queued.length] ?? []);
      return results.slice(before.length);
    } catch (error) {
      // Rolled back, or committed with its answer lost: what was queued may be written again, it is made to bear that.
      own.queued.unshift(...queued);
      if (!isFenceError(error)) throw error;
      if (!(await wasCarriedOut(own, error))) throw new LeaseLostError({ cause: error });
      own.renewedAt = sentAt;
      if (lost === "none") return [];
      if (lost === "again") return writeNow(own, statements, "once");
      throw new SweepError("unavailable", "the database did what it was asked, but its answer was lost", {
        cause: error,
      });
    }
  }

  /** Sent again, a round trip that was carried out the first time is refused as one that lost its lease is. */
  async function wasCarriedOut(own: OwnLease, error: SweepError): Promise<boolean> {
    if (error.details["repeated"] !== true) return false;
    const [rows] = await client.batch([currentLease(now)], "write", { again: true });
    const row = rows?.[0];
    return row !== undefined && integer(row, "fence") === own.fence && integer(row, "step") === own.step;
  }

  const leases: Leases = {
    async acquire(holder) {
      const sentAt = clock.monotonicMs();
      const askedAt = clock.now();
      const statements = [take(holder, crypto.randomUUID(), now), currentLease(now)];
      const [taken, current] = await client.batch(statements, "write", { again: true });
      const answeredAt = clock.now();
      const row = current?.[0];
      if (row === undefined) throw new SweepError("bug", "the lease was neither taken nor held");
      if (taken?.[0] === undefined) return toHolder(row);
      const databaseAt = integer(row, "now");
      // By the clock as it is now: one that jumped while it was asked would make the call as long as it jumped.
      const askedByNow = answeredAt - (clock.monotonicMs() - sentAt);
      const clockSkewMs = Math.max(0, askedAt - databaseAt, askedByNow - databaseAt, databaseAt - answeredAt);
      return new OwnLease(clock, { holder, fence: integer(row, "fence"), clockSkewMs, renewedAt: sentAt });
    },
    async renew(held) {
      await write(held, [], "none");
    },
    async release(held) {
      await write(held, [sql`UPDATE filesweep_lease SET expires_at = 0 WHERE id = 1`], "none");
    },
  };
  const session: LeaseSession = {
    write,
    async read(held, query) {
      const [rows] = await write(held, [query], "again");
      return rows ?? [];
    },
    queue(held, statements) {
      ownLease(held).queued.push(...statements);
    },
    follow(held, makeStatements, answered) {
      ownLease(held).followed = { makeStatements, answered };
    },
    nextBatch(held) {
      const own = ownLease(held);
      own.batches += 1;
      return `${own.fence}.${own.batches}`;
    },
  };
  return { leases, session };
}

class OwnLease implements HeldLease {
  declare readonly [leaseBrand]: true;
  readonly holder: string;
  readonly fence: number;
  readonly clockSkewMs: number;
  readonly queued: SQL[] = [];
  followed: { makeStatements: () => readonly SQL[]; answered: (rows: readonly Row[]) => void } | null = null;
  /** The number of the newest round trip. */
  step = 0;
  /** The newest round trip. */
  underWay: Promise<unknown> = Promise.resolve();
  batches = 0;
  renewedAt: number;
  readonly #clock: Clock;

  constructor(clock: Clock, taken: Pick<OwnLease, "holder" | "fence" | "clockSkewMs" | "renewedAt">) {
    this.#clock = clock;
    this.holder = taken.holder;
    this.fence = taken.fence;
    this.clockSkewMs = taken.clockSkewMs;
    this.renewedAt = taken.renewedAt;
  }

  timeLeftMs(): number {
    return Math.max(0, this.renewedAt + LEASE_MS - this.#clock.monotonicMs());
  }
}

function ownLease(held: HeldLease): OwnLease {
  if (held instanceof OwnLease) return held;
  throw new SweepError("bug", "this lease was not made by this database");
}

function currentLease(now: SQL): SQL {
  return sql`SELECT holder, fence, step, expires_at, ${now} AS now FROM filesweep_lease WHERE id = 1`;
}

/** @param request names this taking: sent again, it finds that it has the lease already */
function take(holder: string, request: string, now: SQL): SQL {
  return sql`INSERT INTO filesweep_lease (id, holder, fence, expires_at, request)
    VALUES (1, ${holder}, 1, ${now} + ${LEASE_MS}, ${request})
    ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, fence = fence + iif(request IS excluded.request, 0, 1),
      step = iif(request IS excluded.request, step, 0), expires_at = excluded.expires_at, request = excluded.request
    WHERE expires_at <= ${now} OR request = excluded.request RETURNING fence`;
}

/** Renews the lease, or fails the transaction: without it the sub-select is NULL, which `expires_at` refuses. */
function fence(own: OwnLease, now: SQL): SQL {
  return sql`INSERT INTO filesweep_lease (id, holder, fence, step, expires_at) VALUES (1, ${own.holder}, ${own.fence}, ${own.step},
      (SELECT ${now} + ${LEASE_MS} FROM filesweep_lease
        WHERE id = 1 AND fence = ${own.fence} AND step < ${own.step} AND expires_at > ${now}))
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, step = excluded.step`;
}

function isFenceError(error: unknown): error is SweepError {
  return error instanceof SweepError && String(error.details["vendor"]).includes("filesweep_lease.expires_at");
}

function toHolder(row: Row): LeaseHolder {
  return { holder: text(row, "holder"), expiresAt: integer(row, "expires_at") };
}
