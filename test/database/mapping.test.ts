/** A table of the application's own, of whatever shape: the same rows end, and everything else stays as it was. */
import { describe, expect, test } from "vitest";
import type { Value } from "../../src/core/ports.ts";
import { DEFAULT_INDEXES, DEFAULT_TABLE } from "../../src/database/default-table.ts";
import { executedStatements } from "../../src/database/executed.ts";
import { GATE_MESSAGE, gateTriggers } from "../../src/database/gate.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";
import { TEST_NOW } from "../support/database.ts";
import { START } from "../support/fake-clock.ts";
import { openMapped, problemsOf } from "../support/mapped.ts";
import { freshEntry } from "../support/ports.ts";

const DUE = START - 1000;
const LATER = START + 1000;

const columns = (more: Record<string, string>): string => JSON.stringify({ id: "id", key: "key", ...more });
const DELETE = { CATALOG_EXPIRED_ACTION: "delete" };

interface Shape {
  readonly what: string;
  readonly ddl: string;
  readonly tail?: string;
  /** The ids of two rows that are due and of one that is not. */
  readonly ids: readonly [Value, Value, Value];
}

const SHAPES: readonly Shape[] = [
  { what: "a text primary key", ddl: "id TEXT PRIMARY KEY, key TEXT, ends INTEGER, state TEXT", ids: ["a", "b", "c"] },
  { what: "an integer primary key", ddl: "id INTEGER PRIMARY KEY, key TEXT, ends INTEGER, state TEXT", ids: [1, 2, 3] },
  {
    what: "ids over 2^53",
    ddl: "id BIGINT, key TEXT, ends BIGINT, state VARCHAR(9)",
    ids: [2n ** 60n, 2n ** 60n + 1n, 5],
  },
  { what: "real ids", ddl: "id REAL, key TEXT, ends REAL, state TEXT", ids: [0.1, 1 / 3, 2] },
  {
    what: "blobs for ids",
    ddl: "id BLOB PRIMARY KEY, key TEXT, ends, state",
    ids: [new Uint8Array([0, 255]), new Uint8Array([1]), new Uint8Array()],
  },
  {
    what: "no primary key, and ids that repeat",
    ddl: "id TEXT, key TEXT, ends INTEGER, state TEXT",
    ids: ["same", "same", "same"],
  },
  {
    what: "no primary key, and names that hide the rowid",
    ddl: "id TEXT, rowid TEXT, _rowid_ TEXT, key TEXT, ends INTEGER, state TEXT",
    ids: ["a", "b", "c"],
  },
  {
    what: "a composite primary key",
    ddl: "id TEXT, n INTEGER DEFAULT 1, key TEXT, ends INTEGER, state TEXT, PRIMARY KEY (id, n)",
    ids: ["a", "b", "c"],
  },
  {
    what: "reals for a primary key, and no rowid",
    ddl: "id REAL PRIMARY KEY, key TEXT, ends INTEGER, state TEXT",
    tail: "WITHOUT ROWID",
    ids: [0.1, 1 / 3, 1e300],
  },
  {
    what: "a primary key that tells apart what its column takes for one",
    ddl: "id TEXT COLLATE NOCASE, key TEXT, ends INTEGER, state TEXT, PRIMARY KEY (id COLLATE BINARY)",
    tail: "WITHOUT ROWID",
    ids: ["a", "b", "A"],
  },
  {
    what: "WITHOUT ROWID",
    ddl: "id TEXT PRIMARY KEY, key TEXT, ends INTEGER, state TEXT",
    tail: "WITHOUT ROWID",
    ids: ["a", "b", "c"],
  },
  {
    what: "WITHOUT ROWID, by two columns",
    ddl: "id INTEGER, key TEXT, ends INTEGER, state TEXT, PRIMARY KEY (id, key)",
    tail: "WITHOUT ROWID",
    ids: [2n ** 60n, 1, 1],
  },
  {
    what: "computed columns",
    ddl: "id TEXT, path TEXT, key TEXT AS (substr(path, 2)), ends INTEGER, state TEXT",
    ids: ["a", "b", "c"],
  },
  {
    what: "STRICT",
    ddl: "id TEXT PRIMARY KEY, key TEXT, ends INTEGER, state TEXT",
    tail: "STRICT",
    ids: ["a", "b", "c"],
  },
];

