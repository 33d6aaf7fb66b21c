/** A run as a whole: its lease, its sweeps beside each other, the gate, and plans. */
import { describe, expect, test } from "vitest";
import { LeaseLostError, SweepError } from "../../src/core/errors.ts";
import { runSlice } from "../../src/core/run.ts";
import { DAY_MS, HOUR_MS, LEASE_MS } from "../../src/core/safety.ts";
import type { DecisionRecord } from "../../src/core/slice.ts";
import { START } from "../support/fake-clock.ts";
import { createWorld, type FileFields, PROBE_LIMIT, sweepOf, type World } from "../support/world.ts";

/** Expired, shared, on hold, unreadable, live, left-over, orphans: one of each. */
async function fill(world: World): Promise<void> {
  await world.upload({ id: "live", key: "live", expires_at: START + 1000 * DAY_MS });
  await world.upload({ id: "expired", key: "expired", expires_at: START });
  await world.upload({ id: "shared-1", key: "shared", expires_at: START });
  await world.insert({ id: "shared-2", key: "shared" });
  await world.upload({ id: "twice-1", key: "twice", expires_at: START });
  await world.insert({ id: "twice-2", key: "twice", expires_at: START - 1 });
  await world.upload({ id: "hold", key: "hold", expires_at: START, hold: 1 });
  await world.upload({ id: "text", key: "text", expires_at: "soon" });
  await world.upload({ id: "used", key: "used", downloads: 1, max_downloads: 1, downloaded_at: START - HOUR_MS });
  await world.upload({ id: "left", key: "left", status: "expired" });
  world.put(["orphan-1", "orphan-2"]);
  world.put(["young"], HOUR_MS);
}

describe("the lease", () => {
  test("while another holds the lease a run does not begin, and says who holds it", async () => {
    const world = await createWorld();
    await world.upload({ key: "a", expires_at: START });
    const held = await world.parts.database.leases.acquire("somebody");
    const before = await world.dumpOfAll();
    const other = await world.createInstance();
    expect(await world.slice({}, other)).toMatchObject({
      kind: "lease-held",
      holder: { holder: "somebody", expiresAt: START + LEASE_MS },
    });
    expect(await world.dumpOfAll()).toEqual(before);
    expect(held).toHaveProperty("fence", 1);

    world.clock.advance(LEASE_MS);
    expect(await world.slice({}, other)).toMatchObject({ kind: "ran" });
    expect(world.keys()).toEqual([]);
  });

  test("plans take the same lease", async () => {
    const world = await createWorld();
    await world.parts.database.leases.acquire("somebody");
    expect(await world.slice({ mode: "plan" }, await world.createInstance())).toMatchObject({ kind: "lease-held" });
  });

  test("the lease is given back when a run ends, also one that failed", async () => {
    const world = await createWorld();
    const broken = await world.createInstance({
      wrapStore: (store) => ({ ...store, list: () => Promise.reject(new SweepError("unavailable", "not mounted")) }),
    });
    expect((await world.run({}, broken)).status).toBe("failed");
    expect((await world.run()).status).toBe("completed");
  });

  test("two instances alternate, each under a lease of its own, and finish each other's work", async () => {
    const world = await createWorld({ settings: { maxRemovals: 2, pageSize: 2 } });
    for (let index = 0; index < 9; index += 1) await world.upload({ key: `k${index}`, expires_at: START });
    const other = await world.createInstance();
    const statuses: string[] = [];
    const ids = new Set<string>();
    for (let turn = 0; turn < 6; turn += 1) {
      const report = await world.run({}, turn % 2 === 0 ? world.parts : other);
      statuses.push(report.status);
      ids.add(report.id);
    }
    expect(statuses).toEqual(["paused", "paused", "paused", "paused", "completed", "completed"]);
    expect(ids.size).toBe(2);
    expect(world.keys()).toEqual([]);
  });

  test("a holder that lost its lease on the way fails with that, and deletes nothing more", async () => {
    const world: World = await createWorld({
      settings: { pageSize: 1 },
      wrapStore: (store) => ({
        ...store,
        async delete(requests) {
          const answer = await store.delete(requests);
          world.clock.advance(LEASE_MS + 1);
          return answer;
        },
      }),
    });
    await world.upload({ key: "a", expires_at: START - 1 });
    await world.upload({ key: "b", expires_at: START });
    await expect(runSlice(world.parts, { mode: "remove", sweeps: ["expired-files"], trigger: "cli" })).rejects.toThrow(
      LeaseLostError,
    );
    expect(world.keys()).toEqual(["b"]);
    expect(await world.ledger()).toEqual(["a condemned"]);
    expect(world.logs).toContainEqual(expect.objectContaining({ event: "lease.lost" }));

    const other = await world.createInstance({ wrapStore: (store) => store });
    const report = await world.run({}, other);
    expect(report).toMatchObject({ status: "completed", slices: 2 });
    expect(await world.ledger()).toEqual(["a removed", "b removed"]);
    expect(sweepOf(report, "expired-files")).toMatchObject({ seen: { count: 2 }, removed: { count: 2 } });
  });
});

