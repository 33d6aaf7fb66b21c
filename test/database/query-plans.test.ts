/**
 * Rows read are proportional to what is due, not to the table. Two witnesses: EXPLAIN QUERY PLAN of the statements that
 * are really executed, without ANALYZE; and SQLite's own counters of the work they did, in a small table and in a large.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OPEN_STATES } from "../../src/core/model.ts";
import type { CatalogCursor, Database, Desk, HeldLease, OldCutoffs, RemovalFilter } from "../../src/core/ports.ts";
import { DAY_MS } from "../../src/core/safety.ts";
import type { SqlClient, Statement } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { createDatabase } from "../../src/database/open.ts";
import { migrate } from "../../src/database/schema.ts";
import { plain } from "../support/database.ts";
import { explain, meter, recorder, type Work } from "../support/explain.ts";
import { createFakeClock, START } from "../support/fake-clock.ts";
import { acquire, CUTOFFS, claimsOf, freshEntry, GATE_MS, openHold, settlement, sighting } from "../support/ports.ts";

const LARGE = 100_000;
const SMALL = 1000;

/** A clock that does not write: the test's table would show up in the plans. */
const NOW = String(START);

/** Live files, expired ones and used-up ones with distinct keys; as many removals that ended; a gate and runs behind them. */
const FILL = (count: number): Statement[] => [
  plain(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO files (id, key, status, size_bytes, created_at, expires_at, downloads, max_downloads, downloaded_at)
      SELECT printf('f-%07d', i), printf('live/%07d', i), iif(i % 3 = 0, 'expired', 'active'), 10, ?,
        iif(i % 3 = 0, ?, ?), i % 2, 5, iif(i % 2 = 1, ?, NULL) FROM n`,
    [count, START - 10 * DAY_MS, START - DAY_MS, START + DAY_MS, START - 5 * DAY_MS],
  ),
  plain(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at, finished_at, attempts, attempt_fence, released_by)
      SELECT printf('r-%07d', i), printf('old/%07d', i), iif(i % 2 = 0, 'removed', 'released'), 'expired', 'expired-files',
        printf('run-%04d', i / 20), 1, 2, 1, 1, iif(i % 2 = 0, NULL, 'protected') FROM n`,
    [count],
  ),
  plain(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO filesweep_gate (key, leaves_at) SELECT printf('gate/%07d', i), ? FROM n`,
    [count, START + DAY_MS],
  ),
  plain(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO filesweep_runs (id, mode, status, trigger, started_at, finished_at, duration_ms, slices, calls, holds, sweeps)
      SELECT printf('run-%07d', i), 'remove', 'completed', 'schedule', 1, 2, 3, 1, '{"database":0,"storage":0}', '[]', '[]' FROM n`,
    [count / 10],
  ),
];

interface Filled {
  readonly path: string;
  readonly database: Database;
  readonly client: SqlClient;
  readonly close: () => void;
}

