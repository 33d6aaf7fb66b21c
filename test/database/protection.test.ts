/** What a value may mean, in both directions: from a key to what protects it, and from a new row to the keys it would. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Value } from "../../src/core/ports.ts";
import { createDatabase } from "../../src/database/open.ts";
import { TEST_NOW } from "../support/database.ts";
import { meter } from "../support/explain.ts";
import { openMapped } from "../support/mapped.ts";
import { acquire, freshEntry, GATE_MS } from "../support/ports.ts";

const TYPES = ["TEXT", "INTEGER", "REAL", "", "TEXT COLLATE NOCASE"] as const;
const INDEXED = [true, false] as const;

interface Meaning {
  readonly value: Value;
  readonly keys: readonly string[];
  /** Where the column turns the value into something else, it is asked about with these types alone. */
  readonly types?: readonly string[];
}

const NUMERIC = ["INTEGER", "REAL", ""];
const MEANINGS: readonly Meaning[] = [
  { value: "a", keys: ["a", "a.thumb", "t/a"] },
  { value: "/p/a", keys: ["/p/a", "a", "a.thumb", "t/a", "/p/a.thumb"] },
  { value: "/p/", keys: ["/p/", "/p/.thumb"] },
  { value: "ü🙂'%_*", keys: ["ü🙂'%_*", "ü🙂'%_*.thumb"] },
  { value: new TextEncoder().encode("/p/b"), keys: ["/p/b", "b", "b.thumb"] },
  { value: 42, keys: ["42", "42.thumb"], types: ["TEXT", "INTEGER", ""] },
  { value: 42, keys: ["42"], types: NUMERIC },
  { value: -7, keys: ["-7"], types: ["INTEGER", ""] },
  { value: 2n ** 60n, keys: [(2n ** 60n).toString()], types: ["TEXT", "INTEGER", ""] },
  { value: 1.5, keys: ["1.5"], types: NUMERIC },
  { value: 0.1 + 0.2, keys: ["0.30000000000000004"], types: ["REAL", ""] },
  { value: 1 / 3, keys: ["0.3333333333333333"], types: ["REAL", ""] },
];

async function open(type: string, indexed: boolean) {
  const ddl = [
    `CREATE TABLE t (id INTEGER PRIMARY KEY, key ${type})`,
    ...(indexed ? ["CREATE INDEX k ON t (key)"] : []),
  ];
  const mapped = await openMapped(ddl, {
    CATALOG_TABLE: "t",
    CATALOG_COLUMNS: { id: "id", key: "key" },
    CATALOG_EXPIRED_ACTION: "delete",
    CATALOG_KEY_PREFIX: "/p/",
    CATALOG_DERIVED: ["{key}.thumb", "t/{key}"],
  });
  await mapped.installGate();
  return mapped;
}

async function isRefused(mapped: Awaited<ReturnType<typeof open>>, key: string, value: Value): Promise<boolean> {
  await mapped.closeGate(key);
  const refused = await mapped.execute("INSERT INTO t (key) VALUES (?)", [value]).then(
    () => false,
    () => true,
  );
  await mapped.client.batch(
    ["DELETE FROM filesweep_gate", "DELETE FROM t"].map((sql) => ({ sql, args: [] })),
    "write",
  );
  return refused;
}

describe.each(TYPES.flatMap((type) => INDEXED.map((indexed) => ({ type, indexed }))))(
  "in a column of type '$type', indexed: $indexed",
  ({ type, indexed }) => {
    test("a value protects every key it may mean, and no new row may bring it while that key is behind the gate", async () => {
      const mapped = await open(type, indexed);
      for (const { value, keys, types } of MEANINGS) {
        if (types !== undefined && !types.includes(type)) continue;
        for (const key of keys) expect([value, key, await isRefused(mapped, key, value)]).toEqual([value, key, true]);
        await mapped.execute("INSERT INTO t (key) VALUES (?)", [value]);
        expect([value, await mapped.unprotected(...keys)]).toEqual([value, []]);
        await mapped.execute("DELETE FROM t");
      }
    });

    test("NULL means nothing, and a value nothing that it does not spell", async () => {
      const mapped = await open(type, indexed);
      await mapped.execute("INSERT INTO t (key) VALUES (NULL), ('/p/a'), ('b')");
      const others = ["", "p/a", "/p/b", "a/", "thumb", "a.thum", "c", "0", "t/", ".thumb", "t/c"];
      expect(await mapped.unprotected(...others)).toEqual([...others].sort());
    });
  },
);

