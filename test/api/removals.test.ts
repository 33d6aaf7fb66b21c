/** The ledger from outside: listed, exported, released, tried again. */
import { describe, expect, it } from "vitest";
import { cell } from "../../src/api/export.ts";
import { Diagnosis, Explanation, Removal, RemovalPage } from "../../src/api/schemas.ts";
import { SweepError } from "../../src/core/errors.ts";
import { createWorld, type World } from "../support/world.ts";
import { documentOf, problemOf, serve } from "./support.ts";

interface Given {
  readonly id: string;
  readonly key?: string;
  readonly state?: string;
  readonly reason?: string;
  readonly run?: string;
}

async function withLedger(...given: Given[]): Promise<World> {
  const world = await createWorld();
  for (const { id, key = id, state = "removed", reason = "expired", run = "run-1" } of given) {
    const sql = `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, size_bytes, created_at, attempts)
      VALUES (?, ?, ?, ?, 'expired-files', ?, 7, 5, 3)`;
    await world.execute(sql, [id, key, state, reason, run]);
  }
  return world;
}

describe("GET /admin/removals", () => {
  it.each([
    ["", ["4", "3", "2", "1"]],
    ["state=failed", ["4"]],
    ["reason=used-up", ["3"]],
    ["run=run-2", ["2"]],
    ["key=a%2F", ["4", "1"]],
    ["key=a%2F&state=removed", ["1"]],
    ["key=%25", []],
  ])("?%s", async (query, ids) => {
    const world = await withLedger(
      { id: "1", key: "a/1" },
      { id: "2", key: "b/2", run: "run-2" },
      { id: "3", key: "c/3", reason: "used-up" },
      { id: "4", key: "a/4", state: "failed" },
    );
    const page = await documentOf(await serve(world).get(`/admin/removals?${query}`), RemovalPage);
    expect([page.items.map(({ id }) => id), page.nextCursor]).toEqual([ids, null]);
  });

  it("pages through all of them, each once, also where rows change and new ones come meanwhile", async () => {
    const given = Array.from({ length: 7 }, (_, index) => ({ id: `1${index}`, state: "failed" }));
    const world = await withLedger(...given);
    const { get } = serve(world);
    const seen: string[] = [];
    for (let query = "limit=3"; query !== ""; ) {
      const page = await documentOf(await get(`/admin/removals?${query}`), RemovalPage);
      seen.push(...page.items.map(({ id }) => id));
      await world.execute("UPDATE filesweep_removals SET state = 'removed' WHERE id = ?", [seen.at(-1) ?? ""]);
      await world.execute("INSERT INTO filesweep_removals SELECT * FROM filesweep_removals WHERE 0");
      query = page.nextCursor === null ? "" : `limit=3&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(["16", "15", "14", "13", "12", "11", "10"]);
  });

  it.each(["state=gone", "reason=MARK", "run=a%20b", "key=", "key=x&key=y", "run=", `key=${"x".repeat(1025)}`])(
    "?%s is refused",
    async (query) => {
      const response = await serve(await createWorld()).get(`/admin/removals?${query}`);
      expect(await response.clone().text()).not.toContain("MARK");
      expect(await problemOf(response)).toMatchObject({ status: 400, kind: "invalid" });
    },
  );

  it("shows one; of another id none", async () => {
    const { get } = serve(await withLedger({ id: "1", key: "k" }));
    expect(await documentOf(await get("/admin/removals/1"), Removal)).toMatchObject({ id: "1", key: "k", bytes: 7 });
    expect(await problemOf(await get("/admin/removals/2"))).toMatchObject({ status: 404 });
  });
});

describe("the ledger as a file", () => {
  it("CSV: a head, a line for each, the newest first, quoted as RFC 4180 wants it", async () => {
    const { get } = serve(await withLedger({ id: "1", key: 'a,"b"\nc' }, { id: "2", key: "plain" }));
    const response = await get("/admin/removals.csv");
    expect(response.headers.get("Content-Type")).toBe("text/csv; charset=utf-8");
    expect(response.headers.get("Content-Disposition")).toBe('attachment; filename="filesweep-removals.csv"');
    expect(await response.text()).toBe(
      [
        "id,key,state,reason,sweep,run,bytes,createdAt,firstSeenAt,attempts,nextAttemptAt,error,releasedBy,finishedAt",
        "2,plain,removed,expired,expired-files,run-1,7,1970-01-01T00:00:00.005Z,,3,,,,",
        '1,"a,""b""\nc",removed,expired,expired-files,run-1,7,1970-01-01T00:00:00.005Z,,3,,,,',
        "",
      ].join("\r\n"),
    );
  });

  it.each([
    ["=1+1", "'=1+1"],
    ["+1", "'+1"],
    ["-1", "'-1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    [" =1+1", "' =1+1"],
    ["\t=1+1", "'\t=1+1"],
    ["\u0000=1", "'\u0000=1"],
    ["\rx", `"'\rx"`],
    ["＝1+1", "'＝1+1"],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    ["a=1", "a=1"],
    ["a-b", "a-b"],
    ["", ""],
  ])("CSV is safe against formulas: %j", (text, expected) => {
    expect(cell(text)).toBe(expected);
  });

  it("NDJSON: one removal a line, as the list shows it", async () => {
    const world = await withLedger({ id: "1" }, { id: "2", state: "failed" });
    const { get } = serve(world);
    const response = await get("/admin/removals.ndjson?state=failed");
    expect(response.headers.get("Content-Type")).toBe("application/x-ndjson");
    const lines = (await response.text()).split("\n");
    const { items } = await documentOf(await get("/admin/removals?state=failed"), RemovalPage);
    expect(lines).toEqual([JSON.stringify(items[0]), ""]);
  });

  it("of an empty ledger is a head alone, or nothing", async () => {
    const { get } = serve(await createWorld());
    expect((await (await get("/admin/removals.csv")).text()).split("\r\n")).toHaveLength(2);
    expect(await (await get("/admin/removals.ndjson")).text()).toBe("");
  });

  it("is read page by page, no sooner than it is wanted, and never whole", async () => {
    const world = await createWorld();
    await world.execute(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
        SELECT printf('%06d', i), 'k' || i, 'removed', 'expired', 'expired-files', 'run-1', 5 FROM n`,
    );
    let pages = 0;
    const { sweeper } = serve(world);
    const removals: typeof sweeper.removals = (filter) => {
      pages += 1;
      expect(filter.limit).toBeLessThanOrEqual(2000);
      return sweeper.removals(filter);
    };
    const response = await serve(world, { sweeper: { removals } }).get("/admin/removals.ndjson");
    const reader = response.body?.getReader();
    expect(pages).toBe(1);
    let lines = 0;
    for (let turn = 1; ; turn += 1) {
      const chunk = await reader?.read();
      if (chunk?.done !== false) break;
      lines += new TextDecoder().decode(chunk.value).split("\n").length - 1;
      expect(pages).toBe(turn);
    }
    expect([lines, pages]).toEqual([10_000, 5]);
  });

  it("goes on over pages that are empty", async () => {
    const pages = [
      { items: [], next: "3" },
      { items: [], next: "2" },
      { items: [], next: null },
    ];
    const removals = async () => pages.shift() ?? { items: [], next: null };
    const response = await serve(await createWorld(), { sweeper: { removals } }).get("/admin/removals.ndjson");
    expect([await response.text(), pages]).toEqual(["", []]);
  });

  it("is a problem where the database is down at its beginning, and breaks off where it goes down later", async () => {
    const world = await withLedger({ id: "1" });
    const gone = new SweepError("unavailable", "no database");
    const down = serve(world, { sweeper: { removals: () => Promise.reject(gone) } });
    expect(await problemOf(await down.get("/admin/removals.csv"))).toMatchObject({ status: 503 });
    const { sweeper } = serve(world);
    let asked = 0;
    const later = serve(world, {
      sweeper: {
        async removals(filter) {
          asked += 1;
          if (asked > 1) throw gone;
          return { ...(await sweeper.removals(filter)), next: "1" };
        },
      },
    });
    await expect((await later.get("/admin/removals.csv")).text()).rejects.toThrow("no database");
  });

  it.each(["limit=5", "cursor=abc", "state=x"])("?%s is refused", async (query) => {
    const response = await serve(await createWorld()).get(`/admin/removals.csv?${query}`);
    expect(await problemOf(response)).toMatchObject({ status: 400 });
  });
});

