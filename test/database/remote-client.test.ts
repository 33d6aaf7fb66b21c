/** The remote client: what it stores and answers, what it asks again, and what its errors say of servers and proxies. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type ErrorKind, SweepError } from "../../src/core/errors.ts";
import type { Value } from "../../src/core/ports.ts";
import type { SqlClient } from "../../src/database/client.ts";
import { openRemoteClient, type RemoteOptions } from "../../src/database/remote-client.ts";
import { plain, temporaryFolder } from "../support/database.ts";
import { type HranaServer, type Mishap, startHranaServer } from "../support/hrana-server.ts";

const TOKEN = "T0K3N-of-a-test";

let server: HranaServer;
beforeAll(async () => {
  server = await startHranaServer({ fileAt: (path) => (path.includes("absent") ? null : path.slice(1)), token: TOKEN });
});
afterAll(() => server.close());

/** A client of a database of its own. Its pauses are as short as can be. */
function open(options: Partial<RemoteOptions> = {}): SqlClient {
  const path = join(temporaryFolder(), "test.db");
  onTestFinished(() => {
    server.disturb(null);
    server.forget(`/${path}`);
  });
  const url = `${server.url}/${encodeURIComponent(path)}`;
  return openRemoteClient({ url, authToken: TOKEN, pausesMs: [0, 0], ...options });
}

async function failure(work: () => Promise<unknown>): Promise<SweepError> {
  const error = await work().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SweepError);
  return error as SweepError;
}

const read = (client: SqlClient): Promise<unknown> => client.batch([plain("SELECT 1 AS one")], "read");

/** Requests meet a mishap: the first few, or every one. */
function disturb(mishap: Mishap, times = Number.POSITIVE_INFINITY): void {
  const from = server.requests();
  server.disturb((request) => (request - from <= times ? mishap : null));
}

describe("values", () => {
  test.each<{ value: Value; sqlType: string }>([
    { value: 123, sqlType: "integer" },
    { value: 1.5, sqlType: "real" },
    { value: 2 ** 53 - 1, sqlType: "integer" },
    { value: 2n ** 53n, sqlType: "integer" },
    { value: -(2n ** 63n), sqlType: "integer" },
    { value: "\u{1F600} ｿ é '\"\\", sqlType: "text" },
    { value: new Uint8Array([0, 255, 1]), sqlType: "blob" },
    { value: null, sqlType: "null" },
  ])("$value goes in as $sqlType and comes back the same", async ({ value, sqlType }) => {
    const [rows] = await open().batch([plain("SELECT ? AS value, typeof(?) AS type", [value, value])], "read");
    expect(rows).toEqual([{ value, type: sqlType }]);
  });

  test("123 into a text column is '123', not '123.0'", async () => {
    const statements = [plain("CREATE TABLE t (v TEXT)"), plain("INSERT INTO t VALUES (?) RETURNING v", [123])];
    expect(await open().batch(statements, "write")).toEqual([[], [{ v: "123" }]]);
  });

  test("an integer over 2^53 does not keep the others of its answer from arriving", async () => {
    const [rows] = await open().batch([plain("SELECT 9007199254740993 AS big, 7 AS small")], "read");
    expect(rows).toEqual([{ big: 9_007_199_254_740_993n, small: 7 }]);
  });
});

