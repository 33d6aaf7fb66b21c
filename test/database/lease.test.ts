/** The lease: one holder at a time, by the database's clock; P7: one that lost it cannot write. */
import { describe, expect, test } from "vitest";
import { LeaseLostError, SweepError } from "../../src/core/errors.ts";
import type { Condemned, Database, FileRow, HeldLease } from "../../src/core/ports.ts";
import { CALL_TIMEOUT_MS, LEASE_MS } from "../../src/core/safety.ts";
import type { SqlClient, Statement } from "../../src/database/client.ts";
import { createDatabase } from "../../src/database/open.ts";
import { openTestClient, TEST_NOW } from "../support/database.ts";
import { createFakeClock, START } from "../support/fake-clock.ts";
import {
  acquire,
  CUTOFFS,
  claimsOf,
  freshEntry,
  one,
  openHold,
  openPorts,
  type Ports,
  settlement,
  sighting,
  unprotected,
} from "../support/ports.ts";

test("the lease is taken in one round trip, which is one transaction", async () => {
  const { database } = await openPorts();
  const before = database.calls();
  await acquire(database, "first");
  expect(database.calls() - before).toBe(1);
});

test("a second holder is refused, and told who holds the lease and until when", async () => {
  const { database, connect, clock } = await openPorts();
  await acquire(database, "first");
  clock.advance(1000);
  const other = await connect();
  expect(await other.leases.acquire("second")).toEqual({ holder: "first", expiresAt: START + LEASE_MS });
});

test("a refused holder changes nothing", async () => {
  const { database, connect, dump } = await openPorts();
  await acquire(database, "first");
  const before = await dump();
  await (await connect()).leases.acquire("second");
  expect(await dump()).toBe(before);
});

test("the same process is refused too while its own lease stands", async () => {
  const { database } = await openPorts();
  await acquire(database, "first");
  expect(await database.leases.acquire("first")).toMatchObject({ holder: "first" });
});

test.each([
  { afterMs: LEASE_MS - 1, taken: false },
  { afterMs: LEASE_MS, taken: true },
  { afterMs: LEASE_MS + 1, taken: true },
])("a lease can be taken over $afterMs ms after it was taken: $taken", async ({ afterMs, taken }) => {
  const { database, connect, clock } = await openPorts();
  await acquire(database, "first");
  clock.advance(afterMs);
  expect("timeLeftMs" in (await (await connect()).leases.acquire("second"))).toBe(taken);
});

test("the database's clock decides, not that of the process that asks", async () => {
  const { database, path, clock } = await openPorts();
  await acquire(database, "first");
  const ahead = { now: () => clock.now() + 365 * 24 * 3_600_000, monotonicMs: () => clock.monotonicMs() + 1e9 };
  const client = await openTestClient(path, clock);
  const eager = createDatabase({ client, clock: ahead, gateMs: 1, databaseNow: TEST_NOW });
  expect(await eager.leases.acquire("eager")).toEqual({ holder: "first", expiresAt: START + LEASE_MS });
});

describe("how far the clock of who asks is from the database's, at the least", () => {
  test.each([
    { what: "is right, however long the call took", aheadMs: 0, jumpsMs: 0, tookMs: 9000, skewMs: 0 },
    { what: "is ahead", aheadMs: 600_000, jumpsMs: 0, tookMs: 0, skewMs: 600_000 },
    { what: "is behind", aheadMs: -600_000, jumpsMs: 0, tookMs: 0, skewMs: 600_000 },
    { what: "is behind, or the call took so long", aheadMs: -600_000, jumpsMs: 0, tookMs: 9000, skewMs: 591_000 },
    { what: "jumps ahead during the call", aheadMs: 0, jumpsMs: 600_000, tookMs: 9000, skewMs: 600_000 },
    { what: "jumps back during the call", aheadMs: 0, jumpsMs: -600_000, tookMs: 9000, skewMs: 591_000 },
  ])("it $what: $skewMs ms", async ({ aheadMs, jumpsMs, tookMs, skewMs }) => {
    const { client } = await openPorts();
    const clock = createFakeClock(START + aheadMs);
    const slow: SqlClient = {
      ...client,
      async batch(statements, mode, options) {
        const answer = await client.batch(statements, mode, options);
        clock.advance(tookMs);
        clock.set(clock.now() + jumpsMs);
        return answer;
      },
    };
    const database = createDatabase({ client: slow, clock, gateMs: 600_000, databaseNow: TEST_NOW });
    expect((await acquire(database, "first")).clockSkewMs).toBe(skewMs);
  });
});

