/** The ledger: how a removal goes from state to state, and what a late or doubled answer does to it. */
import { describe, expect, test } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import type { Condemned, DeleteOutcome, HeldLease, Sighting } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS, MAX_ATTEMPTS, MINUTE_MS } from "../../src/core/safety.ts";
import type { SqlClient } from "../../src/database/client.ts";
import { START } from "../support/fake-clock.ts";
import {
  acquire,
  claimsOf,
  freshEntry,
  GATE_MS,
  listed,
  one,
  openHold,
  openPorts,
  type Ports,
  settlement,
  sighting,
  unprotected,
} from "../support/ports.ts";

async function withLease(): Promise<Ports & { held: HeldLease }> {
  const ports = await openPorts();
  return { ...ports, held: await ports.hold() };
}

/** The run that scans: what was seen before it began, and not by it, is gone. */
async function begin({ database }: Ports, held: HeldLease, id: string, startedAt: number): Promise<void> {
  database.journal.follow(held, freshEntry(id, { startedAt }));
  await database.leases.renew(held);
}

/** A ripe orphan, due now. */
async function dueOrphan(ports: Ports, held: HeldLease, ...keys: string[]): Promise<void> {
  for (const key of keys) await ports.sight(held, key, { ripe: true });
  await ports.database.ledger.closeScan(held, {
    runId: "run-1",
    at: ports.clock.now(),
    promoteUpTo: ports.clock.now(),
  });
}

async function condemnedOrphan(ports: Ports, held: HeldLease, key = "k"): Promise<Condemned> {
  await dueOrphan(ports, held, key);
  return one((await ports.drain(held)).condemned);
}

describe("an orphan goes from suspected over due and condemned to removed", () => {
  test("step by step", async () => {
    const ports = await withLease();
    const { held, database, states, drain, settle, gate } = ports;
    await ports.sight(held, "k", { ripe: true });
    expect(await states()).toEqual({ k: "suspected" });
    await database.ledger.closeScan(held, { runId: "run-1", at: START, promoteUpTo: START });
    expect(await states()).toEqual({ k: "due" });
    const removal = one((await drain(held)).condemned);
    expect(await states()).toEqual({ k: "condemned" });
    expect(await gate()).toEqual({ k: null });
    await settle(held, removal, "gone");
    expect(await states()).toEqual({ k: "removed" });
    expect(await gate()).toEqual({ k: START + GATE_MS });
  });

  test("what is condemned comes with what the object looked like, so that a changed one is left alone", async () => {
    const ports = await withLease();
    expect(await condemnedOrphan(ports, ports.held)).toMatchObject({
      key: "k",
      sweep: "orphaned-objects",
      runId: "run-1",
      items: 1,
      attempts: 1,
      from: "due",
      expected: { sizeBytes: 10, modifiedAt: START - 30 * DAY_MS, etag: "v1" },
    });
  });

  test("condemning is one round trip, however many there are", async () => {
    const ports = await withLease();
    const { held, database } = ports;
    database.ledger.sight(
      held,
      Array.from({ length: 500 }, (_, index) => sighting(`k-${index}`, START, { ripe: true })),
    );
    await database.ledger.closeScan(held, { runId: "run-1", at: START, promoteUpTo: START });
    const before = database.calls();
    expect((await ports.drain(held)).condemned).toHaveLength(500);
    expect(database.calls() - before).toBe(1);
  });
});

describe("the answer of an attempt decides the next state", () => {
  test.each<{ outcome: DeleteOutcome["outcome"]; next: number | null; state: string; finished: boolean }>([
    { outcome: "gone", next: null, state: "removed", finished: true },
    { outcome: "changed", next: null, state: "released", finished: true },
    { outcome: "refused", next: START + HOUR_MS, state: "failed", finished: false },
    { outcome: "refused", next: null, state: "abandoned", finished: false },
    { outcome: "unknown", next: null, state: "condemned", finished: false },
  ])("$outcome, next attempt at $next: $state", async ({ outcome, next, state, finished }) => {
    const ports = await withLease();
    ports.clock.advance(3000);
    await ports.settle(ports.held, await condemnedOrphan(ports, ports.held), outcome, next);
    expect(await ports.rows("SELECT state, error, finished_at FROM filesweep_removals")).toEqual([
      { state, error: outcome === "gone" ? null : `it was ${outcome}`, finished_at: finished ? START + 3000 : null },
    ]);
  });

  test("one key's answer is that key's alone", async () => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, "a", "b", "c", "d");
    const { condemned } = await ports.drain(ports.held);
    const outcomes = new Map<string, DeleteOutcome["outcome"]>([
      ["a", "gone"],
      ["b", "refused"],
      ["c", "unknown"],
      ["d", "changed"],
    ]);
    const answers = condemned.map((removal) =>
      settlement(removal, outcomes.get(removal.key) ?? "unknown", START, START + 1),
    );
    ports.database.ledger.settle(ports.held, answers);
    await ports.database.leases.renew(ports.held);
    expect(await ports.states()).toEqual({ a: "removed", b: "failed", c: "condemned", d: "released" });
  });
});

