/** What SQL says of the application's instants, against the decision that reads each again. */
import { describe, expect, test } from "vitest";
import { readInstant, type TimeReading } from "../../src/core/catalog-time.ts";
import type { CatalogCursor, Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { createDatabase } from "../../src/database/open.ts";
import { plain, TEST_NOW } from "../support/database.ts";
import { meter } from "../support/explain.ts";
import { START } from "../support/fake-clock.ts";
import { openMapped } from "../support/mapped.ts";
import { acquire, GATE_MS } from "../support/ports.ts";

const OTHERS: readonly Value[] = [
  null,
  0,
  -1,
  1,
  1.5,
  1e11 - 1,
  1e11,
  8.64e15,
  2n ** 60n,
  "",
  " ",
  "never",
  "now",
  "2461367.5",
  "1700000000000",
  "0000-00-00 00:00:00",
  "0001-01-01T00:00:00Z",
  "1970-01-01",
  "2026-02-30",
  "31/12/2026",
  "2099-13-01",
  "20991231",
  "9999-12-31 23:59:59",
  "2026-11-22T06:00:00+15:00",
  "2026-11-22T06:00:00 Z",
  new Uint8Array([50, 48, 50, 54]),
];

/** An instant in every form, as the zone's clocks show it and with each kind of offset. */
function spellings(instant: number, localMs: number): Value[] {
  const local = new Date(instant + localMs).toISOString().slice(0, -1);
  const at = (minutes: number): string => new Date(instant + minutes * 60_000).toISOString();
  return [
    instant,
    Math.ceil(instant / 1000),
    local,
    local.replace("T", " "),
    local.slice(0, 16),
    `${local.slice(0, 19)}.${local.slice(20)}000`,
    local.slice(0, 10),
    at(0),
    at(0).slice(0, 16).concat("Z"),
    at(0).replace("Z", "+00:00"),
    at(330).replace("Z", "+05:30"),
    at(840).replace("T", " ").replace("Z", "+1400"),
    at(-720).slice(0, 19).concat("-12"),
    at(-210).slice(0, 16).concat("-0330"),
  ];
}

const ZONES: readonly { zone: string; localMs: number; cutoffs: readonly string[] }[] = [
  {
    zone: "UTC",
    localMs: 0,
    cutoffs: ["2026-11-22T06:00:00.500Z", "2026-11-22T00:00:00.000Z", "2026-11-21T23:59:59.999Z"],
  },
  // Both passes of the hour that occurs twice, and the hour that does not.
  {
    zone: "Europe/Berlin",
    localMs: HOUR_MS,
    cutoffs: ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z", "2026-03-29T01:00:00.000Z"],
  },
  {
    zone: "America/New_York",
    localMs: -5 * HOUR_MS,
    cutoffs: ["2026-11-01T05:30:00.000Z", "2026-11-01T06:30:00.000Z", "2026-03-08T07:00:00.000Z"],
  },
  {
    zone: "Australia/Lord_Howe",
    localMs: 10.5 * HOUR_MS,
    cutoffs: ["2026-04-04T14:45:00.000Z", "2026-10-03T15:30:00.000Z"],
  },
];

const FORMS: readonly TimeReading["form"][] = ["auto", "iso", "epoch-s", "epoch-ms"];
const INDEXES = ["", "CREATE INDEX by_end ON t (ends)"];
const CASES = ZONES.flatMap(({ zone, localMs, cutoffs }) =>
  cutoffs.flatMap((cutoff) =>
    FORMS.flatMap((form) => INDEXES.map((index) => ({ zone, localMs, cutoff, form, index }))),
  ),
);

describe("rows of every form around an instant", () => {
  test.each(CASES)(
    "$form in $zone at $cutoff $index: what has come is brought and counted, what cannot be read is brought",
    async ({ zone, localMs, cutoff, form, index }) => {
      const ddl = ["CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT, ends)", ...(index === "" ? [] : [index])];
      const mapped = await openMapped(ddl, {
        CATALOG_TABLE: "t",
        CATALOG_COLUMNS: { id: "id", key: "key", expiresAt: "ends" },
        CATALOG_EXPIRED_ACTION: "delete",
        CATALOG_TIME: form,
        CATALOG_TIMEZONE: zone,
      });
      const now = Date.parse(cutoff);
      const away = [0, 1, 1000, 1800_000, 3600_000, 5 * HOUR_MS, 20 * HOUR_MS, DAY_MS, 3 * DAY_MS, 400 * DAY_MS];
      const values = away.flatMap((ms) => [...spellings(now - ms, localMs), ...spellings(now + ms, localMs)]);
      values.push(...OTHERS);
      const inserts = values.map((value) => plain("INSERT INTO t (key, ends) VALUES ('k', ?)", [value]));
      await mapped.client.batch(inserts, "write");

      const times: TimeReading = { form, zone };
      const stored = await mapped.rows("SELECT id, ends FROM t");
      const read = stored.map(({ id, ends }) => ({ id, ends, instant: readInstant(ends ?? null, times) }));
      const due = read.filter(({ instant }) => typeof instant === "number" && instant <= now);
      const cutoffs = { expiredBefore: now, downloadedBefore: 0 };
      const page = { ...cutoffs, after: null, limit: 10_000 };
      const found = new Set((await mapped.database.catalog.due(mapped.held, page)).files.map(({ id }) => id));
      expect(due.filter(({ id }) => !found.has(id ?? null))).toEqual([]);
      expect(due.length).toBeGreaterThan(5);
      // A text whose turn has not come is not looked at where texts are declared; numbers that lie behind all time never are.
      const seen = read.filter(({ instant, ends }) => instant === "unreadable" && isLookedAt(ends ?? null, form, now));
      expect(seen.filter(({ id }) => !found.has(id ?? null))).toEqual([]);
      // Nothing that is still to come is brought: it would be read again in every run.
      const early = read.filter(
        ({ id, instant }) => found.has(id ?? null) && typeof instant === "number" && instant > now,
      );
      expect(early).toEqual([]);
      const { due: counted } = await mapped.database.catalog.countDue(mapped.held, cutoffs, 1);
      expect(counted.count).toBe(due.length);
    },
  );
});

function isLookedAt(value: Value, form: TimeReading["form"], now: number): boolean {
  if (typeof value === "bigint" || (typeof value === "number" && value > 8.64e15)) return form === "iso";
  if (typeof value === "number" && form === "epoch-s" && value > 0) return false;
  if (typeof value !== "string") return true;
  return form !== "iso" || value < new Date(now).toISOString() || value >= ":";
}

describe("rows that are due within two days", () => {
  const NEAR = 100_000;
  const WRITTEN: readonly { form: TimeReading["form"]; sql: string; perRow: number }[] = [
    { form: "epoch-ms", sql: "?1 + i * ?2", perRow: 0 },
    { form: "auto", sql: "?1 + i * ?2", perRow: 0 },
    { form: "auto", sql: "(?1 + i * ?2) / 1000 + 1", perRow: 0 },
    { form: "iso", sql: "strftime('%Y-%m-%dT%H:%M:%fZ', (?1 + i * ?2) / 1000.0, 'unixepoch')", perRow: 40 },
    { form: "auto", sql: "strftime('%Y-%m-%dT%H:%M:%fZ', (?1 + i * ?2) / 1000.0, 'unixepoch')", perRow: 100 },
    { form: "auto", sql: "strftime('%Y-%m-%d %H:%M:%S', (?1 + i * ?2) / 1000.0, 'unixepoch')", perRow: 100 },
  ];

  test.each(WRITTEN)(
    "$form, written as $sql: 100,000 of them neither fill a page nor hide the 10 that are due",
    async ({ form, sql, perRow }) => {
      const ddl = [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT, state TEXT, ends)",
        "CREATE INDEX by_end ON t (state, ends)",
      ];
      const mapped = await openMapped(ddl, {
        CATALOG_TABLE: "t",
        CATALOG_COLUMNS: { id: "id", key: "key", status: "state", expiresAt: "ends" },
        CATALOG_TIME: form,
      });
      const insert = (from: number, step: number, count: number): Promise<unknown> =>
        mapped.execute(
          `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
            INSERT INTO t (key, state, ends) SELECT 'k' || i, 'active', ${sql} FROM n`,
          [from, step],
        );
      await insert(START + HOUR_MS, Math.floor((2 * DAY_MS) / NEAR), NEAR);
      await insert(START - DAY_MS, 60_000, 10);

      const counter = meter();
      const { clock, mapping } = mapped;
      const client = counter.wrap(mapped.client);
      const database = createDatabase({ client, clock, gateMs: GATE_MS, databaseNow: TEST_NOW, mapping });
      await mapped.database.leases.release(mapped.held);
      const held = await acquire(database, "counted");
      counter.take();
      const page = await database.catalog.due(held, {
        expiredBefore: START,
        downloadedBefore: 0,
        after: null,
        limit: 1000,
      });
      expect([page.files.length, page.next]).toEqual([10, null]);
      const steps = counter.take().reduce((sum, work) => sum + work.steps, 0);
      expect(steps).toBeLessThan(20_000 + perRow * NEAR);
    },
  );
});

