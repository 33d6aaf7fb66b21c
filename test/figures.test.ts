/**
 * The contract's figures that are counts: calls for 1,000 items. Each is the difference of two runs over different
 * amounts, so that what a run costs once, whatever it finds, cancels. `npm run bench` measures times and memory.
 */
import { describe, expect, test } from "vitest";
import type { SweepName } from "../src/core/model.ts";
import type { Store } from "../src/core/ports.ts";
import { DAY_MS } from "../src/core/safety.ts";
import { meter } from "./support/explain.ts";
import { START } from "./support/fake-clock.ts";
import { createWorld, sweepOf, type WorldOptions } from "./support/world.ts";

interface Contents {
  /** Live files without an object, which no sweep under test looks for. */
  readonly liveRows?: number;
  /** Expired files, with their objects. */
  readonly expired?: number;
  /** Objects of live files. */
  readonly objects?: number;
  /** Objects without a row. */
  readonly orphans?: number;
}

interface Calls {
  readonly database: number;
  readonly list: number;
  readonly delete: number;
  readonly head: number;
  /** Reads and puts of the identity marker. */
  readonly marker: number;
}

/** All of it may go: that so much goes at once is not the point here. */
const NO_HOLDS = { holdPercent: 100, holdExpiredPercent: 100 };

/** Contents are made by the database itself: 100,000 rows take a second. */
const INSERT = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
  INSERT INTO files (id, key, size_bytes, created_at, expires_at)
  SELECT ?2 || printf('%07d', i), ?2 || printf('%07d', i), 10, 1, ?3 + i FROM n WHERE ?1 > 0`;

async function fill(contents: Contents, options: WorldOptions = {}) {
  const { liveRows = 0, expired = 0, objects = 0, orphans = 0 } = contents;
  const world = await createWorld({
    ...options,
    settings: { pageSize: 1000, quarantineMs: 0, ...NO_HOLDS, ...options.settings },
  });
  await world.execute(INSERT, [liveRows, "no-object/", START + DAY_MS]);
  await world.execute(INSERT, [expired, "expired/", START - DAY_MS]);
  await world.execute(INSERT, [objects, "live/", START + DAY_MS]);
  const keys = (prefix: string, amount: number): string[] =>
    Array.from({ length: amount }, (_, index) => prefix + String(index + 1).padStart(7, "0"));
  world.put([...keys("expired/", expired), ...keys("live/", objects), ...keys("orphan/", orphans)]);
  return world;
}

/** The calls of one run of `sweep` over these contents, all of which it must have done its work on. */
async function callsOf(sweep: SweepName, contents: Contents, settings: WorldOptions["settings"] = {}): Promise<Calls> {
  const calls = { list: 0, delete: 0, head: 0, marker: 0 };
  const world = await fill(contents, { settings, wrapStore: (store) => counting(store, calls) });
  const report = await world.run({ sweeps: [sweep] });
  const { removed, suspected } = sweepOf(report, sweep);
  expect(report.status).toBe("completed");
  expect(removed.count + suspected.count).toBe((contents.expired ?? 0) + (contents.orphans ?? 0));
  expect(report.calls.storage).toBe(calls.list + calls.delete + calls.head + calls.marker);
  return { ...calls, database: report.calls.database };
}

function counting(store: Store, calls: { list: number; delete: number; head: number; marker: number }): Store {
  return {
    ...store,
    list(...args) {
      calls.list += 1;
      return store.list(...args);
    },
    delete(...args) {
      calls.delete += 1;
      return store.delete(...args);
    },
    head(...args) {
      calls.head += 1;
      return store.head(...args);
    },
    readMarker(...args) {
      calls.marker += 1;
      return store.readMarker(...args);
    },
    writeMarker(...args) {
      calls.marker += 1;
      return store.writeMarker(...args);
    },
  };
}

/** What 3,000 more items cost, for 1,000 of them. */
function perThousand(few: Calls, many: Calls): Calls {
  const each = (name: keyof Calls): number => (many[name] - few[name]) / 3;
  return {
    database: each("database"),
    list: each("list"),
    delete: each("delete"),
    head: each("head"),
    marker: each("marker"),
  };
}

describe("1,000 items cost", () => {
  test("expired files: 1 database call, which claims a page and reads the next, and 1 storage call", async () => {
    const few = await callsOf("expired-files", { expired: 2000 });
    const many = await callsOf("expired-files", { expired: 5000 });
    expect(perThousand(few, many)).toEqual({ database: 1, list: 0, delete: 1, head: 0, marker: 0 });
  });

  test.each([
    ["that are ripe at once", { quarantineMs: 0 }],
    ["that go into quarantine", { quarantineMs: DAY_MS }],
  ])("an orphan scan: 1 list and 1 database call, beside orphans %s", async (_which, settings) => {
    const few = await callsOf("orphaned-objects", { objects: 2000, orphans: 20 }, settings);
    const many = await callsOf("orphaned-objects", { objects: 5000, orphans: 20 }, settings);
    expect(perThousand(few, many)).toEqual({ database: 1, list: 1, delete: 0, head: 0, marker: 0 });
  });

  test("the removal of orphans, beside their scan: 1 delete, and 1 database call that condemns", async () => {
    const few = await callsOf("orphaned-objects", { objects: 4000, orphans: 1000 });
    const many = await callsOf("orphaned-objects", { objects: 1000, orphans: 4000 });
    expect(perThousand(few, many)).toEqual({ database: 1, list: 0, delete: 1, head: 0, marker: 0 });
  });

  test.each(["expired-files", "orphaned-objects"] as const)(
    "nothing to do: %s, at most 16 calls in all",
    async (sweep) => {
      const calls = await callsOf(sweep, { objects: 10 });
      expect(calls.database + calls.list + calls.delete + calls.head).toBeLessThanOrEqual(16);
    },
  );
});

describe("beside 100,000 live files instead of 1,000", () => {
  const EXPIRED = 500;
  const settings = { pageSize: 100 };

  async function workOf(liveRows: number): Promise<{ steps: number; scanned: number }> {
    const metered = meter();
    const world = await fill({ liveRows, expired: EXPIRED }, { settings, wrapClient: metered.wrap });
    const report = await world.run({ sweeps: ["expired-files"] });
    expect(sweepOf(report, "expired-files").removed.count).toBe(EXPIRED);
    const work = metered.take();
    const sum = (what: "steps" | "scanned"): number => work.reduce((total, statement) => total + statement[what], 0);
    return { steps: sum("steps"), scanned: sum("scanned") };
  }

  test("the same expired files take the same calls", async () => {
    const few = await callsOf("expired-files", { liveRows: 1000, expired: EXPIRED }, settings);
    const many = await callsOf("expired-files", { liveRows: 100_000, expired: EXPIRED }, settings);
    expect(many).toEqual(few);
  });

  test("the database does the same work for them: rows read go by what is due, not by the table", async () => {
    const [few, many] = [await workOf(1000), await workOf(100_000)];
    expect(few.steps).toBeGreaterThan(EXPIRED);
    expect(many.steps).toBeLessThanOrEqual(few.steps * 1.05);
    expect(many.scanned).toBeLessThanOrEqual(few.scanned);
  });

  test("half as many expired files take about half of the work", async () => {
    const half = meter();
    const world = await fill({ liveRows: 1000, expired: EXPIRED / 2 }, { settings, wrapClient: half.wrap });
    await world.run({ sweeps: ["expired-files"] });
    const steps = half.take().reduce((total, statement) => total + statement.steps, 0);
    expect((await workOf(1000)).steps).toBeLessThanOrEqual(steps * 2.2);
  });
});
