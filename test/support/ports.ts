/** The database ports over a new embedded database, on a clock that the test turns: without a store, and without a run. */
import { join } from "node:path";
import { expect } from "vitest";
import type { Hold } from "../../src/core/model.ts";
import type {
  CatalogCursor,
  Claim,
  ClaimAnswer,
  Condemned,
  Cutoffs,
  Database,
  DeleteOutcome,
  FileRow,
  HeldLease,
  JournalEntry,
  KeyFacts,
  ListedObject,
  Settlement,
  Sighting,
  Value,
} from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/core/safety.ts";
import type { Row, SqlClient } from "../../src/database/client.ts";
import { createDatabase } from "../../src/database/open.ts";
import { migrate } from "../../src/database/schema.ts";
import { openTestClient, plain, TEST_NOW, temporaryFolder } from "./database.ts";
import { createFakeClock, START } from "./fake-clock.ts";

export const GATE_MS = 10 * MINUTE_MS;

/** Everything at or before {@link START} has come to its end. */
export const CUTOFFS: Cutoffs = { expiredBefore: START, downloadedBefore: START - HOUR_MS };

/** A row whose end has come, by its downloads. Every judged column is set. */
export const USED_UP = {
  status: "active",
  expires_at: START + DAY_MS,
  downloaded_at: START - DAY_MS,
  created_at: START - 2 * DAY_MS,
  downloads: 3,
  max_downloads: 3,
  hold: 0,
};

export interface RemovalRow {
  readonly id: string;
  readonly key: string;
  readonly state: string;
  readonly reason: string;
  readonly attempts: number;
  readonly released_by: string | null;
  readonly run_id: string;
  readonly first_seen_at: number | null;
}

export type Ports = Awaited<ReturnType<typeof openPorts>>;

export async function openPorts() {
  const clock = createFakeClock();
  const path = join(temporaryFolder(), "catalog.db");
  const client = await openTestClient(path, clock);
  await migrate(client, TEST_NOW);
  let ids = 0;
  const makeId = (): string => `id-${String(++ids).padStart(6, "0")}`;

  /** Another process with its own connection. */
  async function connect(wrap: (client: SqlClient) => SqlClient = (own) => own): Promise<Database> {
    const own = wrap(await openTestClient(path, clock));
    return createDatabase({ client: own, clock, gateMs: GATE_MS, databaseNow: TEST_NOW });
  }
  const database = await connect();
  const { catalog, ledger, leases } = database;

  async function rows<Shape = Row>(sql: string, args: Value[] = []): Promise<Shape[]> {
    const [result] = await client.batch([plain(sql, args)], "read");
    return (result ?? []) as Shape[];
  }

  async function due(held: HeldLease, limit = 1000, after: CatalogCursor | null = null): Promise<readonly FileRow[]> {
    return (await catalog.due(held, { ...CUTOFFS, after, limit })).files;
  }

  /** Inserts rows as the application does: expired ones, unless something else is said. */
  async function insert(...files: Readonly<Record<string, Value>>[]): Promise<void> {
    await client.batch(
      files.map((file) => {
        const row = { id: makeId(), created_at: START - 2 * DAY_MS, expires_at: START - 1, size_bytes: 10, ...file };
        const values: Value[] = Object.values(row);
        // The vendor's client binds no infinity.
        const marks = values.map((value) => (value === Infinity ? "9e999" : value === -Infinity ? "-9e999" : "?"));
        const bound = values.filter((value) => value !== Infinity && value !== -Infinity);
        return plain(`INSERT INTO files (${Object.keys(row).join(", ")}) VALUES (${marks.join(", ")})`, bound);
      }),
      "write",
    );
  }

  /** Ends every due row. */
  async function claimDue(held: HeldLease, runId = "run-1"): Promise<ClaimAnswer> {
    return catalog.claim(held, claimsOf(await due(held), makeId), { runId, now: clock.now() });
  }

  return {
    clock,
    path,
    client,
    database,
    connect,
    makeId,
    rows,
    due,
    execute: (sql: string, args: Value[] = []) => client.batch([plain(sql, args)], "write"),
    insert,
    hold: (on: Database = database, holder = "test") => acquire(on, holder),
    /** Gives a lease back and takes the next: a removal is attempted once per lease. */
    async renewed(held: HeldLease): Promise<HeldLease> {
      await leases.release(held);
      return acquire(database, "next");
    },
    claimDue,
    /** One key, condemned by the end of its only row. */
    async condemned(held: HeldLease, key: string): Promise<Condemned> {
      await insert({ key });
      const answer = await claimDue(held);
      return one(answer.condemned.filter((removal) => removal.key === key));
    },
    drain: (held: HeldLease, options: { limit?: number; ignorePrefixes?: readonly string[]; runId?: string } = {}) =>
      ledger.condemn(held, { limit: 1000, ignorePrefixes: [], runId: "run-1", now: clock.now(), ...options }),
    async settle(
      held: HeldLease,
      removal: Condemned,
      outcome: DeleteOutcome["outcome"],
      nextAttemptAt: number | null = null,
    ) {
      ledger.settle(held, [settlement(removal, outcome, clock.now(), nextAttemptAt)]);
      await leases.renew(held);
    },
    async sight(held: HeldLease, key: string, more: Partial<Sighting> = {}): Promise<void> {
      ledger.sight(held, [sighting(key, clock.now(), { removalId: makeId(), ...more })]);
      await leases.renew(held);
    },
    removals: () => rows<RemovalRow>("SELECT * FROM filesweep_removals ORDER BY key, id"),
    async states(): Promise<Record<string, string>> {
      const all = await rows<{ key: string; state: string }>(
        "SELECT key, state FROM filesweep_removals ORDER BY created_at, id",
      );
      return Object.fromEntries(all.map(({ key, state }) => [key, state]));
    },
    gate: async () =>
      Object.fromEntries(
        (await rows<{ key: string; leaves_at: number | null }>("SELECT * FROM filesweep_gate ORDER BY key")).map(
          (row) => [row.key, row.leaves_at],
        ),
      ),
    statuses: async () =>
      Object.fromEntries(
        (await rows<{ id: string; status: string }>("SELECT id, status FROM files ORDER BY id")).map((row) => [
          row.id,
          row.status,
        ]),
      ),
    dump: () => dump(client),
  };
}