const INDEXES = [
  [],
  ["CREATE INDEX by_end ON t (ends)"],
  ["CREATE INDEX by_state ON t (state, ends)", "CREATE INDEX by_key ON t (key)"],
];

/** Tables that the application made, named and made up as filesweep's own, of which nothing is set. */
const LIKE_OURS: readonly Shape[] = [
  { what: "a text primary key", ddl: "id TEXT PRIMARY KEY", ids: ["a", "b", "c"] },
  { what: "a primary key over 2^53", ddl: "id INTEGER PRIMARY KEY", ids: [2n ** 60n, 2n ** 60n + 1n, 2n ** 60n + 2n] },
  { what: "no primary key, and ids that repeat", ddl: "id TEXT", ids: ["same", "same", "same"] },
  { what: "a column that hides the rowid", ddl: "id TEXT, rowid TEXT", ids: ["a", "b", "c"] },
  { what: "no rowid", ddl: "id TEXT PRIMARY KEY", tail: "WITHOUT ROWID", ids: ["a", "b", "c"] },
  {
    what: "no rowid, and large numbers for ids",
    ddl: "id INTEGER PRIMARY KEY",
    tail: "WITHOUT ROWID",
    ids: [2n ** 60n, 2n ** 60n + 1n, 1],
  },
];

describe.each(LIKE_OURS)("a table `files` of the shape of ours, with $what", ({ ddl, tail = "", ids }) => {
  test.each([1, 1000])("has its due rows marked, those alone, in pages of %i", async (limit) => {
    const rest =
      "original_name, size_bytes INTEGER, status TEXT NOT NULL DEFAULT 'active', created_at INTEGER, expires_at INTEGER";
    const mapped = await openMapped(
      [
        `CREATE TABLE files (${ddl}, key TEXT NOT NULL, ${rest}, downloaded_at, downloads, max_downloads, hold) ${tail}`,
      ],
      {},
    );
    expect(mapped.mapping.mapped).toBe(false);
    for (const [index, id] of ids.entries()) {
      const row = [id, `key-${index}`, index === 2 ? LATER : DUE];
      await mapped.execute("INSERT INTO files (id, key, created_at, expires_at) VALUES (?, ?, 1, ?)", row);
    }
    const files = await mapped.due(limit);
    expect(files.map(({ key }) => key).sort()).toEqual(["key-0", "key-1"]);
    const { ended, condemned } = await mapped.claim(files);
    expect([ended.size, condemned.map(({ key }) => key).sort()]).toEqual([2, ["key-0", "key-1"]]);
    const left = await mapped.rows("SELECT key FROM files WHERE status = 'active'");
    expect(left.map((row) => row["key"])).toEqual(["key-2"]);
  });
});