describe("a batch", () => {
  test("is one request, however many statements it has, and one transaction", async () => {
    const client = open();
    const before = server.requests();
    await client.batch([plain("CREATE TABLE t (v INTEGER NOT NULL)"), plain("INSERT INTO t VALUES (1)")], "write");
    await failure(() =>
      client.batch([plain("INSERT INTO t VALUES (2)"), plain("INSERT INTO t VALUES (NULL)")], "write"),
    );
    expect(await client.batch([plain("SELECT v FROM t")], "read")).toEqual([[{ v: 1 }]]);
    expect(server.requests() - before).toBe(3);
    expect(client.calls()).toBe(3);
  });

  test("nothing is written after an error that ended the transaction by itself", async () => {
    const client = open();
    await client.batch(
      [
        plain("CREATE TABLE t (v INTEGER)"),
        plain("CREATE TRIGGER ends BEFORE INSERT ON t WHEN NEW.v = 2 BEGIN SELECT RAISE(ROLLBACK, 'over'); END"),
      ],
      "write",
    );
    const inserts = [1, 2, 3].map((v) => plain("INSERT INTO t VALUES (?)", [v]));
    expect((await failure(() => client.batch(inserts, "write"))).kind).toBe("conflict");
    expect(await client.batch([plain("SELECT v FROM t")], "read")).toEqual([[]]);
  });

  test("an answer that names another address, or a stream to go on with, leads nowhere else", async () => {
    const elsewhere = await startHranaServer({ fileAt: () => null });
    onTestFinished(() => elsewhere.close());
    const client = open();
    const { body } = emptyAnswer({ baton: "b", base_url: elsewhere.url });
    disturb({ effect: false, instead: { status: 200, type: "application/json", body } }, 1);
    expect(await client.batch([plain("SELECT 1 AS one")], "read")).toEqual([[]]);
    expect(await client.batch([plain("SELECT 1 AS one")], "read")).toEqual([[{ one: 1 }]]);
    expect([elsewhere.requests(), server.batons()]).toEqual([0, 0]);
  });

  test("a plan is explained in one request, and nothing is executed", async () => {
    const client = open();
    await client.batch([plain("CREATE TABLE t (v)"), plain("INSERT INTO t VALUES (1)")], "write");
    const before = server.requests();
    expect((await client.explain(plain("DELETE FROM t WHERE v = 1"))).join("\n")).toContain("SCAN t");
    expect(server.requests() - before).toBe(1);
    expect(await client.batch([plain("SELECT v FROM t")], "read")).toEqual([[{ v: 1 }]]);
  });

  test("what a constraint refuses is a conflict in the database's words, so that a refused row can be found", async () => {
    const client = open();
    await client.batch([plain("CREATE TABLE t (v INTEGER NOT NULL)")], "write");
    const error = await failure(() => client.batch([plain("INSERT INTO t VALUES (NULL)")], "write"));
    expect(error.kind).toBe("conflict");
    expect(error.details["vendor"]).toContain("NOT NULL constraint failed: t.v");
  });

  test.each(["INSERT INTO absent_table VALUES ('s3cr3t')", "SELEKT 's3cr3t'"])(
    "what the server cannot execute is a bug, and is not shown: %s",
    async (sql) => {
      const error = await failure(() => open().batch([plain(sql)], "write"));
      expect(error.kind).toBe("bug");
      expect(error.message).not.toMatch(/s3cr3t|absent_table|SELEKT/);
    },
  );
});

/** As a server answers one statement that finds no rows, and what else is in there. */
function emptyAnswer(more: Readonly<Record<string, unknown>>): { readonly body: string } {
  const none = { cols: [], rows: [], affected_row_count: 0, last_insert_rowid: null };
  const result = { step_results: [none, none, none, null], step_errors: [null, null, null, null] };
  return { body: JSON.stringify({ results: [{ type: "ok", response: { type: "batch", result } }], ...more }) };
}

const PAGE = "<!doctype html><title>Sign in</title>";
const json = (status: number, error: string): Mishap => ({
  effect: false,
  instead: { status, type: "application/json", body: JSON.stringify({ error }) },
});
const page = (status: number, headers = {}): Mishap => ({ effect: false, instead: { status, headers, body: PAGE } });
/** As libsql-server answers where a statement cannot be executed: with 200, and the error in its place. */
const statementError = (code: string, message: string): Mishap => ({
  effect: false,
  instead: {
    status: 200,
    type: "application/json",
    body: JSON.stringify({
      baton: null,
      base_url: null,
      results: [
        { type: "error", error: { code, message } },
        { type: "ok", response: { type: "close" } },
      ],
    }),
  },
});

