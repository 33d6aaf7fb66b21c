/** orphaned-objects through whole runs. */
import { describe, expect, test } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import type { RunReport } from "../../src/core/model.ts";
import type { ListedObject, ListPage, Store } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { createFakeClock, START } from "../support/fake-clock.ts";
import { createWorld, PROBE_LIMIT, sweepOf, type World } from "../support/world.ts";

const orphans = (report: RunReport): ReturnType<typeof sweepOf> => sweepOf(report, "orphaned-objects");

describe("the quarantine", () => {
  test("an orphan is suspected by one run and removed by a later one, after the quarantine", async () => {
    const world = await createWorld();
    world.put(["orphan"]);
    await world.upload({ key: "live" });
    const first = orphans(await world.run());
    expect(first).toMatchObject({
      seen: { count: 2, bytes: 20 },
      suspected: { count: 1, bytes: 10 },
      removed: { count: 0 },
      kept: { "still-protected": { count: 1, bytes: 10 } },
    });
    expect(await world.ledger()).toEqual(["orphan suspected"]);

    world.clock.advance(24 * HOUR_MS - 1);
    expect(orphans(await world.run())).toMatchObject({ suspected: { count: 1 }, removed: { count: 0 } });
    expect(world.keys()).toEqual(["live", "orphan"]);

    world.clock.advance(1);
    expect(orphans(await world.run())).toMatchObject({ suspected: { count: 0 }, removed: { count: 1, bytes: 10 } });
    expect(world.keys()).toEqual(["live"]);
    expect(await world.removals()).toMatchObject([{ key: "orphan", state: "removed", reason: "unreferenced" }]);
  });

  test("without a quarantine an orphan goes at its first sighting", async () => {
    const world = await createWorld({ settings: { quarantineMs: 0 } });
    world.put(["orphan"]);
    expect(orphans(await world.run())).toMatchObject({ removed: { count: 1 } });
    expect(world.keys()).toEqual([]);
  });

  test("an object no older than the grace is kept, without a quarantine too", async () => {
    const world = await createWorld({ settings: { quarantineMs: 0 } });
    world.put(["exactly"], 24 * HOUR_MS);
    world.put(["future"], -DAY_MS);
    world.put(["over"], 24 * HOUR_MS + 1);
    world.store.put("unknown", { sizeBytes: 10, modifiedAt: null });
    expect(orphans(await world.run())).toMatchObject({
      removed: { count: 1 },
      kept: { "too-young": { count: 2 }, "unknown-age": { count: 1 } },
    });
    expect(world.keys()).toEqual(["exactly", "future", "unknown"]);
  });

  test("an object of unknown age is kept for ever", async () => {
    const world = await createWorld();
    world.store.put("unknown", { sizeBytes: 10, modifiedAt: null });
    for (let day = 0; day < 5; day += 1) {
      await world.run();
      world.clock.advance(30 * DAY_MS);
    }
    expect(world.keys()).toEqual(["unknown"]);
    expect(await world.ledger()).toEqual([]);
  });

  test("a changed orphan starts its quarantine anew", async () => {
    const world = await createWorld();
    world.put(["orphan"]);
    await world.run();
    world.clock.advance(25 * HOUR_MS);
    world.put(["orphan"], 30 * HOUR_MS);
    expect(orphans(await world.run())).toMatchObject({ suspected: { count: 1 }, removed: { count: 0 } });
    world.clock.advance(24 * HOUR_MS - 1);
    expect(orphans(await world.run())).toMatchObject({ suspected: { count: 1 }, removed: { count: 0 } });
    world.clock.advance(1);
    expect(orphans(await world.run())).toMatchObject({ removed: { count: 1 } });
  });

  test("a suspect that changes between the scan and the delete is left alone, and is suspected anew", async () => {
    const world: World = await createWorld({
      wrapStore: (store) => ({
        ...store,
        delete(requests) {
          for (const { key } of requests) world.put([key], 40 * HOUR_MS);
          return store.delete(requests);
        },
      }),
    });
    world.put(["orphan"]);
    await world.run();
    world.clock.advance(25 * HOUR_MS);
    expect(orphans(await world.run())).toMatchObject({
      removed: { count: 0 },
      deferred: { count: 0 },
      kept: { "changed-meanwhile": { count: 1 } },
    });
    expect(world.keys()).toEqual(["orphan"]);
    expect(await world.removals()).toMatchObject([{ state: "released", released_by: "changed" }]);
    expect(orphans(await world.run())).toMatchObject({ suspected: { count: 1 }, removed: { count: 0 } });
  });

  test("a suspect that a complete scan no longer lists is released, and begins anew when it returns", async () => {
    const world = await createWorld();
    world.put(["orphan", "other"]);
    await world.run();
    world.bytes.remove("orphan");
    world.clock.advance(HOUR_MS);
    await world.run();
    expect(await world.removals()).toMatchObject([
      { key: "orphan", state: "released", released_by: "gone" },
      { key: "other", state: "suspected" },
    ]);
    world.put(["orphan"]);
    world.clock.advance(25 * HOUR_MS);
    expect(orphans(await world.run())).toMatchObject({ removed: { count: 1 }, suspected: { count: 1 } });
    expect(world.keys()).toEqual(["orphan"]);
  });

  test("a suspect that a row names meanwhile is kept", async () => {
    const world = await createWorld();
    world.put(["late"]);
    await world.run();
    await world.insert({ key: "late" });
    world.clock.advance(25 * HOUR_MS);
    expect(orphans(await world.run())).toMatchObject({
      removed: { count: 0 },
      kept: { "still-protected": { count: 1 } },
    });
    expect(world.keys()).toEqual(["late"]);
  });

  test("a key that becomes garbage again gets a new removal", async () => {
    const world = await createWorld();
    await world.upload({ id: "first", key: "again", expires_at: START });
    await world.run();
    world.clock.advance(HOUR_MS);
    await world.upload({ id: "second", key: "again", expires_at: START + 2 * HOUR_MS });
    await world.run();
    expect(world.keys()).toEqual(["again"]);
    world.clock.advance(HOUR_MS);
    await world.run();
    expect(world.keys()).toEqual([]);
    expect(await world.ledger()).toEqual(["again removed", "again removed"]);
  });
});