describe("what was condemned together may be answered in parts", () => {
  test.each([
    { what: "all at once", parts: [["a", "b", "c"]] },
    { what: "one, then the others", parts: [["b"], ["a", "c"]] },
  ])("$what: what was not answered yet stays condemned, behind the gate", async ({ parts }) => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, "a", "b", "c");
    const { condemned } = await ports.drain(ports.held);
    const answered = new Set<string>();
    for (const part of parts) {
      const removals = condemned.filter(({ key }) => part.includes(key));
      ports.database.ledger.settle(
        ports.held,
        removals.map((removal) => settlement(removal, "gone", START, null)),
      );
      await ports.database.leases.renew(ports.held);
      for (const key of part) answered.add(key);
      const stateOf = (key: string): string => (answered.has(key) ? "removed" : "condemned");
      expect(await ports.states()).toEqual({ a: stateOf("a"), b: stateOf("b"), c: stateOf("c") });
      const shut = Object.entries(await ports.gate()).flatMap(([key, leavesAt]) => (leavesAt === null ? [key] : []));
      expect(shut).toEqual(["a", "b", "c"].filter((key) => !answered.has(key)));
    }
  });
});

describe("a removal that was refused", () => {
  test("can be read whatever the store's words were cut in the middle of", async () => {
    const ports = await withLease();
    const refused = settlement(await condemnedOrphan(ports, ports.held), "refused", START, START + 1);
    ports.database.ledger.settle(ports.held, [{ ...refused, error: "no room for \u{1F600}".slice(0, -1) }]);
    await ports.database.leases.renew(ports.held);
    expect((await ports.database.desk.removals({ limit: 1 })).items).toMatchObject([{ error: "no room for \ufffd" }]);
  });

  test("is tried again from its next attempt on, and not a millisecond sooner", async () => {
    const ports = await withLease();
    const { held, drain, settle, renewed, clock } = ports;
    await settle(held, await condemnedOrphan(ports, held), "refused", START + 5000);
    clock.advance(4999);
    const next = await renewed(held);
    expect((await drain(next)).condemned).toEqual([]);
    clock.advance(1);
    expect((await drain(next)).condemned).toMatchObject([{ key: "k", attempts: 2, from: "failed" }]);
  });

  test(`is abandoned by the ${MAX_ATTEMPTS}th refusal, and attempted no more`, async () => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, "k");
    let { held } = ports;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const removal = one((await ports.drain(held)).condemned);
      expect(removal.attempts).toBe(attempt);
      await ports.settle(held, removal, "refused", attempt < MAX_ATTEMPTS ? ports.clock.now() : null);
      expect(await ports.states()).toEqual({ k: attempt < MAX_ATTEMPTS ? "failed" : "abandoned" });
      held = await ports.renewed(held);
    }
    ports.clock.advance(1000 * DAY_MS);
    expect(await ports.drain(await ports.hold())).toEqual({ condemned: [], released: [] });
  });
});

