/** old-records through whole runs: rows leave the catalog, and the last one that protects a key takes its object along. */
import { describe, expect, test } from "vitest";
import type { RunReport } from "../../src/core/model.ts";
import { DAY_MS } from "../../src/core/safety.ts";
import type { DecisionRecord } from "../../src/core/slice.ts";
import { START } from "../support/fake-clock.ts";
import { createWorld, type FileFields, sweepOf, type World, type WorldOptions } from "../support/world.ts";

const LONG_AGO = START - 8 * DAY_MS;
/** Live, but used up, and last downloaded over a week ago. The application prevents nothing; only this sweep runs. */
const USED_UP = { downloads: 1, max_downloads: 1, downloaded_at: LONG_AGO };
const ONLY = { settings: { sweeps: ["old-records"] } } as const satisfies WorldOptions;

const old = (report: RunReport): ReturnType<typeof sweepOf> => sweepOf(report, "old-records");

async function ids(world: World): Promise<string[]> {
  return Object.keys(await world.statuses());
}

describe("the last row that protects a key", () => {
  test("takes its object along, through the ledger", async () => {
    const world = await createWorld(ONLY);
    await world.upload({ id: "a", key: "a", ...USED_UP });
    expect(old(await world.run())).toMatchObject({
      status: "completed",
      seen: { count: 1, bytes: 10 },
      removed: { count: 1, bytes: 10 },
    });
    expect(await ids(world)).toEqual([]);
    expect(world.keys()).toEqual([]);
    expect(await world.removals()).toMatchObject([{ key: "a", state: "removed", reason: "old-record" }]);
  });

  test("one that another row protects too goes without its object, and takes no bytes along", async () => {
    const world = await createWorld(ONLY);
    await world.upload({ id: "a", key: "shared", ...USED_UP });
    await world.insert({ id: "b", key: "shared" });
    expect(old(await world.run())).toMatchObject({ seen: { count: 1, bytes: 0 }, removed: { count: 1, bytes: 0 } });
    expect(await ids(world)).toEqual(["b"]);
    expect(world.keys()).toEqual(["shared"]);
    expect(await world.ledger()).toEqual([]);
  });

  test("two that share a key and go together take it along once", async () => {
    const world = await createWorld(ONLY);
    await world.upload({ id: "a", key: "shared", ...USED_UP });
    await world.insert({ id: "b", key: "shared", ...USED_UP });
    expect(old(await world.run())).toMatchObject({ removed: { count: 2, bytes: 10 } });
    expect(world.keys()).toEqual([]);
    expect(await world.ledger()).toEqual(["shared removed"]);
  });

  test("a row marked expired protects nothing: it goes, and removes no object", async () => {
    const world = await createWorld(ONLY);
    await world.upload({ id: "a", key: "a", status: "expired", downloaded_at: LONG_AGO });
    expect(old(await world.run())).toMatchObject({ removed: { count: 1, bytes: 0 } });
    expect(await ids(world)).toEqual([]);
    expect(world.keys()).toEqual(["a"]);
  });
});

describe("what is kept", () => {
  test("a live file that still has downloads, one on hold, and one whose time cannot be read", async () => {
    const world = await createWorld(ONLY);
    await world.upload({ id: "live", key: "live", downloads: 1, max_downloads: 5, downloaded_at: LONG_AGO });
    await world.upload({ id: "hold", key: "hold", ...USED_UP, hold: 1 });
    await world.upload({ id: "text", key: "text", ...USED_UP, downloaded_at: "last year" });
    await world.upload({ id: "week", key: "week", ...USED_UP, downloaded_at: START - 7 * DAY_MS });
    const before = await world.dumpOfOthers();
    expect(old(await world.run())).toMatchObject({
      seen: { count: 3 },
      removed: { count: 0 },
      kept: { "still-live": { count: 1 }, "on-hold": { count: 1 }, "unreadable-time": { count: 1 } },
    });
    expect(await world.dumpOfOthers()).toEqual(before);
  });

  test.each(["uploading", "quarantined", ""])(
    "a row of the status %j is neither live nor expired: it stays",
    async (status) => {
      const world = await createWorld({
        settings: { ...ONLY.settings, oldFilesLive: "remove", expiredRecordMs: DAY_MS },
      });
      await world.upload({ id: "a", key: "a", status, ...USED_UP, expires_at: LONG_AGO });
      expect(old(await world.run())).toMatchObject({ removed: { count: 0 } });
      expect(await world.statuses()).toEqual({ a: status });
      expect(world.keys()).toEqual(["a"]);
    },
  );

  test("where told so live files go too", async () => {
    const world = await createWorld({ settings: { ...ONLY.settings, oldFilesLive: "remove" } });
    await world.upload({ id: "live", key: "live", downloaded_at: LONG_AGO });
    expect(old(await world.run())).toMatchObject({ removed: { count: 1, bytes: 10 } });
    expect(world.keys()).toEqual([]);
  });

  const changes: readonly (readonly [string, string])[] = [
    ["downloaded", `UPDATE files SET downloaded_at = ${START}`],
    ["put on hold", "UPDATE files SET hold = 1"],
    ["given another key", "UPDATE files SET key = 'elsewhere' WHERE id = 'a'"],
    ["given more downloads", "UPDATE files SET max_downloads = 9"],
  ];
  test.each(changes)("a row that is %s between the judgement and the end", async (_what, change) => {
    let changed = false;
    const world: World = await createWorld({
      ...ONLY,
      wrapClient: (client) => ({
        ...client,
        async batch(statements, mode) {
          if (!changed && statements.some(({ sql }) => sql.includes('DELETE FROM "files"'))) {
            changed = true;
            await world.execute(change);
          }
          return client.batch(statements, mode);
        },
      }),
    });
    await world.upload({ id: "a", key: "a", ...USED_UP });
    expect(old(await world.run())).toMatchObject({
      removed: { count: 0 },
      kept: { "changed-meanwhile": { count: 1 } },
    });
    expect(changed).toBe(true);
    expect(await ids(world)).toEqual(["a"]);
    expect(world.keys()).toEqual(["a"]);
  });

  test("a row that a constraint of the application protects fails alone", async () => {
    const world = await createWorld(ONLY);
    await world.execute("CREATE TABLE invoices (file TEXT NOT NULL REFERENCES files (id) ON DELETE RESTRICT)");
    for (const id of ["a", "b", "c"]) await world.upload({ id, key: id, ...USED_UP });
    await world.execute("INSERT INTO invoices VALUES ('b')");
    const report = await world.run();
    expect(report.status).toBe("completed-with-failures");
    expect(old(report)).toMatchObject({ removed: { count: 2, bytes: 20 }, failed: { count: 1, bytes: 10 } });
    expect(await ids(world)).toEqual(["b"]);
    expect(world.keys()).toEqual(["b"]);
  });
});