export async function acquire(database: Pick<Database, "leases">, holder: string): Promise<HeldLease> {
  const answer = await database.leases.acquire(holder);
  if (!("timeLeftMs" in answer)) throw new Error(`the lease is held by ${answer.holder}`);
  return answer;
}

/**
 * Every table of the database, as text, but for the clock of the test and the count of a lease's round trips: two dumps
 * are equal when nothing was written.
 */
export async function dump(client: SqlClient): Promise<string> {
  const [master] = await client.batch(
    [plain("SELECT name, sql FROM sqlite_master WHERE name <> 'test_clock' ORDER BY name, sql")],
    "read",
  );
  const [tables] = await client.batch(
    [plain("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'test_clock' ORDER BY name")],
    "read",
  );
  const names = (tables ?? []).map(({ name }) => String(name));
  const contents = await client.batch(
    names.map((name) => {
      const columns = name === "filesweep_lease" ? "id, holder, fence, expires_at" : "*";
      return plain(`SELECT ${columns} FROM "${name}" ORDER BY 1`);
    }),
    "read",
  );
  const all = { master, tables: names.map((name, index) => [name, contents[index]]) };
  return JSON.stringify(all, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value), 1);
}

/** The ids of the rows that were ended; undefined for one that was not claimed. */
export function idsOf(ended: ReadonlySet<Claim>, claims: readonly Claim[]): (Value | undefined)[] {
  return [...ended].map((claim) => (claims.includes(claim) ? claim.file.id : undefined));
}

export function claimsOf(files: readonly FileRow[], makeId: () => string): Claim[] {
  return files.map((file) => ({
    file,
    key: String(file.key),
    reason: "expired",
    removalId: makeId(),
    takesAlong: true,
    derived: [],
  }));
}

export function settlement(
  removal: Condemned,
  outcome: DeleteOutcome["outcome"],
  at: number,
  nextAttemptAt: number | null = null,
): Settlement {
  return { removal, outcome, error: outcome === "gone" ? null : `it was ${outcome}`, at, nextAttemptAt };
}

export function listed(key: string, more: Partial<ListedObject> = {}): ListedObject {
  return { key, sizeBytes: 10, modifiedAt: START - 30 * DAY_MS, etag: "v1", ...more };
}

export function sighting(key: string, seenAt: number, more: Partial<Sighting> = {}): Sighting {
  const object = listed(key);
  return {
    removalId: `sight-${key}`,
    object,
    reason: "unreferenced",
    runId: "run-1",
    seenAt,
    ripe: false,
    first: true,
    ...more,
  };
}

export function freshEntry(id: string, more: Partial<JournalEntry> = {}): JournalEntry {
  return {
    id,
    mode: "remove",
    trigger: "library",
    startedAt: START,
    status: "running",
    finishedAt: null,
    durationMs: 0,
    slices: 0,
    calls: { database: 0, storage: 0 },
    holds: [],
    sweeps: [],
    ...more,
  };
}

/** What compare says of keys, wherever in a listing they came from: rows are not looked for. */
export async function unprotected(
  { catalog }: Database,
  held: HeldLease,
  keys: readonly string[],
): Promise<ReadonlyMap<string, KeyFacts>> {
  return (await catalog.compare(held, { after: null, to: null, keys, madeBefore: null, missingLimit: 10 })).unprotected;
}

/** A hold as a run raises it. */
export function openHold(id: string, more: Partial<Hold> = {}): Hold {
  return {
    id,
    cause: "too-many-orphans",
    sweep: "orphaned-objects",
    status: "open",
    openedAt: START,
    asOf: START,
    runId: "run-1",
    detail: "too many of them",
    count: 30,
    bytes: 300,
    sample: [{ key: "a", bytes: 10, reason: "unreferenced", mayGoAt: null }],
    approvedUntil: null,
    ...more,
  };
}

/** The only element. */
export function one<Item>(items: readonly Item[]): Item {
  expect(items).toHaveLength(1);
  const [item] = items;
  if (item === undefined) throw new Error("there is none");
  return item;
}