describe("one bad thing never stops the others", () => {
  test("a sweep whose listing fails leaves the other its work", async () => {
    const world = await createWorld({
      wrapStore: (store) => ({
        ...store,
        list: (options) =>
          options.limit === PROBE_LIMIT
            ? store.list(options)
            : Promise.reject(new SweepError("unavailable", "the store did not answer")),
      }),
    });
    await fill(world);
    const report = await world.run();
    expect(report.status).toBe("completed-with-failures");
    expect(sweepOf(report, "expired-files")).toMatchObject({ status: "completed", removed: { count: 4 } });
    expect(sweepOf(report, "orphaned-objects")).toMatchObject({ status: "failed", error: "the store did not answer" });
  });

  test("a sweep whose query fails leaves the other its work", async () => {
    const world = await createWorld({
      settings: { quarantineMs: 0 },
      wrapClient: (client) => ({
        ...client,
        batch: (statements, mode) =>
          statements.some(({ sql }) => sql.includes(`AS "filesweep stage"`))
            ? Promise.reject(new SweepError("unavailable", "the database did not answer"))
            : client.batch(statements, mode),
      }),
    });
    await fill(world);
    const report = await world.run();
    expect(sweepOf(report, "expired-files")).toMatchObject({ status: "failed", error: "the database did not answer" });
    expect(sweepOf(report, "orphaned-objects")).toMatchObject({ status: "completed", removed: { count: 3 } });
    expect(world.keys()).toEqual(["expired", "hold", "live", "shared", "text", "twice", "used", "young"]);
  });

  test("a remover that cannot finish what is open leaves the sweeps their work", async () => {
    const world = await createWorld({
      wrapClient: (client) => ({
        ...client,
        batch: (statements, mode) =>
          statements.some(({ sql }) => sql.includes("attempt_fence <"))
            ? Promise.reject(new SweepError("unavailable", "the database did not answer"))
            : client.batch(statements, mode),
      }),
    });
    await fill(world);
    const report = await world.run();
    expect(report.status).toBe("completed-with-failures");
    expect(sweepOf(report, "expired-files")).toMatchObject({ status: "completed", removed: { count: 4 } });
  });

  test.each(["unavailable", "unauthorized", "not-found"] as const)(
    "a store that is missing (%s) is noticed before any row is ended",
    async (kind) => {
      const world = await createWorld({
        wrapStore: (store) => ({
          ...store,
          list: () => Promise.reject(new SweepError(kind, "/mnt/uploads is not there")),
        }),
      });
      await fill(world);
      const before = await world.dumpOfOthers();
      const outcome = await world.slice();
      expect(outcome).toMatchObject({ kind: "ran", unreachable: true, report: { status: "failed" } });
      expect(await world.ledger()).toEqual([]);
      expect(await world.dumpOfOthers()).toEqual(before);
    },
  );

  test("only the sweeps asked for are worked off; the remover finishes what is open regardless", async () => {
    const world = await createWorld();
    await world.upload({ key: "a", expires_at: START });
    world.store.refuse("a", "AccessDenied");
    await world.run({ sweeps: ["expired-files"] });
    world.store.refuse("a", null);
    world.clock.advance(DAY_MS);
    await world.upload({ key: "b", expires_at: START });
    const report = await world.run({ sweeps: ["orphaned-objects"] });
    expect(sweepOf(report, "expired-files")).toMatchObject({
      status: "skipped",
      seen: { count: 0 },
      carriedOver: { count: 1 },
    });
    expect(sweepOf(report, "orphaned-objects").status).toBe("completed");
    expect(world.keys()).toEqual(["b"]);
  });
});

