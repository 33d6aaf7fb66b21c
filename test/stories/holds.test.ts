import { describe, expect, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { createSweeperOf } from "../../src/core/sweeper.ts";
import { START } from "../support/fake-clock.ts";
import { causes, due, knownSite, names } from "../support/site.ts";
import { createWorld, sweepOf, type World } from "../support/world.ts";

describe("first-contact", () => {
  test("a store with objects that this database has not met is held, and nothing goes", async () => {
    const world = await knownSite(3, { settings: { firstRun: "hold" } });
    await world.insert(...due(1));
    world.put(["due/00000"]);
    const report = await world.run();
    expect(report.status).toBe("held");
    expect(causes(report)).toEqual(["first-contact"]);
    expect(world.store.keys()).toHaveLength(4);
    expect(sweepOf(report, "expired-files")).toMatchObject({
      status: "held",
      removed: { count: 0 },
      kept: { held: { count: 1 } },
    });
  });

  test("it shows some of each kind of what would go: many of one do not hide the others", async () => {
    const world = await knownSite(300, { settings: { firstRun: "hold" } });
    await world.insert(...due(150));
    world.put(["orphan"]);
    const { sample = [] } = (await world.run()).holds[0] ?? {};
    const kinds = sample.map(({ reason, mayGoAt }) => `${reason} ${mayGoAt === null ? "at once" : "later"}`);
    expect(kinds.filter((kind) => kind === "expired at once")).toHaveLength(20);
    expect(kinds.at(-1)).toBe("unreferenced later");
  });

  test("an empty store is met without a person", async () => {
    const world = await createWorld({ settings: { firstRun: "hold" } });
    expect((await world.run()).status).toBe("completed");
    world.put(["a"]);
    await world.insert({ key: "a" });
    expect((await world.run()).status).toBe("completed");
  });

  test("approved, the run goes on under its id and the pair knows each other", async () => {
    const world = await knownSite(3, { settings: { firstRun: "hold" } });
    await world.insert(...due(1));
    world.put(["due/00000"]);
    const held = await world.run();
    await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
    const report = await world.run();
    expect(report).toMatchObject({ id: held.id, status: "completed", slices: 2 });
    expect(world.store.has("due/00000")).toBe(false);
    expect((await world.run()).holds).toEqual([]);
  });

  test("cancelled, it is silent and still held", async () => {
    const world = await knownSite(3, { settings: { firstRun: "hold" } });
    await world.insert(...due(1));
    world.put(["due/00000"]);
    const held = await world.run();
    await createSweeperOf(world.parts).cancel(held.holds[0]?.id ?? "");
    const report = await world.run();
    expect(report.holds[0]).toMatchObject({ id: held.holds[0]?.id, status: "cancelled" });
    expect(report.status).toBe("held");
    expect(world.store.has("due/00000")).toBe(true);
    expect(world.logs.filter(({ event }) => event === "hold.opened")).toHaveLength(1);
  });
});

describe("too-many-expired", () => {
  test.each([
    { rows: 100, live: 0, held: false, rule: "up to 100 rows are never too many" },
    { rows: 101, live: 101, held: false, rule: "half of the live rows is not over 50 %" },
    { rows: 101, live: 100, held: true, rule: "one more than half is" },
  ])("$rows due beside $live others: held=$held ($rule)", async ({ rows, live, held }) => {
    const world = await knownSite(live);
    await world.insert(...due(rows));
    world.put(names("due", rows));
    const report = await world.run();
    expect(report.status).toBe(held ? "held" : "completed");
    expect(world.store.keys().filter((key) => key.startsWith("due/"))).toHaveLength(held ? rows : 0);
    expect(causes(report)).toEqual(held ? ["too-many-expired"] : []);
  });

  test("a little every hour adds up to too much within a day", async () => {
    const world = await knownSite(200);
    let ended = 0;
    let held = 0;
    for (let hour = 0; hour < 10; hour += 1) {
      await world.insert(...due(40, `hour${hour}`));
      const report = await world.run();
      if (report.status === "held") held += 1;
      ended += sweepOf(report, "expired-files").removed.count;
      world.clock.advance(HOUR_MS);
    }
    expect(held).toBeGreaterThan(0);
    // 200 live ones stay: never more than as many within 24 hours.
    expect(ended).toBe(200);
  });

  test("an approval covers what was due when the hold was refreshed, and nothing that came later", async () => {
    const world = await knownSite(10);
    await world.insert(...due(150));
    world.put(names("due", 150));
    const held = await world.run();
    await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
    world.clock.advance(HOUR_MS);
    await world.execute("UPDATE files SET expires_at = NULL WHERE key = 'due/00007'");
    await world.insert(...due(150, "later"));
    world.put(names("later", 150));
    const report = await world.run();
    expect(report.id).toBe(held.id);
    expect(world.store.has("due/00007")).toBe(true);
    expect(world.store.keys().filter((key) => key.startsWith("due/"))).toHaveLength(1);
    expect(world.store.keys().filter((key) => key.startsWith("later/"))).toHaveLength(150);
    expect(report.status).toBe("held");
    expect(sweepOf(report, "expired-files").removed.count).toBe(149);
  });

  test("a plan that looks again covers what it shows, and leaves the hold to the run that waits: approved, that goes on", async () => {
    const world = await knownSite(10);
    await world.insert(...due(150));
    world.put(names("due", 150));
    const held = await world.run();
    world.clock.advance(HOUR_MS);
    await world.insert(...due(5, "later"));
    world.put(names("later", 5));
    const plan = await world.plan();
    expect(plan.holds).toMatchObject([{ id: held.holds[0]?.id, count: 155, runId: held.id }]);
    await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
    const report = await world.run();
    expect(report).toMatchObject({ id: held.id, status: "completed" });
    expect(sweepOf(report, "expired-files").removed.count).toBe(155);
  });
});

describe("too-many-orphans", () => {
  const settings = { quarantineMs: 0 };
  test.each([
    { orphans: 20, live: 0, held: false, rule: "up to 20 are never too many" },
    { orphans: 21, live: 189, held: false, rule: "a tenth is not over 10 %" },
    { orphans: 21, live: 188, held: true, rule: "more than a tenth is" },
  ])("$orphans orphans beside $live live ones: held=$held ($rule)", async ({ orphans, live, held }) => {
    const world = await knownSite(live === 0 ? 1 : live, { settings });
    world.put(names("orphan", live === 0 ? orphans : orphans));
    const report = await world.run();
    expect(causes(report)).toEqual(held ? ["too-many-orphans"] : []);
    expect(world.store.keys().filter((key) => key.startsWith("orphan/"))).toHaveLength(held ? orphans : 0);
  });

  test("expired files go on while orphans are held", async () => {
    const world = await knownSite(10, { settings });
    world.put([...names("orphan", 50), "due/00000"]);
    await world.insert(...due(1));
    const report = await world.run();
    expect(report.status).toBe("held");
    expect(sweepOf(report, "expired-files")).toMatchObject({ status: "completed", removed: { count: 1 } });
    expect(sweepOf(report, "orphaned-objects")).toMatchObject({
      status: "held",
      removed: { count: 0 },
      kept: { held: { count: 50 } },
    });
  });

  test("an approval lets suspects go that were still in quarantine, for seven days", async () => {
    const world = await knownSite(10, { settings: { quarantineMs: DAY_MS } });
    world.put(names("orphan", 30));
    await world.run();
    world.clock.advance(25 * HOUR_MS);
    world.put(names("young", 30));
    const held = await world.run();
    expect(causes(held)).toEqual(["too-many-orphans"]);
    await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
    const report = await world.run();
    expect(report).toMatchObject({ id: held.id });
    expect(world.store.keys().filter((key) => key.startsWith("orphan/"))).toHaveLength(0);
    world.clock.advance(25 * HOUR_MS);
    await world.run();
    expect(world.store.keys().filter((key) => key.startsWith("young/"))).toHaveLength(0);
  });

  test("a second approval lets through what came after the first", async () => {
    const world = await knownSite(10, { settings });
    world.put(names("orphan", 30));
    const first = await world.run();
    await createSweeperOf(world.parts).approve(first.holds[0]?.id ?? "");
    world.clock.advance(HOUR_MS);
    world.put(names("later", 30));
    const second = await world.run();
    expect(causes(second)).toEqual(["too-many-orphans"]);
    expect(world.store.keys().filter((key) => key.startsWith("later/"))).toHaveLength(30);
    await createSweeperOf(world.parts).approve(second.holds[0]?.id ?? "");
    await world.run();
    expect(world.store.keys().filter((key) => key.startsWith("later/"))).toHaveLength(0);
  });

  test("approved, the run looks anew: what was named or replaced since is neither counted nor removed", async () => {
    // A store that cannot compare deletes whatever is there.
    const wrapStore = (store: Store): Store => ({
      ...store,
      delete: (requests) => store.delete(requests.map(({ key }) => ({ key }))),
    });
    const world = await knownSite(10, { settings, wrapStore });
    const [named = "", replaced = "", ...orphans] = names("orphan", 30);
    world.put([named, replaced, ...orphans]);
    const held = await world.run();
    await world.insert({ key: named });
    world.put([replaced], 0);
    await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
    const report = await world.run();
    expect(report.id).toBe(held.id);
    expect(sweepOf(report, "orphaned-objects").removed.count).toBe(orphans.length);
    expect(world.store.keys().filter((key) => key.startsWith("orphan/"))).toEqual([named, replaced]);
    // A later run sees to what the reopened one did not see again.
    world.clock.advance(1000);
    await world.run();
    expect((await world.ledger()).filter((line) => !line.endsWith("removed"))).toEqual([
      `${named} released`,
      `${replaced} released`,
    ]);
  });

  test("slices that only together are too much are held as one scan", async () => {
    const world = await knownSite(60, { settings: { ...settings, pageSize: 10, maxCalls: 20 } });
    world.put(names("orphan", 30));
    let report = await world.run();
    for (let slice = 0; report.status === "paused" && slice < 50; slice += 1) report = await world.run();
    expect(causes(report)).toEqual(["too-many-orphans"]);
    expect(report.slices).toBeGreaterThan(1);
    expect(world.store.keys().filter((key) => key.startsWith("orphan/"))).toHaveLength(30);
  });
});

describe("identity", () => {
  const marked = { settings: {} };

  test("the wrong database against a full store", async () => {
    const world = await knownSite(3, marked);
    await world.run();
    const other = await knownSite(3, marked);
    // The ids of the two worlds are counted alike: one more keeps their names apart.
    await other.plan();
    await other.run();
    const swapped = await other.createInstance({ wrapStore: () => world.store });
    const report = await other.run({}, swapped);
    expect(causes(report)).toEqual(["wrong-pair"]);
    expect(await other.removals()).toEqual([]);
  });

  test("an older copy of the database put back", async () => {
    const world = await knownSite(3, marked);
    await world.run();
    const [twin] = await world.rows<{ value: string }>("SELECT value FROM filesweep_meta WHERE name = 'twin'");
    await world.run();
    await world.execute("UPDATE filesweep_meta SET value = ? WHERE name = 'twin'", [twin?.value ?? ""]);
    world.put(["new-since"]);
    const report = await world.run();
    expect(causes(report)).toEqual(["restored-backup"]);
    expect(await world.removals()).toEqual([]);
  });

  test("a marker that somebody removed, even from an empty store", async () => {
    const world = await createWorld(marked);
    await world.run();
    world.store.remove(".filesweep/identity.json");
    expect(causes(await world.run())).toEqual(["marker-lost"]);
  });

  test("a put whose answer was lost is put again", async () => {
    const world = await createWorld(marked);
    let lose = true;
    const instance = await world.createInstance({
      wrapStore: (store) => ({
        ...store,
        writeMarker: async (text) => {
          if (!lose) return store.writeMarker(text);
          lose = false;
          throw new Error("lost");
        },
      }),
    });
    expect((await world.run({}, instance)).status).toBe("failed");
    world.put(["a"]);
    await world.insert({ key: "a" });
    expect((await world.run({}, instance)).status).toBe("completed");
  });

  test.each([
    { firstRun: "hold" as const, expected: ["first-contact"], rule: "a person looks once" },
    { firstRun: "remove" as const, expected: [], rule: "unless nobody wants to" },
  ])(
    "a put that failed in what looked empty, and objects there later: $expected ($rule)",
    async ({ firstRun, expected }) => {
      const world = await createWorld({ settings: { firstRun } });
      const unmounted = await world.createInstance({
        wrapStore: (store) => ({ ...store, writeMarker: () => Promise.reject(new Error("EACCES")) }),
      });
      expect((await world.run({}, unmounted)).status).toBe("failed");
      world.put(["a", "orphan"]);
      await world.insert({ key: "a" });
      const report = await world.run();
      expect(causes(report)).toEqual(expected);
      for (const { id } of report.holds) await createSweeperOf(world.parts).approve(id);
      expect((await world.run()).status).toBe("completed");
      expect((await world.run()).holds).toEqual([]);
    },
  );

  test("a put that failed beside objects that a person looked at is put again", async () => {
    const world = await knownSite(3, { settings: { firstRun: "hold" } });
    const held = await world.run();
    await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
    const failing = await world.createInstance({
      wrapStore: (store) => ({ ...store, writeMarker: () => Promise.reject(new Error("503")) }),
      settings: { firstRun: "hold" },
    });
    expect((await world.run({}, failing)).status).toBe("failed");
    expect(await world.run()).toMatchObject({ status: "completed", holds: [] });
  });

  test("a plan never writes the marker", async () => {
    const world = await createWorld(marked);
    await world.plan();
    expect(world.store.keys()).toEqual([]);
  });

  test("another instance's marker deeper down holds this scan's orphans and later runs", async () => {
    const world = await knownSite(30, { settings: { quarantineMs: 0 } });
    world.put(["team/.filesweep/identity.json", "team/a", "z"]);
    const first = await world.run();
    expect(causes(first)).toEqual(["nested-store"]);
    expect(world.store.has("team/a")).toBe(true);
    await world.insert(...due(1));
    world.put(["due/00000"]);
    expect((await world.run()).status).toBe("held");
    expect(world.store.has("due/00000")).toBe(true);
    world.store.remove("team/.filesweep/identity.json");
    await world.run();
    expect((await world.run()).status).toBe("completed");
    expect(world.store.has("due/00000")).toBe(false);
  });

  test("approved, what came after that is held again, by a hold that can be approved", async () => {
    const nested = ["team/.filesweep/identity.json", "team/a"];
    const world = await knownSite(30, { settings: { quarantineMs: 0 } });
    world.put(nested);
    const first = await world.run();
    await createSweeperOf(world.parts).approve(first.holds[0]?.id ?? "");
    world.clock.advance(HOUR_MS);
    // The same keys, and other objects.
    world.put(nested);
    const second = await world.run();
    expect([second.status, causes(second)]).toEqual(["held", ["nested-store"]]);
    expect(second.holds[0]?.id).not.toBe(first.holds[0]?.id);
    expect(nested.map((key) => world.store.has(key))).toEqual([true, true]);
    await createSweeperOf(world.parts).approve(second.holds[0]?.id ?? "");
    await world.run();
    expect(nested.map((key) => world.store.has(key))).toEqual([false, false]);
  });
});

describe("clocks", () => {
  const hourly = { settings: { intervalMs: HOUR_MS } };
  test.each([
    { aheadMs: 7 * DAY_MS + 10 * HOUR_MS, held: false },
    { aheadMs: 7 * DAY_MS + 10 * HOUR_MS + 1, held: true },
    { aheadMs: 365 * DAY_MS, held: true },
    { aheadMs: -5 * 60_000, held: false },
    { aheadMs: -5 * 60_000 - 1, held: true },
  ])("$aheadMs ms after the last run: held=$held", async ({ aheadMs, held }) => {
    const world = await knownSite(3, hourly);
    await world.run();
    world.clock.advance(aheadMs);
    expect(causes(await world.run())).toEqual(held ? ["clock-jump"] : []);
    // One held tick is not a run whose clock is believed.
    expect(causes(await world.run())).toEqual(held ? ["clock-jump"] : []);
  });

  test("approved, the new time is believed", async () => {
    const world = await knownSite(3, hourly);
    await world.run();
    world.clock.advance(30 * DAY_MS);
    const held = await world.run();
    await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
    expect((await world.run()).status).toBe("completed");
    expect((await world.run()).status).toBe("completed");
  });

  test("an approval that ran out believes no clock", async () => {
    const world = await knownSite(3, hourly);
    await world.run();
    world.clock.advance(30 * DAY_MS);
    const held = await world.run();
    await createSweeperOf(world.parts).approve(held.holds[0]?.id ?? "");
    world.clock.advance(7 * DAY_MS);
    expect(causes(await world.run())).toEqual(["clock-jump"]);
    expect(causes(await world.run())).toEqual(["clock-jump"]);
  });

  /** An instance whose clock is off, and whose lease says so. */
  async function skewedBy(world: World, skewMs: number) {
    const instance = await world.createInstance();
    const { database } = instance;
    const leases = {
      ...database.leases,
      acquire: async (holder: string) => {
        const held = await database.leases.acquire(holder);
        return "timeLeftMs" in held ? Object.assign(held, { clockSkewMs: Math.abs(skewMs) }) : held;
      },
    };
    const clock = { ...world.clock, now: () => world.clock.now() + skewMs };
    return { ...instance, clock, database: { ...database, leases } };
  }

  test.each([
    { skewMs: 5 * 60_000, held: false },
    { skewMs: 5 * 60_000 + 1, held: true },
    { skewMs: -HOUR_MS, held: true },
  ])("runtime and database $skewMs ms apart: held=$held", async ({ skewMs, held }) => {
    const world = await knownSite(3, hourly);
    const report = await world.run({}, await skewedBy(world, skewMs));
    expect(causes(report)).toEqual(held ? ["clock-skew"] : []);
  });

  test("a slice that removes shows no hold of an earlier slice that is over, be its budget ever so small", async () => {
    let isNamed = false;
    const world = await createWorld({
      settings: { sweeps: ["expired-files"], maxRemovals: 1, maxCalls: 20, pageSize: 1 },
      wrapStore: (store) => ({
        ...store,
        delete: async (requests) => (isNamed ? store.delete(requests) : []),
      }),
    });
    for (let index = 0; index < 40; index += 1) await world.upload({ key: `k${index}`, expires_at: 1 + index });
    const begun = await world.run();
    const held = await world.run({}, await skewedBy(world, HOUR_MS));
    expect([held.id, held.status, causes(held)]).toEqual([begun.id, "paused", ["clock-skew"]]);
    isNamed = true;
    // The budget ends with what the first slice left in the ledger.
    const removing = await world.run();
    expect([removing.id, removing.status, causes(removing)]).toEqual([begun.id, "paused", []]);
    expect(world.keys()).toHaveLength(39);
  });

  test.each([
    { skewMs: 5 * 60_000, held: false },
    { skewMs: 5 * 60_000 + 1, held: true },
    { skewMs: null, held: false },
  ])("runtime and store $skewMs ms apart, as far as its answers tell: held=$held", async ({ skewMs, held }) => {
    const world = await knownSite(3, hourly);
    world.put(["orphan"]);
    const skewed = await world.createInstance({ wrapStore: (store) => ({ ...store, clockSkewMs: () => skewMs }) });
    const report = await world.run({}, skewed);
    expect(causes(report)).toEqual(held ? ["clock-skew"] : []);
    // Under a clock that is in doubt not even a sighting is written down.
    expect(await world.ledger()).toEqual(held ? [] : ["orphan suspected"]);
    if (held) expect(report.holds[0]?.detail).toContain("of the store");
  });
});

describe("no-live-files", () => {
  test("a catalog without a live file beside a store with objects is held", async () => {
    const world = await createWorld({ liveFile: false });
    world.put(names("object", 3));
    expect(causes(await world.run())).toEqual(["no-live-files"]);
    await world.insert({ key: "object/00000" });
    expect(causes(await world.run())).toEqual([]);
  });
});

describe("over-count and untyped-keys", () => {
  test.each([
    { limit: 5, held: false },
    { limit: 4, held: true },
  ])("5 due rows where $limit are allowed at once: held=$held", async ({ limit, held }) => {
    const world = await knownSite(20, { settings: { holdCount: limit } });
    await world.insert(...due(5));
    expect(causes(await world.run())).toEqual(held ? ["over-count"] : []);
  });

  test("a blob in the key column holds the orphans alone", async () => {
    const world = await knownSite(20, { settings: { quarantineMs: 0 } });
    world.put(["orphan"]);
    await world.insert({ key: new Uint8Array([0x6f]) }, ...due(1));
    const report = await world.run();
    expect(causes(report)).toEqual(["untyped-keys"]);
    expect(world.store.has("orphan")).toBe(true);
    expect(sweepOf(report, "expired-files").removed.count).toBe(1);
  });
});

describe("what a hold shows", () => {
  test("one of the whole run shows what would go, and when each may go", async () => {
    const world = await knownSite(3, { settings: { firstRun: "hold", quarantineMs: DAY_MS } });
    await world.insert(...due(2));
    world.put([...names("due", 2), "orphan"]);
    const [hold] = (await world.run()).holds;
    expect(hold).toMatchObject({ cause: "first-contact", count: 2, bytes: 20 });
    expect(hold?.sample).toEqual([
      { key: "due/00000", bytes: 10, reason: "expired", mayGoAt: null },
      { key: "due/00001", bytes: 10, reason: "expired", mayGoAt: null },
      { key: "orphan", bytes: 10, reason: "unreferenced", mayGoAt: START + DAY_MS },
    ]);
  });

  test("an approval ends after seven days: what was not done by then is held anew", async () => {
    const world = await knownSite(10);
    await world.insert(...due(150));
    const [hold] = (await world.run()).holds;
    await createSweeperOf(world.parts).approve(hold?.id ?? "");
    world.clock.advance(7 * DAY_MS);
    const [anew] = (await world.run()).holds;
    expect(anew).toMatchObject({ cause: "too-many-expired", status: "open" });
    expect(anew?.id).not.toBe(hold?.id);
    expect(Object.values(await world.statuses()).filter((status) => status === "expired")).toEqual([]);
  });
});
