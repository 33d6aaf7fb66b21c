/** The desk: what operators ask of the ledger and decide in it, without the lease. */
import { describe, expect, test } from "vitest";
import { REMOVAL_STATES, type RemovalState, type RunStatus } from "../../src/core/model.ts";
import type { HeldLease, Page, RemovalFilter } from "../../src/core/ports.ts";
import { DAY_MS } from "../../src/core/safety.ts";
import { NO_TOTALS } from "../../src/core/totals.ts";
import { START } from "../support/fake-clock.ts";
import { freshEntry, GATE_MS, one, openHold, openPorts, type Ports, unprotected } from "../support/ports.ts";

async function withLease(): Promise<Ports & { held: HeldLease }> {
  const ports = await openPorts();
  return { ...ports, held: await ports.hold() };
}

interface Given {
  readonly id: string;
  readonly key?: string;
  readonly state?: RemovalState;
  readonly reason?: string;
  readonly runId?: string;
}

async function add({ execute }: Ports, ...removals: Given[]): Promise<void> {
  for (const { id, key = id, state = "removed", reason = "expired", runId = "run-1" } of removals) {
    await execute(
      `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, size_bytes, created_at, attempts, next_attempt_at, error)
        VALUES (?, ?, ?, ?, 'expired-files', ?, 7, 5, 3, 9, 'it was refused')`,
      [id, key, state, reason, runId],
    );
  }
}