async function filled(count: number, wrap: (client: SqlClient) => SqlClient): Promise<Filled> {
  const folder = mkdtempSync(join(tmpdir(), "filesweep-test-"));
  const path = join(folder, "catalog.db");
  const client = await openFileClient(path);
  await migrate(client, NOW);
  await client.batch(FILL(count), "write");
  const database = createDatabase({
    client: wrap(client),
    clock: createFakeClock(),
    gateMs: GATE_MS,
    databaseNow: NOW,
  });
  return {
    path,
    database,
    client,
    close: () => {
      client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Ten rows of each kind that is due. */
const DUE = plain(
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
    INSERT INTO files (id, key, size_bytes, created_at, expires_at, downloads, max_downloads)
    SELECT printf('due-%02d-%d', i, kind.value), printf('due/%02d-%d', i, kind.value), 10, 1,
      CASE kind.value WHEN 0 THEN 0 WHEN 1 THEN 1000 + i WHEN 2 THEN ? - i WHEN 3 THEN 'x' END, 1, iif(kind.value = 4, 1, NULL)
    FROM n, json_each('[0,1,2,3,4]') kind`,
  [START],
);

const OLD: OldCutoffs = { downloadedBefore: START - 30 * DAY_MS, expiredBefore: START - 90 * DAY_MS };

/** Ten rows of each kind whose record is old: by the download, and by the expiry, in milliseconds and not readable. */
const OLD_ROWS = plain(
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
    INSERT INTO files (id, key, status, size_bytes, created_at, expires_at, downloaded_at)
    SELECT printf('gone-%02d-%d', i, kind.value), printf('gone/%02d-%d', i, kind.value), 'expired', 10, 1,
      CASE kind.value WHEN 2 THEN ? - i WHEN 3 THEN 'x' END, CASE kind.value WHEN 0 THEN ? - i WHEN 1 THEN 'x' END
    FROM n, json_each('[0,1,2,3]') kind`,
  [START - 100 * DAY_MS, START - 100 * DAY_MS],
);

/** Ten removals, and ten runs, that ended before all others. */
const FORGOTTEN = plain(
  "UPDATE filesweep_removals SET finished_at = 1 WHERE id <= 'r-0000010' AND state IN ('removed', 'released')",
);
const FORGOTTEN_RUNS = plain("UPDATE filesweep_runs SET finished_at = 1 WHERE id <= 'run-0000010'");

/** Every method of the ports, as a run calls them, on rows that are due; `did` is told after each. */
async function wholeRun({ database, client }: Filled, did: (method: string) => void | Promise<void>): Promise<void> {
  const { catalog, ledger, journal, leases, holds, desk } = database;
  let ids = 0;
  const makeId = (): string => `new-${String(++ids).padStart(6, "0")}`;
  await client.batch([DUE, OLD_ROWS, FORGOTTEN, FORGOTTEN_RUNS], "write");
  const held: HeldLease = await acquire(database, "one");
  await did("leases.acquire");
  const entry = freshEntry("zz-run");
  const { gateStands } = await journal.open(held, entry);
  expect(gateStands).toBe(true);
  journal.follow(held, entry);
  await did("journal.open");
  await leases.renew(held);
  await did("leases.renew");

  let after: CatalogCursor | null = null;
  do {
    const page = await catalog.due(held, { ...CUTOFFS, after, limit: 7 });
    await did("catalog.due");
    const claims = claimsOf(page.files, makeId);
    if (page.last !== null) {
      await catalog.protectedAfter(
        held,
        claims.map(({ key }) => key),
        { ...CUTOFFS, cursor: page.last },
      );
      await did("catalog.protectedAfter");
    }
    const { condemned } = await catalog.claim(held, claims, { runId: entry.id, now: START });
    await did("catalog.claim");
    // Of some pages each, of the others one half.
    const isGone = (index: number): boolean => page.next === null || index % 2 === 0;
    ledger.settle(
      held,
      condemned.map((removal, index) => settlement(removal, isGone(index) ? "gone" : "refused", START, START)),
    );
    await leases.renew(held);
    await did("ledger.settle");
    after = page.next;
  } while (after !== null);

  const listed = Array.from({ length: 20 }, (_, index) => `live/${String(index * 3 + 1).padStart(7, "0")}`);
  const orphans = Array.from({ length: 10 }, (_, index) => `orphan/${index}`);
  const keys = [...listed, ...orphans, "old/0000001", "old/0000002"];
  // A page in the middle of the listing, and the last one: rows that it does not show are missing.
  for (const [after, to] of [
    ["live/0000000", "live/0000060"],
    ["live/", "live/0000060"],
    ["zz", null],
    [null, "due/00-0"],
  ] as const) {
    await catalog.compare(held, { after, to, keys, madeBefore: START, missingLimit: 100 });
    await did("catalog.compare");
  }
  await catalog.countDue(held, CUTOFFS, 10);
  await did("catalog.countDue");
  await catalog.countLive(held, 100);
  await did("catalog.countLive");
  after = null;
  do {
    const page = await catalog.old(held, { ...OLD, after, limit: 7 });
    await did("catalog.old");
    const claims = claimsOf(page.files, makeId);
    await catalog.protectedBeside(
      held,
      claims.map(({ key }) => key),
      page.files,
    );
    await did("catalog.protectedBeside");
    after = page.next;
  } while (after !== null);
  expect(await catalog.deletionReach(held)).toEqual([]);
  await did("catalog.deletionReach");
  for (const live of ["keep", "remove"] as const) {
    await catalog.countOld(held, { ...OLD, live, liveExpiredBefore: START }, 10);
    await did("catalog.countOld");
  }
  const { files } = await catalog.old(held, { ...OLD, after: null, limit: 100 });
  await did("catalog.old");
  expect(files).toHaveLength(70);
  expect((await catalog.erase(held, claimsOf(files, makeId), { runId: entry.id, now: START })).ended.size).toBe(70);
  await did("catalog.erase");
  ledger.sight(
    held,
    orphans.map((key) => sighting(key, START, { removalId: makeId(), runId: entry.id, ripe: true })),
  );
  await leases.renew(held);
  await did("ledger.sight");
  expect(
    (await ledger.ripe(held, { runId: entry.id, coveredUpTo: START, sample: 10, quarantineMs: 1 })).covered.count,
  ).toBe(10);
  await did("ledger.ripe");
  await ledger.closeScan(held, { runId: entry.id, at: START, promoteUpTo: START });
  await did("ledger.closeScan");
  const { condemned } = await ledger.condemn(held, {
    limit: 100,
    ignorePrefixes: ["keep/"],
    runId: entry.id,
    now: START,
  });
  expect(condemned.length).toBeGreaterThanOrEqual(10);
  await did("ledger.condemn");
  expect(await ledger.trim(held, 2, 1000)).toBe(20);
  await did("ledger.trim");
  await ledger.open();
  await did("ledger.open");
  holds.write(held, openHold("hold"));
  journal.remember(held, { lastRunAt: START });
  await leases.renew(held);
  await did("holds.write");
  await holds.list({ closed: false });
  await did("holds.list");
  await holds.decide("hold", { status: "approved", until: START });
  await did("holds.decide");
  await askAtTheDesk(desk);
  await did("desk");
  await walkAtTheDesk(desk);
  await did("desk, walking");
  await readOneRun(desk);
  await did("desk, one run");
  await desk.activity(0, { expiredBefore: START + 7 * DAY_MS, downloadedBefore: START });
  await did("desk.activity");
  await journal.latest(5);
  await did("journal.latest");
  await leases.release(held);
  await did("leases.release");
  // The gate opens, and the next run finds this one unfinished.
  await client.batch([plain("UPDATE filesweep_gate SET leaves_at = 1 WHERE key LIKE 'due/%'")], "write");
  await journal.open(await acquire(database, "two"), freshEntry("zz-run-2"));
  await did("journal.open");
  await client.batch([plain("INSERT INTO files (id, key) VALUES ('new', 'brand/new')")], "write");
}

/** Pages of removals that no index leads to, or one to too many: the newest are walked through, no further than a bound. */
async function walkAtTheDesk(desk: Desk): Promise<void> {
  const filters: Omit<RemovalFilter, "limit">[] = [
    { reason: "left-over" },
    { state: "removed" },
    { state: "released", reason: "left-over" },
    { state: "released", after: "r-0100000" },
    { keyPrefix: "old/" },
    { keyPrefix: "old/", state: "removed", after: "r-0100000" },
  ];
  for (const filter of filters) await desk.removals({ ...filter, limit: 20 });
}

/** Pages of the removals of one run, whatever else is asked for. */
async function readOneRun(desk: Desk): Promise<void> {
  const filters: Omit<RemovalFilter, "limit">[] = [
    {},
    { after: "r-0000100" },
    { state: "failed" },
    { state: "removed", after: "r-0100000" },
    { reason: "left-over" },
    { keyPrefix: "old/00000" },
  ];
  for (const filter of filters) await desk.removals({ ...filter, runId: "run-0007", limit: 20 });
}

/** Every question and decision; each filter alone, and what a person combines. */
async function askAtTheDesk(desk: Desk): Promise<void> {
  const filters: Omit<RemovalFilter, "limit">[] = [
    {},
    { after: "r-0000100" },
    ...OPEN_STATES.map((state) => ({ state })),
    ...OPEN_STATES.map((state) => ({ state, after: "r-0000100" })),
    { runId: "run-0007" },
    { runId: "run-0007", state: "removed", after: "r-0000100" },
    { keyPrefix: "old/00000" },
    { keyPrefix: "nobody's/" },
    { keyPrefix: "old/00000", state: "failed", after: "r-0000100" },
    { reason: "left-over", state: "abandoned" },
  ];
  for (const filter of filters) await desk.removals({ ...filter, limit: 20 });
  await desk.overview();
  for (const page of [{}, { after: "run-0000100" }]) await desk.runs({ ...page, limit: 20 });
  await desk.run("run-0000001");
  for (const page of [{}, { after: "hold" }, { status: "closed" as const }]) await desk.holds({ ...page, limit: 20 });
  await desk.hold("hold");
  await desk.removal("r-0000100");
  await desk.release("r-0000100", START, null);
  await desk.retry("r-0000100");
  await desk.cancelRun("run-0000001", START);
  expect(await desk.keyOf("f-0000001")).toBe("live/0000001");
  await desk.record("live/0000001");
  await desk.record("old/0000001");
}

/**
 * Scans that are proportional to something small, each with its reason. A plain `SCAN` of a partial index reads what the
 * index holds, not the table.
 */
const ALLOWED: readonly { readonly line: RegExp; readonly reason: string }[] = [
  { line: /^SCAN (j|i|json_each)\b/, reason: "the list of parameters" },
  { line: /^SCAN s VIRTUAL TABLE/, reason: "the sweeps of the runs of a day" },
  { line: /^SCAN filesweep_lease$/, reason: "one row" },
  { line: /^SCAN r$/, reason: "the newest runs, up to a limit" },
  { line: /^SCAN (much|floor)$/, reason: "one row that the statement made itself" },
  { line: /^SCAN (\()?subquery|^SCAN found$|^SCAN CONSTANT ROW/, reason: "rows that a statement above it found" },
  { line: /^SCAN (sqlite_(master|schema)|m$|k VIRTUAL TABLE)/, reason: "the schema" },
  {
    line: /^SCAN \S+( AS \S+)? USING (COVERING )?INDEX filesweep_removals_(open|waiting|suspected|condemned|abandoned)$/,
    reason: "a partial index: open removals",
  },
  {
    line: /^SCAN filesweep_runs USING INDEX sqlite_autoindex_filesweep_runs_1$/,
    reason: "the newest runs, up to a limit",
  },
  {
    line: /^SCAN filesweep_removals USING (COVERING )?INDEX sqlite_autoindex_filesweep_removals_1$/,
    reason: "the newest removals, up to a limit",
  },
  {
    line: /^SCAN filesweep_holds( USING INDEX sqlite_autoindex_filesweep_holds_1)?$/,
    reason: "one hold per crossing of a limit, trimmed with the history",
  },
];

describe(`over ${LARGE} files, removals and keys behind the gate, without ANALYZE`, () => {
  const seen = new Map<string, Statement[]>();
  let large: Filled;

  beforeAll(async () => {
    const recording = recorder();
    large = await filled(LARGE, recording.wrap);
    recording.take();
    await wholeRun(large, (method) => {
      seen.set(method, [...(seen.get(method) ?? []), ...recording.take()]);
    });
  });
  afterAll(() => large.close());

  async function plansOf(method: string): Promise<{ sql: string; plan: string[] }[]> {
    const statements = new Map((seen.get(method) ?? []).map((statement) => [statement.sql, statement]));
    expect(statements.size, `${method} was called`).toBeGreaterThan(0);
    return Promise.all(
      [...statements.values()].map(async (statement) => ({
        sql: statement.sql,
        plan: await explain(large.path, statement),
      })),
    );
  }

  const METHODS = [
    "leases.acquire",
    "leases.renew",
    "leases.release",
    "journal.open",
    "journal.latest",
    "catalog.due",
    "catalog.claim",
    "catalog.protectedAfter",
    "catalog.compare",
    "catalog.countDue",
    "catalog.countLive",
    "catalog.old",
    "catalog.countOld",
    "catalog.erase",
    "catalog.protectedBeside",
    "catalog.deletionReach",
    "ledger.sight",
    "ledger.settle",
    "ledger.closeScan",
    "ledger.condemn",
    "ledger.ripe",
    "ledger.trim",
    "ledger.open",
    "holds.write",
    "holds.list",
    "holds.decide",
    "desk",
    "desk, walking",
    "desk, one run",
    "desk.activity",
  ];

  test.each(METHODS)("%s scans no table, and builds no index of its own", async (method) => {
    for (const { sql, plan } of await plansOf(method)) {
      const bad = plan.filter(
        (line) => /^SCAN|AUTOMATIC/.test(line) && !ALLOWED.some((allowed) => allowed.line.test(line)),
      );
      expect(bad, `${sql}\n${plan.join("\n")}`).toEqual([]);
    }
  });

  test.each(["catalog.due", "catalog.old"])("%s finds its pages in order: nothing is sorted", async (method) => {
    for (const { sql, plan } of await plansOf(method)) {
      expect(
        plan.filter((line) => line.includes("TEMP B-TREE")),
        `${sql}\n${plan.join("\n")}`,
      ).toEqual([]);
    }
  });

  test("the desk walks the ledger only where nothing is asked for, or with a floor below which it does not look", async () => {
    const isWalk = (line: string): boolean =>
      /^SCAN filesweep_removals USING (COVERING )?INDEX sqlite_autoindex_/.test(line);
    const walks = [...(await plansOf("desk")), ...(await plansOf("desk, walking"))].filter(({ plan }) =>
      plan.some(isWalk),
    );
    expect(walks.length).toBeGreaterThan(0);
    const packed = String.raw`SELECT json_group_array\(json_array\([^()]*\)\) AS packed FROM`;
    const newest = String.raw`WHERE (1|id < \?) ORDER BY id DESC LIMIT`;
    const all = new RegExp(String.raw`^${packed} \(SELECT \* FROM filesweep_removals ${newest} \?\)$`);
    const floored = new RegExp(
      String.raw`^WITH much\(yes\) AS \(.*\), floor\(id\) AS \(SELECT id FROM filesweep_removals ${newest} iif\(\(SELECT yes FROM much\), 1, 0\) OFFSET \?\)\s+SELECT packed, \(SELECT id FROM floor\) AS floor FROM \(${packed} \(.*SELECT \* FROM filesweep_removals WHERE .* AND id >= coalesce\(\(SELECT id FROM floor\), ''\) ORDER BY id DESC LIMIT [^)]*\), [^)]*\)\)+$`,
      "s",
    );
    for (const { sql, plan } of walks) {
      expect(all.test(sql) || floored.test(sql), `${sql}\n${plan.join("\n")}`).toBe(true);
      expect(plan.filter(isWalk), sql).toHaveLength(1);
    }
  });

  test("suspects are found in their own index, however many removals are open beside them", async () => {
    const suspects = (await plansOf("desk")).filter(
      ({ sql }) => /state = 'suspected'/.test(sql) && !/key >= /.test(sql),
    );
    expect(suspects.length).toBeGreaterThan(0);
    for (const { sql, plan } of suspects) {
      expect(plan.join("\n"), sql).toMatch(
        /SCAN filesweep_removals USING (COVERING )?INDEX filesweep_removals_suspected/,
      );
      expect(plan.join("\n"), sql).not.toContain("filesweep_removals_open");
    }
  });

  test("the removals of one run are read from their index, in order: nothing is sorted, whatever else is asked for", async () => {
    const plans = await plansOf("desk, one run");
    expect(plans.length).toBeGreaterThan(5);
    for (const { sql, plan } of plans) {
      expect(plan.join("\n"), sql).toMatch(
        /SEARCH filesweep_removals USING (COVERING )?INDEX filesweep_removals_run \(run_id=\?/,
      );
      expect(
        plan.filter((line) => /TEMP B-TREE|^SCAN filesweep/.test(line)),
        sql,
      ).toEqual([]);
    }
  });

  test("the key of a row is looked for by the index on keys, not by its status", async () => {
    for (const method of [
      "catalog.claim",
      "catalog.erase",
      "catalog.compare",
      "catalog.protectedAfter",
      "catalog.protectedBeside",
      "ledger.condemn",
    ]) {
      const lines = (await plansOf(method)).flatMap(({ plan }) => plan).filter((line) => /^SEARCH (p|f)\b/.test(line));
      expect(lines.length, method).toBeGreaterThan(0);
      for (const line of lines)
        expect(line, method).toMatch(
          /filesweep_files_key \(key(=\?|>\? AND key<\?)|^SEARCH \S+ USING INTEGER PRIMARY KEY/,
        );
    }
  });

  test("the gate's triggers look a key up by the gate's primary key", async () => {
    const [triggers] = await large.client.batch(
      [plain("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")],
      "read",
    );
    expect(triggers).toHaveLength(2);
    for (const { name, sql } of triggers ?? []) {
      // EXPLAIN QUERY PLAN does not show what a trigger does: its condition is explained as one of a row.
      const condition = /\bWHEN (.*)\s+BEGIN SELECT/s.exec(String(sql))?.[1];
      expect(condition, String(name)).toBeDefined();
      const plan = await explain(
        large.path,
        plain(`SELECT 1 FROM files AS NEW WHERE NEW.rowid = 1 AND ${condition ?? ""}`),
      );
      expect(plan).toContain("SEARCH g USING PRIMARY KEY (key=?)");
      expect(plan.filter((line) => line.startsWith("SCAN") && !line.includes("CONSTANT ROW"))).toEqual([]);
    }
  });
});

describe(`the work of a run over the same due rows does not grow with the tables: ${SMALL} and ${LARGE} rows`, () => {
  /** Steps by method; for the applications' own insert, with what its triggers do. */
  async function workIn(count: number): Promise<Map<string, Work[]>> {
    const metered = meter();
    const tables = await filled(count, metered.wrap);
    try {
      const works = new Map<string, Work[]>();
      await wholeRun(tables, (method) => {
        works.set(method, [...(works.get(method) ?? []), ...metered.take()]);
      });
      const application = metered.wrap(tables.client);
      await application.batch([plain("INSERT INTO files (id, key) VALUES ('a', 'application/a')")], "write");
      works.set("the application's insert", metered.take());
      await application.batch([plain("UPDATE files SET status = 'archived' WHERE id = 'a'")], "write");
      works.set("the application's update", metered.take());
      return works;
    } finally {
      tables.close();
    }
  }

  let small: Map<string, Work[]>;
  let large: Map<string, Work[]>;
  beforeAll(async () => {
    small = await workIn(SMALL);
    large = await workIn(LARGE);
  });

  const WALKING = "desk, walking";
  const ACTIVITY = "desk.activity";
  /** They look at a bounded number of the newest, and at fewer where there are fewer. */
  const BOUNDED = [WALKING, ACTIVITY];

  test("a page that walks looks at no more than 10,000 rows, twice", () => {
    for (const { sql, scanned } of large.get(WALKING) ?? []) expect(scanned, sql).toBeLessThanOrEqual(20_000);
    expect(large.get(WALKING)?.length).toBeGreaterThan(0);
  });

  test("what the first page shows is made of a few thousand rows, and nothing is sorted but the days", () => {
    expect(sum(large.get(ACTIVITY), "scanned")).toBeGreaterThan(0);
    expect(sum(large.get(ACTIVITY), "scanned")).toBeLessThanOrEqual(5000);
    expect(sum(large.get(ACTIVITY), "autoIndexes")).toBe(0);
  });

  const sum = (works: Work[] | undefined, what: "steps" | "scanned" | "autoIndexes"): number =>
    (works ?? []).reduce((total, work) => total + work[what], 0);

  test("every method takes the same steps, but for a few per cent", () => {
    expect([...large.keys()]).toEqual([...small.keys()]);
    for (const [method, works] of large) {
      if (BOUNDED.includes(method)) continue;
      const [before, after] = [sum(small.get(method), "steps"), sum(works, "steps")];
      expect(before, method).toBeGreaterThan(0);
      expect(after, method).toBeLessThanOrEqual(before * 1.1 + 50);
    }
  });

  test("no method steps over more rows in a scan, nor builds an index", () => {
    for (const [method, works] of large) {
      if (BOUNDED.includes(method)) continue;
      expect(sum(works, "scanned"), method).toBeLessThanOrEqual(sum(small.get(method), "scanned"));
      expect(sum(works, "autoIndexes"), method).toBe(0);
    }
  });
});