describe("a removal is attempted once per lease", () => {
  test.each<DeleteOutcome["outcome"]>(["refused", "unknown"])("also where the attempt was %s", async (outcome) => {
    const ports = await withLease();
    const { held, drain, settle, renewed } = ports;
    await settle(held, await condemnedOrphan(ports, held), outcome, START);
    expect((await drain(held)).condemned).toEqual([]);
    expect((await drain(await renewed(held))).condemned).toMatchObject([{ key: "k", attempts: 2 }]);
  });

  test("also where its rows were claimed in this lease, and the answer is still to be written", async () => {
    const ports = await withLease();
    await ports.condemned(ports.held, "k");
    expect((await ports.drain(ports.held)).condemned).toEqual([]);
  });

  test("one that was condemned by a holder that crashed is attempted by the next", async () => {
    const ports = await withLease();
    await ports.condemned(ports.held, "k");
    ports.clock.advance(MINUTE_MS);
    const next = await ports.hold();
    expect((await ports.drain(next)).condemned).toMatchObject([
      { key: "k", attempts: 2, from: "condemned", expected: null },
    ]);
  });

  test("one that was condemned while a clock was ahead is waited for no longer than any other", async () => {
    const ports = await withLease();
    await ports.condemned(ports.held, "k");
    await ports.execute("UPDATE filesweep_removals SET next_attempt_at = ?", [START + 30 * DAY_MS]);
    expect((await ports.drain(ports.held)).condemned).toEqual([]);
    ports.clock.advance(MINUTE_MS);
    expect((await ports.drain(await ports.hold())).condemned).toMatchObject([{ key: "k", attempts: 2 }]);
  });
});

describe("an answer that comes late, to an attempt that is not the newest, changes nothing", () => {
  const OUTCOMES: DeleteOutcome["outcome"][] = ["gone", "changed", "refused", "unknown"];

  test.each(OUTCOMES)("%s, while a newer attempt waits for its own", async (outcome) => {
    const ports = await withLease();
    const first = await condemnedOrphan(ports, ports.held);
    ports.clock.advance(MINUTE_MS);
    const next = await ports.hold();
    expect((await ports.drain(next)).condemned).toMatchObject([{ id: first.id, attempts: 2 }]);
    const before = await ports.dump();
    await ports.settle(next, first, outcome, START);
    expect(await ports.dump()).toBe(before);
  });

  test.each(OUTCOMES)("%s, once the newer attempt was answered", async (outcome) => {
    const ports = await withLease();
    const first = await condemnedOrphan(ports, ports.held);
    ports.clock.advance(MINUTE_MS);
    const next = await ports.hold();
    await ports.settle(next, one((await ports.drain(next)).condemned), "refused", START + DAY_MS);
    const before = await ports.removals();
    await ports.settle(next, first, outcome, START);
    expect(await ports.removals()).toEqual(before);
  });
});

describe("every attempt checks again that nothing protects the key", () => {
  test("a key that a row protects again is released, and does not come behind the gate", async () => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, "k", "other");
    await ports.insert({ key: "k", expires_at: null });
    const { condemned, released } = await ports.drain(ports.held);
    expect(condemned.map(({ key }) => key)).toEqual(["other"]);
    expect(released).toMatchObject([{ key: "k", from: "due" }]);
    expect(await ports.gate()).toEqual({ other: null });
    expect((await ports.removals()).map(({ key, state, released_by }) => [key, state, released_by])).toEqual([
      ["k", "released", "protected"],
      ["other", "condemned", null],
    ]);
  });

  test("also one whose delete was refused before", async () => {
    const ports = await withLease();
    await ports.settle(ports.held, await condemnedOrphan(ports, ports.held), "refused", START);
    ports.clock.advance(GATE_MS);
    await ports.insert({ key: "k", expires_at: null });
    const { condemned, released } = await ports.drain(await ports.hold());
    expect(condemned).toEqual([]);
    expect(released).toMatchObject([{ key: "k", from: "failed" }]);
    // Nothing was attempted.
    expect((await ports.removals()).map(({ attempts }) => attempts)).toEqual([1]);
  });

  test("also where the page is too small for all of them", async () => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, "a", "b", "c");
    await ports.insert({ key: "a", expires_at: null }, { key: "b", expires_at: null });
    for (let page = 0; page < 4; page += 1) {
      const { condemned } = await ports.drain(ports.held, { limit: 1 });
      expect(condemned.map(({ key }) => key).filter((key) => key !== "c")).toEqual([]);
    }
    expect(await ports.states()).toEqual({ a: "released", b: "released", c: "condemned" });
  });

  test.each(["expired", "archived"])("a row with the status %s", async (status) => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, "k");
    await ports.insert({ key: "k", status });
    expect((await ports.drain(ports.held)).condemned).toHaveLength(status === "expired" ? 1 : 0);
  });
});