describe("left-overs", () => {
  async function withLeftOver(settings: { leftovers: "all" | "own" }): Promise<World> {
    const world = await createWorld({ settings: { ...settings, quarantineMs: 0 } });
    await world.upload({ key: "theirs", status: "expired" });
    await world.upload({ key: "ours", expires_at: START });
    await world.run({ sweeps: ["expired-files"] });
    // An upload that arrived late, over a key that was removed.
    world.put(["ours"]);
    return world;
  }

  test("an object whose rows are all expired, with no removal open, goes", async () => {
    const world = await withLeftOver({ leftovers: "all" });
    expect(orphans(await world.run())).toMatchObject({ removed: { count: 2 } });
    expect(world.keys()).toEqual([]);
    expect(await world.removals()).toMatchObject([
      { reason: "expired" },
      { reason: "left-over" },
      { reason: "left-over" },
    ]);
  });

  test("where told to keep to its own, only a key that was removed before goes", async () => {
    const world = await withLeftOver({ leftovers: "own" });
    expect(orphans(await world.run())).toMatchObject({ removed: { count: 1 }, kept: { "not-ours": { count: 1 } } });
    expect(world.keys()).toEqual(["theirs"]);
  });
});

describe("what is never looked at", () => {
  test("filesweep's own corner and ignored prefixes are not even seen", async () => {
    const world = await createWorld({ settings: { quarantineMs: 0, ignorePrefixes: ["images/", "raw"] } });
    world.put([".filesweep/notes", "images/a", "rawhide", "images2/a", ".filesweeper"]);
    expect(orphans(await world.run())).toMatchObject({ seen: { count: 2 }, removed: { count: 2 } });
    expect(world.keys()).toEqual([".filesweep/notes", "images/a", "rawhide"]);
  });

  test("a prefix that is kept out after the nomination binds the remover too", async () => {
    const world = await createWorld();
    world.store.refuse("images/a", "AccessDenied");
    await world.upload({ key: "images/a", expires_at: START });
    await world.run();
    expect(await world.ledger()).toEqual(["images/a failed"]);
    world.store.refuse("images/a", null);
    world.clock.advance(DAY_MS);
    const other = await world.createInstance({ settings: { ignorePrefixes: ["images/"] } });
    await world.run({}, other);
    expect(world.keys()).toEqual(["images/a"]);
    expect(await world.ledger()).toEqual(["images/a released"]);
  });

  test("a prefix that is kept out after the nomination binds the remover however small its pages", async () => {
    const world = await createWorld();
    await world.upload({ key: "a", expires_at: START });
    await world.upload({ key: "images/b", expires_at: START });
    for (const key of ["a", "images/b"]) world.store.refuse(key, "AccessDenied");
    await world.run();
    for (const key of ["a", "images/b"]) world.store.refuse(key, null);
    world.clock.advance(DAY_MS);
    // The first of the two is protected again: its place on the remover's page falls to the next one.
    await world.insert({ key: "a" });
    const other = await world.createInstance({ settings: { ignorePrefixes: ["images/"], pageSize: 1 } });
    await world.run({}, other);
    expect(world.keys()).toEqual(["a", "images/b"]);
  });

  test("odd keys are told apart: none is taken for another that is alive", async () => {
    const world = await createWorld({ settings: { quarantineMs: 0 } });
    const odd = ["e\u0301", "100%", "q'\"`;--", "\u{1f600}", "\uff5e", " ", "\n", "../up", "/abs", "a//b"];
    const near = ["a", "\u00e9", "100", "q", "\u{1f601}", "up", "abs", "a/b", "A"];
    for (const key of near) await world.upload({ key });
    world.put(odd);
    await world.run();
    expect(world.keys().filter((key) => near.includes(key))).toHaveLength(near.length);
    expect(world.keys().filter((key) => odd.includes(key))).toEqual([]);
  });

  test("a key with a NUL is kept, and not taken for the key before the NUL", async () => {
    const world = await createWorld({ settings: { quarantineMs: 0 } });
    await world.upload({ key: "a" });
    world.put(["a\u0000b"]);
    await world.run();
    expect(await world.ledger()).toEqual([]);
    expect(world.keys()).toEqual(["a", "a\u0000b"]);
  });

  test("oddities are kept and counted", async () => {
    const world = await createWorld({ settings: { quarantineMs: 0 } });
    world.put(["link", "weird", "orphan"]);
    const odd: Record<string, ListedObject["oddity"]> = { link: "not-a-regular-file", weird: "invalid-key" };
    const instance = await world.createInstance({
      wrapStore: (store) => ({
        ...store,
        async list(options) {
          const page = await store.list(options);
          const objects = page.objects.map((object) => {
            const oddity = odd[object.key];
            return oddity === undefined ? object : { ...object, oddity };
          });
          return { ...page, objects };
        },
      }),
    });
    expect(orphans(await world.run({}, instance))).toMatchObject({
      removed: { count: 1 },
      kept: { "not-a-regular-file": { count: 1 }, "invalid-key": { count: 1 } },
    });
    expect(world.keys()).toEqual(["link", "weird"]);
  });
});