describe("a person", () => {
  it.each([
    ["release", "suspected", 200, "released"],
    ["release", "failed", 200, "released"],
    ["release", "removed", 409, "removed"],
    ["retry", "failed", 200, "due"],
    ["retry", "abandoned", 200, "due"],
    ["retry", "suspected", 409, "suspected"],
  ])("asks to %s one that is %s: %i", async (what, state, status, after) => {
    const { get, post } = serve(await withLedger({ id: "1", state }));
    const response = await post(`/admin/removals/1/${what}`);
    expect(response.status).toBe(status);
    if (status === 200) expect(await documentOf(response, Removal)).toMatchObject({ id: "1", state: after });
    else expect(await problemOf(response)).toMatchObject({ kind: "conflict" });
    expect(await documentOf(await get("/admin/removals/1"), Removal)).toMatchObject({ state: after });
    expect(await problemOf(await post(`/admin/removals/2/${what}`))).toMatchObject({ status: 404 });
  });

  it("asks to release while the store cannot be reached: 503, and nothing changes", async () => {
    const world = await withLedger({ id: "1", state: "suspected" });
    const on = await world.createInstance({
      wrapStore: (store) => ({ ...store, head: () => Promise.reject(new SweepError("unavailable", "no store")) }),
    });
    const { post, get } = serve(world, { on });
    expect(await problemOf(await post("/admin/removals/1/release"))).toMatchObject({ status: 503, detail: "no store" });
    expect(await documentOf(await get("/admin/removals/1"), Removal)).toMatchObject({ state: "suspected" });
  });
});