describe("what lies under a prefix that is kept out is released, never condemned", () => {
  test.each([
    { key: "keep/a", prefixes: ["keep/"], released: true },
    { key: "keepsake", prefixes: ["keep"], released: true },
    { key: "keepsake", prefixes: ["keep/"], released: false },
    { key: "Keep/a", prefixes: ["keep/"], released: false },
    { key: "a/keep/", prefixes: ["keep/"], released: false },
    { key: "100%/a", prefixes: ["100%"], released: true },
    { key: "1000/a", prefixes: ["100%"], released: false },
    { key: "\u{1F600}x", prefixes: ["\u{1F600}"], released: true },
    { key: ".filesweep/identity.json", prefixes: [], released: true },
    { key: ".filesweep", prefixes: [], released: false },
    { key: "a", prefixes: ["x", "a"], released: true },
  ])("$key with $prefixes: $released", async ({ key, prefixes, released }) => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, key);
    const answer = await ports.drain(ports.held, { ignorePrefixes: prefixes });
    expect([answer.released.length, answer.condemned.length]).toEqual(released ? [1, 0] : [0, 1]);
  });

  test("also where another one is released in the same page, and makes room in it", async () => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, "a", "keep/b");
    await ports.insert({ key: "a", expires_at: null });
    for (let page = 0; page < 3; page += 1) {
      expect((await ports.drain(ports.held, { limit: 1, ignorePrefixes: ["keep/"] })).condemned).toEqual([]);
    }
    expect(await ports.states()).toEqual({ a: "released", "keep/b": "released" });
  });

  test("a page takes no more than its limit, and the rest waits", async () => {
    const ports = await withLease();
    await dueOrphan(ports, ports.held, "a", "b", "c");
    const pages: string[][] = [];
    for (let page = 0; page < 4; page += 1) {
      pages.push((await ports.drain(ports.held, { limit: 1 })).condemned.map(({ key }) => key));
    }
    expect(pages).toEqual([["a"], ["b"], ["c"], []]);
  });
});

describe("a complete scan", () => {
  async function scanned(promote: boolean): Promise<Ports & { held: HeldLease }> {
    const ports = await withLease();
    const { held } = ports;
    await begin(ports, held, "run-2", START + 1);
    await ports.sight(held, "gone", { ripe: true, runId: "run-1" });
    await ports.sight(held, "ripe", { ripe: true, runId: "run-2" });
    await ports.sight(held, "young", { runId: "run-2" });
    await ports.database.ledger.closeScan(held, { runId: "run-2", at: START + 5, promoteUpTo: promote ? START : null });
    return ports;
  }

  test("makes what is ripe due, in a run that removes", async () => {
    const { states, removals } = await scanned(true);
    expect(await states()).toEqual({ gone: "released", ripe: "due", young: "suspected" });
    expect((await removals()).find(({ key }) => key === "ripe")?.run_id).toBe("run-2");
  });

  test("makes nothing due in a plan", async () => {
    expect(await (await scanned(false)).states()).toEqual({ gone: "released", ripe: "suspected", young: "suspected" });
  });

  test("releases the suspects that it did not list, as gone", async () => {
    const { removals } = await scanned(true);
    expect((await removals()).find(({ key }) => key === "gone")).toMatchObject({
      released_by: "gone",
      finished_at: START + 5,
    });
  });

  test.each([
    { seenAt: START - 1, gone: true },
    { seenAt: START, gone: false },
    { seenAt: START + 1, gone: false },
  ])(
    "that began at the start, and did not list what another run saw at $seenAt: gone $gone",
    async ({ seenAt, gone }) => {
      const ports = await withLease();
      await begin(ports, ports.held, "run-2", START);
      await ports.sight(ports.held, "k", { seenAt, runId: "run-1" });
      await ports.database.ledger.closeScan(ports.held, { runId: "run-2", at: START + 5, promoteUpTo: null });
      expect(await ports.states()).toEqual({ k: gone ? "released" : "suspected" });
    },
  );

  test("leaves removals of other states alone", async () => {
    const ports = await withLease();
    await begin(ports, ports.held, "run-2", START + 1);
    await ports.settle(ports.held, await ports.condemned(ports.held, "failed"), "refused", START + DAY_MS);
    await ports.condemned(ports.held, "condemned");
    const before = await ports.removals();
    await ports.database.ledger.closeScan(ports.held, { runId: "run-2", at: START, promoteUpTo: START });
    expect(await ports.removals()).toEqual(before);
  });

  test("before it is closed, nothing that is ripe can be condemned", async () => {
    const ports = await withLease();
    await ports.sight(ports.held, "k", { ripe: true });
    expect(await ports.drain(ports.held)).toEqual({ condemned: [], released: [] });
  });

  test("a suspect that is no longer ripe at its last sighting stays one", async () => {
    const ports = await withLease();
    await ports.sight(ports.held, "k", { ripe: true });
    await ports.sight(ports.held, "k", { ripe: false });
    await ports.database.ledger.closeScan(ports.held, { runId: "run-1", at: START, promoteUpTo: START });
    expect(await ports.states()).toEqual({ k: "suspected" });
  });
});

