/** catalog.due: which rows are shown as due, in which order, page by page. */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import type { CatalogCursor, HeldLease, Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { CUTOFFS, openPorts, type Ports, USED_UP } from "../support/ports.ts";

/** Ids page by page. The place goes through JSON, as it does when a later slice goes on. */
async function walk({ database }: Ports, held: HeldLease, limit: number): Promise<Value[][]> {
  const pages: Value[][] = [];
  let after: CatalogCursor | null = null;
  do {
    const page = await database.catalog.due(held, { ...CUTOFFS, after, limit });
    expect(page.files.length).toBeLessThanOrEqual(limit);
    pages.push(page.files.map(({ id }) => id));
    after = JSON.parse(JSON.stringify(page.next)) as CatalogCursor | null;
    expect(pages.length, "the walk comes to its end").toBeLessThan(200);
  } while (after !== null);
  return pages;
}

const LIMITS = [1, 2, 7, 1000];

interface Shown {
  readonly what: string;
  readonly row: Readonly<Record<string, Value>>;
  readonly shown: boolean;
}

const NOW_S = START / SECOND_MS;

const EXPIRY: Shown[] = [
  { what: "milliseconds, one before the cut-off", row: { expires_at: START - 1 }, shown: true },
  { what: "milliseconds, at the cut-off", row: { expires_at: START }, shown: true },
  { what: "milliseconds, one behind the cut-off", row: { expires_at: START + 1 }, shown: false },
  { what: "seconds, one before the cut-off", row: { expires_at: NOW_S - 1 }, shown: true },
  { what: "seconds, at the cut-off", row: { expires_at: NOW_S }, shown: true },
  { what: "seconds, one behind the cut-off", row: { expires_at: NOW_S + 1 }, shown: false },
  { what: "the last number that is seconds: far in the future", row: { expires_at: 1e11 - 1 }, shown: false },
  { what: "the first number that is milliseconds: 1973", row: { expires_at: 1e11 }, shown: true },
  { what: "a fraction of milliseconds", row: { expires_at: START - 0.5 }, shown: true },
  { what: "none", row: { expires_at: null }, shown: false },
  { what: "zero", row: { expires_at: 0 }, shown: true },
  { what: "negative", row: { expires_at: -1 }, shown: true },
  { what: "an integer below -2^53", row: { expires_at: -(2n ** 60n) }, shown: true },
  { what: "an integer over 2^53", row: { expires_at: 2n ** 60n }, shown: false },
  { what: "infinity", row: { expires_at: Infinity }, shown: false },
  { what: "minus infinity", row: { expires_at: -Infinity }, shown: true },
  { what: "a text", row: { expires_at: "tomorrow" }, shown: true },
  { what: "an ISO text of that instant", row: { expires_at: new Date(START).toISOString() }, shown: true },
  { what: "an ISO text a millisecond later", row: { expires_at: new Date(START + 1).toISOString() }, shown: false },
  { what: "a text that is no instant", row: { expires_at: "2999-02-30T00:00:00Z" }, shown: true },
  { what: "the empty text", row: { expires_at: "" }, shown: true },
  { what: "a blob", row: { expires_at: new Uint8Array([0, 255]) }, shown: true },
  { what: "the empty blob", row: { expires_at: new Uint8Array() }, shown: true },
];

const USED: Shown[] = [
  { what: "used up before the cut-off", row: { ...USED_UP, downloaded_at: START - HOUR_MS - 1 }, shown: true },
  { what: "used up at the cut-off", row: { ...USED_UP, downloaded_at: START - HOUR_MS }, shown: true },
  { what: "used up behind the cut-off", row: { ...USED_UP, downloaded_at: START - HOUR_MS + 1 }, shown: false },
  { what: "used up, seconds, before the cut-off", row: { ...USED_UP, downloaded_at: NOW_S - 3601 }, shown: true },
  { what: "used up, seconds, at the cut-off", row: { ...USED_UP, downloaded_at: NOW_S - 3600 }, shown: true },
  { what: "used up, seconds, behind the cut-off", row: { ...USED_UP, downloaded_at: NOW_S - 3599 }, shown: false },
  { what: "used up just now, in seconds", row: { ...USED_UP, downloaded_at: NOW_S }, shown: false },
  { what: "downloaded at zero", row: { ...USED_UP, downloaded_at: 0 }, shown: true },
  { what: "over its downloads", row: { ...USED_UP, downloads: 4 }, shown: true },
  { what: "one download left", row: { ...USED_UP, downloads: 2 }, shown: false },
  { what: "no limit", row: { ...USED_UP, max_downloads: null }, shown: false },
  { what: "a limit of zero is none", row: { ...USED_UP, max_downloads: 0 }, shown: false },
  { what: "a negative limit is none", row: { ...USED_UP, max_downloads: -1 }, shown: false },
  { what: "never downloaded, created long ago", row: { ...USED_UP, downloaded_at: null }, shown: true },
  { what: "never downloaded, just created", row: { ...USED_UP, downloaded_at: null, created_at: START }, shown: false },
  { what: "downloaded at a text", row: { ...USED_UP, downloaded_at: "yesterday" }, shown: true },
  { what: "downloaded at a blob", row: { ...USED_UP, downloaded_at: new Uint8Array([1]) }, shown: true },
  { what: "used up, and expires never", row: { ...USED_UP, expires_at: null }, shown: true },
  { what: "used up, and expired", row: { ...USED_UP, expires_at: START - 1 }, shown: true },
  {
    what: "used up just now, and expired",
    row: { ...USED_UP, downloaded_at: START, expires_at: START - 1 },
    shown: true,
  },
  { what: "used up, its expiry a text", row: { ...USED_UP, expires_at: "soon" }, shown: true },
];

const STATUS: Shown[] = [
  { what: "an expired status", row: { status: "expired" }, shown: false },
  { what: "a status that filesweep does not know", row: { status: "archived" }, shown: false },
  { what: "a status in other case", row: { status: "Active" }, shown: false },
  { what: "a row on hold: shown, so that it is counted", row: { hold: 1 }, shown: true },
];

describe("a row is shown, once, where its end may have come", () => {
  test.each([...EXPIRY, ...USED, ...STATUS])("$what: $shown", async ({ row, shown }) => {
    const ports = await openPorts();
    await ports.insert({ id: "it", key: "k", ...row });
    const held = await ports.hold();
    for (const limit of LIMITS) expect((await walk(ports, held, limit)).flat()).toEqual(shown ? ["it"] : []);
  });
});

test("what was stored arrives with its type, also beyond what JavaScript's numbers hold", async () => {
  const { insert, due, hold } = await openPorts();
  const values: Value[] = [-(2n ** 60n), -1, 0, "tomorrow", "", new Uint8Array([0, 255])];
  await insert(...values.map((value, index) => ({ id: `id-${index}`, key: "k", expires_at: value })));
  const files = await due(await hold());
  const found = new Map(files.map((file) => [file.id, file.expiresAt]));
  expect(values.map((_, index) => found.get(`id-${index}`))).toEqual(values);
});

test.each([
  { size: 7, reads: 7 },
  { size: null, reads: 0 },
  { size: -7, reads: 0 },
  { size: "7 kB", reads: 0 },
  { size: new Uint8Array([7]), reads: 0 },
])("a size of $size counts as $reads bytes", async ({ size, reads }) => {
  const { insert, due, hold } = await openPorts();
  await insert({ key: "k", size_bytes: size });
  expect((await due(await hold()))[0]?.sizeBytes).toBe(reads);
});

describe("the order is fixed: by stage, then by instant, then by when a row was made", () => {
  test("unreadable numbers, seconds, milliseconds, texts and blobs, then what is used up", async () => {
    const ports = await openPorts();
    await ports.insert(
      { id: "8-used", key: "k", ...USED_UP },
      { id: "9-used-later", key: "k", ...USED_UP, downloaded_at: START - 2 * HOUR_MS },
      { id: "7-blob", key: "k", expires_at: new Uint8Array([1]) },
      { id: "6-text", key: "k", expires_at: "never" },
      { id: "5-ms", key: "k", expires_at: START },
      { id: "3-ms-first", key: "k", expires_at: START - DAY_MS },
      { id: "3-ms-again", key: "k", expires_at: START - DAY_MS },
      { id: "2-seconds", key: "k", expires_at: NOW_S },
      { id: "1-zero", key: "k", expires_at: 0 },
      { id: "0-negative", key: "k", expires_at: -5 },
    );
    const held = await ports.hold();
    const expected = [
      "0-negative",
      "1-zero",
      "2-seconds",
      "3-ms-first",
      "3-ms-again",
      "5-ms",
      "6-text",
      "7-blob",
      "8-used",
      "9-used-later",
    ];
    for (const limit of LIMITS) expect((await walk(ports, held, limit)).flat()).toEqual(expected);
  });

  test.each(LIMITS)("pages of %i over rows of the same instant: each row once", async (limit) => {
    const ports = await openPorts();
    const kinds = [
      {},
      { expires_at: NOW_S },
      { expires_at: 0 },
      { expires_at: "x" },
      { expires_at: new Uint8Array([9]) },
      USED_UP,
    ];
    const ids = kinds.flatMap((_, kind) => Array.from({ length: 9 }, (__, index) => `${kind}-${index}`));
    await ports.insert(...ids.map((id) => ({ id, key: id, ...kinds[Number(id[0])] })));
    const pages = await walk(ports, await ports.hold(), limit);
    expect(pages.flat().sort()).toEqual(ids);
    // Every page but the last is full.
    expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
  });

  test.each(LIMITS)("pages of %i over every kind of value: each row once", async (limit) => {
    const ports = await openPorts();
    const shown = [...EXPIRY, ...USED].filter(({ row, shown }) => shown && row["expires_at"] !== -Infinity);
    const ids = shown.flatMap((_, index) => [`${100 + index}-a`, `${100 + index}-b`]);
    await ports.insert(
      ...shown.flatMap(({ row }, index) =>
        ["a", "b"].map((twin) => ({ id: `${100 + index}-${twin}`, key: "k", ...row })),
      ),
    );
    expect((await walk(ports, await ports.hold(), limit)).flat().sort()).toEqual(ids);
  });

  test.each(LIMITS)("pages of %i: rows that expire at minus infinity hide no others", async (limit) => {
    const ports = await openPorts();
    await ports.insert({ id: "a", key: "k", expires_at: -Infinity }, { id: "b", key: "k", expires_at: -Infinity });
    await ports.insert({ id: "c", key: "k", expires_at: -1 }, { id: "d", key: "k" });
    expect((await walk(ports, await ports.hold(), limit)).flat()).toEqual(["a", "b", "c", "d"]);
  });

  test.each(LIMITS)("pages of %i: expiries with a NUL, or that are no UTF-8, hide no others", async (limit) => {
    const ports = await openPorts();
    const odd = ["'x' || char(0) || 'y'", "'x' || char(0) || 'z'", "CAST(x'79ff' AS TEXT)", "CAST(x'79ff' AS TEXT)"];
    for (const [index, expiry] of odd.entries()) {
      await ports.execute(`INSERT INTO files (id, key, created_at, expires_at) VALUES (?, 'k', 1, ${expiry})`, [
        `odd-${index}`,
      ]);
    }
    await ports.insert({ id: "z", key: "k", expires_at: "z" }, { id: "zz", key: "k", expires_at: "zz" });
    const ids = (await walk(ports, await ports.hold(), limit)).flat();
    expect(ids).toEqual(["odd-0", "odd-1", "odd-2", "odd-3", "z", "zz"]);
  });

  test.each(LIMITS)("pages of %i: rows without an id hide no others", async (limit) => {
    const ports = await openPorts();
    await ports.insert({ id: null, key: "x" }, { id: null, key: "y" }, { id: "a", key: "k" }, { id: "b", key: "k" });
    await ports.insert({ id: null, key: "z", expires_at: START - 2 }, { id: "c", key: "k", expires_at: START - 2 });
    const ids = (await walk(ports, await ports.hold(), limit)).flat();
    expect(ids.filter((id) => id !== null)).toEqual(["c", "a", "b"]);
  });
});

describe("the next page", () => {
  test("is none behind a page that is not full, and one that may be empty behind a full one", async () => {
    const { database, insert, hold } = await openPorts();
    await insert({ id: "a", key: "a" }, { id: "b", key: "b" });
    const held = await hold();
    const page = await database.catalog.due(held, { ...CUTOFFS, after: null, limit: 2 });
    expect(page.next).toEqual(page.last);
    const empty = await database.catalog.due(held, { ...CUTOFFS, after: page.next, limit: 2 });
    expect(empty).toEqual({ files: [], last: null, next: null });
    expect((await database.catalog.due(held, { ...CUTOFFS, after: null, limit: 3 })).next).toBeNull();
  });

  test.each(LIMITS)("skips no row where those of the page before were ended: pages of %i", async (limit) => {
    const { database, insert, hold, makeId, statuses } = await openPorts();
    const ids = Array.from({ length: 30 }, (_, index) => `f-${String(index).padStart(2, "0")}`);
    await insert(...ids.map((id, index) => ({ id, key: id, expires_at: START - Math.floor(index / 10) })));
    const held = await hold();
    let after: CatalogCursor | null = null;
    do {
      const page = await database.catalog.due(held, { ...CUTOFFS, after, limit });
      const claims = page.files.map((file) => ({
        file,
        key: String(file.key),
        reason: "expired" as const,
        removalId: makeId(),
        takesAlong: true,
        derived: [],
      }));
      await database.catalog.claim(held, claims, { runId: "run-1", now: START });
      after = page.next;
    } while (after !== null);
    expect(new Set(Object.values(await statuses()))).toEqual(new Set(["expired"]));
  });

  test("is not held up by rows that stay: those on hold, or unreadable", async () => {
    const ports = await openPorts();
    await ports.insert(
      ...["a", "b", "c"].map((id) => ({ id, key: id, expires_at: "x" })),
      { id: "d", key: "d", hold: 1 },
      { id: "e", key: "e" },
    );
    expect(await walk(ports, await ports.hold(), 1)).toEqual([["d"], ["e"], ["a"], ["b"], ["c"], []]);
  });

  test("goes on at its place where new rows came before it", async () => {
    const { database, insert, hold } = await openPorts();
    await insert({ id: "b", key: "b" }, { id: "c", key: "c" });
    const held = await hold();
    const { next } = await database.catalog.due(held, { ...CUTOFFS, after: null, limit: 1 });
    await insert({ id: "a", key: "a", expires_at: START - DAY_MS }, { id: "bb", key: "bb" });
    const rest = await database.catalog.due(held, { ...CUTOFFS, after: next, limit: 10 });
    expect(rest.files.map(({ id }) => id)).toEqual(["c", "bb"]);
  });

  test.each([{}, { stage: "1", position: 1, id: "a" }, { stage: 1, position: { odd: 1 }, id: "a" }])(
    "is refused as corrupt where the saved place makes no sense: %j",
    async (after) => {
      const { database, hold } = await openPorts();
      const held = await hold();
      const call = (async () => database.catalog.due(held, { ...CUTOFFS, after, limit: 1 }))();
      await expect(call).rejects.toMatchObject({ kind: "corrupt" });
    },
  );
});

describe("one odd key does not stop the others", () => {
  test.each([
    { what: "a number", key: 7 },
    { what: "a blob", key: new Uint8Array([0x61]) },
    { what: "empty", key: "" },
    { what: "long", key: "x".repeat(5000) },
    { what: "with quotes and percent signs", key: `'"%_\\;--` },
    { what: "with characters beyond the BMP", key: "\u{1F600}ｿ" },
    { what: "with control characters", key: "a\tb\n\u0001" },
  ])("$what", async ({ key }) => {
    const { insert, due, hold, makeId, database, statuses } = await openPorts();
    await insert({ id: "odd", key }, { id: "plain", key: "plain" });
    const held = await hold();
    const files = await due(held);
    expect(files.map(({ id }) => id)).toEqual(["odd", "plain"]);
    const claims = files.map((file) => ({
      file,
      key: String(file.key),
      reason: "expired" as const,
      removalId: makeId(),
      takesAlong: true,
      derived: [],
    }));
    await database.catalog.claim(held, claims, { runId: "run-1", now: START });
    expect((await statuses())["plain"]).toBe("expired");
  });

  test("with a NUL: it is never taken for the key before the NUL", async () => {
    const { execute, due, hold, insert } = await openPorts();
    await execute("INSERT INTO files (id, key, created_at, expires_at) VALUES ('odd', 'a' || char(0) || 'b', 1, ?)", [
      START - 1,
    ]);
    await insert({ id: "plain", key: "plain" });
    const files = await due(await hold());
    expect(files.map(({ id }) => id)).toContain("plain");
    expect(files.find(({ id }) => id === "odd")?.key).not.toBe("a");
  });

  // In a process of its own: libSQL's native addon ends the whole process at a text that is no UTF-8.
  test("no valid UTF-8: the process lives, and ends all but the one whose key it is", () => {
    const child = spawnSync(process.execPath, ["--import", "tsx", "test/database/invalid-utf8.child.ts"], {
      encoding: "utf8",
    });
    expect([child.status, child.signal, child.stderr]).toEqual([0, null, ""]);
    const keys = ["odd id, ü", "plain"];
    expect(JSON.parse(child.stdout)).toEqual({ seen: 3, ended: keys, condemned: keys });
  });
});
