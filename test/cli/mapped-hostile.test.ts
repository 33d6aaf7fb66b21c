/** A catalog that means harm, in a table of the application's own: nothing but exact keys under the store is touched. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Value } from "../../src/core/ports.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import { buildCommand, makeSite, type Site } from "./support/command.ts";

buildCommand();

const AGO = Date.now() - HOUR_MS;
const TABLE = `files"; DROP TABLE "bystanders`;
const STATUS = `live'; DELETE FROM bystanders; --`;
const OVER = `over' OR '1'='1`;
const FILLERS = Array.from({ length: 1000 }, (_, index) => `"c${index}; --" TEXT`);

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

async function hostileSite(): Promise<Site> {
  const site = await makeSite({ prepared: false });
  mkdirSync(site.store, { recursive: true });
  await site.query(
    `CREATE TABLE ${quoted(TABLE)} ("i d" ANY, "k""ey" ANY, "st'atus" TEXT, ends ANY, downloads ANY, "limit" ANY, ${FILLERS.join(", ")})`.replaceAll(
      " ANY",
      "",
    ),
  );
  await site.query("CREATE TABLE bystanders (id INTEGER PRIMARY KEY)");
  await site.query("INSERT INTO bystanders VALUES (1)");
  return site;
}

const ENV = {
  CATALOG_TABLE: TABLE,
  CATALOG_COLUMNS: JSON.stringify({
    id: "i d",
    key: 'k"ey',
    status: "st'atus",
    expiresAt: "ends",
    downloads: "downloads",
    maxDownloads: "limit",
  }),
  CATALOG_STATUS: JSON.stringify({ live: [STATUS], expired: OVER }),
  CLEANUP_QUARANTINE_HOURS: "0",
  CLEANUP_HOLD_PERCENT: "100",
};

async function insert(
  site: Site,
  id: Value,
  key: Value,
  more: { ends?: Value; downloads?: Value; limit?: Value } = {},
) {
  const { ends = AGO, downloads = null, limit = null } = more;
  await site.query(
    `INSERT INTO ${quoted(TABLE)} ("i d", "k""ey", "st'atus", ends, downloads, "limit") VALUES (?, ?, ?, ${ends === Infinity ? "9e999" : "?"}, ?, ?)`,
    [id, key, STATUS, ...(ends === Infinity ? [] : [ends]), downloads, limit],
  );
}

const statusOf = async (site: Site): Promise<Record<string, unknown>> =>
  Object.fromEntries(
    (await site.query(`SELECT "i d" AS id, "st'atus" AS status FROM ${quoted(TABLE)}`)).map(({ id, status }) => [
      id,
      status,
    ]),
  );

/** What a sweep says that it did. */
function sweepIn(
  stdout: string,
  name: string,
): { seen: { count: number }; removed: { count: number }; kept: Record<string, { count: number }> } {
  return JSON.parse(stdout).sweeps.find((sweep: { name: string }) => sweep.name === name);
}

test("keys that mean another place are kept and counted; those that are exact go, and nothing else", async () => {
  const site = await hostileSite();
  const decoys = ["b", "a/b", "c", "dir/file", "kept"];
  for (const key of decoys) site.put(key);
  const outside = join(site.folder, "outside.txt");
  writeFileSync(outside, "somebody else's");
  mkdirSync(join(site.folder, "data/uploads2"));
  writeFileSync(join(site.folder, "data/uploads2/b"), "somebody else's");
  const exact = ["ok", "it's; DROP TABLE bystanders", "%2e%2e", "ü/é", "42", "🙂"];
  for (const key of exact) site.put(key);
  const odd = [
    "../outside.txt",
    "../../outside.txt",
    "../uploads2/b",
    outside,
    "/b",
    "./b",
    "a/../b",
    "a//b",
    "a/./b",
    "b/",
    "..",
    ".",
    "",
    "dir\\file",
    "c\0",
    "c\0/../../outside.txt",
    "k".repeat(5000),
    4.5,
    null,
  ];
  for (const [index, key] of odd.entries()) await insert(site, `odd-${index}`, key);
  for (const [index, key] of exact.entries()) await insert(site, `exact-${index}`, key === "42" ? 42 : key);
  for (const [index, key] of decoys.entries()) await insert(site, `decoy-${index}`, key, { ends: null });

  const { code, stdout } = await site.filesweep(["run", "--json"], ENV);
  expect(code).toBe(0);
  const sweep = sweepIn(stdout, "expired-files");
  expect(sweep).toMatchObject({
    seen: { count: odd.length + exact.length },
    removed: { count: exact.length },
    kept: { "invalid-key": { count: odd.length } },
  });
  expect(exact.filter((key) => site.has(key))).toEqual([]);
  expect(decoys.filter((key) => !site.has(key))).toEqual([]);
  expect(readdirSync(site.folder).sort()).toEqual(["data", "outside.txt"]);
  expect(readdirSync(join(site.folder, "data/uploads2"))).toEqual(["b"]);
  const statuses = await statusOf(site);
  expect(
    Object.entries(statuses)
      .filter(([id]) => !id.startsWith("exact"))
      .every(([, status]) => status === STATUS),
  ).toBe(true);
  expect(
    Object.entries(statuses)
      .filter(([id]) => id.startsWith("exact"))
      .every(([, status]) => status === OVER),
  ).toBe(true);
  expect(await site.query("SELECT id FROM bystanders")).toEqual([{ id: 1 }]);
});