describe("what an approval covered", () => {
  async function withRipe(): Promise<Ports & { held: HeldLease }> {
    const ports = await withLease();
    await begin(ports, ports.held, "run-1", START);
    for (const [key, seenAt, more] of [
      ["early", START - 1, { ripe: true }],
      ["at", START, { ripe: true }],
      ["late", START + 1, { ripe: true }],
      ["young", START - 1, {}],
      ["elsewhere", START - 1, { ripe: true, runId: "run-0" }],
    ] as const) {
      ports.database.ledger.sight(ports.held, [sighting(key, seenAt, more)]);
    }
    await ports.database.leases.renew(ports.held);
    return ports;
  }

  test.each([
    { upTo: null, covered: 0, others: 3 },
    { upTo: START - 1, covered: 1, others: 2 },
    { upTo: START, covered: 2, others: 1 },
    { upTo: START + 1, covered: 3, others: 0 },
  ])("up to $upTo, of what this scan found ripe: $covered, and $others not", async ({ upTo, covered, others }) => {
    const ports = await withRipe();
    const scan = { runId: "run-1", coveredUpTo: upTo, sample: 2, quarantineMs: DAY_MS };
    const ripe = await ports.database.ledger.ripe(ports.held, scan);
    expect(ripe.covered).toEqual({ count: covered, bytes: 10 * covered });
    expect(ripe.others).toEqual({ count: others, bytes: 10 * others });
    expect(ripe.sample.map(({ key }) => key)).toEqual(["at", "early"]);
    await ports.database.ledger.closeScan(ports.held, { runId: "run-1", at: START + 5, promoteUpTo: upTo });
    const due = (await ports.removals()).filter(({ state }) => state === "due");
    expect(due).toHaveLength(covered);
    expect((await ports.states())["elsewhere"]).toBe("released");
  });
});

test("a sample shows what is ripe first: that goes at once, the others when their quarantine is over", async () => {
  const { database, held } = await withLease();
  database.ledger.sight(held, [sighting("a-young", START - 1), sighting("b-ripe", START - 1, { ripe: true })]);
  const scan = { runId: "run-1", coveredUpTo: null, sample: 10, quarantineMs: DAY_MS };
  expect((await database.ledger.ripe(held, scan)).sample).toEqual([
    { key: "b-ripe", bytes: 10, reason: "unreferenced", mayGoAt: null },
    { key: "a-young", bytes: 10, reason: "unreferenced", mayGoAt: START - 1 + DAY_MS },
  ]);
});

describe("history is trimmed", () => {
  test("of what ended before an instant: removed ones, and those released because their object changed or is named again", async () => {
    const ports = await withLease();
    const { held, database, execute } = ports;
    for (const key of ["gone", "changed", "failed"])
      await ports.settle(
        held,
        await ports.condemned(held, key),
        key === "failed" ? "refused" : key === "gone" ? "gone" : "changed",
        START + DAY_MS,
      );
    await ports.sight(held, "kept");
    await execute(
      "UPDATE filesweep_removals SET state = 'released', released_by = 'operator', finished_at = ? WHERE key = 'kept'",
      [START],
    );
    await ports.sight(held, "open");
    expect(await database.ledger.trim(held, START, 1000)).toBe(0);
    expect(await database.ledger.trim(held, START + 1, 1000)).toBe(2);
    expect(await ports.states()).toEqual({ failed: "failed", kept: "released", open: "suspected" });
  });

  test("and runs and holds that are over; those that are not stay", async () => {
    const ports = await withLease();
    const { database, held } = ports;
    const runs = [
      freshEntry("1", { status: "completed", finishedAt: START - 1 }),
      freshEntry("2", { finishedAt: START }),
    ];
    for (const run of [...runs, freshEntry("3", { status: "paused" })]) {
      database.journal.follow(held, run);
      await database.leases.renew(held);
    }
    database.holds.write(held, openHold("closed", { status: "closed", asOf: START - 1 }));
    database.holds.write(held, openHold("open", { asOf: START - 1 }));
    expect(await database.ledger.trim(held, START, 1000)).toBe(2);
    expect((await database.journal.latest(10)).map(({ id }) => id)).toEqual(["3", "2"]);
    expect((await database.holds.list({ closed: true })).map(({ id }) => id)).toEqual(["open"]);
  });
});

