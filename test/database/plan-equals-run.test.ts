/** What a plan says of each key is what a run that removes then does: over catalogs that chance made. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UNDECLARED } from "../../src/core/catalog-time.ts";
import type { CatalogCursor, Claim, FileRow, HeldLease, Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../src/core/safety.ts";
import { decideFile } from "../../src/core/sweeps/expired-files.ts";
import { plain } from "../support/database.ts";
import { START } from "../support/fake-clock.ts";
import { CUTOFFS, openPorts, type Ports } from "../support/ports.ts";

const SETTINGS = { expiryGraceMs: 0, downloadGraceMs: HOUR_MS, ignorePrefixes: [], times: UNDECLARED };

type Outcomes = Record<string, "goes" | "stays">;

/** Walks the due rows as the sweep does, and lets `end` say which of a page's keys go. One entry per page and key. */
async function sweep(
  { database, makeId }: Ports,
  held: HeldLease,
  limit: number,
  end: (claims: readonly Claim[], cursor: CatalogCursor) => Promise<ReadonlySet<string>>,
): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  let after: CatalogCursor | null = null;
  for (let number = 0; ; number += 1) {
    const page = await database.catalog.due(held, { ...CUTOFFS, after, limit });
    const claims = page.files.flatMap((file) => toClaim(file, makeId));
    if (page.last !== null && claims.length > 0) {
      const gone = await end(claims, page.last);
      for (const { key } of claims) outcomes[`page ${number}, ${key}`] = gone.has(key) ? "goes" : "stays";
    }
    if (page.next === null) return outcomes;
    after = page.next;
  }
}

function toClaim(file: FileRow, makeId: () => string): Claim[] {
  const decision = decideFile(file, START, SETTINGS, () => null);
  if (decision.verdict !== "remove" || typeof file.key !== "string") return [];
  return [{ file, key: file.key, reason: decision.reason, removalId: makeId(), takesAlong: true, derived: [] }];
}

function plan(ports: Ports, held: HeldLease, limit: number): Promise<Outcomes> {
  return sweep(ports, held, limit, async (claims, cursor) => {
    const keys = claims.map(({ key }) => key);
    const stay = await ports.database.catalog.protectedAfter(held, keys, { ...CUTOFFS, cursor });
    return new Set(keys.filter((key) => !stay.has(key)));
  });
}

function remove(ports: Ports, held: HeldLease, limit: number): Promise<Outcomes> {
  return sweep(ports, held, limit, async (claims) => {
    const { condemned } = await ports.database.catalog.claim(held, claims, { runId: "run-1", now: START });
    return new Set(condemned.map(({ key }) => key));
  });
}

const NOW_S = START / SECOND_MS;

function catalogs(values: Readonly<Record<string, readonly Value[]>>): fc.Arbitrary<Record<string, Value>[]> {
  const row = fc.record(
    Object.fromEntries(Object.entries(values).map(([name, choice]) => [name, fc.constantFrom(...choice)])),
  );
  return fc.array(row, { maxLength: 5 });
}

/** A due row of a key, and another row of it that the sweep keeps or ends: shown to the property before chance goes on. */
function pair(other: Readonly<Record<string, Value>>): [Record<string, Value>[], number] {
  const base = { key: "a", status: "active", created_at: START - 2 * DAY_MS };
  const used = { expires_at: null, downloads: 1, max_downloads: 1, downloaded_at: START - DAY_MS };
  return [
    [
      { ...base, expires_at: START - 1 },
      { ...base, ...used, ...other },
    ],
    100,
  ];
}

async function expectPlanToEqualRun(
  values: Readonly<Record<string, readonly Value[]>>,
  ...examples: [Record<string, Value>[], number][]
): Promise<void> {
  const ports = await openPorts();
  const held = await ports.hold();
  const property = fc.asyncProperty(catalogs(values), fc.constantFrom(1, 2, 3, 100), async (rows, limit) => {
    const tables = ["files", "filesweep_removals", "filesweep_gate"];
    await ports.client.batch(
      tables.map((name) => plain(`DELETE FROM ${name}`)),
      "write",
    );
    await ports.insert(...rows.map((row, index) => ({ ...row, id: `f-${String(index).padStart(2, "0")}` })));
    const planned = await plan(ports, held, limit);
    expect(planned).toEqual(await remove(ports, held, limit));
  });
  await fc.assert(property, { numRuns: 150, examples });
}

const PLAIN: Readonly<Record<string, readonly Value[]>> = {
  key: ["a", "a", "b", "c"],
  status: ["active", "active", "active", "expired", "archived"],
  expires_at: [null, null, START - DAY_MS, START - 1, START, START + 1, NOW_S - 5, NOW_S + 5],
  downloads: [0, 1, 2],
  max_downloads: [null, 0, 1, 2],
  downloaded_at: [null, START - DAY_MS, START - HOUR_MS, START],
  created_at: [START - 2 * DAY_MS, START],
  hold: [0, 0, 0, 1],
};

/** Where rows share keys more often, and are used up more often. */
const SHARED: Readonly<Record<string, readonly Value[]>> = {
  ...PLAIN,
  key: ["a", "b"],
  status: ["active"],
  expires_at: [null, START - 1],
  downloads: [0, 1],
  max_downloads: [1],
};

describe("for every key of every page, a plan says what a run does", () => {
  test("in catalogs as an application writes them", async () => expectPlanToEqualRun(PLAIN));

  test("where instants of downloads are seconds", async () =>
    expectPlanToEqualRun(
      { ...SHARED, downloaded_at: [null, NOW_S - 86_400, NOW_S - 3600, NOW_S, START] },
      pair({ downloaded_at: NOW_S }),
    ));

  test("where expiries cannot be read", async () =>
    expectPlanToEqualRun(
      { ...SHARED, expires_at: [START - 1, START - 1, "soon", 2n ** 60n], downloads: [1] },
      pair({ expires_at: 2n ** 60n }),
    ));

  test("where instants of downloads and creation cannot be read", async () =>
    expectPlanToEqualRun(
      { ...SHARED, downloaded_at: [null, START - DAY_MS, 0, -5, "x"], created_at: [0, START - DAY_MS, "x"] },
      pair({ downloaded_at: "x" }),
      pair({ downloaded_at: 0 }),
    ));

  test("where counts of downloads are no numbers", async () =>
    expectPlanToEqualRun(
      { ...SHARED, downloads: [1, "many", 2.5], max_downloads: [1, "few", new Uint8Array([1])] },
      pair({ downloads: "many" }),
    ));

  test("where holds are written in several ways", async () =>
    expectPlanToEqualRun(
      { ...SHARED, hold: [0, 0, 1, "", "0", "false", "true", "legal"] },
      pair({ hold: "" }),
      pair({ hold: "false" }),
    ));
});