describe("removals are listed, the newest first", () => {
  async function ids({ database }: Ports, filter: Partial<RemovalFilter>): Promise<string[]> {
    return (await database.desk.removals({ limit: 100, ...filter })).items.map(({ id }) => id);
  }

  test("with what an operator needs", async () => {
    const ports = await openPorts();
    await add(ports, { id: "a", key: "k", state: "failed" });
    expect((await ports.database.desk.removals({ limit: 1 })).items).toEqual([
      {
        id: "a",
        key: "k",
        state: "failed",
        reason: "expired",
        sweep: "expired-files",
        runId: "run-1",
        sizeBytes: 7,
        createdAt: 5,
        firstSeenAt: null,
        attempts: 3,
        nextAttemptAt: 9,
        error: "it was refused",
        releasedBy: null,
        finishedAt: null,
      },
    ]);
  });

  test.each(REMOVAL_STATES)("one that is %s says when it is tried again only if it was refused", async (state) => {
    const ports = await openPorts();
    await add(ports, { id: "a", state });
    expect((await ports.database.desk.removal("a"))?.nextAttemptAt).toBe(state === "failed" ? 9 : null);
  });

  test.each(REMOVAL_STATES)("by state: %s", async (state) => {
    const ports = await openPorts();
    await add(ports, ...REMOVAL_STATES.map((each) => ({ id: `1-${each}`, state: each })));
    await add(ports, ...REMOVAL_STATES.map((each) => ({ id: `2-${each}`, state: each })));
    expect(await ids(ports, { state })).toEqual([`2-${state}`, `1-${state}`]);
    expect(await ids(ports, { state, after: `2-${state}` })).toEqual([`1-${state}`]);
  });

  test("by reason, by run, and by all of them together", async () => {
    const ports = await openPorts();
    await add(
      ports,
      { id: "1", reason: "used-up", key: "x/1" },
      { id: "2", runId: "run-2", key: "x/2" },
      { id: "3", reason: "used-up", runId: "run-2", key: "x/3" },
      { id: "4", reason: "used-up", runId: "run-2", key: "y/4" },
      { id: "5", reason: "used-up", runId: "run-2", key: "x/5", state: "failed" },
    );
    expect(await ids(ports, { reason: "used-up" })).toEqual(["5", "4", "3", "1"]);
    expect(await ids(ports, { runId: "run-2" })).toEqual(["5", "4", "3", "2"]);
    const all = { reason: "used-up", runId: "run-2", keyPrefix: "x/" } as const;
    expect(await ids(ports, { ...all, state: "removed" })).toEqual(["3"]);
    expect(await ids(ports, { ...all, state: "failed" })).toEqual(["5"]);
    expect(await ids(ports, { ...all, after: "5" })).toEqual(["3"]);
  });

  test.each([
    { prefix: "a/", keys: ["a/", "a/b", "a/\u{10FFFF}z"] },
    { prefix: "a", keys: ["a", "a/", "a/b", "a/\u{10FFFF}z", "a\u{10FFFF}"] },
    { prefix: "A", keys: ["A/b"] },
    { prefix: "100%", keys: ["100%/x"] },
    { prefix: "a_b", keys: ["a_b"] },
    { prefix: "é", keys: ["é/x"] },
    { prefix: "\u{1F600}", keys: ["\u{1F600}x"] },
    { prefix: "nobody's", keys: [] },
  ])("by what their key begins with, byte for byte: $prefix", async ({ prefix, keys }) => {
    const ports = await openPorts();
    const all = ["a", "a/", "a/b", "a/\u{10FFFF}z", "a\u{10FFFF}", "A/b", "b", "100%/x", "1000/x", "a_b", "é/x"];
    const given = [...all, "e\u0301/x", "\u{1F600}x"].map((key, index) => ({ id: `id-${10 + index}`, key }));
    await add(ports, ...given.filter(({ key }) => key !== "a_b"), { id: "id-99", key: "a_b" });
    const found = (await ports.database.desk.removals({ limit: 100, keyPrefix: prefix })).items.map(({ key }) => key);
    const expected = prefix === "a" ? [...keys, "a_b"] : keys;
    expect(found.sort()).toEqual([...expected].sort());
  });

  test("the empty prefix is none", async () => {
    const ports = await openPorts();
    await add(ports, { id: "1" }, { id: "2" });
    expect(await ids(ports, { keyPrefix: "" })).toEqual(["2", "1"]);
  });

  const FILTERS: readonly Partial<RemovalFilter>[] = [
    {},
    { state: "removed" },
    { state: "abandoned" },
    { keyPrefix: "k/" },
    { runId: "run-1" },
    { reason: "expired" },
  ];
  test.each(FILTERS)("page by page, each once, also where new ones come meanwhile: %j", async (filter) => {
    const ports = await openPorts();
    const own = { state: filter.state ?? ("removed" as const) };
    const given = Array.from({ length: 7 }, (_, index) => ({ id: `1${index}`, key: `k/${index}`, ...own }));
    await add(ports, ...given);
    const pages: string[][] = [];
    for (let after: string | undefined; ; ) {
      const page = await ids(ports, { ...filter, limit: 3, ...(after === undefined ? {} : { after }) });
      pages.push(page);
      await add(ports, { id: `2${pages.length}`, key: `k/new-${pages.length}`, ...own });
      after = page.at(-1);
      if (after === undefined) break;
    }
    expect(pages).toEqual([["16", "15", "14"], ["13", "12", "11"], ["10"], []]);
  });

  test.each<Omit<RemovalFilter, "limit">>([{}, { runId: "run-1" }])(
    "a page looks at no more than 10,000 rows: it may be short, or empty, and goes on all the same (%j)",
    async (own) => {
      const ports = await openPorts();
      await ports.execute(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20001)
        INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
        SELECT printf('%06d', i), 'k' || i, iif(i IN (1, 10001, 10002, 20001), 'released', 'removed'), 'expired', 'expired-files', 'run-1', 5 FROM n`,
      );
      const pages: unknown[] = [];
      for (let after: string | undefined; ; ) {
        const filter = { ...own, state: "released" as const, limit: 2, ...(after !== undefined && { after }) };
        const { items, next } = await ports.database.desk.removals(filter);
        pages.push([items.map(({ id }) => id), next]);
        if (next === null) break;
        after = next;
      }
      // The first page reaches from 20001 down to 10002, the second from 10001 down to 2.
      expect(pages).toEqual([
        [["020001", "010002"], "010002"],
        [["010001"], "000002"],
        [["000001"], null],
      ]);
    },
  );

  describe("where there is much", () => {
    /** So many of the oldest are of that state and begin with `p/`; as many as one page walks through are newer. */
    async function withOldest(count: number, state: RemovalState): Promise<Ports> {
      const ports = await openPorts();
      await ports.execute(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ? + 10000)
          INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
          SELECT printf('%06d', i), iif(i <= ?, 'p/', 'q/') || i, iif(i <= ?, ?, 'released'), 'expired', 'expired-files', 'run-1', 5 FROM n`,
        [count, count, count, state],
      );
      return ports;
    }
    const CASES: readonly [state: RemovalState, filter: Omit<RemovalFilter, "limit">][] = [
      ["removed", { keyPrefix: "p/" }],
      ["removed", { keyPrefix: "p/", state: "removed" }],
      ["suspected", { state: "suspected" }],
      ["suspected", { state: "suspected", keyPrefix: "p/" }],
      ["due", { state: "due" }],
      ["condemned", { state: "condemned", keyPrefix: "p/" }],
      ["failed", { state: "failed", reason: "expired" }],
    ];

    test.each(CASES)(
      "what an index leads to is sorted, up to 20,000; of more the newest are walked through: %s, %j",
      async (state, filter) => {
        const few = await withOldest(20_000, state);
        expect(await ids(few, { ...filter, limit: 2 })).toEqual(["020000", "019999"]);
        expect(await ids(few, { ...filter, limit: 2, after: "000003" })).toEqual(["000002", "000001"]);
        const many = await withOldest(20_001, state);
        const first = await many.database.desk.removals({ ...filter, limit: 2 });
        expect(first).toEqual({ items: [], next: "020002" });
        expect(await ids(many, { ...filter, limit: 2, after: "020002" })).toEqual(["020001", "020000"]);
        expect(await ids(many, { ...filter, limit: 2, after: "000003" })).toEqual(["000002", "000001"]);
      },
    );

    test("what was given up is shown at once, however much else is open", async () => {
      const ports = await withOldest(20_001, "suspected");
      await ports.execute("UPDATE filesweep_removals SET state = 'abandoned' WHERE id IN ('000001', '000003')");
      expect(await ids(ports, { state: "abandoned" })).toEqual(["000003", "000001"]);
      expect(await ids(ports, { state: "abandoned", keyPrefix: "p/3" })).toEqual(["000003"]);
    });
  });

  test.each(["a\u0000b", "\u0001", "é\u{1F600}", '"\\', "\ud7ff", "line\u2028", "x".repeat(5000)])(
    "whatever its key is: %j",
    async (key) => {
      const ports = await openPorts();
      await add(ports, { id: "a", key });
      expect((await ports.database.desk.removal("a"))?.key).toBe(key);
    },
  );

  test("one of them by its id; of another id none", async () => {
    const ports = await openPorts();
    await add(ports, { id: "a", key: "k" });
    expect(await ports.database.desk.removal("a")).toMatchObject({ id: "a", key: "k" });
    expect(await ports.database.desk.removal("b")).toBeNull();
  });
});