describe("GET /admin/explain", () => {
  it("tells what would be decided about a key, or about the key of a row", async () => {
    const world = await createWorld();
    await world.insert({ id: "f", key: "k", expires_at: world.clock.now() - 1 });
    world.put(["k"]);
    const { get } = serve(world);
    const byKey = await documentOf(await get("/admin/explain?key=k"), Explanation);
    expect(byKey).toMatchObject({ key: "k", known: true, files: [{ id: "f" }] });
    expect(byKey.files[0]?.decisions[0]).toMatchObject({
      sweep: "expired-files",
      verdict: "remove",
      reason: "expired",
    });
    expect(await documentOf(await get("/admin/explain?id=f"), Explanation)).toEqual(byKey);
    expect(await documentOf(await get("/admin/explain?key=nobody%27s"), Explanation)).toMatchObject({ known: false });
    expect(await problemOf(await get("/admin/explain?id=nobody"))).toMatchObject({ status: 404 });
  });

  it.each(["", "?key=a&id=b", "?key=", "?name=a"])("wants one of the two: %j is refused", async (query) => {
    const response = await serve(await createWorld()).get(`/admin/explain${query}`);
    expect(await problemOf(response)).toMatchObject({ status: 400, kind: "invalid" });
  });
});

describe("GET /admin/doctor", () => {
  it("tells what the doctor found; an instance that has none says so", async () => {
    const check = {
      name: "database",
      status: "ok",
      kind: null,
      found: "it is there",
      needed: null,
      mend: null,
    } as const;
    const doctor = async () => ({ status: "ok", checks: [check] }) as const;
    const world = await createWorld();
    const found = await serve(world, { sweeper: { doctor } }).get("/admin/doctor");
    expect(await documentOf(found, Diagnosis)).toEqual({ status: "ok", checks: [check] });
    expect(await problemOf(await serve(world).get("/admin/doctor"))).toMatchObject({ status: 404 });
  });
});