describe.each(SHAPES)("a table with $what", ({ ddl, tail = "", ids }) => {
  const isComputed = ddl.includes(" AS ");

  async function filled(indexes: readonly string[], env: Record<string, unknown>) {
    const mapped = await openMapped([`CREATE TABLE t (${ddl}) ${tail}`, ...indexes], { CATALOG_TABLE: "t", ...env });
    const keys = ["one", "two", "later"];
    for (const [index, id] of ids.entries()) {
      const key = isComputed ? `/${keys[index]}` : keys[index];
      await mapped.execute(`INSERT INTO t (id, ${isComputed ? "path" : "key"}, ends, state) VALUES (?, ?, ?, 'live')`, [
        id,
        key ?? null,
        index === 2 ? LATER : DUE + index,
      ]);
    }
    return mapped;
  }

  test.each(INDEXES.flatMap((indexes) => [1, 1000].map((limit) => ({ indexes, limit }))))(
    "has its due rows marked, those alone, in pages of $limit, with the indexes $indexes",
    async ({ indexes, limit }) => {
      const mapped = await filled(indexes, {
        CATALOG_COLUMNS: columns({ expiresAt: "ends", status: "state" }),
        CATALOG_STATUS: { live: ["live"], expired: "over" },
      });
      const before = await mapped.rows("SELECT * FROM t ORDER BY key");
      const files = await mapped.due(limit);
      expect(files.map(({ key }) => key).sort()).toEqual(["one", "two"]);
      const { ended, condemned } = await mapped.claim(files);
      expect([ended.size, condemned.map(({ key }) => key).sort()]).toEqual([2, ["one", "two"]]);
      const after = await mapped.rows("SELECT * FROM t ORDER BY key");
      expect(after).toEqual(before.map((row) => (row["key"] === "later" ? row : { ...row, state: "over" })));
      expect(await mapped.unprotected("one", "two", "later", "nobody's")).toEqual(["nobody's", "one", "two"]);
    },
  );

  test("has its due rows deleted where there is no status", async () => {
    const mapped = await filled([], { CATALOG_COLUMNS: columns({ expiresAt: "ends" }), ...DELETE });
    expect((await mapped.claim(await mapped.due(1))).condemned).toHaveLength(2);
    expect((await mapped.rows("SELECT key FROM t")).map((row) => row["key"])).toEqual(["later"]);
  });

  test("has a row left alone that changed after it was judged", async () => {
    const mapped = await filled([], { CATALOG_COLUMNS: columns({ expiresAt: "ends" }), ...DELETE });
    const files = await mapped.due();
    await mapped.execute("UPDATE t SET ends = ends + 1 WHERE key = 'one'");
    const { ended, condemned } = await mapped.claim(files);
    expect([ended.size, condemned.map(({ key }) => key)]).toEqual([1, ["two"]]);
    expect(await mapped.rows("SELECT 1 FROM t")).toHaveLength(2);
  });
});

describe("what is written keeps the column's type", () => {
  test.each<[type: string, status: unknown, live: Value, found: Value, kind: string]>([
    ["INTEGER", { live: [1], expired: 2 }, 1, 2, "integer"],
    ["INTEGER", { live: ["1"], expired: "2" }, 1, 2, "integer"],
    ["TEXT", { live: [1], expired: 123 }, "1", "123", "text"],
    ["BOOLEAN", { live: [true], expired: false }, 1, 0, "integer"],
    ["TEXT", { live: [true], expired: false }, "true", "false", "text"],
    ["", { live: [1], expired: 2 }, 1, 2, "integer"],
    ["", { live: ["1"], expired: "2" }, "1", "2", "text"],
    ["REAL", { live: [1], expired: 2 }, 1, 2, "real"],
    ["TEXT", { live: ["it's"], expired: "don't" }, "it's", "don't", "text"],
  ])("status %s, %j: %j becomes %j (%s)", async (type, status, live, found, kind) => {
    const mapped = await openMapped([`CREATE TABLE t (id TEXT, key TEXT, ends INTEGER, state ${type})`], {
      CATALOG_TABLE: "t",
      CATALOG_COLUMNS: columns({ expiresAt: "ends", status: "state" }),
      CATALOG_STATUS: status,
    });
    await mapped.execute("INSERT INTO t VALUES ('x', 'k', ?, ?)", [DUE, live]);
    expect(await mapped.unprotected("k")).toEqual([]);
    expect((await mapped.claim(await mapped.due())).condemned).toHaveLength(1);
    expect(await mapped.rows("SELECT state, typeof(state) AS kind FROM t")).toEqual([{ state: found, kind }]);
    expect(await mapped.unprotected("k")).toEqual(["k"]);
  });
});