describe("sightings", () => {
  const look =
    "first_seen_at, first_seen_run, last_seen_at, last_seen_run, size_bytes, modified_at, etag, ripe, reason";
  const FIRST = {
    first_seen_at: START,
    first_seen_run: "run-1",
    last_seen_at: START,
    last_seen_run: "run-1",
    size_bytes: 10,
    modified_at: START - 30 * DAY_MS,
    etag: "v1",
    ripe: 0,
    reason: "unreferenced",
  };

  async function sightedTwice(second: Partial<Sighting>): Promise<unknown> {
    const ports = await withLease();
    await ports.sight(ports.held, "k");
    expect(await ports.rows(`SELECT ${look} FROM filesweep_removals`)).toEqual([FIRST]);
    ports.clock.advance(1000);
    await ports.sight(ports.held, "k", { runId: "run-2", ...second });
    return one(await ports.rows(`SELECT ${look} FROM filesweep_removals`));
  }

  test("one that looks the same keeps the start of its quarantine", async () => {
    expect(await sightedTwice({ first: false, ripe: true, reason: "left-over" })).toEqual({
      ...FIRST,
      last_seen_at: START + 1000,
      last_seen_run: "run-2",
      ripe: 1,
      reason: "left-over",
    });
  });

  test("one that changed begins it anew, and is remembered as it looks now", async () => {
    expect(await sightedTwice({ object: listed("k", { sizeBytes: 5, modifiedAt: START, etag: "v2" }) })).toEqual({
      ...FIRST,
      first_seen_at: START + 1000,
      first_seen_run: "run-2",
      last_seen_at: START + 1000,
      last_seen_run: "run-2",
      size_bytes: 5,
      modified_at: START,
      etag: "v2",
    });
  });

  test.each(["due", "condemned", "failed", "abandoned"])("leave a removal that is %s as it is", async (state) => {
    const ports = await withLease();
    await ports.sight(ports.held, "k");
    await ports.execute("UPDATE filesweep_removals SET state = ?", [state]);
    const before = await ports.dump();
    ports.database.ledger.sight(ports.held, [sighting("k", START + 1, { removalId: "new", runId: "run-2" })]);
    await ports.database.leases.renew(ports.held);
    expect(await ports.dump()).toBe(before);
  });

  test.each(["removed", "released"])("of a key whose removal is %s begin another", async (state) => {
    const ports = await withLease();
    await ports.sight(ports.held, "k");
    await ports.execute("UPDATE filesweep_removals SET state = ?", [state]);
    await ports.sight(ports.held, "k");
    expect((await ports.removals()).map((removal) => removal.state)).toEqual([state, "suspected"]);
  });

  test("of nothing, and answers to nothing, queue nothing", async () => {
    const { database, held, dump } = await withLease();
    database.ledger.sight(held, []);
    database.ledger.settle(held, []);
    const before = await dump();
    await database.leases.renew(held);
    expect(await dump()).toBe(before);
  });
});