test.each([
  ["epoch-ms", "?1 + i"],
  ["iso", "strftime('%Y-%m-%dT%H:%M:%fZ', (?1 + i) / 1000.0, 'unixepoch')"],
] as const)("%s: the last page of rows that stay takes no more steps than the second", async (form, sql) => {
  const ddl = ["CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT, ends)", "CREATE INDEX by_end ON t (ends)"];
  const mapped = await openMapped(ddl, {
    CATALOG_TABLE: "t",
    CATALOG_COLUMNS: { id: "id", key: "key", expiresAt: "ends" },
    CATALOG_EXPIRED_ACTION: "delete",
    CATALOG_TIME: form,
  });
  await mapped.execute(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO t (ends) SELECT ${sql} FROM n`,
    [START - DAY_MS],
  );
  const counter = meter();
  const { clock, mapping } = mapped;
  await mapped.database.leases.release(mapped.held);
  const options = { clock, gateMs: GATE_MS, databaseNow: TEST_NOW, mapping };
  const { catalog, leases } = createDatabase({ ...options, client: counter.wrap(mapped.client) });
  const held = await acquire({ leases }, "counted");
  const steps: number[] = [];
  for (let after: CatalogCursor | null = null; ; ) {
    counter.take();
    const page = await catalog.due(held, { expiredBefore: START, downloadedBefore: 0, after, limit: 500 });
    steps.push(counter.take().reduce((sum, work) => sum + work.steps, 0));
    if (page.next === null) break;
    after = page.next;
  }
  expect(steps.length).toBeGreaterThanOrEqual(20);
  expect(steps.at(-2)).toBeLessThan(1.2 * Number(steps[1]));
});