describe("each answer that is none has its own sentence and kind", () => {
  test.each<{ what: string; mishap: Mishap; kind: ErrorKind; says: RegExp }>([
    {
      what: "401",
      mishap: json(401, "Unauthorized"),
      kind: "unauthorized",
      says: /refused the token \(401\).*DATABASE_AUTH_TOKEN/,
    },
    { what: "403", mishap: page(403), kind: "unauthorized", says: /does not let this token in \(403\)/ },
    {
      what: "404",
      mishap: json(404, "no"),
      kind: "unavailable",
      says: /there is no database at .*\(404\): set DATABASE_URL/,
    },
    {
      what: "an unknown namespace",
      mishap: json(400, "Namespace `app` doesn't exist"),
      kind: "unavailable",
      says: /there is no database at/,
    },
    {
      what: "402",
      mishap: page(402),
      kind: "unavailable",
      says: /blocked by its provider; is the plan's quota used up\?/,
    },
    {
      what: "a quota, as a server's error",
      mishap: json(500, "Operation was blocked: SQL write operations are forbidden"),
      kind: "unavailable",
      says: /is blocked by its provider.* It says: SQL write operations are forbidden$/,
    },
    {
      what: "a quota, as a statement's error",
      mishap: statementError("BLOCKED", "Operation was blocked: reads are used up, upgrade your plan"),
      kind: "unavailable",
      says: /is blocked by its provider.* It says: reads are used up, upgrade your plan$/,
    },
    { what: "429", mishap: page(429), kind: "unavailable", says: /takes no more requests for now \(429\)/ },
    { what: "500", mishap: json(500, "x"), kind: "unavailable", says: /failed to answer \(500\)/ },
    { what: "502 and a page", mishap: page(502), kind: "unavailable", says: /failed to answer \(502\)/ },
    {
      what: "302",
      mishap: page(302, { location: "https://elsewhere.example" }),
      kind: "unavailable",
      says: /elsewhere \(302\)/,
    },
    { what: "418", mishap: page(418), kind: "unavailable", says: /refused the request \(418\)/ },
    { what: "200 and a page", mishap: page(200), kind: "unavailable", says: /not as a libSQL server does/ },
    {
      what: "200 and another document",
      mishap: { effect: false, instead: { status: 200, type: "application/json", body: `{"hello":1}` } },
      kind: "unavailable",
      says: /not as a libSQL server does/,
    },
    {
      what: "a token that may only read",
      mishap: statementError("SQLITE_AUTH", "SQLite error: not authorized"),
      kind: "unauthorized",
      says: /does not let this token write/,
    },
    {
      what: "a lock",
      mishap: statementError("SQLITE_BUSY", "SQLite error: database is locked"),
      kind: "unavailable",
      says: /kept locked by another connection/,
    },
    {
      what: "a transaction that took too long",
      mishap: statementError("TRANSACTION_TIMEOUT", "Transaction timed out"),
      kind: "unavailable",
      says: /took too long for a transaction/,
    },
    {
      what: "an answer that is too large",
      mishap: statementError("RESPONSE_TOO_LARGE", "Response is too large"),
      kind: "invalid",
      says: /set CLEANUP_PAGE_SIZE to less/,
    },
    {
      what: "a constraint, through a replica",
      mishap: statementError("PROXY_ERROR", "error executing a request on the primary: UNIQUE constraint failed: t.v"),
      kind: "conflict",
      says: /a constraint of the database refused a write/,
    },
    {
      what: "a primary that is away",
      mishap: statementError("PROXY_ERROR", "error executing a request on the primary: gone"),
      kind: "unavailable",
      says: /could not reach its primary/,
    },
    {
      what: "a full disk",
      mishap: statementError("SQLITE_FULL", "SQLite error: database or disk is full"),
      kind: "unavailable",
      says: /cannot be read or written by its server \(SQLITE_FULL\)/,
    },
    {
      what: "a damaged database",
      mishap: statementError("SQLITE_CORRUPT", "SQLite error: malformed"),
      kind: "corrupt",
      says: /is not a readable SQLite database/,
    },
    {
      what: "a cut connection",
      mishap: { effect: false, instead: "reset" },
      kind: "unavailable",
      says: /connection to the database .* failed/,
    },
    {
      what: "half an answer",
      mishap: { effect: true, instead: "half" },
      kind: "unavailable",
      says: /connection to the database .* failed/,
    },
  ])("$what", async ({ mishap, kind, says }) => {
    const client = open();
    disturb(mishap);
    const error = await failure(() => read(client));
    expect(error.message).toMatch(says);
    expect(error.kind).toBe(kind);
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.toContain(TOKEN);
    expect(error.message).not.toMatch(/<|doctype|Sign in/);
  });

  test("a token that is missing", async () => {
    const error = await failure(() => read(open({ authToken: null })));
    expect(error).toMatchObject({ kind: "unauthorized", message: expect.stringContaining("wants a token (401)") });
  });

  test("a redirect is not followed: neither the token nor the statements go elsewhere", async () => {
    const elsewhere = await startHranaServer({ fileAt: () => null });
    onTestFinished(() => elsewhere.close());
    const client = open();
    disturb(page(307, { location: `${elsewhere.url}/v2/pipeline` }));
    expect((await failure(() => read(client))).message).toContain("(307)");
    expect(elsewhere.requests()).toBe(0);
  });

  test("nothing that listens", async () => {
    const gone = await startHranaServer({ fileAt: () => null });
    await gone.close();
    const error = await failure(() => read(open({ url: gone.url })));
    expect(error.kind).toBe("unavailable");
    expect(error.message).toBe(`the database ${gone.url} cannot be reached (ECONNREFUSED)`);
  });

  test.each(["http://host:port", "https://[::1", "libsql:"])(
    "an address that is none, when it is opened: %s",
    (url) => {
      expect(() => open({ url })).toThrow(expect.objectContaining({ kind: "invalid" }));
    },
  );
});