describe("what is queued", () => {
  test("makes no round trip of its own, and goes with the next, in order, before its own statement", async () => {
    const ports = await withLease();
    const { database, held } = ports;
    const removal = await ports.condemned(held, "k");
    const before = database.calls();
    database.ledger.settle(held, [settlement(removal, "gone", START)]);
    database.ledger.sight(held, [sighting("k", START, { reason: "left-over" })]);
    expect(database.calls()).toBe(before);
    const facts = await unprotected(database, held, ["k"]);
    expect(database.calls()).toBe(before + 1);
    expect(facts.get("k")).toMatchObject({ removedBefore: true, removal: { state: "suspected" } });
  });

  test("is written once", async () => {
    const ports = await withLease();
    const { database, held, execute } = ports;
    database.ledger.sight(held, [sighting("k", START)]);
    await database.leases.renew(held);
    await execute("DELETE FROM filesweep_removals");
    await database.leases.renew(held);
    expect(await ports.removals()).toEqual([]);
  });

  /** Commits, and then loses the answer, once for every time it is armed. */
  function losing(): { wrap: (client: SqlClient) => SqlClient; arm: () => void } {
    let armed = false;
    return {
      arm: () => {
        armed = true;
      },
      wrap: (client) => ({
        ...client,
        async batch(statements, mode) {
          const rows = await client.batch(statements, mode);
          if (!armed) return rows;
          armed = false;
          throw new SweepError("unavailable", "the answer was lost");
        },
      }),
    };
  }

  /** The queue of a run: answers of every kind, and sightings that are first, repeated and changed. */
  async function queueAll(ports: Ports, lose: boolean): Promise<string> {
    const { wrap, arm } = losing();
    const database = await ports.connect(wrap);
    const held = await acquire(database, "one");
    await ports.insert(...["a", "b", "c", "d", "e"].map((key) => ({ id: key, key })));
    const files = (
      await database.catalog.due(held, { expiredBefore: START, downloadedBefore: START, after: null, limit: 10 })
    ).files;
    const claims = claimsOf(files, ports.makeId);
    const { condemned } = await database.catalog.claim(held, claims, { runId: "run-1", now: START });
    const outcomes: DeleteOutcome["outcome"][] = ["gone", "changed", "refused", "refused", "unknown"];
    const answers = condemned.map((removal, index) =>
      settlement(removal, outcomes[index] ?? "gone", START, index === 2 ? START + DAY_MS : null),
    );
    database.ledger.sight(held, [sighting("again", START), sighting("changed", START)]);
    database.ledger.settle(held, answers);
    database.ledger.sight(held, [
      sighting("first", START + 1, { runId: "run-2" }),
      sighting("again", START + 1, { runId: "run-2", first: false, ripe: true }),
      sighting("changed", START + 1, { runId: "run-2", object: listed("changed", { etag: "v2" }) }),
    ]);
    if (lose) {
      arm();
      await expect(database.leases.renew(held)).rejects.toMatchObject({ kind: "unavailable" });
    }
    await database.leases.renew(held);
    return ports.dump();
  }

  test("ends in the same state when it was written, its answer lost, and it is written again", async () => {
    expect(await queueAll(await openPorts(), true)).toBe(await queueAll(await openPorts(), false));
  });

  test("is not lost with a round trip that failed", async () => {
    const ports = await openPorts();
    let broken = false;
    const database = await ports.connect((client) => ({
      ...client,
      async batch(statements, mode) {
        if (broken) throw new SweepError("unavailable", "not reached");
        return client.batch(statements, mode);
      },
    }));
    const held = await acquire(database, "one");
    database.ledger.sight(held, [sighting("a", START), sighting("b", START)]);
    broken = true;
    await expect(database.leases.renew(held)).rejects.toMatchObject({ kind: "unavailable" });
    database.ledger.sight(held, [sighting("c", START)]);
    broken = false;
    await database.leases.renew(held);
    expect(await ports.states()).toEqual({ a: "suspected", b: "suspected", c: "suspected" });
  });
});

describe("open removals by state", () => {
  test("in count and bytes; what ended is not among them", async () => {
    const ports = await withLease();
    const { held, database } = ports;
    await dueOrphan(ports, held, "due");
    await ports.sight(held, "one", { object: listed("one", { sizeBytes: 5 }) });
    await ports.sight(held, "two", { object: listed("two", { sizeBytes: 6 }) });
    await ports.settle(held, await ports.condemned(held, "gone"), "gone");
    await ports.settle(held, await ports.condemned(held, "failed"), "refused", START + DAY_MS);
    expect(await database.ledger.open()).toEqual({
      suspected: { count: 2, bytes: 11 },
      due: { count: 1, bytes: 10 },
      failed: { count: 1, bytes: 10 },
    });
  });

  test("none in a new database", async () => {
    expect(await (await openPorts()).database.ledger.open()).toEqual({});
  });
});
