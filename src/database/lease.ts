/**
 * The lease: one row, taken and renewed by the database's clock, and the session that every write of a run goes
 * through. A round trip of a session is one transaction: the fence first, then what was queued, then the statements
 * asked for. If the lease is lost, the fence makes the whole transaction fail.
 */
import { LeaseLostError, SweepError } from "../core/errors.ts";
import type { Clock, HeldLease, LeaseHolder, Leases, leaseBrand } from "../core/ports.ts";
import { LEASE_MS } from "../core/safety.ts";
import type { Row, SqlClient } from "./client.ts";
import { integer, render, type SQL, sql, text } from "./sql.ts";

/** Round trips made with a lease. */
export interface LeaseSession {
  /** Writes what is queued together with these statements; answers the rows of each. @throws LeaseLostError */
  write(held: HeldLease, statements: readonly SQL[]): Promise<Row[][]>;
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

  async function write(held: HeldLease, statements: readonly SQL[]): Promise<Row[][]> {
    const own = ownLease(held);
    const queued = own.queued.splice(0);
    const followed = own.followed?.makeStatements() ?? [];
    const before = [fence(own, now), ...queued, ...followed];
    // Counted from before the request was sent: the database renews later than this, never sooner.
    const sentAt = clock.monotonicMs();
    const results = await client.batch([...before, ...statements].map(render), "write").catch((error: unknown) => {
      // Rolled back, or committed with its answer lost: what was queued may be written again, it is made to bear that.
      own.queued.unshift(...queued);
      throw isFenceError(error) ? new LeaseLostError({ cause: error }) : error;
    });
    own.renewedAt = sentAt;
    if (followed.length > 0) own.followed?.answered(results[1 + queued.length] ?? []);
    return results.slice(before.length);
  }

  const leases: Leases = {
    async acquire(holder) {
      const sentAt = clock.monotonicMs();
      const askedAt = clock.now();
      const [taken, current] = await client.batch([take(holder, now), currentLease(now)].map(render), "write");
      const answeredAt = clock.now();
      const row = current?.[0];
      if (row === undefined) throw new SweepError("bug", "the lease was neither taken nor held");
      if (taken?.[0] === undefined) return toHolder(row);
      const databaseAt = integer(row, "now");
      const clockSkewMs = Math.max(0, askedAt - databaseAt, databaseAt - answeredAt);
      return new OwnLease(clock, { holder, fence: integer(row, "fence"), clockSkewMs, renewedAt: sentAt });
    },
    async renew(held) {
      await write(held, []);
    },
    async release(held) {
      await write(held, [sql`UPDATE filesweep_lease SET expires_at = 0 WHERE id = 1`]);
    },
  };
  const session: LeaseSession = {
    write,
    async read(held, query) {
      const [rows] = await write(held, [query]);
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
  return sql`SELECT holder, fence, expires_at, ${now} AS now FROM filesweep_lease WHERE id = 1`;
}

function take(holder: string, now: SQL): SQL {
  return sql`INSERT INTO filesweep_lease (id, holder, fence, expires_at) VALUES (1, ${holder}, 1, ${now} + ${LEASE_MS})
    ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, fence = fence + 1, expires_at = excluded.expires_at
    WHERE expires_at <= ${now} RETURNING fence`;
}

/** Renews the lease, or fails the transaction: without it the sub-select is NULL, which `expires_at` refuses. */
function fence(own: OwnLease, now: SQL): SQL {
  return sql`INSERT INTO filesweep_lease (id, holder, fence, expires_at) VALUES (1, ${own.holder}, ${own.fence},
      (SELECT ${now} + ${LEASE_MS} FROM filesweep_lease WHERE id = 1 AND fence = ${own.fence} AND expires_at > ${now}))
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at`;
}

function isFenceError(error: unknown): boolean {
  return error instanceof SweepError && String(error.details["vendor"]).includes("filesweep_lease.expires_at");
}

function toHolder(row: Row): LeaseHolder {
  return { holder: text(row, "holder"), expiresAt: integer(row, "expires_at") };
}
