/** expired-files through whole runs: rows, ledger, store and report together. */
import { describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { createWorld, sweepOf, type World } from "../support/world.ts";

const PAST = START - 1;

async function expiredFiles(world: World): Promise<ReturnType<typeof sweepOf>> {
  return sweepOf(await world.run(), "expired-files");
}

describe("what ends", () => {
  test("an expired file loses its status, its object and nothing else", async () => {
    const world = await createWorld();
    await world.upload({ id: "live", key: "live", expires_at: START + 1 });
    await world.upload({ id: "expired", key: "expired", expires_at: START });
    const report = await world.run();
    expect(world.keys()).toEqual(["live"]);
    expect(await world.statuses()).toEqual({ live: "active", expired: "expired" });
    expect(await world.removals()).toEqual([
      { key: "expired", state: "removed", reason: "expired", released_by: null, attempts: 1, error: null },
    ]);
    expect(report.status).toBe("completed");
    expect(sweepOf(report, "expired-files")).toMatchObject({
      status: "completed",
      seen: { count: 1, bytes: 10 },
      removed: { count: 1, bytes: 10 },
      kept: {},
    });
  });

  test("a used-up file goes an hour after its last download", async () => {
    const world = await createWorld();
    const used = { downloads: 1, max_downloads: 1 };
    await world.upload({ id: "over", key: "over", ...used, downloaded_at: START - HOUR_MS });
    await world.upload({ id: "not-yet", key: "not-yet", ...used, downloaded_at: START - HOUR_MS + 1 });
    await world.upload({
      id: "no-limit",
      key: "no-limit",
      downloads: 9,
      max_downloads: 0,
      downloaded_at: START - DAY_MS,
    });
    await world.upload({
      id: "one-left",
      key: "one-left",
      downloads: 1,
      max_downloads: 2,
      downloaded_at: START - DAY_MS,
    });
    expect(await expiredFiles(world)).toMatchObject({ seen: { count: 1 }, removed: { count: 1 } });
    expect(world.keys()).toEqual(["no-limit", "not-yet", "one-left"]);
    expect((await world.removals())[0]).toMatchObject({ key: "over", reason: "used-up" });
  });

  test("an expiry in seconds is an expiry", async () => {
    const world = await createWorld();
    await world.upload({ key: "past", expires_at: START / 1000 });
    await world.upload({ key: "future", expires_at: START / 1000 + 1 });
    expect(await expiredFiles(world)).toMatchObject({ removed: { count: 1 } });
    expect(world.keys()).toEqual(["future"]);
  });

  test("a file whose object is gone already ends like any other", async () => {
    const world = await createWorld();
    await world.insert({ key: "no-object", expires_at: PAST });
    expect(await expiredFiles(world)).toMatchObject({ removed: { count: 1, bytes: 10 }, failed: { count: 0 } });
    expect(await world.ledger()).toEqual(["no-object removed"]);
  });

  test("a row that has no size stands for no bytes", async () => {
    const world = await createWorld();
    await world.insert({ key: "a", expires_at: PAST, size_bytes: null });
    await world.insert({ key: "b", expires_at: PAST, size_bytes: -5 });
    await world.insert({ key: "c", expires_at: PAST, size_bytes: "many" });
    expect(await expiredFiles(world)).toMatchObject({ removed: { count: 3, bytes: 0 } });
  });

  test("rows over many pages all end, and each in one page", async () => {
    const world = await createWorld({ settings: { pageSize: 2 } });
    // Five share one instant: a page ends among them.
    for (let index = 0; index < 11; index += 1) {
      await world.upload({ key: `k${index}`, expires_at: index < 5 ? PAST : PAST - index });
    }
    expect(await expiredFiles(world)).toMatchObject({
      seen: { count: 11, bytes: 110 },
      removed: { count: 11, bytes: 110 },
    });
    expect(world.keys()).toEqual([]);
  });
});

describe("shared objects", () => {
  test("an object stays as long as one live row names it", async () => {
    const world = await createWorld();
    await world.upload({ id: "a", key: "shared", expires_at: PAST });
    await world.insert({ id: "b", key: "shared", expires_at: START + DAY_MS });
    expect(await expiredFiles(world)).toMatchObject({
      removed: { count: 0, bytes: 0 },
      kept: { "still-protected": { count: 1, bytes: 10 } },
    });
    expect(await world.statuses()).toEqual({ a: "expired", b: "active" });
    expect(world.keys()).toEqual(["shared"]);
    expect(await world.ledger()).toEqual([]);

    world.clock.advance(DAY_MS);
    expect(await expiredFiles(world)).toMatchObject({ removed: { count: 1, bytes: 10 } });
    expect(world.keys()).toEqual([]);
  });

  test("rows that share an object and end together take it along, and its bytes count once", async () => {
    const world = await createWorld();
    await world.upload({ key: "shared", expires_at: PAST });
    await world.insert({ key: "shared", expires_at: PAST - 5 }, { key: "shared", expires_at: PAST - 9 });
    expect(await expiredFiles(world)).toMatchObject({
      seen: { count: 3, bytes: 10 },
      removed: { count: 3, bytes: 10 },
    });
    expect(world.keys()).toEqual([]);
    expect(await world.ledger()).toEqual(["shared removed"]);
  });

  test("rows that share an object and end on different pages take it along with the last of them", async () => {
    const world = await createWorld({ settings: { pageSize: 1 } });
    await world.upload({ key: "shared", expires_at: PAST });
    await world.insert({ key: "shared", expires_at: PAST - 5 });
    expect(await expiredFiles(world)).toMatchObject({
      seen: { count: 2 },
      removed: { count: 1, bytes: 10 },
      kept: { "still-protected": { count: 1 } },
    });
    expect(world.keys()).toEqual([]);
  });

  test("a row of any status but the expired one protects", async () => {
    const world = await createWorld();
    await world.upload({ key: "shared", expires_at: PAST });
    await world.insert({ key: "shared", status: "uploading" });
    await world.run();
    expect(world.keys()).toEqual(["shared"]);
  });
});

describe("what is kept", () => {
  test("a file on hold, an unreadable time and an invalid key are kept, counted, and stay as they are", async () => {
    const world = await createWorld();
    await world.upload({ id: "hold", key: "hold", expires_at: PAST, hold: 1 });
    await world.upload({ id: "text", key: "text", expires_at: "2020-02-30" });
    await world.upload({ id: "zero", key: "zero", expires_at: 0 });
    await world.upload({ id: "minus", key: "minus", expires_at: -5 });
    await world.upload({ id: "blob", key: "blob", expires_at: new Uint8Array([1]) });
    await world.upload({ id: "huge", key: "huge", expires_at: 2n ** 60n });
    await world.insert({ id: "empty", key: "", expires_at: PAST });
    await world.insert({ id: "bytes", key: new Uint8Array([97]), expires_at: PAST });
    const before = await world.dumpOfOthers();
    expect(await expiredFiles(world)).toMatchObject({
      seen: { count: 7 },
      removed: { count: 0 },
      kept: {
        "on-hold": { count: 1, bytes: 10 },
        "unreadable-time": { count: 4, bytes: 40 },
        "invalid-key": { count: 2, bytes: 20 },
      },
    });
    expect(await world.dumpOfOthers()).toEqual(before);
  });

  test("an integer over 2^53 in one row stops neither the page nor the run", async () => {
    const world = await createWorld();
    await world.upload({
      key: "huge",
      expires_at: 2n ** 62n,
      created_at: 2n ** 62n,
      downloads: 2n ** 62n,
      max_downloads: 1,
    });
    await world.upload({ key: "expired", expires_at: PAST });
    expect(await expiredFiles(world)).toMatchObject({ status: "completed", removed: { count: 1 } });
    expect(world.keys()).toEqual(["huge"]);
  });

  test.each(["-9e999", "9e999", "-1.5", "x'00'", "'text'"])(
    "an expiry of %s at the end of a page stops neither the page behind it nor the run",
    async (value) => {
      const world = await createWorld({ settings: { pageSize: 1 } });
      await world.upload({ id: "odd", key: "odd" });
      await world.upload({ key: "expired", expires_at: PAST });
      await world.execute(`UPDATE files SET expires_at = ${value} WHERE id = 'odd'`);
      expect(await expiredFiles(world)).toMatchObject({ status: "completed", removed: { count: 1 } });
      expect(world.keys()).toEqual(["odd"]);
    },
  );

  test("keys under an ignored prefix and in filesweep's own corner are never ended", async () => {
    const world = await createWorld({ settings: { ignorePrefixes: ["keep/", "raw"] } });
    for (const key of ["keep/a", "rawhide", ".filesweep/x", "keep.txt"])
      await world.upload({ id: key, key, expires_at: PAST });
    expect(await expiredFiles(world)).toMatchObject({
      removed: { count: 1 },
      kept: { "ignored-prefix": { count: 3 } },
    });
    expect(await world.statuses()).toMatchObject({ "keep/a": "active", rawhide: "active", ".filesweep/x": "active" });
    expect(world.keys()).toEqual([".filesweep/x", "keep/a", "rawhide"]);
  });

  test("a page full of rows that are kept does not starve what comes behind it", async () => {
    const world = await createWorld({ settings: { pageSize: 2 } });
    for (let index = 0; index < 6; index += 1)
      await world.upload({ key: `hold${index}`, expires_at: PAST - 100 + index, hold: 1 });
    await world.upload({ key: "z", expires_at: PAST });
    expect(await expiredFiles(world)).toMatchObject({ removed: { count: 1 }, kept: { "on-hold": { count: 6 } } });
    expect(world.keys()).not.toContain("z");
  });
});

describe("what changes between the judgement and the end", () => {
  const changes: readonly (readonly [string, string])[] = [
    ["was prolonged", `UPDATE files SET expires_at = ${START + DAY_MS}`],
    ["was put on hold", "UPDATE files SET hold = 1"],
    ["got another key", "UPDATE files SET key = 'elsewhere'"],
    ["got another status", "UPDATE files SET status = 'locked'"],
    ["was downloaded", `UPDATE files SET downloaded_at = ${START}`],
    ["had its expiry rewritten, still past", "UPDATE files SET expires_at = expires_at - 1"],
    ["had its expiry rewritten as a fraction, still past", "UPDATE files SET expires_at = expires_at - 0.5"],
  ];
  for (const [what, change] of changes) {
    test(`a row that ${what} meanwhile is not ended`, async () => {
      let changed = false;
      const world: World = await createWorld({
        wrapClient: (client) => ({
          ...client,
          async batch(statements, mode) {
            if (!changed && statements.some(({ sql }) => sql.includes('UPDATE "files"'))) {
              changed = true;
              await world.execute(change);
            }
            return client.batch(statements, mode);
          },
        }),
      });
      await world.upload({ id: "a", key: "a", expires_at: PAST });
      const report = await expiredFiles(world);
      expect(changed).toBe(true);
      expect(report).toMatchObject({
        removed: { count: 0 },
        deferred: { count: 0 },
        kept: { "changed-meanwhile": { count: 1 } },
      });
      expect((await world.statuses())["a"]).not.toBe("expired");
      expect(world.keys()).toEqual(["a"]);
    });
  }

  test("a row that the application itself ends meanwhile is nobody's removal of this run, and counts once", async () => {
    let changed = false;
    const world: World = await createWorld({
      wrapClient: (client) => ({
        ...client,
        async batch(statements, mode) {
          if (!changed && statements.some(({ sql }) => sql.includes('UPDATE "files"'))) {
            changed = true;
            await world.execute("UPDATE files SET status = 'expired'");
          }
          return client.batch(statements, mode);
        },
      }),
    });
    await world.upload({ id: "a", key: "a", expires_at: PAST });
    expect(await expiredFiles(world)).toMatchObject({
      seen: { count: 1 },
      removed: { count: 0 },
      deferred: { count: 0 },
      kept: { "changed-meanwhile": { count: 1 } },
    });
  });
});

describe("failures", () => {
  test("a refused delete fails alone, waits longer each time, and is given up after ten attempts", async () => {
    const world = await createWorld({ settings: { sweeps: ["expired-files"] } });
    await world.upload({ key: "bad", expires_at: PAST });
    await world.upload({ key: "good", expires_at: PAST });
    world.store.refuse("bad", "AccessDenied");
    const report = await world.run();
    expect(report.status).toBe("completed-with-failures");
    expect(sweepOf(report, "expired-files")).toMatchObject({ removed: { count: 1 }, failed: { count: 1, bytes: 10 } });
    expect(await world.ledger()).toEqual(["bad failed", "good removed"]);

    world.clock.advance(5 * MINUTE_MS - 1);
    expect((await world.run()).status).toBe("completed");
    expect((await world.removals())[0]).toMatchObject({ attempts: 1 });
    world.clock.advance(1);
    expect((await world.run()).status).toBe("completed-with-failures");
    expect((await world.removals())[0]).toMatchObject({ attempts: 2, state: "failed", error: "AccessDenied" });

    for (let attempt = 3; attempt <= 10; attempt += 1) {
      world.clock.advance(DAY_MS);
      await world.run();
    }
    expect((await world.removals())[0]).toMatchObject({ attempts: 10, state: "abandoned" });
    world.clock.advance(30 * DAY_MS);
    await world.run();
    expect((await world.removals())[0]).toMatchObject({ attempts: 10, state: "abandoned" });
    expect(world.keys()).toEqual(["bad"]);
  });

  test("a refused delete that succeeds later is carried over", async () => {
    const world = await createWorld({ settings: { sweeps: ["expired-files"] } });
    await world.upload({ key: "bad", expires_at: PAST });
    world.store.refuse("bad", "SlowDown");
    await world.run();
    world.store.refuse("bad", null);
    world.clock.advance(DAY_MS);
    expect(await expiredFiles(world)).toMatchObject({ seen: { count: 0 }, carriedOver: { count: 1, bytes: 10 } });
    expect(await world.ledger()).toEqual(["bad removed"]);
  });

  test("a lost answer is neither success nor failure: condemned, behind the gate, until an attempt is answered", async () => {
    let lost = true;
    const world = await createWorld({
      settings: { sweeps: ["expired-files"], pageSize: 1 },
      wrapStore: (store) => ({
        ...store,
        async delete(requests) {
          const answer = await store.delete(requests);
          if (lost) throw new Error("socket hang up");
          return answer;
        },
      }),
    });
    await world.upload({ key: "a", expires_at: PAST - 1 });
    await world.upload({ key: "b", expires_at: PAST });
    const report = await world.run();
    expect(report.status).toBe("failed");
    expect(sweepOf(report, "expired-files")).toMatchObject({
      status: "failed",
      error: "socket hang up",
      removed: { count: 0 },
      failed: { count: 0 },
      // The next page is claimed while a batch is under way; what it condemned is not asked for any more.
      deferred: { count: 2 },
    });
    expect(await world.removals()).toMatchObject([
      { key: "a", state: "condemned", error: "socket hang up" },
      { key: "b", state: "condemned", error: null },
    ]);
    expect(world.keys()).toEqual(["b"]);
    world.clock.advance(365 * DAY_MS);
    await expect(world.insert({ key: "a" })).rejects.toThrow();

    lost = false;
    expect(await expiredFiles(world)).toMatchObject({ carriedOver: { count: 2 }, removed: { count: 0 } });
    expect(await world.ledger()).toEqual(["a removed", "b removed"]);
  });

  test("a slice ends when its last delete is answered, not before", async () => {
    const world = await createWorld({
      settings: { sweeps: ["expired-files"] },
      wrapStore: (store) => ({
        ...store,
        async delete(requests, _signal, sent) {
          sent?.();
          for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          return store.delete(requests);
        },
      }),
    });
    await world.upload({ key: "a", expires_at: PAST });
    expect(await expiredFiles(world)).toMatchObject({ removed: { count: 1 }, deferred: { count: 0 } });
    expect(await world.ledger()).toEqual(["a removed"]);
  });

  test("a row that a trigger of the application refuses fails alone", async () => {
    const world = await createWorld();
    for (let index = 0; index < 7; index += 1)
      await world.upload({ id: `f${index}`, key: `k${index}`, expires_at: PAST });
    await world.execute(
      "CREATE TRIGGER legal BEFORE UPDATE ON files WHEN OLD.id = 'f3' BEGIN SELECT RAISE(ABORT, 'legal hold'); END",
    );
    const report = await world.run();
    expect(report.status).toBe("completed-with-failures");
    expect(sweepOf(report, "expired-files")).toMatchObject({
      status: "completed",
      seen: { count: 7 },
      removed: { count: 6 },
      failed: { count: 1, bytes: 10 },
      deferred: { count: 0 },
    });
    expect(await world.statuses()).toMatchObject({ f2: "expired", f3: "active", f4: "expired" });
    expect(world.keys()).toEqual(["k3"]);
  });

  test("a refused row beside others of its key: every row is counted once, none stays deferred", async () => {
    const world = await createWorld();
    for (const id of ["a", "b", "c", "d"]) await world.upload({ id, key: "shared", expires_at: PAST });
    await world.upload({ id: "refused", key: "own", expires_at: PAST });
    await world.execute(
      "CREATE TRIGGER legal BEFORE UPDATE ON files WHEN OLD.id = 'refused' BEGIN SELECT RAISE(ABORT, 'legal hold'); END",
    );
    expect(await expiredFiles(world)).toMatchObject({
      seen: { count: 5, bytes: 20 },
      failed: { count: 1, bytes: 10 },
      deferred: { count: 0, bytes: 0 },
    });
    expect(world.keys()).toEqual(["own"]);
  });
});
