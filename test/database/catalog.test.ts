/** The end of rows, and who protects a key: catalog.claim, catalog.protectedAfter and catalog.compare. */
import { describe, expect, test } from "vitest";
import type { Claim, HeldLease, KeyFacts, ListedStretch, Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import {
  CUTOFFS,
  claimsOf,
  freshEntry,
  idsOf,
  listed,
  one,
  openPorts,
  type Ports,
  USED_UP,
  unprotected,
} from "../support/ports.ts";

const RUN = { runId: "run-1", now: START };

async function withLease(): Promise<Ports & { held: HeldLease }> {
  const ports = await openPorts();
  return { ...ports, held: await ports.hold() };
}

describe("claim ends a row, condemns its key and closes the gate, in one round trip", () => {
  test("all of it", async () => {
    const { insert, due, held, database, statuses, removals, gate, makeId } = await withLease();
    await insert({ id: "f", key: "k", size_bytes: 7 });
    const claims = claimsOf(await due(held), makeId);
    const before = database.calls();
    const { ended, condemned } = await database.catalog.claim(held, claims, RUN);
    expect(database.calls() - before).toBe(1);
    expect(idsOf(ended, claims)).toEqual(["f"]);
    expect(condemned).toEqual([
      {
        id: claims[0]?.removalId,
        key: "k",
        sweep: "expired-files",
        reason: "expired",
        runId: "run-1",
        items: 1,
        sizeBytes: 7,
        attempts: 1,
        batch: "1.1",
        batchSize: 1,
        from: "due",
        expected: null,
      },
    ]);
    expect(await statuses()).toEqual({ f: "expired" });
    expect(await removals()).toMatchObject([
      { key: "k", state: "condemned", reason: "expired", attempts: 1, run_id: "run-1" },
    ]);
    expect(await gate()).toEqual({ k: null });
  });

  test("or none of it: a row that a trigger of the application protects fails the whole claim", async () => {
    const { insert, due, held, database, execute, dump, makeId } = await withLease();
    await insert({ id: "a", key: "a" }, { id: "b", key: "b" });
    await execute(
      "CREATE TRIGGER keep BEFORE UPDATE OF status ON files WHEN OLD.id = 'b' BEGIN SELECT RAISE(ABORT, 'not b'); END",
    );
    const claims = claimsOf(await due(held), makeId);
    const before = await dump();
    const refused = database.catalog.claim(held, claims, RUN);
    await expect(refused).rejects.toMatchObject({
      kind: "conflict",
      details: { vendor: expect.stringContaining("not b") },
    });
    expect(await dump()).toBe(before);
  });

  test("the reason of a claim is that of its removal", async () => {
    const { insert, due, held, database, removals } = await withLease();
    await insert({ key: "k" });
    const file = one(await due(held));
    await database.catalog.claim(
      held,
      [{ file, key: "k", reason: "used-up", removalId: "r", takesAlong: true, derived: [] }],
      RUN,
    );
    expect(await removals()).toMatchObject([{ id: "r", reason: "used-up" }]);
  });

  test("no claims, no round trip", async () => {
    const { held, database } = await withLease();
    const before = database.calls();
    expect(await database.catalog.claim(held, [], RUN)).toEqual({ ended: new Set(), condemned: [], next: null });
    expect(database.calls()).toBe(before);
  });

  test("1,000 claims are one round trip too", async () => {
    const { insert, due, held, database, makeId } = await withLease();
    await insert(...Array.from({ length: 1000 }, (_, index) => ({ key: `k-${index}` })));
    const claims = claimsOf(await due(held), makeId);
    const before = database.calls();
    const { ended, condemned } = await database.catalog.claim(held, claims, RUN);
    expect([ended.size, condemned.length, database.calls() - before]).toEqual([1000, 1000, 1]);
  });
});

describe("claim is a compare-and-set: a row that changed since it was judged is left alone, and so is its object", () => {
  const CHANGES: readonly { column: string; value: Value }[] = [
    { column: "key", value: "renamed" },
    { column: "status", value: "archived" },
    { column: "expires_at", value: START + 2 * DAY_MS },
    { column: "expires_at", value: null },
    { column: "downloaded_at", value: START },
    { column: "created_at", value: START },
    { column: "downloads", value: 0 },
    { column: "max_downloads", value: 10 },
    { column: "max_downloads", value: null },
    { column: "hold", value: 1 },
    { column: "hold", value: "legal" },
  ];

  test.each(CHANGES)("$column is now $value", async ({ column, value }) => {
    const { insert, due, held, database, execute, dump, makeId } = await withLease();
    await insert({ id: "f", key: "k", ...USED_UP });
    const claims = claimsOf(await due(held), makeId);
    await execute(`UPDATE files SET "${column}" = ?`, [value]);
    const before = await dump();
    const answer = await database.catalog.claim(held, claims, RUN);
    expect(answer).toEqual({ ended: new Set(), condemned: [], next: null });
    expect(await dump()).toBe(before);
  });

  test.each([
    { what: "a text that becomes a blob of the same bytes", before: "soon", after: new TextEncoder().encode("soon") },
    { what: "a blob that becomes a text of the same bytes", before: new TextEncoder().encode("soon"), after: "soon" },
    {
      what: "a blob that becomes the text of its bytes in hexadecimal",
      before: new TextEncoder().encode("soon"),
      after: "736F6F6E",
    },
    { what: "a text with a NUL that loses what is behind it", before: "a\0b", after: "a" },
    { what: "nothing that becomes the empty text", before: null, after: "" },
  ])("the same value of another type is a change: $what", async ({ before, after }) => {
    const { insert, due, held, database, execute, dump, makeId } = await withLease();
    await insert({ id: "f", key: "k", ...USED_UP, expires_at: before });
    const claims = claimsOf(await due(held), makeId);
    expect(claims).toHaveLength(1);
    await execute("UPDATE files SET expires_at = ?", [after]);
    const untouched = await dump();
    expect((await database.catalog.claim(held, claims, RUN)).ended.size).toBe(0);
    expect(await dump()).toBe(untouched);
  });

  test("the row is gone", async () => {
    const { insert, due, held, database, execute, removals, makeId } = await withLease();
    await insert({ id: "f", key: "k" });
    const claims = claimsOf(await due(held), makeId);
    await execute("DELETE FROM files");
    expect(await database.catalog.claim(held, claims, RUN)).toEqual({ ended: new Set(), condemned: [], next: null });
    expect(await removals()).toEqual([]);
  });

  test("the application ended the row itself: neither is it ended again, nor its object taken", async () => {
    const { insert, due, held, database, execute, removals, makeId } = await withLease();
    await insert({ id: "f", key: "k" });
    const claims = claimsOf(await due(held), makeId);
    await execute("UPDATE files SET status = 'expired'");
    expect(await database.catalog.claim(held, claims, RUN)).toEqual({ ended: new Set(), condemned: [], next: null });
    expect(await removals()).toEqual([]);
  });

  test("the application ended the row and moved it to another key: the key that was judged is not taken", async () => {
    const { insert, due, held, database, execute, removals, makeId } = await withLease();
    await insert({ id: "f", key: "k" });
    const claims = claimsOf(await due(held), makeId);
    await execute("UPDATE files SET status = 'expired', key = 'moved'");
    expect((await database.catalog.claim(held, claims, RUN)).condemned).toEqual([]);
    expect(await removals()).toEqual([]);
  });

  test("a removal stands for the rows that were ended, not for those that changed meanwhile", async () => {
    const { insert, due, held, database, execute, makeId } = await withLease();
    await insert({ id: "a", key: "k" }, { id: "b", key: "k" });
    const claims = claimsOf(await due(held), makeId);
    await execute("UPDATE files SET status = 'expired' WHERE id = 'a'");
    const { ended, condemned } = await database.catalog.claim(held, claims, RUN);
    expect(idsOf(ended, claims)).toEqual(["b"]);
    expect(condemned.map(({ key, items }) => ({ key, items }))).toEqual([{ key: "k", items: 1 }]);
  });

  test.each(["size_bytes", "original_name", "uploaded_by"])(
    "%s was not judged: a change of it is none",
    async (column) => {
      const { insert, due, held, database, execute, makeId } = await withLease();
      await insert({ id: "f", key: "k" });
      const claims = claimsOf(await due(held), makeId);
      await execute(`UPDATE files SET ${column} = 99`);
      expect((await database.catalog.claim(held, claims, RUN)).ended.size).toBe(1);
    },
  );

  test("one that changed does not stop the others", async () => {
    const { insert, due, held, database, execute, statuses, states, makeId } = await withLease();
    await insert({ id: "a", key: "a" }, { id: "b", key: "b" }, { id: "c", key: "c" });
    const claims = claimsOf(await due(held), makeId);
    await execute("UPDATE files SET hold = 1 WHERE id = 'b'");
    expect(idsOf((await database.catalog.claim(held, claims, RUN)).ended, claims)).toEqual(["a", "c"]);
    expect(await statuses()).toEqual({ a: "expired", b: "active", c: "expired" });
    expect(await states()).toEqual({ a: "condemned", c: "condemned" });
  });
});

describe("claim tells what it did, also where something came between", () => {
  test.each([
    { passed: "OLD.id = 'b'", ended: ["a", "c"] },
    { passed: "1", ended: [] },
  ])(
    "a trigger of the application passes rows over, where $passed: they stay, and so do their objects",
    async ({ passed, ended }) => {
      const { insert, due, held, database, execute, states, statuses, makeId } = await withLease();
      await insert({ id: "a", key: "a" }, { id: "b", key: "b" }, { id: "c", key: "c" });
      await execute(
        `CREATE TRIGGER pass BEFORE UPDATE OF status ON files WHEN ${passed} BEGIN SELECT RAISE(IGNORE); END`,
      );
      const claims = claimsOf(await due(held), makeId);
      const answer = await database.catalog.claim(held, claims, RUN);
      expect([idsOf(answer.ended, claims), answer.condemned.map(({ key }) => key)]).toEqual([ended, ended]);
      expect(await states()).toEqual(Object.fromEntries(ended.map((key) => [key, "condemned"])));
      const stayed = claims.map(({ key }) => key).filter((key) => !ended.includes(key));
      expect(await statuses()).toEqual({
        ...Object.fromEntries(ended.map((id) => [id, "expired"])),
        ...Object.fromEntries(stayed.map((id) => [id, "active"])),
      });
    },
  );

  const RETRIED = `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
    VALUES ('earlier', 'k', 'due', 'expired', 'expired-files', 'run-0', ?)`;

  test("a removal that a person has tried again is this claim's, and attempted now", async () => {
    const { insert, held, claimDue, execute } = await withLease();
    await execute(RETRIED, [START - DAY_MS]);
    await insert({ key: "k" }, { key: "other" });
    const { condemned } = await claimDue(held);
    const told = condemned.map(({ id, key, attempts, batchSize }) => ({ id, key, attempts, batchSize }));
    expect(told).toContainEqual({ id: "earlier", key: "k", attempts: 1, batchSize: 2 });
    expect(told).toHaveLength(2);
  });

  test("and is released, not forgotten, where something protects its key", async () => {
    const { insert, held, claimDue, execute, removals } = await withLease();
    await execute(RETRIED, [START - DAY_MS]);
    await insert({ key: "k" }, { key: "k", expires_at: null });
    expect((await claimDue(held)).condemned).toEqual([]);
    expect(await removals()).toMatchObject([{ id: "earlier", state: "released", released_by: "protected" }]);
  });

  test("one that was written and tried again in this very run waits for the next, whatever becomes of the others", async () => {
    const { insert, held, claimDue, execute, settle, states, gate } = await withLease();
    await execute(RETRIED, [START]);
    await insert({ key: "k" }, { key: "other" });
    const { condemned } = await claimDue(held);
    expect(condemned.map(({ key }) => key)).toEqual(["other"]);
    await settle(held, one(condemned), "gone");
    expect(await states()).toEqual({ k: "condemned", other: "removed" });
    expect(await gate()).toMatchObject({ k: null });
  });

  const KEPT = `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at, released_by, finished_at)
    VALUES ('kept', 'k', 'released', 'unreferenced', 'orphaned-objects', 'run-0', 1, 'operator', 2)`;

  test("an object that a person kept stays: its row ends, the ledger shows what that person did, and nothing else", async () => {
    const { insert, due, held, database, execute, removals, gate, makeId } = await withLease();
    await execute(KEPT);
    await insert({ id: "a", key: "k" }, { id: "b", key: "other" });
    const claims = claimsOf(await due(held), makeId);
    const { ended, condemned } = await database.catalog.claim(held, claims, RUN);
    expect([idsOf(ended, claims), condemned.map(({ key }) => key)]).toEqual([["a", "b"], ["other"]]);
    expect(await removals()).toMatchObject([{ id: "kept", state: "released" }, { key: "other" }]);
    expect(await gate()).toEqual({ other: null });
  });

  test("also while it is suspected again: that suspicion is left to the scan", async () => {
    const { insert, due, held, database, execute, sight, removals, makeId } = await withLease();
    await execute(KEPT);
    await sight(held, "k", { runId: "scan" });
    const before = await removals();
    await insert({ id: "a", key: "k" }, { id: "b", key: "other" });
    const claims = claimsOf(await due(held), makeId);
    const { ended, condemned } = await database.catalog.claim(held, claims, RUN);
    expect([idsOf(ended, claims), condemned.map(({ key }) => key)]).toEqual([["a", "b"], ["other"]]);
    expect((await removals()).filter(({ key }) => key === "k")).toEqual(before);
  });
});

describe("a key that several rows name goes with the last that protects it", () => {
  test("not with the first", async () => {
    const { insert, due, held, database, statuses, removals, gate, makeId } = await withLease();
    await insert({ id: "due", key: "k" }, { id: "live", key: "k", expires_at: null });
    const claims = claimsOf(await due(held), makeId);
    const { ended, condemned } = await database.catalog.claim(held, claims, RUN);
    expect(idsOf(ended, claims)).toEqual(["due"]);
    expect(condemned).toEqual([]);
    expect(await statuses()).toEqual({ due: "expired", live: "active" });
    expect([await removals(), await gate()]).toEqual([[], {}]);
  });

  test("with the last, when that ends later", async () => {
    const { insert, held, claimDue, execute } = await withLease();
    await insert({ id: "a", key: "k" }, { id: "b", key: "k", expires_at: null });
    await claimDue(held);
    await execute("UPDATE files SET expires_at = ? WHERE id = 'b'", [START - 1]);
    expect((await claimDue(held)).condemned).toMatchObject([{ key: "k", items: 1 }]);
  });

  test("with both, when they end together: one removal that stands for two rows, with the bytes of the larger", async () => {
    const { insert, due, held, database, removals, makeId } = await withLease();
    await insert({ id: "a", key: "k", size_bytes: 5 }, { id: "b", key: "k", size_bytes: 9 });
    const claims = claimsOf(await due(held), makeId);
    const { ended, condemned } = await database.catalog.claim(held, claims, RUN);
    expect(idsOf(ended, claims).sort()).toEqual(["a", "b"]);
    expect(condemned).toMatchObject([{ key: "k", items: 2, sizeBytes: 9 }]);
    expect(await removals()).toHaveLength(1);
  });

  test("also where the key's removal was open before: it is attempted once, and stands for the two rows of now", async () => {
    const { sight, insert, held, claimDue, removals } = await withLease();
    await sight(held, "k", { object: listed("k", { sizeBytes: 3 }) });
    await insert({ id: "a", key: "k", size_bytes: 9 }, { id: "b", key: "k", size_bytes: 5 });
    expect((await claimDue(held)).condemned).toMatchObject([{ key: "k", items: 2, sizeBytes: 9, attempts: 1 }]);
    expect(await removals()).toMatchObject([{ state: "condemned", reason: "expired", attempts: 1, compare: 0 }]);
  });

  test("not where the other row changed meanwhile and lives on", async () => {
    const { insert, due, held, database, execute, removals, makeId } = await withLease();
    await insert({ id: "a", key: "k" }, { id: "b", key: "k" });
    const claims = claimsOf(await due(held), makeId);
    await execute("UPDATE files SET expires_at = NULL WHERE id = 'b'");
    const { ended, condemned } = await database.catalog.claim(held, claims, RUN);
    expect([idsOf(ended, claims), condemned, await removals()]).toEqual([["a"], [], []]);
  });

  test.each([
    { what: "live", other: { status: "active", expires_at: null }, goes: false },
    { what: "on hold", other: { status: "active", hold: 1 }, goes: false },
    { what: "of a status that filesweep does not know", other: { status: "archived" }, goes: false },
    { what: "of a status in other case", other: { status: "EXPIRED" }, goes: false },
    { what: "of a status that is a blob", other: { status: new TextEncoder().encode("expired") }, goes: false },
    { what: "of the empty status", other: { status: "" }, goes: false },
    { what: "expired", other: { status: "expired", expires_at: null }, goes: true },
  ])("while the other row is $what the key goes: $goes", async ({ other, goes }) => {
    const { insert, held, due, database, makeId } = await withLease();
    await insert({ id: "due", key: "k" }, { id: "other", key: "k", ...other });
    const claims = claimsOf(
      (await due(held)).filter(({ id }) => id === "due"),
      makeId,
    );
    expect((await database.catalog.claim(held, claims, RUN)).condemned.length).toBe(goes ? 1 : 0);
  });

  test.each(["K", "k ", " k", "k/", "k\u0301"])("a row that names %j protects nothing of k", async (other) => {
    const { insert, held, claimDue } = await withLease();
    await insert({ key: "k" }, { key: other, expires_at: null });
    expect((await claimDue(held)).condemned).toMatchObject([{ key: "k" }]);
  });
});

describe("a key that becomes garbage again", () => {
  /** A removal of `k` in each open state, made the way it comes about. */
  const OPEN: Record<string, (ports: Ports & { held: HeldLease }) => Promise<HeldLease>> = {
    async suspected({ sight, held }) {
      await sight(held, "k");
      return held;
    },
    async due({ sight, held, database }) {
      await sight(held, "k", { ripe: true });
      await database.ledger.closeScan(held, { runId: "run-1", at: START, promoteUpTo: START });
      return held;
    },
    async condemned({ condemned, settle, held, execute }) {
      await settle(held, await condemned(held, "k"), "unknown");
      await execute("DELETE FROM files");
      return held;
    },
    async failed({ condemned, settle, held, execute }) {
      await settle(held, await condemned(held, "k"), "refused", START + DAY_MS);
      await execute("DELETE FROM files");
      return held;
    },
    async abandoned({ condemned, settle, held, execute }) {
      await settle(held, await condemned(held, "k"), "refused", null);
      await execute("DELETE FROM files");
      return held;
    },
  };

  test.each(Object.keys(OPEN))(
    "keeps its removal that is %s, which is condemned now, with the new reason",
    async (state) => {
      const ports = await withLease();
      const held = (await OPEN[state]?.(ports)) ?? ports.held;
      const before = one(await ports.removals());
      expect(before).toMatchObject({ key: "k", state });
      // Past the gate, where there is one.
      ports.clock.advance(20_000);
      await ports.execute("DELETE FROM filesweep_gate");
      await ports.insert({ id: "again", key: "k", size_bytes: 77 });
      const file = one(await ports.due(held));
      const claim: Claim = { file, key: "k", reason: "used-up", removalId: "new", takesAlong: true, derived: [] };
      const { condemned } = await ports.database.catalog.claim(held, [claim], { runId: "run-2", now: START });
      expect(one(condemned)).toMatchObject({
        id: before.id,
        key: "k",
        sizeBytes: 77,
        attempts: before.attempts + 1,
        expected: null,
      });
      const after = { id: before.id, state: "condemned", reason: "used-up", sweep: "expired-files", run_id: "run-2" };
      expect(one(await ports.removals())).toMatchObject(after);
      expect(await ports.gate()).toEqual({ k: null });
    },
  );

  test.each([
    { outcome: "gone" as const, state: "removed" },
    { outcome: "changed" as const, state: "released" },
  ])("gets a new removal where the earlier one is $state", async ({ outcome, state }) => {
    const { held, settle, condemned, execute, removals } = await withLease();
    await settle(held, await condemned(held, "k"), outcome);
    await execute("DELETE FROM filesweep_gate");
    await condemned(held, "k");
    expect((await removals()).map((removal) => removal.state)).toEqual([state, "condemned"]);
  });

  test("has at most one open removal: the database refuses a second", async () => {
    const { held, condemned, execute } = await withLease();
    await condemned(held, "k");
    const insert = execute(
      `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
        VALUES ('second', 'k', 'suspected', 'unreferenced', 'orphaned-objects', 'run', 1)`,
    );
    await expect(insert).rejects.toMatchObject({ kind: "conflict" });
  });
});

describe("compare answers the keys that no row protects, with what is known of them", () => {
  async function factsOf(ports: Ports, held: HeldLease, key = "k"): Promise<KeyFacts | undefined> {
    return (await unprotected(ports.database, held, [key])).get(key);
  }
  const NOTHING: KeyFacts = { referenced: false, removal: null, removedBefore: false, kept: null };

  test("a key that no row names", async () => {
    const ports = await withLease();
    expect(await factsOf(ports, ports.held)).toEqual(NOTHING);
  });

  test("a key that only expired rows name is referenced", async () => {
    const ports = await withLease();
    await ports.insert({ key: "k", status: "expired" });
    expect(await factsOf(ports, ports.held)).toEqual({ ...NOTHING, referenced: true });
  });

  test.each([
    { what: "a live row", row: {} },
    { what: "a due row that was not ended", row: { expires_at: 1 } },
    { what: "a row of an unknown status", row: { status: "archived" } },
    { what: "a row of a status that is a blob", row: { status: new Uint8Array([1]) } },
  ])("a key that $what names is missing: it is protected", async ({ row }) => {
    const ports = await withLease();
    await ports.insert({ key: "k", ...row }, { key: "k", status: "expired" });
    expect(await factsOf(ports, ports.held)).toBeUndefined();
  });

  test("a number in the key column protects its decimal text", async () => {
    const ports = await withLease();
    await ports.insert({ key: 7 }, { key: 2n ** 60n });
    expect([...(await unprotected(ports.database, ports.held, ["7", "7.0", String(2n ** 60n)])).keys()]).toEqual([
      "7.0",
    ]);
  });

  test("its open removal, with how the object looked", async () => {
    const ports = await withLease();
    await ports.sight(ports.held, "k", { object: listed("k", { sizeBytes: 5, etag: null }) });
    expect((await factsOf(ports, ports.held))?.removal).toEqual({
      state: "suspected",
      firstSeenAt: START,
      firstSeenRun: "run-1",
      sizeBytes: 5,
      modifiedAt: START - 30 * DAY_MS,
      etag: null,
    });
  });

  test.each([
    { outcome: "gone" as const, before: true },
    { outcome: "changed" as const, before: false },
    { outcome: "refused" as const, before: false },
    { outcome: "unknown" as const, before: false },
  ])("whether an earlier removal took its object: after $outcome $before", async ({ outcome, before }) => {
    const ports = await withLease();
    await ports.settle(ports.held, await ports.condemned(ports.held, "k"), outcome, START + DAY_MS);
    expect((await factsOf(ports, ports.held))?.removedBefore).toBe(before);
  });

  test("the look of the object that a person kept, the latest of several", async () => {
    const ports = await withLease();
    const release = (id: string, etag: string, at: number): Promise<unknown> =>
      ports.execute(
        `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, size_bytes, modified_at, etag, created_at, released_by, finished_at)
          VALUES (?, 'k', 'released', 'unreferenced', 'orphaned-objects', 'run', 5, 6, ?, 1, 'operator', ?)`,
        [id, etag, at],
      );
    await release("b", "old", START - 2);
    await release("a", "new", START - 1);
    expect(await factsOf(ports, ports.held)).toMatchObject({
      kept: { sizeBytes: 5, modifiedAt: 6, etag: "new" },
      removal: null,
    });
  });

  test("what a row protected again, or a scan found gone, is no person's veto", async () => {
    const ports = await withLease();
    await ports.sight(ports.held, "k");
    ports.database.journal.follow(ports.held, freshEntry("run-2", { startedAt: START + 1 }));
    await ports.database.ledger.closeScan(ports.held, { runId: "run-2", at: START, promoteUpTo: null });
    expect(await ports.states()).toEqual({ k: "released" });
    expect(await factsOf(ports, ports.held)).toMatchObject({ kept: null });
  });

  test("no keys, no facts; the same key twice, one fact", async () => {
    const { database, held } = await withLease();
    expect((await unprotected(database, held, [])).size).toBe(0);
    expect([...(await unprotected(database, held, ["a", "a"])).keys()]).toEqual(["a"]);
  });

  test.each([
    "",
    "a'b",
    'a"b',
    "a\\b",
    "a%b",
    "é",
    "e\u0301",
    "\u{1F600}",
    "ｿ",
    "line\nbreak",
    "\u0001",
    "x".repeat(1024),
  ])("byte for byte: %j", async (key) => {
    const { insert, database, held } = await withLease();
    expect([...(await unprotected(database, held, [key])).keys()]).toEqual([key]);
    await insert({ key, expires_at: null });
    expect((await unprotected(database, held, [key])).size).toBe(0);
  });

  test("a listed key with a NUL is never taken for the protected key before the NUL", async () => {
    const { insert, database, held } = await withLease();
    await insert({ key: "a", expires_at: null });
    expect((await unprotected(database, held, ["a", "a\u0000b"])).has("a")).toBe(false);
  });
});

describe("compare finds the live rows of a stretch that its page did not show", () => {
  const STRETCH: ListedStretch = { after: null, to: null, keys: [], madeBefore: START - HOUR_MS, missingLimit: 100 };

  async function missing(ports: Ports & { held: HeldLease }, more: Partial<ListedStretch>): Promise<string[]> {
    const found = await ports.database.catalog.compare(ports.held, { ...STRETCH, ...more });
    return found.missing.map(({ key }) => key);
  }

  test.each([
    { after: null, to: null, keys: [], found: ["a", "b", "c"] },
    { after: null, to: null, keys: ["a", "c"], found: ["b"] },
    { after: "a", to: null, keys: [], found: ["b", "c"] },
    { after: "a", to: "b", keys: [], found: ["b"] },
    { after: null, to: "b", keys: ["b"], found: ["a"] },
    { after: "b", to: "bb", keys: [], found: [] },
  ])("behind $after, up to $to, without $keys: $found", async ({ found, ...stretch }) => {
    const ports = await withLease();
    await ports.insert({ key: "b" }, { key: "a" }, { key: "c" }, { key: "c" });
    expect(await missing(ports, stretch)).toEqual(found);
  });

  test.each<{ what: string; row: Record<string, Value>; found: boolean }>([
    { what: "made at the cut-off", row: { created_at: START - HOUR_MS }, found: true },
    { what: "made behind it", row: { created_at: START - HOUR_MS + 1 }, found: false },
    { what: "made at the cut-off, in seconds", row: { created_at: START / SECOND_MS - 3600 }, found: true },
    { what: "made behind it, in seconds", row: { created_at: START / SECOND_MS - 3599 }, found: false },
    { what: "made nobody knows when", row: { created_at: "x" }, found: false },
    { what: "made at zero", row: { created_at: 0 }, found: false },
    { what: "expired", row: { status: "expired" }, found: false },
    { what: "of an unknown status", row: { status: "archived" }, found: false },
    { what: "due, and not ended yet", row: { expires_at: 1 }, found: true },
    { what: "with a blob for a key", row: { key: new TextEncoder().encode("k") }, found: false },
    { what: "with a NUL in its key", row: { key: "k\u0000x" }, found: false },
    { what: "with the empty key", row: { key: "" }, found: true },
  ])("a row $what: $found", async ({ row, found }) => {
    const ports = await withLease();
    await ports.insert({ key: "k", ...row });
    expect(await missing(ports, {})).toHaveLength(found ? 1 : 0);
  });

  test("in the order of their bytes, no more than asked for, and on from the last", async () => {
    const ports = await withLease();
    const keys = ["B", "a", "e\u0301", "é", "\uff5e", "\u{1F600}"];
    await ports.insert(...keys.toReversed().map((key) => ({ key })));
    expect(await missing(ports, { missingLimit: 4 })).toEqual(keys.slice(0, 4));
    expect(await missing(ports, { after: "é", missingLimit: 4 })).toEqual(keys.slice(4));
  });

  test("a key of several rows once, with the bytes of the larger; in the same round trip as the rest", async () => {
    const { database, held, insert } = await withLease();
    await insert({ key: "k", size_bytes: 5 }, { key: "k", size_bytes: 9 }, { key: "k", size_bytes: "x" });
    const before = database.calls();
    const found = await database.catalog.compare(held, { ...STRETCH, keys: ["orphan"] });
    expect(database.calls() - before).toBe(1);
    expect(found.missing).toEqual([{ key: "k", sizeBytes: 9 }]);
    expect([...found.unprotected.keys()]).toEqual(["orphan"]);
  });

  test("none where they are not looked for", async () => {
    const ports = await withLease();
    await ports.insert({ key: "k" });
    expect(await missing(ports, { madeBefore: null })).toEqual([]);
  });
});

describe("protectedAfter says what a plan would leave protected", () => {
  /** What is still protected once the due rows of the first `pages` pages of `limit` have ended. */
  async function protectedIn(ports: Ports, held: HeldLease, keys: readonly string[], limit = 1000): Promise<string[]> {
    const page = await ports.database.catalog.due(held, { ...CUTOFFS, after: null, limit });
    if (page.last === null) throw new Error("nothing is due");
    return [...(await ports.database.catalog.protectedAfter(held, keys, { ...CUTOFFS, cursor: page.last }))].sort();
  }

  test("a key whose rows are all due is not", async () => {
    const ports = await withLease();
    await ports.insert({ key: "a" }, { key: "a", ...USED_UP }, { key: "b", expires_at: null });
    expect(await protectedIn(ports, ports.held, ["a", "b", "nobody's"])).toEqual(["b"]);
  });

  test("rows behind the place still protect", async () => {
    const ports = await withLease();
    await ports.insert({ id: "1", key: "a" }, { id: "2", key: "a" });
    expect(await protectedIn(ports, ports.held, ["a"], 1)).toEqual(["a"]);
    expect(await protectedIn(ports, ports.held, ["a"], 2)).toEqual([]);
  });

  test.each([
    { what: "on hold", row: { hold: 1 } },
    { what: "with an unreadable expiry", row: { expires_at: "soon" } },
    { what: "with an expiry of zero", row: { expires_at: 0 } },
    { what: "of another status", row: { status: "archived" } },
  ])("a row $what goes on protecting", async ({ row }) => {
    const ports = await withLease();
    await ports.insert({ key: "a" }, { key: "a", ...row }, { key: "z", ...USED_UP });
    expect(await protectedIn(ports, ports.held, ["a"])).toEqual(["a"]);
  });

  test("it changes nothing", async () => {
    const ports = await withLease();
    await ports.insert({ key: "a" });
    const before = await ports.dump();
    await protectedIn(ports, ports.held, ["a"]);
    expect(await ports.dump()).toBe(before);
  });
});