test("the fence rises with every holder, also after a release", async () => {
  const { database, clock } = await openPorts();
  const first = await acquire(database, "first");
  clock.advance(LEASE_MS);
  const second = await acquire(database, "second");
  await database.leases.release(second);
  const third = await acquire(database, "third");
  expect([first.fence, second.fence, third.fence]).toEqual([1, 2, 3]);
});

test("a released lease lets the next holder in at once", async () => {
  const { database, connect } = await openPorts();
  await database.leases.release(await acquire(database, "first"));
  expect(await acquire(await connect(), "second")).toMatchObject({ holder: "second", fence: 2 });
});

test("every round trip renews the lease, by the database's clock", async () => {
  const { database, clock, due, rows } = await openPorts();
  const held = await acquire(database, "first");
  for (let turn = 1; turn <= 5; turn += 1) {
    clock.advance(LEASE_MS - 1);
    await due(held);
    expect(await rows("SELECT expires_at FROM filesweep_lease")).toEqual([{ expires_at: clock.now() + LEASE_MS }]);
    expect(held.timeLeftMs()).toBe(LEASE_MS);
  }
});

describe("the time left is counted from before the request was sent", () => {
  /** Each round trip takes `ms` before its answer is there. */
  async function slow(ports: Ports, ms: number): Promise<Database> {
    return ports.connect((client) => ({
      ...client,
      async batch(statements, mode) {
        const rows = await client.batch(statements, mode);
        ports.clock.advance(ms);
        return rows;
      },
    }));
  }

  test("when the lease is taken", async () => {
    const ports = await openPorts();
    const held = await acquire(await slow(ports, 4000), "first");
    expect(held.timeLeftMs()).toBe(LEASE_MS - 4000);
  });

  test("when it is renewed, by a read as by a write", async () => {
    const ports = await openPorts();
    const database = await slow(ports, 4000);
    const held = await acquire(database, "first");
    await database.leases.renew(held);
    expect(held.timeLeftMs()).toBe(LEASE_MS - 4000);
    await unprotected(database, held, ["a"]);
    expect(held.timeLeftMs()).toBe(LEASE_MS - 4000);
  });

  test("it goes down with the clock, to nothing and never below", async () => {
    const { database, clock } = await openPorts();
    const held = await acquire(database, "first");
    clock.advance(LEASE_MS - CALL_TIMEOUT_MS);
    expect(held.timeLeftMs()).toBe(CALL_TIMEOUT_MS);
    clock.advance(CALL_TIMEOUT_MS);
    expect(held.timeLeftMs()).toBe(0);
    clock.advance(1);
    expect(held.timeLeftMs()).toBe(0);
  });

  test("a renewal that failed adds nothing", async () => {
    const ports = await openPorts();
    let broken = false;
    const breaking = (client: SqlClient): SqlClient => ({
      ...client,
      batch: (statements, mode) => (broken ? Promise.reject(new Error("no answer")) : client.batch(statements, mode)),
    });
    const database = await ports.connect(breaking);
    const held = await acquire(database, "first");
    broken = true;
    ports.clock.advance(10_000);
    await expect(database.leases.renew(held)).rejects.toThrow("no answer");
    expect(held.timeLeftMs()).toBe(LEASE_MS - 10_000);
  });
});

const OLD = { downloadedBefore: START, expiredBefore: START };

/** What a holder may have in hand when it loses the lease. */
interface InHand {
  readonly files: readonly FileRow[];
  readonly removal: Condemned;
  readonly makeId: () => string;
  readonly now: number;
}