test("blobs for keys protect what they spell, and hold the scan: nobody knows what they mean", async () => {
  const site = await hostileSite();
  for (const key of ["spelt", "orphan"]) site.put(key);
  await insert(site, "blob", new TextEncoder().encode("spelt"));
  await insert(site, "no text", new Uint8Array([0xff, 0x00, 0x2f]));
  const { code, stdout } = await site.filesweep(["run", "--json"], ENV);
  expect(code).toBe(3);
  const run = JSON.parse(stdout);
  expect(run.holds.map(({ cause }: { cause: string }) => cause)).toEqual(["untyped-keys"]);
  expect(sweepIn(stdout, "expired-files").kept).toMatchObject({ "invalid-key": { count: 2 } });
  expect(sweepIn(stdout, "orphaned-objects").kept).toMatchObject({
    held: { count: 1 },
    "still-protected": { count: 1 },
  });
  expect([site.has("spelt"), site.has("orphan")]).toEqual([true, true]);
});

test("limits and instants that make no sense end nothing, and are counted where they cannot be read", async () => {
  const site = await hostileSite();
  const odd: [Value, Value, Value, "unreadable-time" | null][] = [
    [0, null, null, "unreadable-time"],
    [-1, null, null, "unreadable-time"],
    [new Uint8Array([1]), null, null, "unreadable-time"],
    ["' OR 1=1 --", null, null, "unreadable-time"],
    ["2026-02-31", null, null, "unreadable-time"],
    [Infinity, null, null, null],
    [2n ** 62n, null, null, null],
    [null, 5, 0, null],
    [null, 5, -3, null],
    [null, -5, -3, null],
    [null, "9", "3", null],
    [null, 2n ** 62n, "' OR 1=1", null],
    // Used up, but nobody knows since when: the table has neither a download's time nor a row's.
    [null, 3, 3, "unreadable-time"],
  ];
  for (const [index, [ends, downloads, limit]] of odd.entries()) {
    site.put(`k${index}`);
    await insert(site, `r${index}`, `k${index}`, { ends, downloads, limit });
  }
  const { code, stdout } = await site.filesweep(["run", "--json"], ENV);
  expect(code).toBe(0);
  const { removed, kept } = sweepIn(stdout, "expired-files");
  expect(removed.count).toBe(0);
  expect(kept["unreadable-time"]?.count).toBe(odd.filter(([, , , reason]) => reason !== null).length);
  expect(odd.filter((_, index) => !site.has(`k${index}`))).toEqual([]);
});

test("ids of every kind, NULL among them: a row without one is kept and counted", async () => {
  const site = await hostileSite();
  const ids: Value[] = [1, 1.5, "1", "1'; --", 2n ** 60n, new Uint8Array([1, 2]), "twice", "twice"];
  for (const [index, id] of ids.entries()) {
    site.put(`k${index}`);
    await insert(site, id, `k${index}`);
  }
  site.put("nobody");
  await insert(site, null, "nobody");
  const { code, stdout } = await site.filesweep(["run", "--json"], ENV);
  expect(code).toBe(0);
  expect(sweepIn(stdout, "expired-files")).toMatchObject({
    removed: { count: ids.length },
    kept: { "invalid-key": { count: 1 } },
  });
  expect(site.has("nobody")).toBe(true);
  expect(ids.filter((_, index) => site.has(`k${index}`))).toEqual([]);
});