describe("which rows protect their key", () => {
  const ENV = {
    CATALOG_TABLE: "t",
    CATALOG_COLUMNS: columns({ expiresAt: "ends", status: "state", deletedAt: "gone" }),
    CATALOG_STATUS: { live: ["live"], expired: "over", deleted: ["dropped"] },
    CATALOG_WHERE: { bucket: "mine", tenant: null, n: "7" },
  };
  const DDL = [
    "CREATE TABLE t (id TEXT, key TEXT, ends INTEGER, state TEXT, gone TEXT, bucket TEXT, tenant TEXT, n INTEGER)",
  ];
  const ROW = { key: "k", ends: DUE, state: "live", gone: null, bucket: "mine", tenant: null, n: 7 };

  test.each<[change: Record<string, Value>, protects: boolean, isDue: boolean]>([
    [{}, true, true],
    [{ state: "over" }, false, false],
    [{ state: "dropped" }, false, false],
    [{ state: "uploading" }, true, false],
    [{ state: null }, true, false],
    [{ gone: "2026-01-01 00:00:00" }, false, false],
    [{ gone: "" }, true, false],
    [{ gone: "0" }, true, false],
    [{ bucket: "theirs" }, false, false],
    [{ bucket: null }, false, false],
    [{ tenant: "x" }, false, false],
    [{ n: 8 }, false, false],
    [{ key: null }, false, true],
  ])("a row with %j protects: %s, is due: %s", async (change, protects, isDue) => {
    const mapped = await openMapped(DDL, ENV);
    const row = { id: "x", ...ROW, ...change };
    const insert = `INSERT INTO t (${Object.keys(row).join(", ")}) VALUES (${Object.keys(row)
      .map(() => "?")
      .join(", ")})`;
    await mapped.execute(insert, Object.values(row));
    expect(await mapped.unprotected("k")).toEqual(protects ? [] : ["k"]);
    expect(await mapped.due()).toHaveLength(isDue ? 1 : 0);

    await mapped.execute("DELETE FROM t");
    await mapped.installGate();
    await mapped.closeGate("k");
    const inserted = mapped.execute(insert, Object.values(row));
    if (protects)
      await expect(inserted).rejects.toMatchObject({ details: { vendor: expect.stringContaining(GATE_MESSAGE) } });
    else await inserted;
  });

  test.each([
    ["state", "'live'"],
    ["gone", "NULL"],
    ["bucket", "'mine'"],
    ["tenant", "NULL"],
    ["n", "7"],
    ["key", "'k'"],
  ])("the gate refuses an UPDATE of %s to %s that revives", async (name, value) => {
    const mapped = await openMapped(DDL, ENV);
    const other: Record<string, Value> = {
      state: "over",
      gone: "2026",
      bucket: "theirs",
      tenant: "x",
      n: 8,
      key: "other",
    };
    const row = { ...ROW, [name]: other[name] ?? null };
    await mapped.execute(
      `INSERT INTO t (${Object.keys(row).join(", ")}) VALUES (${Object.keys(row)
        .map(() => "?")
        .join(", ")})`,
      Object.values(row),
    );
    await mapped.installGate();
    await mapped.closeGate("k");
    await mapped.execute("UPDATE t SET ends = 1");
    await expect(mapped.execute(`UPDATE t SET ${name} = ${value}`)).rejects.toMatchObject({ kind: "conflict" });
  });

  test("a row that was moved to another store after it was judged is not ended", async () => {
    const mapped = await openMapped(DDL, ENV);
    await mapped.execute("INSERT INTO t VALUES ('x', 'k', ?, 'live', NULL, 'mine', NULL, 7)", [DUE]);
    const files = await mapped.due();
    await mapped.execute("UPDATE t SET bucket = 'theirs'");
    expect((await mapped.claim(files)).ended.size).toBe(0);
  });
});

test("a row that took the place of another, by its rowid, is not ended for it", async () => {
  const mapped = await openMapped(["CREATE TABLE t (id TEXT, key TEXT, ends INTEGER)"], {
    CATALOG_TABLE: "t",
    CATALOG_COLUMNS: columns({ expiresAt: "ends" }),
    ...DELETE,
  });
  await mapped.execute("INSERT INTO t (rowid, id, key, ends) VALUES (1, 'judged', 'k', ?)", [DUE]);
  const files = await mapped.due();
  await mapped.execute("UPDATE t SET id = 'another'");
  expect((await mapped.claim(files)).ended.size).toBe(0);
  expect(await mapped.rows("SELECT id FROM t")).toEqual([{ id: "another" }]);
});