/** Methods that take no lease. Every other one must be among those below: a new one too. */
const UNFENCED: Readonly<Record<string, readonly string[]>> = {
  leases: ["acquire"],
  journal: ["latest"],
  ledger: ["open"],
  holds: ["list", "decide"],
};

/** Every method that takes a lease; each would change something, or answer something, if the lease still stood. */
const METHODS: readonly {
  name: string;
  call: (database: Database, held: HeldLease, hand: InHand) => Promise<unknown>;
}[] = [
  { name: "catalog.due", call: ({ catalog }, held) => catalog.due(held, { ...CUTOFFS, after: null, limit: 10 }) },
  {
    name: "catalog.claim",
    call: ({ catalog }, held, { files, makeId, now }) =>
      catalog.claim(held, claimsOf(files, makeId), { runId: "lost", now }),
  },
  {
    name: "catalog.protectedAfter",
    call: ({ catalog }, held) =>
      catalog.protectedAfter(held, ["due"], {
        ...CUTOFFS,
        cursor: { stage: 0, position: 1, identity: JSON.stringify([1]) },
      }),
  },
  {
    name: "catalog.compare",
    call: ({ catalog }, held, { now }) =>
      catalog.compare(held, { after: null, to: null, keys: ["due", "orphan"], madeBefore: now, missingLimit: 10 }),
  },
  { name: "catalog.deletionReach", call: ({ catalog }, held) => catalog.deletionReach(held) },
  { name: "catalog.countDue", call: ({ catalog }, held) => catalog.countDue(held, CUTOFFS, 10) },
  { name: "catalog.countLive", call: ({ catalog }, held) => catalog.countLive(held, 10) },
  { name: "catalog.old", call: ({ catalog }, held) => catalog.old(held, { ...OLD, after: null, limit: 10 }) },
  {
    name: "catalog.countOld",
    call: ({ catalog }, held, { now }) => catalog.countOld(held, { ...OLD, live: "keep", liveExpiredBefore: now }, 10),
  },
  {
    name: "catalog.erase",
    call: ({ catalog }, held, { files, makeId, now }) =>
      catalog.erase(held, claimsOf(files, makeId), { runId: "lost", now }),
  },
  { name: "catalog.protectedBeside", call: ({ catalog }, held) => catalog.protectedBeside(held, ["due"], []) },
  {
    name: "ledger.ripe",
    call: ({ ledger }, held, { now }) =>
      ledger.ripe(held, { runId: "run-1", coveredUpTo: now, sample: 10, quarantineMs: 1 }),
  },
  { name: "ledger.trim", call: ({ ledger }, held, { now }) => ledger.trim(held, now + 1, 1000) },
  {
    name: "holds.write, written by leases.renew",
    call: ({ holds, leases }, held) => {
      holds.write(held, openHold("lost"));
      return leases.renew(held);
    },
  },
  {
    name: "holds.write, written by leases.release",
    call: ({ holds, leases }, held) => {
      holds.write(held, openHold("lost"));
      return leases.release(held);
    },
  },
  {
    name: "journal.remember, written by leases.renew",
    call: ({ journal, leases }, held, { now }) => {
      journal.remember(held, { twin: { instance: "i", epoch: 2, confirmed: true }, lastRunAt: now, lastScanAt: now });
      return leases.renew(held);
    },
  },
  {
    name: "journal.remember, written by leases.release",
    call: ({ journal, leases }, held, { now }) => {
      journal.remember(held, { lastRunAt: now });
      return leases.release(held);
    },
  },
  {
    name: "ledger.closeScan",
    call: ({ ledger }, held, { now }) => ledger.closeScan(held, { runId: "run-1", at: now, promoteUpTo: START }),
  },
  {
    name: "ledger.condemn",
    call: ({ ledger }, held, { now }) => ledger.condemn(held, { limit: 10, ignorePrefixes: [], runId: "lost", now }),
  },
  {
    name: "ledger.settle, written by leases.renew",
    call: ({ ledger, leases }, held, { removal, now }) => {
      ledger.settle(held, [settlement(removal, "gone", now)]);
      return leases.renew(held);
    },
  },
  {
    name: "ledger.settle, written by leases.release",
    call: ({ ledger, leases }, held, { removal, now }) => {
      ledger.settle(held, [settlement(removal, "gone", now)]);
      return leases.release(held);
    },
  },
  {
    name: "ledger.sight, written by leases.renew",
    call: ({ ledger, leases }, held, { now }) => {
      ledger.sight(held, [sighting("seen-late", now)]);
      return leases.renew(held);
    },
  },
  {
    name: "journal.open",
    call: ({ journal }, held) => journal.open(held, freshEntry("lost")),
  },
  {
    name: "journal.follow, written by leases.renew",
    call: ({ journal, leases }, held) => {
      journal.follow(held, freshEntry("lost", { status: "completed" }));
      return leases.renew(held);
    },
  },
  { name: "leases.renew", call: ({ leases }, held) => leases.renew(held) },
  { name: "leases.release", call: ({ leases }, held) => leases.release(held) },
];