describe("a call that is not answered in time is given up", () => {
  test.each<{ what: string; mishap: Mishap }>([
    { what: "no answer", mishap: { effect: true, instead: "silence" } },
    { what: "no end of an answer", mishap: { effect: true, instead: "stall" } },
  ])("$what; and is not asked again, since the time is over", async ({ mishap }) => {
    const client = open({ timeoutMs: 50 });
    disturb(mishap);
    const error = await failure(() => read(client));
    expect(error).toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("did not answer within 10 s"),
    });
    expect(client.calls()).toBe(1);
  });
});

describe("asking again", () => {
  const insert = [plain("INSERT INTO t VALUES (1)")];
  async function withTable(): Promise<{ client: SqlClient; count: () => Promise<unknown> }> {
    const client = open();
    await client.batch([plain("CREATE TABLE t (v)")], "write");
    return {
      client,
      count: async () => (await client.batch([plain("SELECT count(*) AS n FROM t")], "read"))[0]?.[0]?.["n"],
    };
  }

  test.each<Mishap["instead"]>(["reset", "half", { status: 502, body: PAGE }, { status: 200, body: PAGE }])(
    "what only reads is asked again after a lost answer: %j",
    async (instead) => {
      const { client, count } = await withTable();
      disturb({ effect: true, instead }, 2);
      expect(await count()).toBe(0);
      expect(client.calls()).toBe(4);
    },
  );

  test("so is what is to be read as it was written last, which only the primary tells: as a transaction that writes", async () => {
    const { client } = await withTable();
    const sent = vi.spyOn(globalThis, "fetch");
    onTestFinished(() => sent.mockRestore());
    disturb({ effect: true, instead: "reset" }, 1);
    expect(await client.batch([plain("SELECT count(*) AS n FROM t")], "fresh")).toEqual([[{ n: 0 }]]);
    const bodies = sent.mock.calls.map(([, request]) => String(request?.body));
    expect(bodies).toHaveLength(2);
    for (const body of bodies) expect(body).toContain('"BEGIN IMMEDIATE"');
  });

  test.each<Mishap["instead"]>(["reset", "half", { status: 502, body: PAGE }])(
    "a write is not: it may have been done: %j",
    async (instead) => {
      const { client, count } = await withTable();
      disturb({ effect: true, instead }, 1);
      expect((await failure(() => client.batch(insert, "write"))).kind).toBe("unavailable");
      expect(await count()).toBe(1);
    },
  );

  test("a write that bears it is", async () => {
    const { client, count } = await withTable();
    disturb({ effect: true, instead: "reset" }, 1);
    await client.batch(insert, "write", { again: true });
    expect(await count()).toBe(2);
  });

  test("any write is where it had no effect: the server was busy", async () => {
    const { client, count } = await withTable();
    disturb(page(429), 2);
    await client.batch(insert, "write");
    expect(await count()).toBe(1);
  });

  test("what is refused for good is not", async () => {
    const { client } = await withTable();
    disturb(page(403));
    await failure(() => read(client));
    expect(client.calls()).toBe(2);
  });

  test("it ends after a few times", async () => {
    const { client } = await withTable();
    disturb({ effect: false, instead: "reset" });
    await failure(() => read(client));
    expect(client.calls()).toBe(4);
  });

  test("what is refused the second time says that the first may have been done", async () => {
    const client = open();
    await client.batch([plain("CREATE TABLE t (v UNIQUE)")], "write");
    disturb({ effect: true, instead: "reset" }, 1);
    const error = await failure(() => client.batch(insert, "write", { again: true }));
    expect(error).toMatchObject({ kind: "conflict", details: { repeated: true } });
    expect((await failure(() => client.batch(insert, "write"))).details["repeated"]).toBeUndefined();
  });
});