test("whatever the check sees as protecting a key, the gate refuses while that is behind it, and the other way round", async () => {
  const mapped = await open("TEXT", true);
  const text = fc.string({
    unit: fc.constantFrom("/", "p", "t", "a", ".", "thumb", "/p/", "t/", ".thumb", "é"),
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(text, text, async (value, key) => {
      const refused = await isRefused(mapped, key, value);
      await mapped.execute("INSERT INTO t (key) VALUES (?)", [value]);
      const isFree = (await mapped.unprotected(key)).length > 0;
      await mapped.execute("DELETE FROM t");
      expect(refused).toBe(!isFree);
    }),
    { numRuns: 300 },
  );
});

/** `jsonb('["a","b"]')` */
const JSONB = Uint8Array.from([0x4b, 0x17, 0x61, 0x17, 0x62]);

describe("what refers to objects", () => {
  const DDL = [
    "CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT, state TEXT, cover TEXT)",
    "CREATE TABLE posts (images TEXT, avatar TEXT)",
  ];
  const ENV = {
    CATALOG_TABLE: "t",
    CATALOG_COLUMNS: { id: "id", key: "key", status: "state" },
    CATALOG_REFERENCES: [
      { table: "posts", column: "images", format: "json-array", stripPrefix: "https://cdn/" },
      { table: "posts", column: "avatar", stripPrefix: "/media/" },
      { table: "t", column: "cover" },
    ],
  };

  test.each<[column: "images" | "avatar", value: Value, keys: readonly string[]]>([
    ["images", '["a","b"]', ["a", "b"]],
    ["images", '["https://cdn/a"]', ["a", "https://cdn/a"]],
    ["images", '[{"src":"a","sizes":["b",{"x":"c"}]}]', ["a", "b", "c"]],
    ["images", '"a"', ["a"]],
    ["images", "[1, 2.5]", ["1", "2.5"]],
    ["images", "a.jpg", ["a.jpg"]],
    ["images", '["a", broken', ['["a", broken']],
    ["images", "null", ["null"]],
    ["images", "7", ["7"]],
    ["images", "['a',/* JSON5 */ 'b',]", ["a", "b"]],
    ["images", "['\\x61']", ["a"]],
    ["images", JSONB, ["a", "b"]],
    ["avatar", "/media/a", ["a", "/media/a"]],
    ["avatar", '["a"]', ['["a"]']],
  ])("%s holding %j protects %j, by the check and by the gate", async (column, value, keys) => {
    const mapped = await openMapped(DDL, ENV);
    await mapped.installGate();
    for (const key of keys) {
      await mapped.closeGate(key);
      await expect(mapped.execute(`INSERT INTO posts (${column}) VALUES (?)`, [value])).rejects.toMatchObject({
        kind: "conflict",
      });
      await mapped.execute("DELETE FROM filesweep_gate");
    }
    await mapped.execute(`INSERT INTO posts (${column}) VALUES (?)`, [value]);
    expect(await mapped.unprotected(...keys, "other")).toEqual(["other"]);
  });

  test("always protects, also from a row that has expired", async () => {
    const mapped = await openMapped(DDL, ENV);
    await mapped.execute("INSERT INTO t (key, state, cover) VALUES ('k', 'expired', 'c')");
    expect(await mapped.unprotected("k", "c")).toEqual(["k"]);
  });

  test.each([
    ["INSERT INTO posts (avatar) VALUES (x'0001')", true],
    ["INSERT INTO posts (images) VALUES (x'0001')", true],
    [`INSERT INTO posts (images) VALUES (CAST('["a"]' AS BLOB))`, false],
    [`INSERT INTO posts (images) VALUES (jsonb('["a"]'))`, false],
    ["INSERT INTO t (key) VALUES (x'61')", true],
    ["INSERT INTO t (key) VALUES ('a')", false],
  ])("%s is a key of which nobody knows what it means: %s", async (sql, untyped) => {
    const mapped = await openMapped(DDL, ENV);
    await mapped.execute(sql);
    const entry = freshEntry("run-1");
    expect((await mapped.database.journal.open(mapped.held, entry)).hasUntypedKeys).toBe(untyped);
  });
});

test("a column without an index is read once for a page of keys, not once for each", async () => {
  const mapped = await openMapped(
    ["CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT)", "CREATE TABLE posts (images TEXT, avatar TEXT)"],
    {
      CATALOG_TABLE: "t",
      CATALOG_COLUMNS: { id: "id", key: "key" },
      CATALOG_EXPIRED_ACTION: "delete",
      CATALOG_REFERENCES: [
        { table: "posts", column: "images", format: "json-array" },
        { table: "posts", column: "avatar" },
      ],
    },
  );
  const many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)";
  await mapped.execute(`${many} INSERT INTO t (key) SELECT 'k' || i FROM n`);
  await mapped.execute(`${many} INSERT INTO posts SELECT '["i' || i || '"]', 'a' || i FROM n`);
  const keys = Array.from({ length: 1000 }, (_, index) => `${["k", "i", "a", "nobody's"][index % 4]}${index + 1}`);
  const counter = meter();
  const { clock, mapping } = mapped;
  await mapped.database.leases.release(mapped.held);
  const options = { clock, gateMs: GATE_MS, databaseNow: TEST_NOW, mapping };
  const { catalog, leases } = createDatabase({ ...options, client: counter.wrap(mapped.client) });
  const held = await acquire({ leases }, "counted");
  counter.take();
  const page = { after: null, to: null, keys, madeBefore: null, missingLimit: 100 };
  expect((await catalog.compare(held, page)).unprotected.size).toBe(250);
  // 6,000 rows and 1,000 keys: their product would be six million, and some steps for each.
  expect(counter.take().reduce((sum, work) => sum + work.steps, 0)).toBeLessThan(1_000_000);
});