test("a row that came meanwhile, and that the column takes for one of those judged, ends nothing in its place", async () => {
  const ddl =
    "CREATE TABLE t (uid TEXT COLLATE NOCASE, id TEXT, key TEXT, ends INTEGER, state TEXT, hold INTEGER, PRIMARY KEY (uid COLLATE BINARY)) WITHOUT ROWID";
  const mapped = await openMapped([ddl], {
    CATALOG_TABLE: "t",
    CATALOG_COLUMNS: columns({ expiresAt: "ends", status: "state", hold: "hold" }),
    CATALOG_STATUS: { live: ["live"], expired: "over" },
  });
  const insert = "INSERT INTO t (uid, id, key, ends, state, hold) VALUES (?, 'same', ?, ?, 'live', 0)";
  await mapped.execute(insert, ["a", "k", DUE]);
  await mapped.execute(insert, ["x", "held", DUE]);
  const files = await mapped.due();
  await mapped.execute(insert, ["A", "k", DUE]);
  await mapped.execute("UPDATE t SET hold = 1 WHERE uid = 'x'");
  expect((await mapped.claim(files)).ended.size).toBe(1);
  expect(await mapped.rows("SELECT uid, state FROM t ORDER BY uid COLLATE BINARY")).toEqual([
    { uid: "A", state: "live" },
    { uid: "a", state: "over" },
    { uid: "x", state: "live" },
  ]);
});

test("a row is looked up by all of its primary key: not by the tenant that it shares with a million others", async () => {
  const ddl =
    "CREATE TABLE t (tenant TEXT, id INTEGER, key TEXT, ends INTEGER, state TEXT, PRIMARY KEY (tenant, id)) WITHOUT ROWID";
  const mapped = await openMapped([ddl, "CREATE INDEX by_key ON t (key)"], {
    CATALOG_TABLE: "t",
    CATALOG_COLUMNS: columns({ expiresAt: "ends", status: "state" }),
    CATALOG_STATUS: { live: ["live"], expired: "over" },
  });
  const executed = await executedStatements(mapped.mapping, TEST_NOW);
  const claims = executed.filter(({ method }) => method === "catalog.claim").flatMap(({ statements }) => statements);
  const plans = await Promise.all(claims.map((statement) => mapped.client.explain(statement)));
  const searches = plans.flat().filter((line) => line.startsWith("SEARCH f USING PRIMARY KEY"));
  expect(searches.length).toBeGreaterThan(2);
  expect(searches.filter((line) => !line.endsWith("(tenant=? AND id=?)"))).toEqual([]);
});

test("a key that the application computes as JSON is the text that the column shows, quotes and all", async () => {
  const mapped = await openMapped(
    ["CREATE TABLE t (id TEXT, meta TEXT, ends INTEGER, key TEXT AS (meta -> '$.key'))"],
    {
      CATALOG_TABLE: "t",
      CATALOG_COLUMNS: columns({ expiresAt: "ends" }),
      ...DELETE,
    },
  );
  await mapped.execute("INSERT INTO t (id, meta, ends) VALUES ('a', ?, ?)", [JSON.stringify({ key: "k" }), DUE]);
  const files = await mapped.due();
  expect(files.map(({ key }) => key)).toEqual([`"k"`]);
  const { ended, condemned } = await mapped.claim(files);
  expect([ended.size, condemned.map(({ key }) => key)]).toEqual([1, [`"k"`]]);
});

test.each([{}, { expiresAt: "ends" }])(
  "what a run sends can be looked at without a run, also for a table with %j alone",
  async (more) => {
    const mapped = await openMapped(["CREATE TABLE t (id TEXT, key TEXT, ends INTEGER)"], {
      CATALOG_TABLE: "t",
      CATALOG_COLUMNS: columns(more),
      ...DELETE,
    });
    const executed = await executedStatements(mapped.mapping, TEST_NOW);
    expect(executed.map(({ method }) => method)).toContain("catalog.due");
  },
);