describe("runs and holds are listed, the newest first", () => {
  async function filled(): Promise<Ports> {
    const ports = await withLease();
    for (const id of ["run-1", "run-2", "run-3"]) {
      ports.database.journal.follow(ports.held, freshEntry(id, { status: "completed", finishedAt: START }));
      await ports.database.leases.renew(ports.held);
    }
    const causes = ["no-live-files", "gate-lost", "marker-lost"] as const;
    for (const [index, cause] of causes.entries()) {
      const status = cause === "gate-lost" ? "closed" : "open";
      ports.database.holds.write(ports.held, { ...openHold(`hold-${index}`), cause, sweep: null, status });
    }
    await ports.database.leases.renew(ports.held);
    return ports;
  }
  const shown = ({ items, next }: Page<{ readonly id: string }>): unknown => [items.map(({ id }) => id), next];

  test("runs, page by page, and one by its id", async () => {
    const { desk } = (await filled()).database;
    expect(shown(await desk.runs({ limit: 2 }))).toEqual([["run-3", "run-2"], "run-2"]);
    expect(shown(await desk.runs({ limit: 2, after: "run-2" }))).toEqual([["run-1"], null]);
    expect(shown(await desk.runs({ limit: 3 }))).toEqual([["run-3", "run-2", "run-1"], null]);
    expect(await desk.run("run-2")).toMatchObject({ id: "run-2", status: "completed" });
    expect(await desk.run("run-4")).toBeNull();
  });

  test("holds that are not closed, page by page, or those of one status, and one by its id", async () => {
    const { desk } = (await filled()).database;
    expect(shown(await desk.holds({ limit: 1 }))).toEqual([["hold-2"], "hold-2"]);
    expect(shown(await desk.holds({ limit: 1, after: "hold-2" }))).toEqual([["hold-0"], null]);
    expect(shown(await desk.holds({ limit: 9, status: "closed" }))).toEqual([["hold-1"], null]);
    expect(await desk.hold("hold-1")).toMatchObject({ id: "hold-1", status: "closed" });
    expect(await desk.hold("hold-9")).toBeNull();
  });

  test("how things stand, in one round trip; before the first run nothing does", async () => {
    const { database } = await filled();
    const before = database.calls();
    expect(await database.desk.overview()).toMatchObject({
      lastRun: { id: "run-3" },
      holds: [{ id: "hold-2" }, { id: "hold-0" }],
      totals: NO_TOTALS,
      open: {},
    });
    expect(database.calls() - before).toBe(1);
    expect(await (await openPorts()).database.desk.overview()).toEqual({
      totals: NO_TOTALS,
      lastRun: null,
      open: {},
      holds: [],
    });
  });
});