/** A holder with a due row read, a removal condemned, another waiting, one ripe suspect, and a gate that is about to open. */
async function withHand(): Promise<Ports & { held: HeldLease; hand: InHand }> {
  const ports = await openPorts();
  const held = await ports.hold();
  const removal = await ports.condemned(held, "condemned");
  const answered = await ports.condemned(held, "answered");
  await ports.settle(held, answered, "gone");
  await ports.sight(held, "ripe", { ripe: true });
  await ports.database.ledger.closeScan(held, { runId: "run-1", at: START, promoteUpTo: START });
  await ports.sight(held, "orphan", { ripe: true });
  // What ended long ago, for trim to forget, and old records.
  await ports.execute("UPDATE filesweep_removals SET finished_at = 1 WHERE key = 'answered'");
  await ports.insert({ key: "old", status: "expired", downloaded_at: 1, expires_at: null });
  await ports.insert({ key: "due" });
  const files = await ports.due(held);
  expect(one(files).key).toBe("due");
  return { ...ports, held, hand: { files, removal, makeId: ports.makeId, now: ports.clock.now() } };
}

test("every method that takes a lease is among those that are tried", async () => {
  const { database } = await openPorts();
  const { leases, journal, catalog, ledger, holds } = database;
  const methods = Object.entries({ leases, journal, catalog, ledger, holds }).flatMap(([port, methodsOf]) =>
    Object.entries(methodsOf)
      .filter(([name, member]) => typeof member === "function" && !(UNFENCED[port] ?? []).includes(name))
      .map(([name]) => `${port}.${name}`),
  );
  expect(new Set(METHODS.map(({ name }) => name.split(",")[0]))).toEqual(new Set(methods));
});

describe("P7: once another holder took over, nothing is written or read under the old lease", () => {
  test.each(METHODS)("$name", async ({ call }) => {
    const { database, connect, held, hand, clock, dump } = await withHand();
    clock.advance(LEASE_MS);
    await acquire(await connect(), "second");
    const before = await dump();
    await expect(call(database, held, hand)).rejects.toBeInstanceOf(LeaseLostError);
    expect(await dump()).toBe(before);
    // Not the second time either: what is queued goes nowhere.
    await expect(database.leases.renew(held)).rejects.toBeInstanceOf(LeaseLostError);
    expect(await dump()).toBe(before);
  });
});

describe("P7: a lease that ran out is lost, also if nobody took it over", () => {
  test.each(METHODS)("$name", async ({ call }) => {
    const { database, held, hand, clock, dump } = await withHand();
    clock.advance(LEASE_MS);
    const before = await dump();
    await expect(call(database, held, hand)).rejects.toBeInstanceOf(LeaseLostError);
    expect(await dump()).toBe(before);
  });
});

describe("the same calls go through a millisecond before the lease runs out", () => {
  test.each(METHODS)("$name", async ({ call }) => {
    const { database, held, hand, clock } = await withHand();
    clock.advance(LEASE_MS - 1);
    await call(database, held, hand);
  });
});

