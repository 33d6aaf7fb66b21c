/** The records of old files: catalog.old, countOld, erase and protectedBeside; and the counts of due and live rows. */
import { describe, expect, test } from "vitest";
import type { CatalogCursor, Claim, HeldLease, OldCutoffs, Value } from "../../src/core/ports.ts";
import { DAY_MS, SECOND_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { CUTOFFS, idsOf, listed, one, openPorts, type Ports, USED_UP } from "../support/ports.ts";

const RUN = { runId: "run-1", now: START };

/** Downloaded over thirty days ago; expired over ninety days ago without a download. */
const OLD: OldCutoffs = { downloadedBefore: START - 30 * DAY_MS, expiredBefore: START - 90 * DAY_MS };

/** A row whose record is old by its download. */
const DOWNLOADED = { status: "expired", expires_at: null, downloaded_at: START - 31 * DAY_MS };

/** A row whose record is old by its expiry: nobody downloaded it. */
const EXPIRED = { status: "expired", expires_at: START - 91 * DAY_MS, downloaded_at: null };

async function withLease(): Promise<Ports & { held: HeldLease }> {
  const ports = await openPorts();
  return { ...ports, held: await ports.hold() };
}

/** Ids page by page. The place goes through JSON, as it does when a later slice goes on. */
async function walk({ database }: Ports, held: HeldLease, limit: number, cutoffs = OLD): Promise<Value[]> {
  const ids: Value[] = [];
  let after: CatalogCursor | null = null;
  for (let pages = 0; pages < 200; pages += 1) {
    const page = await database.catalog.old(held, { ...cutoffs, after, limit });
    expect(page.files.length).toBeLessThanOrEqual(limit);
    ids.push(...page.files.map(({ id }) => id));
    if (page.next === null) return ids;
    after = JSON.parse(JSON.stringify(page.next)) as CatalogCursor;
  }
  throw new Error("the walk does not come to its end");
}

async function claims(
  { database, makeId }: Ports,
  held: HeldLease,
  takesAlong: (id: Value) => boolean = () => true,
): Promise<Claim[]> {
  const { files } = await database.catalog.old(held, { ...OLD, after: null, limit: 1000 });
  return files.map((file) => ({
    file,
    key: String(file.key),
    reason: "old-record",
    removalId: makeId(),
    takesAlong: takesAlong(file.id),
    derived: [],
  }));
}

const LIMITS = [1, 2, 7, 1000];
const NOW_S = START / SECOND_MS;
const MONTH_S = (30 * DAY_MS) / SECOND_MS;
const QUARTER_S = (90 * DAY_MS) / SECOND_MS;

describe("a row is shown, once, where its record may be old", () => {
  const ROWS: readonly { what: string; row: Readonly<Record<string, Value>>; shown: boolean }[] = [
    { what: "downloaded before the cut-off", row: { downloaded_at: START - 30 * DAY_MS - 1 }, shown: true },
    { what: "downloaded at the cut-off", row: { downloaded_at: START - 30 * DAY_MS }, shown: true },
    { what: "downloaded behind the cut-off", row: { downloaded_at: START - 30 * DAY_MS + 1 }, shown: false },
    { what: "seconds, before the cut-off", row: { downloaded_at: NOW_S - MONTH_S - 1 }, shown: true },
    { what: "seconds, at the cut-off", row: { downloaded_at: NOW_S - MONTH_S }, shown: true },
    { what: "seconds, behind the cut-off", row: { downloaded_at: NOW_S - MONTH_S + 1 }, shown: false },
    { what: "never downloaded, and live", row: { status: "active", downloaded_at: null }, shown: false },
    { what: "downloaded at zero: unreadable, shown", row: { downloaded_at: 0 }, shown: true },
    { what: "downloaded at a negative number", row: { downloaded_at: -1 }, shown: true },
    { what: "downloaded at a text", row: { downloaded_at: "yesterday" }, shown: true },
    { what: "downloaded at a blob", row: { downloaded_at: new Uint8Array([1]) }, shown: true },
    { what: "downloaded at infinity", row: { downloaded_at: Infinity }, shown: false },
    { what: "a live row", row: { ...DOWNLOADED, status: "active" }, shown: true },
    {
      what: "a row of a status that filesweep does not know",
      row: { ...DOWNLOADED, status: "archived" },
      shown: false,
    },
    { what: "a row on hold: shown, so that it is counted", row: { ...DOWNLOADED, hold: 1 }, shown: true },
    { what: "expired before the cut-off", row: { ...EXPIRED, expires_at: START - 90 * DAY_MS - 1 }, shown: true },
    { what: "expired at the cut-off", row: { ...EXPIRED, expires_at: START - 90 * DAY_MS }, shown: true },
    { what: "expired behind the cut-off", row: { ...EXPIRED, expires_at: START - 90 * DAY_MS + 1 }, shown: false },
    { what: "expired, seconds, at the cut-off", row: { ...EXPIRED, expires_at: NOW_S - QUARTER_S }, shown: true },
    { what: "expired, seconds, behind it", row: { ...EXPIRED, expires_at: NOW_S - QUARTER_S + 1 }, shown: false },
    { what: "expired at zero: unreadable, shown", row: { ...EXPIRED, expires_at: 0 }, shown: true },
    { what: "expired at a text", row: { ...EXPIRED, expires_at: "soon" }, shown: true },
    { what: "expired, and it is not said when", row: { ...EXPIRED, expires_at: null }, shown: false },
    { what: "expired long ago, and downloaded lately", row: { ...EXPIRED, downloaded_at: START - 1 }, shown: false },
    { what: "expired long ago, and live", row: { ...EXPIRED, status: "active" }, shown: false },
    { what: "both", row: { ...EXPIRED, downloaded_at: START - 31 * DAY_MS }, shown: true },
  ];

  test.each(ROWS)("$what: $shown", async ({ row, shown }) => {
    const ports = await withLease();
    await ports.insert({ id: "it", key: "k", status: "expired", expires_at: null, ...row });
    for (const limit of LIMITS) expect(await walk(ports, ports.held, limit)).toEqual(shown ? ["it"] : []);
  });

  test("those that expired without a download only where that is asked for", async () => {
    const ports = await withLease();
    await ports.insert({ id: "downloaded", key: "a", ...DOWNLOADED }, { id: "expired", key: "b", ...EXPIRED });
    expect(await walk(ports, ports.held, 10, { ...OLD, expiredBefore: null })).toEqual(["downloaded"]);
    expect(await walk(ports, ports.held, 10)).toEqual(["downloaded", "expired"]);
  });
});

test.each(LIMITS)(
  "the order is fixed, by download, then by expiry, then by when a row was made: pages of %i",
  async (limit) => {
    const ports = await withLease();
    await ports.insert(
      { id: "9-expired-text", key: "k", ...EXPIRED, expires_at: "soon" },
      { id: "7-expired-first", key: "k", ...EXPIRED },
      { id: "7-expired-again", key: "k", ...EXPIRED },
      { id: "6-expired-seconds", key: "k", ...EXPIRED, expires_at: NOW_S - QUARTER_S },
      { id: "5-expired-zero", key: "k", ...EXPIRED, expires_at: 0 },
      { id: "4-blob", key: "k", ...DOWNLOADED, downloaded_at: new Uint8Array([1]) },
      { id: "3-text", key: "k", ...DOWNLOADED, downloaded_at: "yesterday" },
      { id: "2-ms-first", key: "k", ...DOWNLOADED },
      { id: "2-ms-again", key: "k", ...DOWNLOADED },
      { id: "1-seconds", key: "k", ...DOWNLOADED, downloaded_at: NOW_S - MONTH_S },
      { id: "0-zero", key: "k", ...DOWNLOADED, downloaded_at: 0 },
    );
    expect(await walk(ports, ports.held, limit)).toEqual([
      "0-zero",
      "1-seconds",
      "2-ms-first",
      "2-ms-again",
      "3-text",
      "4-blob",
      "5-expired-zero",
      "6-expired-seconds",
      "7-expired-first",
      "7-expired-again",
      "9-expired-text",
    ]);
  },
);

test.each(LIMITS)("a page skips no row where those of the page before were erased: pages of %i", async (limit) => {
  const ports = await withLease();
  const ids = Array.from({ length: 20 }, (_, index) => `f-${index}`);
  await ports.insert(...ids.map((id, index) => ({ id, key: id, ...(index % 2 === 0 ? DOWNLOADED : EXPIRED) })));
  let after: CatalogCursor | null = null;
  do {
    const page = await ports.database.catalog.old(ports.held, { ...OLD, after, limit });
    const erased = page.files.map((file) => toClaim(file, ports.makeId));
    await ports.database.catalog.erase(ports.held, erased, RUN);
    after = page.next;
  } while (after !== null);
  expect(await ports.statuses()).toEqual({});
});

function toClaim(file: Claim["file"], makeId: () => string): Claim {
  return { file, key: String(file.key), reason: "old-record", removalId: makeId(), takesAlong: true, derived: [] };
}

describe("erase deletes rows, and the last that protected a key takes its object along", () => {
  test("all of it, in one round trip", async () => {
    const ports = await withLease();
    const { database, held } = ports;
    await ports.insert({ id: "f", key: "k", size_bytes: 7, ...DOWNLOADED, status: "active" });
    const erased = await claims(ports, held);
    const before = database.calls();
    const { ended, condemned } = await database.catalog.erase(held, erased, RUN);
    expect(database.calls() - before).toBe(1);
    expect(idsOf(ended, erased)).toEqual(["f"]);
    expect(condemned).toMatchObject([
      { key: "k", sweep: "old-records", runId: "run-1", items: 1, sizeBytes: 7, from: "due", expected: null },
    ]);
    expect(await ports.statuses()).toEqual({});
    expect(await ports.removals()).toMatchObject([{ key: "k", state: "condemned", reason: "old-record" }]);
    expect(await ports.gate()).toEqual({ k: null });
  });

  test("or none of it: a trigger of the application that refuses fails the whole", async () => {
    const ports = await withLease();
    await ports.insert({ id: "a", key: "a", ...DOWNLOADED }, { id: "b", key: "b", ...DOWNLOADED });
    await ports.execute(
      "CREATE TRIGGER keep BEFORE DELETE ON files WHEN OLD.id = 'b' BEGIN SELECT RAISE(ABORT, 'not b'); END",
    );
    const erased = await claims(ports, ports.held);
    const before = await ports.dump();
    await expect(ports.database.catalog.erase(ports.held, erased, RUN)).rejects.toMatchObject({ kind: "conflict" });
    expect(await ports.dump()).toBe(before);
  });

  const CHANGES: readonly { column: string; value: Value }[] = [
    { column: "key", value: "renamed" },
    { column: "status", value: "active" },
    { column: "expires_at", value: START + 2 * DAY_MS },
    { column: "downloaded_at", value: START },
    { column: "downloaded_at", value: null },
    { column: "created_at", value: START },
    { column: "downloads", value: 9 },
    { column: "max_downloads", value: 10 },
    { column: "hold", value: 1 },
    { column: "id", value: "g" },
  ];

  test.each(CHANGES)("only while it is as judged: $column is now $value", async ({ column, value }) => {
    const ports = await withLease();
    await ports.insert({ id: "f", key: "k", ...DOWNLOADED });
    const erased = await claims(ports, ports.held);
    expect(erased).toHaveLength(1);
    await ports.execute(`UPDATE files SET "${column}" = ?`, [value]);
    const before = await ports.dump();
    expect(await ports.database.catalog.erase(ports.held, erased, RUN)).toEqual({
      ended: new Set(),
      condemned: [],
      next: null,
    });
    expect(await ports.dump()).toBe(before);
  });

  test("a row that the application deleted meanwhile takes nothing along", async () => {
    const ports = await withLease();
    await ports.insert({ id: "f", key: "k", ...DOWNLOADED });
    const erased = await claims(ports, ports.held);
    await ports.execute("DELETE FROM files");
    expect(await ports.database.catalog.erase(ports.held, erased, RUN)).toEqual({
      ended: new Set(),
      condemned: [],
      next: null,
    });
    expect(await ports.removals()).toEqual([]);
  });

  test("one that changed does not stop the others", async () => {
    const ports = await withLease();
    await ports.insert(...["a", "b", "c"].map((id) => ({ id, key: id, ...DOWNLOADED })));
    const erased = await claims(ports, ports.held);
    await ports.execute("UPDATE files SET hold = 1 WHERE id = 'b'");
    expect(idsOf((await ports.database.catalog.erase(ports.held, erased, RUN)).ended, erased)).toEqual(["a", "c"]);
    expect(await ports.statuses()).toEqual({ b: "expired" });
  });

  test.each([
    { what: "a live row", other: { status: "active", expires_at: null }, goes: false },
    { what: "a row of an unknown status", other: { status: "archived", expires_at: null }, goes: false },
    { what: "an expired row", other: { status: "expired", expires_at: null }, goes: true },
  ])("while $what names the key too, its object goes: $goes", async ({ other, goes }) => {
    const ports = await withLease();
    await ports.insert({ id: "old", key: "k", ...DOWNLOADED, status: "active" }, { id: "other", key: "k", ...other });
    const erased = await claims(ports, ports.held);
    const { ended, condemned } = await ports.database.catalog.erase(ports.held, erased, RUN);
    expect([idsOf(ended, erased), condemned.length]).toEqual([["old"], goes ? 1 : 0]);
    expect(await ports.states()).toEqual(goes ? { k: "condemned" } : {});
  });

  test("two that are erased together take it along once: a removal of two rows, with the bytes of the larger", async () => {
    const ports = await withLease();
    await ports.insert(
      { id: "a", key: "k", size_bytes: 5, ...DOWNLOADED },
      { id: "b", key: "k", size_bytes: 9, ...DOWNLOADED },
    );
    const { condemned } = await ports.database.catalog.erase(ports.held, await claims(ports, ports.held), RUN);
    expect(condemned).toMatchObject([{ key: "k", items: 2, sizeBytes: 9 }]);
  });

  test("rows that protect nothing take nothing along, and leave nothing in the ledger", async () => {
    const ports = await withLease();
    await ports.insert({ id: "f", key: "k", ...DOWNLOADED });
    const erased = await claims(ports, ports.held, () => false);
    expect(await ports.database.catalog.erase(ports.held, erased, RUN)).toEqual({
      ended: new Set(erased),
      condemned: [],
      next: null,
    });
    expect([await ports.statuses(), await ports.removals(), await ports.gate()]).toEqual([{}, [], {}]);
  });

  test("nor do they touch a removal of that key that is open", async () => {
    const ports = await withLease();
    await ports.sight(ports.held, "k");
    await ports.insert({ id: "f", key: "k", ...DOWNLOADED });
    const before = await ports.removals();
    const erased = await claims(ports, ports.held, () => false);
    await ports.database.catalog.erase(ports.held, erased, RUN);
    expect(await ports.removals()).toEqual(before);
  });

  test("of two rows of one key, one that protects and one that does not, the removal stands for the one", async () => {
    const ports = await withLease();
    await ports.insert(
      { id: "live", key: "k", ...DOWNLOADED, status: "active" },
      { id: "ended", key: "k", ...EXPIRED },
    );
    const erased = await claims(ports, ports.held, (id) => id === "live");
    const { ended, condemned } = await ports.database.catalog.erase(ports.held, erased, RUN);
    expect(ended.size).toBe(2);
    expect(condemned).toMatchObject([{ key: "k", items: 1 }]);
  });

  test("a suspect becomes a removal of this sweep; where its key stays protected it is released", async () => {
    const ports = await withLease();
    await ports.sight(ports.held, "goes", { object: listed("goes") });
    await ports.sight(ports.held, "stays", { object: listed("stays") });
    await ports.insert(
      { id: "a", key: "goes", ...DOWNLOADED, status: "active" },
      { id: "b", key: "stays", ...DOWNLOADED, status: "active" },
      { id: "c", key: "stays", expires_at: null },
    );
    await ports.database.catalog.erase(ports.held, await claims(ports, ports.held), RUN);
    expect(await ports.rows("SELECT key, state, sweep, released_by FROM filesweep_removals ORDER BY key")).toEqual([
      { key: "goes", state: "condemned", sweep: "old-records", released_by: null },
      { key: "stays", state: "released", sweep: "old-records", released_by: "protected" },
    ]);
  });

  test("no claims, no round trip; 1,000 of them are one", async () => {
    const ports = await withLease();
    await ports.insert(...Array.from({ length: 1000 }, (_, index) => ({ key: `k-${index}`, ...DOWNLOADED })));
    const erased = await claims(ports, ports.held);
    const before = ports.database.calls();
    await ports.database.catalog.erase(ports.held, [], RUN);
    expect(ports.database.calls()).toBe(before);
    const { ended, condemned } = await ports.database.catalog.erase(ports.held, erased, RUN);
    expect([ended.size, condemned.length, ports.database.calls() - before]).toEqual([1000, 1000, 1]);
  });
});

describe("countOld counts what would go", () => {
  const KEEP = { live: "keep", liveExpiredBefore: START } as const;
  const REMOVE = { live: "remove", liveExpiredBefore: START } as const;
  const LIVE = { ...DOWNLOADED, status: "active" };

  test.each([
    { what: "an expired row", row: DOWNLOADED, keep: 1, remove: 1 },
    { what: "one that expired without a download", row: EXPIRED, keep: 1, remove: 1 },
    { what: "a row of an unknown status", row: { ...DOWNLOADED, status: "archived" }, keep: 0, remove: 0 },
    { what: "a live row", row: LIVE, keep: 0, remove: 1 },
    { what: "a live row that expires later", row: { ...LIVE, expires_at: START + 1 }, keep: 0, remove: 1 },
    { what: "a live row whose expiry has come", row: { ...LIVE, expires_at: START }, keep: 1, remove: 1 },
    { what: "the same in seconds", row: { ...LIVE, expires_at: NOW_S }, keep: 1, remove: 1 },
    { what: "the same, a second later", row: { ...LIVE, expires_at: NOW_S + 1 }, keep: 0, remove: 1 },
    { what: "a live row whose expiry is unreadable", row: { ...LIVE, expires_at: "soon" }, keep: 0, remove: 1 },
    { what: "a live row, used up", row: { ...LIVE, downloads: 3, max_downloads: 3 }, keep: 1, remove: 1 },
    { what: "a live row, one download left", row: { ...LIVE, downloads: 2, max_downloads: 3 }, keep: 0, remove: 1 },
    { what: "a row on hold", row: { ...DOWNLOADED, hold: 1 }, keep: 0, remove: 0 },
    { what: "a row whose download is unreadable", row: { ...DOWNLOADED, downloaded_at: "x" }, keep: 0, remove: 0 },
    { what: "one that is not old", row: { ...DOWNLOADED, downloaded_at: START }, keep: 0, remove: 0 },
  ])("$what: $keep, with live ones $remove", async ({ row, keep, remove }) => {
    const ports = await withLease();
    await ports.insert({ id: "it", key: "k", size_bytes: 7, ...row });
    for (const [rule, count] of [
      [KEEP, keep],
      [REMOVE, remove],
    ] as const) {
      const { due, files } = await ports.database.catalog.countOld(ports.held, { ...OLD, ...rule }, 10);
      expect(due).toEqual({ count, bytes: 7 * count });
      if (count === 1) expect(one(files).id).toBe("it");
    }
  });

  test("all of them, in one round trip, and shows no more than the sample", async () => {
    const ports = await withLease();
    const rows = Array.from({ length: 30 }, (_, index) => ({ id: `f-${10 + index}`, key: `k-${index}` }));
    await ports.insert(...rows.map((row, index) => ({ ...row, ...(index % 2 === 0 ? DOWNLOADED : EXPIRED) })));
    const before = ports.database.calls();
    const { due, files } = await ports.database.catalog.countOld(ports.held, { ...OLD, ...KEEP }, 4);
    expect(ports.database.calls() - before).toBe(1);
    expect(due).toEqual({ count: 30, bytes: 300 });
    expect(files.map(({ id }) => id)).toEqual(["f-10", "f-12", "f-14", "f-16"]);
  });

  test("none in an empty table", async () => {
    const { database, held } = await withLease();
    const nothing = { due: { count: 0, bytes: 0 }, files: [] };
    expect(await database.catalog.countOld(held, { ...OLD, ...KEEP }, 10)).toEqual(nothing);
    expect(await database.catalog.countDue(held, CUTOFFS, 10)).toEqual(nothing);
    expect(await database.catalog.countLive(held, 10)).toBe(0);
  });
});

test("countDue counts each due row once, unless it is on hold or unreadable", async () => {
  const ports = await withLease();
  await ports.insert(
    { id: "expired", key: "a" },
    { id: "seconds", key: "b", expires_at: NOW_S },
    { id: "used-up", key: "c", ...USED_UP },
    { id: "both", key: "d", ...USED_UP, expires_at: START - 1 },
    { id: "hold", key: "e", hold: 1 },
    { id: "unreadable", key: "f", expires_at: "soon" },
    { id: "live", key: "g", expires_at: null },
    { id: "ended", key: "h", status: "expired" },
    { id: "size", key: "i", size_bytes: "7 kB" },
  );
  const { due, files } = await ports.database.catalog.countDue(ports.held, CUTOFFS, 2);
  expect(due).toEqual({ count: 5, bytes: 40 });
  expect(files).toHaveLength(2);
});

test.each([
  { limit: 0, count: 0 },
  { limit: 2, count: 2 },
  { limit: 3, count: 3 },
  { limit: 4, count: 3 },
])("countLive counts live rows, no further than $limit: $count", async ({ limit, count }) => {
  const ports = await withLease();
  await ports.insert(...["a", "b", "c"].map((key) => ({ key })), { key: "d", status: "expired" });
  await ports.insert({ key: "e", status: "archived" });
  expect(await ports.database.catalog.countLive(ports.held, limit)).toBe(count);
});

/** A row of the default table, as far as that tells it from others: the first that was inserted is 1. */
function rowOf(rowid: number): { version: unknown } {
  return { version: [[rowid], []] };
}

describe("protectedBeside says what a plan would leave protected", () => {
  async function beside(ports: Ports & { held: HeldLease }, keys: string[], rowids: number[]): Promise<string[]> {
    return [...(await ports.database.catalog.protectedBeside(ports.held, keys, rowids.map(rowOf)))].sort();
  }

  test("a key that some row but these protects", async () => {
    const ports = await withLease();
    await ports.insert(
      { id: "one", key: "a", expires_at: null },
      { id: "two", key: "b", expires_at: null },
      { id: "three", key: "b", expires_at: null },
      { id: "four", key: "c", status: "expired" },
    );
    expect(await beside(ports, ["a", "b", "c", "nobody's"], [])).toEqual(["a", "b"]);
    expect(await beside(ports, ["a", "b", "c"], [1, 2])).toEqual(["b"]);
    expect(await beside(ports, ["a", "b", "c"], [1, 2, 3])).toEqual([]);
  });

  test("also where that row has no id, or one that goes has none", async () => {
    const ports = await withLease();
    await ports.insert({ id: null, key: "a", expires_at: null }, { id: null, key: "b", expires_at: null });
    expect(await beside(ports, ["a", "b"], [3])).toEqual(["a", "b"]);
    expect(await beside(ports, ["a", "b"], [2])).toEqual(["a"]);
  });
});