describe("what is open is counted", () => {
  /** So many suspects, and one that was refused; answers how many suspects an overview counts. */
  async function openMany(suspected: number): Promise<{ ports: Ports; counted: () => Promise<number> }> {
    const ports = await openPorts();
    await ports.execute(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
        SELECT printf('%06d', i), 'k' || i, 'suspected', 'unreferenced', 'orphaned-objects', 'run-1', 5 FROM n`,
      [suspected],
    );
    await add(ports, { id: "refused", key: "refused", state: "failed" });
    const counted = async (): Promise<number> => (await ports.database.desk.overview()).open.suspected?.count ?? 0;
    return { ports, counted };
  }

  test("each time, up to 1,000 of them", async () => {
    const { ports, counted } = await openMany(999);
    expect(await counted()).toBe(999);
    await ports.execute("UPDATE filesweep_removals SET state = 'removed' WHERE id = '000001'");
    expect(await counted()).toBe(998);
  });

  test("of more, for a second: then anew", async () => {
    const { ports, counted } = await openMany(1000);
    expect(await counted()).toBe(1000);
    await ports.execute("UPDATE filesweep_removals SET state = 'removed' WHERE id = '000001'");
    ports.clock.advance(999);
    expect(await counted()).toBe(1000);
    ports.clock.advance(1);
    expect(await counted()).toBe(999);
  });

  test.each([
    "UPDATE filesweep_runs SET status = 'completed'",
    "UPDATE filesweep_runs SET slices = slices + 1",
    "DELETE FROM filesweep_runs",
  ])("anew once a run began, went on or ended: %s", async (change) => {
    const { ports, counted } = await openMany(1000);
    await ports.execute(
      `INSERT INTO filesweep_runs (id, mode, status, trigger, started_at, duration_ms, slices, calls, holds, sweeps)
        VALUES ('run-1', 'remove', 'running', 'http', 1, 1, 1, '{}', '[]', '[]')`,
    );
    expect(await counted()).toBe(1000);
    await ports.execute("UPDATE filesweep_removals SET state = 'removed' WHERE id = '000001'");
    await ports.execute(change);
    expect(await counted()).toBe(999);
    await ports.execute("UPDATE filesweep_removals SET state = 'removed' WHERE id = '000002'");
    // Counted in between, that is 999 and the refused one: few enough to be counted each time.
    expect(await counted()).toBe(998);
  });

  test("anew once a person decided here", async () => {
    const { ports, counted } = await openMany(1000);
    expect(await counted()).toBe(1000);
    await ports.database.desk.release("000001", START, null);
    expect(await counted()).toBe(999);
  });

  test("anew where a person decided while it was counted", async () => {
    const { ports, counted } = await openMany(1001);
    await Promise.all([counted(), ports.database.desk.release("000001", START, null)]);
    expect(await counted()).toBe(1000);
  });
});

describe("a person releases a removal", () => {
  const LOOK = { sizeBytes: 8, modifiedAt: START - DAY_MS, etag: "v2" };
  const ALLOWED: readonly RemovalState[] = ["suspected", "due", "failed", "abandoned"];

  test.each(REMOVAL_STATES)("that is %s", async (state) => {
    const ports = await openPorts();
    await add(ports, { id: "a", state }, { id: "other", state });
    const before = await ports.removals();
    const allowed = ALLOWED.includes(state);
    expect(await ports.database.desk.release("a", START, LOOK)).toBe(allowed);
    const after = await ports.removals();
    expect(after.slice(1)).toEqual(before.slice(1));
    if (!allowed) expect(after).toEqual(before);
    else
      expect(await ports.database.desk.removal("a")).toMatchObject({
        state: "released",
        releasedBy: "operator",
        finishedAt: START,
        sizeBytes: 8,
      });
  });

  test("that does not exist: no", async () => {
    expect(await (await openPorts()).database.desk.release("nobody's", START, LOOK)).toBe(false);
  });

  test("twice: not the second time", async () => {
    const ports = await openPorts();
    await add(ports, { id: "a", state: "due" });
    expect(await ports.database.desk.release("a", START, LOOK)).toBe(true);
    expect(await ports.database.desk.release("a", START + 1, null)).toBe(false);
  });

  test("and the sweeps know how the object looked that is kept, also once history is trimmed", async () => {
    const ports = await withLease();
    await ports.sight(ports.held, "k");
    expect(await ports.database.desk.release(one(await ports.removals()).id, START, LOOK)).toBe(true);
    await ports.database.ledger.trim(ports.held, START + 1000 * DAY_MS, 1000);
    expect((await unprotected(ports.database, ports.held, ["k"])).get("k")).toMatchObject({
      kept: LOOK,
      removal: null,
      removedBefore: false,
    });
  });

  test("without a look it stays as it was seen", async () => {
    const ports = await withLease();
    await ports.sight(ports.held, "k");
    await ports.database.desk.release(one(await ports.removals()).id, START, null);
    expect((await unprotected(ports.database, ports.held, ["k"])).get("k")?.kept).toEqual({
      sizeBytes: 10,
      modifiedAt: START - 30 * DAY_MS,
      etag: "v1",
    });
  });

  test("that a run condemned meanwhile: no, its answer is on its way", async () => {
    const ports = await withLease();
    const { id } = await ports.condemned(ports.held, "k");
    expect(await ports.database.desk.release(id, START, LOOK)).toBe(false);
    expect(await ports.gate()).toEqual({ k: null });
  });
});

describe("a person has a removal tried again", () => {
  test.each(REMOVAL_STATES)("that is %s", async (state) => {
    const ports = await openPorts();
    await add(ports, { id: "a", state }, { id: "other", state });
    const before = await ports.dump();
    const allowed = state === "failed" || state === "abandoned";
    expect(await ports.database.desk.retry("a")).toBe(allowed);
    if (!allowed) expect(await ports.dump()).toBe(before);
    else expect(await ports.database.desk.removal("a")).toMatchObject({ state: "due", attempts: 0 });
    expect((await ports.database.desk.removal("other"))?.state).toBe(state);
  });

  test("the next drain takes it, also under the lease it was refused in, and not before its back-off", async () => {
    const ports = await withLease();
    const removal = await ports.condemned(ports.held, "k");
    await ports.settle(ports.held, removal, "refused", START + DAY_MS);
    expect((await ports.drain(ports.held)).condemned).toEqual([]);
    expect(await ports.database.desk.retry(removal.id)).toBe(true);
    expect((await ports.drain(ports.held)).condemned).toMatchObject([{ key: "k", attempts: 1, from: "due" }]);
  });
});

describe("a person cancels a run", () => {
  async function withRun(status: RunStatus, finishedAt: number | null): Promise<Ports> {
    const ports = await openPorts();
    const held = await ports.hold();
    ports.database.journal.follow(held, freshEntry("run-1", { status, finishedAt }));
    await ports.database.leases.release(held);
    return ports;
  }
  const statusOf = async ({ database }: Ports): Promise<unknown> => {
    const { status, finishedAt } = one(await database.journal.latest(10));
    return { status, finishedAt };
  };

  test.each<{ status: RunStatus; finishedAt: number | null; cancelled: boolean }>([
    { status: "running", finishedAt: null, cancelled: true },
    { status: "paused", finishedAt: null, cancelled: true },
    { status: "held", finishedAt: START, cancelled: true },
    { status: "completed", finishedAt: START, cancelled: false },
    { status: "completed-with-failures", finishedAt: START, cancelled: false },
    { status: "failed", finishedAt: START, cancelled: false },
    { status: "cancelled", finishedAt: START, cancelled: false },
  ])("that is $status: $cancelled", async ({ status, finishedAt, cancelled }) => {
    const ports = await withRun(status, finishedAt);
    expect(await ports.database.desk.cancelRun("run-1", START + 5)).toBe(cancelled);
    expect(await statusOf(ports)).toEqual(
      cancelled ? { status: "cancelled", finishedAt: START + 5 } : { status, finishedAt },
    );
  });

  test("that does not exist: there is none", async () => {
    expect(await (await withRun("paused", null)).database.desk.cancelRun("run-2", START)).toBeNull();
  });

  test("that is under way: its holder learns of it with the next round trip, and what it writes changes nothing of that", async () => {
    const ports = await openPorts();
    const held = await ports.hold();
    const entry = freshEntry("run-1");
    ports.database.journal.follow(held, entry);
    await ports.database.leases.renew(held);
    expect(await ports.database.desk.cancelRun("run-1", START + 5)).toBe(true);
    expect(entry.status).toBe("running");
    await ports.database.leases.renew(held);
    expect(entry.status).toBe("cancelled");
    expect(await statusOf(ports)).toEqual({ status: "cancelled", finishedAt: START + 5 });
    Object.assign(entry, { status: "completed", finishedAt: START + 9 });
    await ports.database.leases.release(held);
    expect(await statusOf(ports)).toEqual({ status: "cancelled", finishedAt: START + 9 });
  });

  test("and no later slice goes on with it", async () => {
    const ports = await withRun("paused", null);
    await ports.database.desk.cancelRun("run-1", START);
    const { entry, resumed } = await ports.database.journal.open(await ports.hold(), freshEntry("run-2"));
    expect([entry.id, resumed]).toEqual(["run-2", false]);
  });
});

describe("what the database holds of a file", () => {
  test.each(["k", "a b", "'\"%", "x41", "\u{1F600}", "e\u0301"])("its key by its id: %j", async (key) => {
    const ports = await openPorts();
    await ports.insert({ id: "f", key }, { id: "other", key: "other" });
    expect(await ports.database.desk.keyOf("f")).toBe(key);
  });

  test.each([7, new Uint8Array([0x61]), "a\u0000b"])("a key that is no plain text is none: %j", async (key) => {
    const ports = await openPorts();
    await ports.insert({ id: "f", key });
    expect(await ports.database.desk.keyOf("f")).toBe(key === 7 ? "7" : null);
  });

  test("no file of that id, no key", async () => {
    expect(await (await openPorts()).database.desk.keyOf("nobody's")).toBeNull();
  });

  test("everything about a key, in one round trip", async () => {
    const ports = await withLease();
    await ports.settle(ports.held, await ports.condemned(ports.held, "k"), "gone");
    await ports.insert({ id: "z", key: "k", status: "expired" }, { id: "other", key: "other" });
    await ports.sight(ports.held, "k");
    const before = ports.database.calls();
    const record = await ports.database.desk.record("k");
    expect(ports.database.calls() - before).toBe(1);
    expect(record.files.map(({ key, status }) => ({ key, status }))).toEqual([
      { key: "k", status: "expired" },
      { key: "k", status: "expired" },
    ]);
    expect(record.facts).toMatchObject({ referenced: true, removedBefore: true, removal: { state: "suspected" } });
    expect(record.removals.map(({ state }) => state)).toEqual(["suspected", "removed"]);
    expect(record.gateUntil).toBe(START + GATE_MS);
  });

  test("a key that a row protects has no facts; one that nobody knows has them all the same", async () => {
    const { database, insert } = await openPorts();
    await insert({ id: "f", key: "k", expires_at: null });
    expect(await database.desk.record("k")).toMatchObject({ files: [{ id: "f", key: "k" }], facts: undefined });
    expect(await database.desk.record("nobody's")).toEqual({
      files: [],
      facts: { referenced: false, removal: null, removedBefore: false, kept: null },
      removals: [],
      gateUntil: undefined,
      restored: [],
    });
  });

  test("until when the gate is closed: unknown while no attempt was answered, not at all once the time is over", async () => {
    const ports = await withLease();
    const removal = await ports.condemned(ports.held, "k");
    const gateUntil = async (): Promise<unknown> => (await ports.database.desk.record("k")).gateUntil;
    expect(await gateUntil()).toBeNull();
    await ports.settle(ports.held, removal, "gone");
    ports.clock.advance(GATE_MS - 1);
    expect(await gateUntil()).toBe(START + GATE_MS);
    ports.clock.advance(1);
    expect(await gateUntil()).toBeUndefined();
  });
});