describe("a gate on a table of the application's own", () => {
  const DDL = [
    "CREATE TABLE t (id TEXT, path TEXT, key TEXT AS (substr(path, 2)), state TEXT)",
    "CREATE TABLE r (img TEXT)",
  ];
  const ENV = {
    CATALOG_TABLE: "t",
    CATALOG_COLUMNS: columns({ status: "state" }),
    CATALOG_REFERENCES: [{ table: "r", column: "img" }],
  };
  const opening = async (mapped: Awaited<ReturnType<typeof openMapped>>) =>
    (await mapped.database.journal.open(mapped.held, freshEntry("run-1"))).gateStands;

  test("is not asked for before a person installs it, and then stands until it is lost or removed", async () => {
    const mapped = await openMapped(DDL, ENV);
    expect(await opening(mapped)).toBe(true);
    expect(await mapped.installGate()).not.toEqual([]);
    expect(await mapped.installGate()).toEqual([]);
    expect(await opening(mapped)).toBe(true);
    await mapped.execute('DROP TRIGGER "filesweep_gate_r.img_update"');
    expect(await opening(mapped)).toBe(false);
    expect(await mapped.installGate()).not.toEqual([]);
    expect(await opening(mapped)).toBe(true);
  });

  test("watches whole rows where a deciding column is computed from others", async () => {
    const mapped = await openMapped(DDL, ENV);
    await mapped.installGate();
    await mapped.closeGate("k");
    await mapped.execute("INSERT INTO t (id, path, state) VALUES ('x', '/other', 'active')");
    await expect(mapped.execute("UPDATE t SET path = '/k'")).rejects.toMatchObject({ kind: "conflict" });
  });

  test.each(["INSERT INTO r VALUES ('k')", "UPDATE r SET img = 'k'"])(
    "watches what refers to objects: %s",
    async (sql) => {
      const mapped = await openMapped(DDL, ENV);
      await mapped.execute("INSERT INTO r VALUES ('other')");
      await mapped.installGate();
      await mapped.closeGate("k");
      await expect(mapped.execute(sql)).rejects.toMatchObject({ kind: "conflict" });
    },
  );
});