describe("the gate", () => {
  test.each([
    ["was dropped", "DROP TRIGGER filesweep_gate_files_insert"],
    ["on updates was dropped", "DROP TRIGGER filesweep_gate_files_update"],
  ])("a run whose gate %s is held: it removes nothing, and shows what it would", async (_what, damage) => {
    const world = await createWorld({ settings: { quarantineMs: 0 } });
    await fill(world);
    await world.execute(damage);
    const before = await world.dumpOfOthers();
    const report = await world.run();
    expect(report).toMatchObject({ status: "held", holds: [{ cause: "gate-lost" }] });
    expect(await world.dumpOfOthers()).toEqual(before);
    const nothing = { count: 0, bytes: 0 };
    expect(sweepOf(report, "expired-files")).toMatchObject({
      status: "held",
      removed: nothing,
      kept: { held: { count: 4, bytes: 30 } },
    });
    expect(sweepOf(report, "orphaned-objects")).toMatchObject({
      status: "held",
      removed: nothing,
      kept: { held: { count: 3, bytes: 30 } },
    });
    expect((await world.ledger()).every((line) => line.endsWith(" suspected"))).toBe(true);
  });

  test("a trigger that was rewritten is as good as none", async () => {
    const world = await createWorld();
    await world.upload({ key: "a", expires_at: START });
    await world.execute("DROP TRIGGER filesweep_gate_files_insert");
    await world.execute("CREATE TRIGGER filesweep_gate_files_insert AFTER INSERT ON files BEGIN SELECT 1; END");
    expect((await world.run()).status).toBe("held");
    expect(world.keys()).toEqual(["a"]);
  });

  test("a held run finishes nothing that is open either", async () => {
    const world = await createWorld();
    await world.upload({ key: "a", expires_at: START });
    world.store.refuse("a", "AccessDenied");
    await world.run();
    world.store.refuse("a", null);
    world.clock.advance(DAY_MS);
    await world.execute("DROP TRIGGER filesweep_gate_files_insert");
    expect((await world.run()).status).toBe("held");
    expect(world.keys()).toEqual(["a"]);
    expect(await world.ledger()).toEqual(["a failed"]);
  });

  test("a held run that takes several slices still says what it would remove", async () => {
    const world = await createWorld({ settings: { pageSize: 1, maxCalls: 20 } });
    for (let index = 0; index < 30; index += 1) await world.upload({ key: `k${index}`, expires_at: START });
    await world.execute("DROP TRIGGER filesweep_gate_files_insert");
    let report = await world.run();
    expect(report.status).toBe("paused");
    while (report.status === "paused") report = await world.run();
    expect(report.status).toBe("held");
    expect(report.slices).toBeGreaterThan(1);
    expect(sweepOf(report, "expired-files")).toMatchObject({
      seen: { count: 30 },
      removed: { count: 0 },
      kept: { held: { count: 30 } },
    });
    expect(world.keys()).toHaveLength(30);
  });
});

describe("a plan", () => {
  test("changes nothing but filesweep's own tables, and calls no delete", async () => {
    const world = await createWorld({
      settings: { quarantineMs: 0 },
      wrapStore: (store) => ({ ...store, delete: () => expect.unreachable("a plan deletes") }),
    });
    await fill(world);
    const before = await world.dumpOfOthers();
    const report = await world.plan();
    expect(report).toMatchObject({ mode: "plan", status: "completed" });
    expect(await world.dumpOfOthers()).toEqual(before);
    expect(await world.rows("SELECT * FROM filesweep_gate")).toEqual([]);
    expect((await world.ledger()).every((line) => line.endsWith(" suspected"))).toBe(true);
  });

  test.each([1, 2, 3, 1000])("says what the following run removes, in pages of %i", async (pageSize) => {
    const world = await createWorld({ settings: { pageSize } });
    await fill(world);
    await world.run({ sweeps: ["orphaned-objects"] });
    world.clock.advance(25 * HOUR_MS);
    const planned = await world.plan();
    const done = await world.run();
    for (const name of ["expired-files", "orphaned-objects"] as const) {
      expect(sweepOf(planned, name).removed, name).toEqual(sweepOf(done, name).removed);
    }
    expect(sweepOf(planned, "expired-files")).toEqual({ ...sweepOf(done, "expired-files") });
    expect(sweepOf(done, "expired-files").removed.count).toBeGreaterThan(0);
    expect(sweepOf(done, "orphaned-objects").removed).toEqual({ count: 3, bytes: 30 });
  });

  const companions: readonly (readonly [string, Partial<FileFields>])[] = [
    ["is live", {}],
    ["is due as well", { expires_at: START - 1 }],
    ["is on hold", { expires_at: START - 1, hold: 1 }],
    ["has a hold that says false", { expires_at: START - 1, hold: "false" }],
    ["has an empty hold", { expires_at: START - 1, hold: "" }],
    ["has an unreadable expiry", { expires_at: "soon" }],
    ["is used up since an unreadable time", { downloads: 1, max_downloads: 1, downloaded_at: "yesterday" }],
    [
      "is used up, and was downloaded just now, in seconds",
      { downloads: 1, max_downloads: 1, downloaded_at: START / 1000 },
    ],
    ["is expired already", { status: "expired" }],
    ["has another live status", { status: "uploading", expires_at: START - 1 }],
  ];
  for (const [what, companion] of companions) {
    test.each([1, 1000])(
      `says what the following run removes of a key whose other row ${what}, in pages of %i`,
      async (pageSize) => {
        const world = await createWorld({ settings: { pageSize, sweeps: ["expired-files"] } });
        await world.upload({ id: "a", key: "shared", expires_at: START });
        await world.insert({ id: "b", key: "shared", ...companion });
        const planned = sweepOf(await world.plan(), "expired-files");
        expect(planned).toEqual(sweepOf(await world.run(), "expired-files"));
      },
    );
  }

  test("lists every decision that the following run makes", async () => {
    const world = await createWorld();
    await fill(world);
    const lists: DecisionRecord[][] = [];
    for (const mode of ["plan", "remove"] as const) {
      const list: DecisionRecord[] = [];
      await world.run({ mode, sweeps: ["expired-files"], onDecision: (record) => void list.push(record) });
      lists.push(list.toSorted((a, b) => ((a.file ?? "") < (b.file ?? "") ? -1 : 1)));
    }
    expect(lists[0]).toEqual(lists[1]);
    expect(lists[0]?.map(({ file, verdict, reason }) => `${file} ${verdict} ${reason}`)).toEqual([
      "expired remove expired",
      "hold keep on-hold",
      "shared-1 keep still-protected",
      "text keep unreadable-time",
      "twice-1 remove expired",
      "twice-2 remove expired",
      "used remove used-up",
    ]);
  });

  test("does not go on with an unfinished run that removes, nor the other way round", async () => {
    const world = await createWorld({ settings: { maxRemovals: 1, pageSize: 1 } });
    for (const key of ["a", "b", "c"]) await world.upload({ key, expires_at: START });
    const paused = await world.run();
    expect(paused.status).toBe("paused");
    const planned = await world.plan();
    expect(planned.id).not.toBe(paused.id);
    expect(world.keys()).toEqual(["b", "c"]);
    expect((await world.run()).id).toBe(paused.id);
  });
});

