/** The embedded client: what it stores and answers, how it waits for other processes, and what its errors say. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Readable, Writable } from "node:stream";
import { createClient } from "@libsql/client/sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import type { Value } from "../../src/core/ports.ts";
import type { SqlClient } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { plain, temporaryFolder } from "../support/database.ts";

async function open(path = join(temporaryFolder(), "test.db")): Promise<SqlClient> {
  const client = await openFileClient(path);
  onTestFinished(() => client.close());
  return client;
}

async function failure(work: () => Promise<unknown>): Promise<SweepError> {
  const error = await work().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SweepError);
  return error as SweepError;
}

describe("values", () => {
  test.each<{ value: Value; sqlType: string }>([
    { value: 123, sqlType: "integer" },
    { value: -1, sqlType: "integer" },
    { value: 0, sqlType: "integer" },
    { value: 1.5, sqlType: "real" },
    { value: 2 ** 53 - 1, sqlType: "integer" },
    { value: 2n ** 53n, sqlType: "integer" },
    { value: 2n ** 63n - 1n, sqlType: "integer" },
    { value: -(2n ** 63n), sqlType: "integer" },
    { value: "text", sqlType: "text" },
    { value: "", sqlType: "text" },
    { value: "\u{1F600} ｿ é '\"\\", sqlType: "text" },
    { value: new Uint8Array([0, 255, 1]), sqlType: "blob" },
    { value: new Uint8Array(), sqlType: "blob" },
    { value: null, sqlType: "null" },
  ])("$value goes in as $sqlType and comes back the same", async ({ value, sqlType }) => {
    const client = await open();
    const [rows] = await client.batch([plain("SELECT ? AS value, typeof(?) AS type", [value, value])], "read");
    expect(rows).toEqual([{ value, type: sqlType }]);
  });

  test("123 into a text column is '123', not '123.0'", async () => {
    const client = await open();
    await client.batch([plain("CREATE TABLE t (v TEXT)"), plain("INSERT INTO t VALUES (?)", [123])], "write");
    expect(await client.batch([plain("SELECT v FROM t")], "read")).toEqual([[{ v: "123" }]]);
  });

  test("an integer over 2^53 does not keep the others of its answer from arriving", async () => {
    const client = await open();
    const [rows] = await client.batch(
      [plain("SELECT 9007199254740993 AS big, 9007199254740991 AS safe, 7 AS small")],
      "read",
    );
    expect(rows).toEqual([{ big: 9_007_199_254_740_993n, safe: 9_007_199_254_740_991, small: 7 }]);
  });

  test("RETURNING answers the rows that were written", async () => {
    const client = await open();
    const [, rows] = await client.batch(
      [plain("CREATE TABLE t (v)"), plain("INSERT INTO t VALUES (1), (2) RETURNING v")],
      "write",
    );
    expect(rows).toEqual([{ v: 1 }, { v: 2 }]);
  });
});

describe("a batch", () => {
  test("is one transaction: all of it or nothing", async () => {
    const client = await open();
    await client.batch([plain("CREATE TABLE t (v INTEGER NOT NULL)")], "write");
    await failure(() =>
      client.batch([plain("INSERT INTO t VALUES (1)"), plain("INSERT INTO t VALUES (NULL)")], "write"),
    );
    expect(await client.batch([plain("SELECT v FROM t")], "read")).toEqual([[]]);
  });

  test("answers the rows of each statement, in order", async () => {
    const client = await open();
    expect(
      await client.batch([plain("SELECT 1 AS a"), plain("SELECT 2 AS b WHERE 0"), plain("SELECT 3 AS c")], "read"),
    ).toEqual([[{ a: 1 }], [], [{ c: 3 }]]);
  });

  test("counts as one round trip, however many statements it has", async () => {
    const client = await open();
    const before = client.calls();
    await client.batch([plain("SELECT 1"), plain("SELECT 2")], "read");
    await client.batch([plain("SELECT 3")], "write");
    expect(client.calls() - before).toBe(2);
  });

  test.each(["NOT NULL", "CHECK (v > 0)", "UNIQUE"])(
    "after one that %s refused, the client still works",
    async (rule) => {
      const client = await open();
      await client.batch([plain(`CREATE TABLE t (v INTEGER ${rule})`), plain("INSERT INTO t VALUES (1)")], "write");
      const value = rule === "UNIQUE" ? 1 : rule === "NOT NULL" ? null : 0;
      const error = await failure(() =>
        client.batch([plain("INSERT INTO t VALUES (2)"), plain("INSERT INTO t VALUES (?)", [value])], "write"),
      );
      expect(error.kind).toBe("conflict");
      await client.batch([plain("INSERT INTO t VALUES (7)")], "write");
      expect(await client.batch([plain("SELECT v FROM t ORDER BY v")], "read")).toEqual([[{ v: 1 }, { v: 7 }]]);
    },
  );
});

type Holder = ChildProcess & { readonly stdin: Writable; readonly stdout: Readable };

/** A real process that holds the write lock. */
async function lock(path: string, by = "somebody"): Promise<Holder> {
  const child = spawn(process.execPath, ["test/support/lock-holder.mjs", path, by], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  expect(String((await once(child.stdout, "data"))[0])).toBe("locked\n");
  return child;
}

/** The wait for the lock blocks this process: at the event loop's next turn the first attempt is over, in vain. */
async function firstAttempt(): Promise<void> {
  await new Promise(setImmediate);
}

describe("while another process holds the write lock", () => {
  test("a write waits, and goes through once the other has let go", async () => {
    const path = join(temporaryFolder(), "test.db");
    const client = await open(path);
    await client.batch([plain("CREATE TABLE t (v)")], "write");
    const holder = await lock(path);
    const writing = client.batch([plain("INSERT INTO t SELECT count(*) FROM held")], "write");
    await firstAttempt();
    holder.stdin.end("go\n");
    await writing;
    // It saw what the other wrote, hence came after it.
    expect(await client.batch([plain("SELECT v FROM t")], "read")).toEqual([[{ v: 1 }]]);
  });

  test("the client still works after a wait, for reads, writes and failing writes", async () => {
    const path = join(temporaryFolder(), "test.db");
    const client = await open(path);
    await client.batch([plain("CREATE TABLE t (v INTEGER NOT NULL)")], "write");
    const holder = await lock(path);
    const writing = client.batch([plain("INSERT INTO t VALUES (1)")], "write");
    await firstAttempt();
    holder.stdin.end("go\n");
    await writing;
    for (let turn = 2; turn <= 4; turn += 1) {
      await client.batch([plain("INSERT INTO t VALUES (?)", [turn])], "write");
      await failure(() => client.batch([plain("INSERT INTO t VALUES (NULL)")], "write"));
    }
    expect(await client.batch([plain("SELECT sum(v) AS sum FROM t")], "read")).toEqual([[{ sum: 10 }]]);
  });

  test.each(["read", "fresh"] as const)("a database with a write-ahead log is read all the same: %s", async (mode) => {
    const path = join(temporaryFolder(), "test.db");
    const client = await open(path);
    await client.batch([plain("CREATE TABLE t (v)"), plain("INSERT INTO t VALUES (7)")], "write");
    const holder = await lock(path);
    expect(await client.batch([plain("SELECT v FROM t")], mode)).toEqual([[{ v: 7 }]]);
    holder.stdin.end("go\n");
  });

  test("several in a row are waited for, one after the other", async () => {
    const path = join(temporaryFolder(), "test.db");
    const client = await open(path);
    await client.batch([plain("CREATE TABLE held (by TEXT)")], "write");
    for (const by of ["one", "two"]) {
      const holder = await lock(path, by);
      const reading = client.batch([plain("SELECT count(*) AS count FROM held")], "write");
      await firstAttempt();
      holder.stdin.end("go\n");
      expect(await reading).toEqual([[{ count: by === "one" ? 1 : 2 }]]);
    }
  });

  test("a write gives up after the time-out of every call, and says who kept what; later ones work", async () => {
    const path = join(temporaryFolder(), "test.db");
    const client = await open(path);
    await client.batch([plain("CREATE TABLE t (v)")], "write");
    const holder = await lock(path);
    const error = await failure(() => client.batch([plain("INSERT INTO t VALUES (1)")], "write"));
    expect(error.kind).toBe("unavailable");
    expect(error.message).toContain(path);
    const released = once(holder.stdout, "data");
    holder.stdin.end("go\n");
    await released;
    await client.batch([plain("INSERT INTO t VALUES (2)")], "write");
    expect(await client.batch([plain("SELECT v FROM t")], "read")).toEqual([[{ v: 2 }]]);
  });
});

describe("a path arrives as it is written", () => {
  const NAMES = [
    "plain.db",
    "with space.db",
    "100%.db",
    "%41.db",
    "a#b.db",
    "a?b.db",
    "a?mode=memory.db",
    "a&b=c.db",
    "a+b.db",
    "ünï.db",
    "'q\".db",
  ];

  test.each(NAMES)("%s", async (name) => {
    const folder = temporaryFolder();
    const path = join(folder, name);
    const client = await open(path);
    await client.batch([plain("CREATE TABLE t (v)")], "write");
    expect(existsSync(path)).toBe(true);
  });

  test.each(["dir with space", "100%", "a#b", "a?b"])("in a directory named %s", async (name) => {
    const folder = join(temporaryFolder(), name);
    mkdirSync(folder);
    const client = await open(join(folder, "test.db"));
    await client.batch([plain("CREATE TABLE t (v)")], "write");
    expect(existsSync(join(folder, "test.db"))).toBe(true);
  });

  test("relative ones are relative to the working directory", async () => {
    const path = join(temporaryFolder(), "test #1.db");
    const client = await open(relative(process.cwd(), path));
    await client.batch([plain("CREATE TABLE t (v)")], "write");
    expect(existsSync(path)).toBe(true);
  });
});

describe("a database made just now", () => {
  async function journalMode(client: SqlClient): Promise<Value> {
    const [rows] = await client.batch([plain("PRAGMA journal_mode")], "read");
    return rows?.[0]?.["journal_mode"] ?? null;
  }

  test("gets a write-ahead log", async () => {
    expect(await journalMode(await open())).toBe("wal");
  });

  test("one that exists keeps what it has", async () => {
    const path = join(temporaryFolder(), "test.db");
    const application = createClient({ url: `file:${path}` });
    await application.execute("CREATE TABLE t (v)");
    application.close();
    expect(await journalMode(await open(path))).toBe("delete");
  });
});

describe("errors", () => {
  test("a file that is no database is corrupt, and stays as it was", async () => {
    const path = join(temporaryFolder(), "notes.db");
    const text = "These are my notes, and they are longer than the header of a database would be. ".repeat(20);
    writeFileSync(path, text);
    const error = await failure(async () => {
      const client = await open(path);
      await client.batch([plain("SELECT * FROM sqlite_master")], "read");
    });
    expect(error.kind).toBe("corrupt");
    expect(error.message).toContain(path);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("a directory that is missing is unavailable, and is not made", async () => {
    const folder = join(temporaryFolder(), "missing");
    const path = join(folder, "test.db");
    const error = await failure(() => open(path));
    expect(error.kind).toBe("unavailable");
    expect(error.message).toContain(path);
    expect(existsSync(folder)).toBe(false);
  });

  test("a directory in the place of the file is unavailable", async () => {
    const path = join(temporaryFolder(), "test.db");
    mkdirSync(path);
    expect((await failure(() => open(path))).kind).toBe("unavailable");
  });

  const SECRET = "s3cr3t-parameter";
  test.each([
    { what: "a constraint", sql: "INSERT INTO t (v) VALUES (NULL), (?)", kind: "conflict" },
    { what: "a missing table", sql: "INSERT INTO absent_table (v) VALUES (?)", kind: "bug" },
    { what: "bad syntax", sql: "SELEKT ?", kind: "bug" },
  ])("of $what say neither the SQL nor its parameters", async ({ sql, kind }) => {
    const client = await open();
    await client.batch([plain("CREATE TABLE t (v NOT NULL)")], "write");
    const error = await failure(() => client.batch([plain(sql, [SECRET])], "write"));
    expect(error.kind).toBe(kind);
    expect(error.message).not.toContain(SECRET);
    expect(error.message).not.toMatch(/INSERT|SELEKT|absent_table/);
    expect(JSON.stringify(error.details)).not.toContain(SECRET);
  });
});

describe("explaining", () => {
  test("tells the plan of a write, executes nothing, and leaves the connection able to write", async () => {
    const client = await open();
    await client.batch([plain("CREATE TABLE t (v PRIMARY KEY)"), plain("INSERT INTO t VALUES (1)")], "write");
    expect(await client.explain(plain("UPDATE t SET v = 2 WHERE v = ?", [1]))).toEqual([
      expect.stringMatching(/^SEARCH t USING .*INDEX sqlite_autoindex_t_1 \(v=\?\)$/),
    ]);
    expect(await client.explain(plain("DELETE FROM t WHERE v + 0 = 1"))).toEqual([expect.stringMatching(/^SCAN t/)]);
    expect(await client.batch([plain("SELECT v FROM t")], "write")).toEqual([[{ v: 1 }]]);
  });

  test("refuses a statement on a table that is not there", async () => {
    const client = await open();
    expect((await failure(() => client.explain(plain("SELECT * FROM absent_table")))).kind).toBe("bug");
  });
});

describe("an existing database", () => {
  test("that is an empty file stays one, unless it is opened as a new one", async () => {
    const path = join(temporaryFolder(), "empty.db");
    writeFileSync(path, "");
    (await openFileClient(path, "existing")).close();
    expect(readFileSync(path)).toHaveLength(0);
    (await openFileClient(path, "new")).close();
    expect(readFileSync(path).length).toBeGreaterThan(0);
  });
});