describe("what stands in the application's tables is executed by the application's own SQLite", () => {
  /** What one of 2020 (3.32) knows. What it does not know makes every INSERT fail. */
  const KNOWN = ["char", "coalesce", "iif", "instr", "json", "json_array", "json_tree", "json_valid", "julianday"];
  const KNOWN_TOO = ["length", "ltrim", "printf", "round", "substr", "typeof"];

  async function texts(): Promise<string[]> {
    const ddl = ["CREATE TABLE t (id TEXT, key, state TEXT, gone TEXT, bucket TEXT)", "CREATE TABLE r (img, imgs)"];
    const { mapping } = await openMapped(ddl, {
      CATALOG_TABLE: "t",
      CATALOG_COLUMNS: columns({ status: "state", deletedAt: "gone" }),
      CATALOG_WHERE: { bucket: "b" },
      CATALOG_KEY_PREFIX: "p/",
      CATALOG_DERIVED: ["t/{key}.jpg"],
      CATALOG_REFERENCES: [
        { table: "r", column: "img", stripPrefix: "https://cdn/" },
        { table: "r", column: "imgs", format: "json-array", stripPrefix: "https://cdn/" },
      ],
    });
    return [...gateTriggers(mapping, DATABASE_NOW).map(({ sql }) => sql), ...DEFAULT_TABLE, ...DEFAULT_INDEXES];
  }

  test("gate, default table and indexes call no function that an old one does not know", async () => {
    const called = (await texts()).flatMap((text) =>
      [...text.matchAll(/\b([a-z][a-z0-9_]*)\(/g)].map(([, name]) => name),
    );
    expect(called).toEqual(expect.arrayContaining(["json_tree", "julianday"]));
    expect(called.filter((name) => ![...KNOWN, ...KNOWN_TOO].includes(String(name)))).toEqual([]);
  });

  test("nor with what an old one does not take: it would make the time null, and the gate open", async () => {
    for (const text of await texts()) {
      expect(text).not.toMatch(/subsec|unixepoch/);
      expect(text).not.toMatch(/json_valid\((?:CAST\([^()]*\)|[^(),]*),/);
    }
  });

  test("the clock in it is the database's, in milliseconds", async () => {
    const { rows } = await openMapped(["CREATE TABLE t (id TEXT, key TEXT, state TEXT)"], {
      CATALOG_TABLE: "t",
      CATALOG_COLUMNS: columns({ status: "state" }),
    });
    const [row] = await rows(`SELECT ${DATABASE_NOW} - CAST(strftime('%s', 'now') AS INTEGER) * 1000 AS part`);
    expect(row?.["part"]).toBeGreaterThanOrEqual(0);
    expect(row?.["part"]).toBeLessThan(1000);
  });
});

describe("names are looked up before they are used", () => {
  const DDL = [
    'CREATE TABLE "My ""Files" ("i d" TEXT, "k\'ey" TEXT, "end;s" INTEGER)',
    "CREATE VIEW v AS SELECT 1 AS id, 2 AS key",
    "CREATE VIRTUAL TABLE f USING fts5(id, key)",
  ];

  test("and quoted, whatever they hold; in any case", async () => {
    const mapped = await openMapped(DDL, {
      CATALOG_TABLE: 'my "files',
      CATALOG_COLUMNS: { id: "I D", key: "K'EY", expiresAt: "END;S" },
      ...DELETE,
    });
    await mapped.execute('INSERT INTO "My ""Files" VALUES (?, ?, ?)', ["x", "k", DUE]);
    await mapped.installGate();
    expect((await mapped.claim(await mapped.due())).condemned).toHaveLength(1);
    await expect(mapped.execute('INSERT INTO "My ""Files" VALUES (?, ?, ?)', ["x", "k", DUE])).rejects.toMatchObject({
      kind: "conflict",
    });
  });

  test("and everything that is wrong is said at once, with what is there", async () => {
    const problems = await problemsOf(
      ["CREATE TABLE files2 (id TEXT, object_key TEXT)", "CREATE TABLE users (avatar TEXT)"],
      {
        CATALOG_TABLE: "files2",
        CATALOG_COLUMNS: { id: "ident", key: "objectkey" },
        CATALOG_WHERE: { bucket: 1 },
        CATALOG_REFERENCES: [
          { table: "user", column: "avatar" },
          { table: "users", column: "avatr" },
        ],
        ...DELETE,
      },
    );
    expect(problems).toEqual([
      expect.stringMatching(
        /CATALOG_COLUMNS names the column "ident" for id, .* did you mean "id"\? There are "id", "object_key"/,
      ),
      expect.stringMatching(/CATALOG_COLUMNS names the column "objectkey" for key, .* did you mean "object_key"/),
      expect.stringMatching(/CATALOG_WHERE names the column "bucket"/),
      expect.stringMatching(/CATALOG_REFERENCES names the table "user", .* did you mean "users"/),
      expect.stringMatching(/CATALOG_REFERENCES names the column "avatr" .* did you mean "avatar"/),
    ]);
  });

  test.each([
    ["v", /is a view/],
    ["f", /is a virtual table/],
    ["filesweep_meta", /the database does not have/],
    ["nothing", /the database does not have/],
  ])("the table %s is refused", async (table, why) => {
    const [problem, ...others] = await problemsOf(DDL, {
      CATALOG_TABLE: table,
      CATALOG_COLUMNS: columns({}),
      ...DELETE,
    });
    expect([problem, others]).toEqual([expect.stringMatching(why), []]);
  });

  test("a table `files` of another shape is answered with a CATALOG_COLUMNS to paste, which then works", async () => {
    const ddl = [
      "CREATE TABLE files (uuid TEXT PRIMARY KEY, file_path TEXT, expiresAt INTEGER, created INTEGER, fileSize INTEGER, colour TEXT)",
    ];
    const [problem = ""] = await problemsOf(ddl, {});
    expect(problem).toContain("the columns id, key, status, expires_at");
    const pasted = Object.fromEntries(
      [...problem.matchAll(/^(CATALOG_\w+)='?(.*?)'?$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(JSON.parse(String(pasted["CATALOG_COLUMNS"]))).toEqual({
      id: "uuid",
      key: "file_path",
      expiresAt: "expiresAt",
      createdAt: "created",
      size: "fileSize",
    });
    expect(await problemsOf(ddl, pasted)).toEqual([]);
  });

  test("where no column is likely, the line says what to fill in", async () => {
    const [problem] = await problemsOf(["CREATE TABLE files (a TEXT, b TEXT)"], {});
    expect(problem).toContain('{"id":"YOUR_ID_COLUMN","key":"YOUR_KEY_COLUMN"}');
  });
});