describe("a listing that cannot be trusted", () => {
  /** Pages of two, some of them spoilt. `page` counts from 1; the probe at the beginning of a run is none. */
  function spoilt(spoil: (page: ListPage, number: number) => ListPage | Promise<ListPage>): (store: Store) => Store {
    return (store) => {
      let number = 0;
      return {
        ...store,
        async list(options) {
          const page = await store.list(options);
          if (options.limit === PROBE_LIMIT) return page;
          number += 1;
          return spoil(page, number);
        },
      };
    };
  }

  // The first page of two is the identity marker and "a".
  const KEYS = ["a", "b", "c", "d", "e", "f"];
  const faults: readonly (readonly [string, "corrupt" | "unavailable", (store: Store) => Store])[] = [
    [
      "is out of order",
      "corrupt",
      spoilt((page, number) => (number === 2 ? { ...page, objects: page.objects.toReversed() } : page)),
    ],
    [
      "repeats a key within a page",
      "corrupt",
      spoilt((page, number) =>
        number === 2 ? { ...page, objects: page.objects.slice(0, 1).flatMap((object) => [object, object]) } : page,
      ),
    ],
    [
      "repeats the page before",
      "corrupt",
      (store) => ({ ...store, list: ({ limit }) => store.list({ after: null, limit }) }),
    ],
    ["goes on where it was", "corrupt", spoilt((page, number) => (number === 2 ? { objects: [], next: "a" } : page))],
    ["goes back", "corrupt", spoilt((page, number) => (number === 2 ? { objects: [], next: "A" } : page))],
    [
      "goes on before its last key",
      "corrupt",
      spoilt((page, number) => (number === 2 ? { ...page, next: "b" } : page)),
    ],
    [
      "fails on its second page",
      "unavailable",
      spoilt((page, number) => {
        if (number === 2) throw new SweepError("unavailable", "the store did not answer");
        return page;
      }),
    ],
  ];
  for (const [what, , wrapStore] of faults) {
    test(`a listing that ${what} fails the sweep: nothing is removed, nothing is "gone"`, async () => {
      const world = await createWorld({ settings: { pageSize: 2 } });
      world.put(KEYS);
      await world.run();
      world.clock.advance(25 * HOUR_MS);
      const instance = await world.createInstance({ wrapStore });
      const report = await world.run({}, instance);
      expect(report.status).toBe("completed-with-failures");
      expect(orphans(report)).toMatchObject({ status: "failed", removed: { count: 0 } });
      expect(orphans(report).error).toBeTruthy();
      expect(sweepOf(report, "expired-files").status).toBe("completed");
      expect(world.keys()).toEqual(KEYS);
      expect(await world.ledger()).toEqual(KEYS.map((key) => `${key} suspected`));
      // The store recovers, and so does filesweep.
      expect(orphans(await world.run())).toMatchObject({ status: "completed", removed: { count: 6 } });
    });
  }

  test("an empty page with a continuation is not the end", async () => {
    const holes = (store: Store): Store => {
      let empty = false;
      return {
        ...store,
        async list({ after, limit }) {
          if (limit === PROBE_LIMIT) return store.list({ after, limit });
          empty = !empty;
          const page = await store.list({ after, limit: 2 });
          // Covers a stretch without objects: up to just behind what was covered before.
          if (empty) return { objects: [], next: `${after ?? ""}!` };
          return page;
        },
      };
    };
    const world = await createWorld({ settings: { pageSize: 2 } });
    world.put(KEYS);
    await world.run();
    world.clock.advance(25 * HOUR_MS);
    const instance = await world.createInstance({ wrapStore: holes });
    expect(orphans(await world.run({}, instance))).toMatchObject({
      status: "completed",
      seen: { count: 6 },
      removed: { count: 6 },
    });
    expect(world.keys()).toEqual([]);
  });

  test("an empty page with a continuation makes nothing behind it gone", async () => {
    const world = await createWorld({ settings: { pageSize: 2 } });
    world.put(KEYS);
    await world.run();
    const instance = await world.createInstance({
      wrapStore: (store) => ({
        ...store,
        list: ({ after, limit }) =>
          after === null && limit !== PROBE_LIMIT
            ? Promise.resolve({ objects: [], next: "!" })
            : store.list({ after, limit }),
      }),
    });
    await world.run({}, instance);
    expect(await world.ledger()).toEqual(KEYS.map((key) => `${key} suspected`));
  });

  test("short pages that are not the last are gone through to the end", async () => {
    const world = await createWorld();
    world.put(KEYS);
    const instance = await world.createInstance({
      wrapStore: (store) => ({ ...store, list: ({ after }) => store.list({ after, limit: 1 }) }),
    });
    expect(orphans(await world.run({}, instance))).toMatchObject({ seen: { count: 6 }, suspected: { count: 6 } });
  });
});