test("a lease that was given back is lost, also to the one who gave it back", async () => {
  const { database, due } = await openPorts();
  const held = await acquire(database, "first");
  await database.leases.release(held);
  await expect(due(held)).rejects.toBeInstanceOf(LeaseLostError);
});

test("a lease that another database made is refused", async () => {
  const [here, there] = [await openPorts(), await openPorts()];
  const foreign = await acquire(there.database, "first");
  await expect(here.due(foreign)).rejects.toThrow();
});

test("what is queued under a lost lease never reaches the database with the next lease of the same process", async () => {
  const { database, held, hand, clock, removals } = await withHand();
  database.ledger.settle(held, [settlement(hand.removal, "gone", START)]);
  clock.advance(LEASE_MS);
  const next = await acquire(database, "again");
  await database.leases.renew(next);
  expect((await removals()).find(({ key }) => key === "condemned")?.state).toBe("condemned");
});

test("a write that a constraint of the database refuses does not pass for a lost lease", async () => {
  const { database, execute, held, hand } = await withHand();
  await execute("CREATE TRIGGER keep BEFORE UPDATE OF status ON files BEGIN SELECT RAISE(ABORT, 'not this one'); END");
  const call = database.catalog.claim(held, claimsOf(hand.files, hand.makeId), { runId: "run-1", now: START });
  await expect(call).rejects.toMatchObject({
    kind: "conflict",
    details: { vendor: expect.stringContaining("not this one") },
  });
  await expect(call).rejects.not.toBeInstanceOf(LeaseLostError);
  await database.leases.renew(held);
});

/** A connection that loses answers while `lose` says so: the batch is done, and sent again where that is allowed. */
function losingAnswers(client: SqlClient, lose: () => boolean | Promise<boolean>): SqlClient {
  return {
    ...client,
    async batch(statements, mode, options) {
      const answer = await client.batch(statements, mode, options);
      if (!(await lose())) return answer;
      if (!(options?.again ?? mode !== "write")) throw new SweepError("unavailable", "the answer was lost");
      try {
        return await client.batch(statements, mode, options);
      } catch (error) {
        if (!(error instanceof SweepError)) throw error;
        throw new SweepError(error.kind, error.message, { details: { ...error.details, repeated: true } });
      }
    },
  };
}

describe("P6: a round trip whose answer was lost is sent again, and carried out once", () => {
  /** What they changed is told once: the next run finds out. */
  const TOLD_ONCE = ["catalog.claim", "catalog.erase", "ledger.condemn"];

  async function outcomeOf(call: (typeof METHODS)[number]["call"], lose: boolean) {
    const ports = await withHand();
    let answersToLose = 0;
    const database = await ports.connect((client) => losingAnswers(client, () => answersToLose-- > 0));
    await ports.database.leases.release(ports.held);
    const held = await acquire(database, "losing");
    answersToLose = lose ? 1 : 0;
    const answer = await call(database, held, ports.hand).catch((error: unknown) => error);
    return { answer, dump: await ports.dump(), held, database };
  }

  test.each(METHODS)("$name", async ({ name, call }) => {
    const [undisturbed, disturbed] = [await outcomeOf(call, false), await outcomeOf(call, true)];
    expect(disturbed.dump).toBe(undisturbed.dump);
    if (TOLD_ONCE.includes(name)) expect(disturbed.answer).toMatchObject({ kind: "unavailable" });
    // What was forgotten the first time is not counted the second time.
    else if (name !== "ledger.trim") expect(disturbed.answer).toEqual(undisturbed.answer);
    if (name.includes("release")) return;
    await disturbed.database.leases.renew(disturbed.held);
    expect(disturbed.held.timeLeftMs()).toBe(LEASE_MS);
  });

  test("taking the lease: whoever asked has it, with one number, and nobody else", async () => {
    const ports = await openPorts();
    const losing = await ports.connect((client) => losingAnswers(client, () => true));
    expect((await acquire(losing, "first")).fence).toBe(1);
    expect(await ports.database.leases.acquire("first")).toEqual({ holder: "first", expiresAt: START + LEASE_MS });
  });

  test("one that comes late, after others of the same holder, changes nothing", async () => {
    const ports = await openPorts();
    const sent: (readonly Statement[])[] = [];
    const database = await ports.connect((client) => ({
      ...client,
      batch(statements, mode, options) {
        sent.push(statements);
        return client.batch(statements, mode, options);
      },
    }));
    const held = await acquire(database, "first");
    database.ledger.sight(held, [sighting("a", START)]);
    await database.leases.renew(held);
    const late = sent.at(-1) ?? [];
    await ports.execute("DELETE FROM filesweep_removals");
    await database.leases.renew(held);
    const before = await ports.dump();
    await expect(ports.client.batch(late, "write")).rejects.toMatchObject({ kind: "conflict" });
    expect(await ports.dump()).toBe(before);
  });

  test("a lease that was lost meanwhile is lost", async () => {
    const ports = await openPorts();
    let takeOver = false;
    const database = await ports.connect((client) =>
      losingAnswers(client, async () => {
        if (!takeOver) return false;
        ports.clock.advance(LEASE_MS);
        await acquire(ports.database, "second");
        return true;
      }),
    );
    const held = await acquire(database, "first");
    takeOver = true;
    await expect(database.leases.renew(held)).rejects.toBeInstanceOf(LeaseLostError);
  });
});