describe("a delete that would reach further than its row", () => {
  const CASCADE = "CREATE TABLE notes (file TEXT REFERENCES files (id) ON DELETE CASCADE)";
  const TRIGGER = "CREATE TRIGGER tidy AFTER DELETE\nON files BEGIN DELETE FROM audit; END";

  test.each([
    { reach: "a cascade", ddl: CASCADE, named: "the rows of notes that refer to it (ON DELETE CASCADE)" },
    { reach: "a trigger", ddl: TRIGGER, named: "whatever the trigger tidy does" },
  ])("$reach: no row is deleted, and the sweep says why", async ({ ddl, named }) => {
    const world = await createWorld(ONLY);
    await world.execute("CREATE TABLE audit (line TEXT)");
    await world.execute(ddl);
    await world.upload({ id: "a", key: "a", ...USED_UP });
    const report = await world.run();
    expect(old(report).status).toBe("failed");
    expect(old(report).error).toContain(named);
    expect(await ids(world)).toEqual(["a"]);
  });

  test("allowed by a person, the row goes", async () => {
    const world = await createWorld({ settings: { ...ONLY.settings, allowCascade: true } });
    await world.execute(CASCADE);
    await world.upload({ id: "a", key: "a", ...USED_UP });
    await world.run();
    expect(await ids(world)).toEqual([]);
  });

  test("a trigger on another event is none of it", async () => {
    const world = await createWorld(ONLY);
    await world.execute("CREATE TRIGGER stamp AFTER UPDATE ON files BEGIN SELECT 1; END");
    await world.upload({ id: "a", key: "a", ...USED_UP });
    await world.run();
    expect(await ids(world)).toEqual([]);
  });
});

describe("expired records that nobody downloaded", () => {
  test.each([
    { expiredRecordMs: null, days: 400, goes: false },
    { expiredRecordMs: 30 * DAY_MS, days: 30, goes: false },
    { expiredRecordMs: 30 * DAY_MS, days: 31, goes: true },
  ])(
    "$days days after the expiry, with $expiredRecordMs ms set: goes=$goes",
    async ({ expiredRecordMs, days, goes }) => {
      const world = await createWorld({ settings: { ...ONLY.settings, expiredRecordMs } });
      await world.insert({ id: "a", key: "a", status: "expired", expires_at: START - days * DAY_MS });
      expect(old(await world.run()).removed.count).toBe(goes ? 1 : 0);
      expect(await ids(world)).toEqual(goes ? [] : ["a"]);
    },
  );
});

describe("a plan", () => {
  const companions: readonly (readonly [string, FileFields | null])[] = [
    ["alone", null],
    ["beside a live row", { id: "b", key: "a" }],
    ["beside another old one", { id: "b", key: "a", ...USED_UP }],
    ["beside one marked expired", { id: "b", key: "a", status: "expired", downloaded_at: LONG_AGO }],
    ["beside one on hold", { id: "b", key: "a", ...USED_UP, hold: 1 }],
  ];
  test.each(companions)("of an old record %s says and lists what the following run does", async (_what, companion) => {
    const world = await createWorld(ONLY);
    await world.upload({ id: "a", key: "a", ...USED_UP });
    if (companion !== null) await world.insert(companion);
    const lists: DecisionRecord[][] = [];
    const reports: RunReport[] = [];
    for (const mode of ["plan", "remove"] as const) {
      const list: DecisionRecord[] = [];
      reports.push(await world.run({ mode, onDecision: (record) => void list.push(record) }));
      lists.push(list.toSorted((a, b) => ((a.file ?? "") < (b.file ?? "") ? -1 : 1)));
    }
    const [planned, done] = reports.map(old);
    expect(planned).toEqual(done);
    expect(lists[0]).toEqual(lists[1]);
  });
});

test("rows over many pages all go, and each in one page", async () => {
  const world = await createWorld({ settings: { ...ONLY.settings, pageSize: 2 } });
  for (let index = 0; index < 11; index += 1) await world.upload({ key: `k${index}`, ...USED_UP });
  expect(old(await world.run())).toMatchObject({ seen: { count: 11, bytes: 110 }, removed: { count: 11, bytes: 110 } });
  expect(await ids(world)).toEqual([]);
  expect(world.keys()).toEqual([]);
});