describe("the journal", () => {
  test("a run is kept with its report, its calls and its slices", async () => {
    const world = await createWorld();
    await fill(world);
    const before = { database: world.parts.database.calls(), storage: world.parts.storeCalls() };
    const report = await world.run({ trigger: "schedule" });
    const after = { database: world.parts.database.calls(), storage: world.parts.storeCalls() };
    const [entry] = await world.parts.database.journal.latest(5);
    expect(entry).toMatchObject({
      id: report.id,
      mode: "remove",
      status: "completed",
      trigger: "schedule",
      startedAt: START,
      finishedAt: START,
      slices: 1,
      calls: report.calls,
    });
    expect(entry?.sweeps.map((progress) => progress.report)).toEqual(report.sweeps);
    expect(report.calls).toEqual({
      database: after.database - before.database,
      storage: after.storage - before.storage,
    });
  });

  test("a run that finds nothing is completed, with empty sums", async () => {
    const world = await createWorld();
    const report = await world.run();
    expect(report.status).toBe("completed");
    for (const sweep of report.sweeps)
      expect(sweep).toMatchObject({
        status: "completed",
        seen: { count: 0, bytes: 0 },
      });
  });

  test("a run that a person cancels on the way ends after what is in flight, and stays cancelled", async () => {
    const world = await createWorld({ settings: { pageSize: 1 } });
    for (const key of ["a", "b", "c"]) await world.upload({ key, expires_at: START });
    let cancelling: Promise<unknown> | null = null;
    const report = await world.run({
      onProgress: ({ id }) => {
        cancelling ??= world.parts.database.desk.cancelRun(id, START);
      },
    });
    expect(await cancelling).toBe(true);
    expect([report.status, report.finishedAt]).toEqual(["cancelled", START]);
    expect(world.keys().length).toBeGreaterThan(0);
    const next = await world.run();
    expect([next.status, world.keys()]).toEqual(["completed", []]);
    expect(next.id).not.toBe(report.id);
    expect(await world.parts.database.desk.run(report.id)).toMatchObject({ status: "cancelled", finishedAt: START });
  });

  test("who waits for the start hears of it once the run stands in the journal, before anything is touched", async () => {
    const world = await createWorld();
    await fill(world);
    const before = world.keys();
    const heard: unknown[] = [];
    let found: Promise<unknown> | null = null;
    const { id } = await world.run({
      onStarted: (started) => {
        heard.push([started.id, started.status, world.keys()]);
        found = world.parts.database.desk.run(started.id);
      },
    });
    expect(heard).toEqual([[id, "running", before]]);
    expect(await found).toMatchObject({ id });
  });
});