describe("order", () => {
  test("objects before rows: a file uploaded between the listing and the look-up is no suspect", async () => {
    const world: World = await createWorld({
      settings: { quarantineMs: 0 },
      wrapStore: (store) => ({
        ...store,
        async list(options) {
          const page = await store.list(options);
          // The application names the object right after it was listed.
          if (
            options.limit !== PROBE_LIMIT &&
            (await world.rows("SELECT 1 FROM files WHERE key = 'late'")).length === 0
          )
            await world.insert({ key: "late" });
          return page;
        },
      }),
    });
    world.put(["late"]);
    expect(orphans(await world.run())).toMatchObject({
      removed: { count: 0 },
      kept: { "still-protected": { count: 1 } },
    });
    expect(world.keys()).toEqual(["late"]);
    expect(await world.ledger()).toEqual([]);
  });

  test("a quarantine begins when the object was seen, not when the run began", async () => {
    const world: World = await createWorld({
      wrapStore: (store) => ({
        ...store,
        list(options) {
          if (options.limit !== PROBE_LIMIT) world.clock.advance(9000);
          return store.list(options);
        },
      }),
    });
    world.put(["orphan"]);
    await world.run();
    world.clock.advance(24 * HOUR_MS - 1);
    await world.run();
    expect(world.keys()).toEqual(["orphan"]);
  });

  test("every object of a run is judged by the same now", async () => {
    const world: World = await createWorld({
      settings: { quarantineMs: 0, pageSize: 1 },
      wrapStore: (store) => ({
        ...store,
        list(options) {
          world.clock.advance(1000);
          return store.list(options);
        },
      }),
    });
    // On the last ms of their grace when the run begins; the listing takes seconds.
    world.put(["a", "b", "c"], 24 * HOUR_MS);
    expect(orphans(await world.run())).toMatchObject({ kept: { "too-young": { count: 3 } }, removed: { count: 0 } });
  });

  test("a clock that is set while a run is under way moves nothing that it writes", async () => {
    const world = await createWorld({ settings: { quarantineMs: 0 } });
    const clock = createFakeClock();
    const instance = await world.createInstance({
      settings: { quarantineMs: 0 },
      wrapStore: (store) => ({
        ...store,
        list(options) {
          clock.set(START + 30 * DAY_MS);
          return store.list(options);
        },
      }),
    });
    world.put(["orphan"]);
    const report = await world.run({}, { ...instance, clock });
    expect(report).toMatchObject({ startedAt: START, finishedAt: START });
    const seen = await world.rows("SELECT state, first_seen_at, finished_at FROM filesweep_removals");
    expect(seen).toEqual([{ state: "removed", first_seen_at: START, finished_at: START }]);
  });

  test("a ripe orphan that a row names before it is condemned is kept: every attempt repeats the check", async () => {
    const world: World = await createWorld({
      settings: { quarantineMs: 0 },
      wrapClient: (client) => ({
        ...client,
        async batch(statements, mode) {
          if (statements.some(({ sql }) => sql.includes("last_seen_run <>"))) await world.insert({ key: "late" });
          return client.batch(statements, mode);
        },
      }),
    });
    world.put(["late", "orphan"]);
    expect(orphans(await world.run())).toMatchObject({
      removed: { count: 1 },
      deferred: { count: 0 },
      kept: { "still-protected": { count: 1 } },
    });
    expect(world.keys()).toEqual(["late"]);
    expect(await world.removals()).toMatchObject([
      { key: "late", state: "released", released_by: "protected" },
      { key: "orphan" },
    ]);
  });
});