describe("a person's decision whose answer was lost stands, and is told so", () => {
  test.each<{
    what: string;
    decide: (
      database: Database,
      ids: { hold: string; removal: string; refused: string; run: string },
    ) => Promise<unknown>;
  }>([
    { what: "release", decide: ({ desk }, { removal }) => desk.release(removal, START, null) },
    { what: "retry", decide: ({ desk }, { refused }) => desk.retry(refused) },
    { what: "cancel a run", decide: ({ desk }, { run }) => desk.cancelRun(run, START) },
    {
      what: "approve",
      decide: ({ holds }, { hold }) => holds.decide(hold, { status: "approved", until: START + 1 }),
    },
    { what: "silence", decide: ({ holds }, { hold }) => holds.decide(hold, { status: "cancelled" }) },
  ])("$what", async ({ decide }) => {
    const outcomes: unknown[] = [];
    for (const lose of [false, true]) {
      const ports = await openPorts();
      const held = await ports.hold();
      const { database } = ports;
      await ports.sight(held, "suspected");
      const refused = await ports.condemned(held, "refused");
      await ports.settle(held, refused, "refused", START + 1);
      database.journal.follow(held, freshEntry("run-9", { status: "held" }));
      database.holds.write(held, openHold("hold-9", { runId: "run-9" }));
      await database.leases.release(held);
      const [suspected] = (await ports.removals()).filter(({ key }) => key === "suspected");
      const ids = { hold: "hold-9", removal: suspected?.id ?? "", refused: refused.id, run: "run-9" };
      const answer = await decide(await ports.connect((client) => losingAnswers(client, () => lose)), ids);
      outcomes.push({ answer, dump: await ports.dump() });
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[0]).not.toMatchObject({ answer: false });
  });
});

test("round trips of one holder that are asked for at once go one after the other, each with what is queued by then", async () => {
  const ports = await openPorts();
  let atOnce = 0;
  let most = 0;
  const database = await ports.connect((client) => ({
    ...client,
    async batch(statements, mode, options) {
      atOnce += 1;
      most = Math.max(most, atOnce);
      const answer = await client.batch(statements, mode, options);
      await new Promise(setImmediate);
      atOnce -= 1;
      return answer;
    },
  }));
  const held = await acquire(database, "first");
  const both = [database.catalog.countLive(held, 1), unprotected(database, held, ["a"]), database.leases.renew(held)];
  database.ledger.sight(held, [sighting("a", START)]);
  await Promise.all([...both, database.leases.renew(held)]);
  expect(most).toBe(1);
  expect(await ports.states()).toEqual({ a: "suspected" });
});
