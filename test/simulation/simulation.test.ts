/**
 * The proof: histories of an application, up to three instances of filesweep, an operator and chance, drawn by a seed, and
 * an oracle that looks after every step. `npm run simulate` tries as many more as one likes.
 */
import { describe, expect, test } from "vitest";
import { addCoverage, addTo, emptyCoverage, type Machine } from "./coverage.ts";
import { ALL_CONDITIONS } from "./history.ts";
import { renderFailure } from "./render-failure.ts";
import { type Tried, tryHistories } from "./try.ts";

const LENGTH = 80;
const RUNS = 40;

/** What the histories of the fixed seeds came through together. */
const covered = emptyCoverage();
const sites = new Map<string, number>();
const faults = new Map<string, number>();

async function tryUnbroken(seed: number, conditions = ALL_CONDITIONS): Promise<Tried> {
  const tried = await tryHistories({ conditions, seed, runs: RUNS, length: LENGTH });
  if (tried.failure !== null) expect.unreachable(renderFailure(tried.failure));
  addCoverage(covered, tried.coverage.seen);
  addTo(sites, tried.bySite);
  addTo(faults, tried.faults);
  return tried;
}

describe("no promise is broken", () => {
  test.each([1, 2, 3, 4, 5, 6])("by any of the histories of seed %i", async (seed) => {
    const tried = await tryUnbroken(seed);
    // Where nothing went wrong and nothing was removed, nothing was proved.
    expect(tried.histories).toBe(RUNS);
    expect(tried.removals).toBeGreaterThan(RUNS);
    expect(tried.faults.size).toBeGreaterThan(20);
  });

  test("where keys are never used again, whenever within the grace an object is named", async () => {
    await tryUnbroken(7, { ...ALL_CONDITIONS, freshKeys: true });
  });
});

describe("together these histories", () => {
  test("removed objects for every catalog, from a bucket and from a folder", () => {
    const names = ["files", "attachments", "photos"].flatMap((name) => [`${name} in a bucket`, `${name} on a folder`]);
    expect([...sites].filter(([, removals]) => removals > 0).map(([site]) => site)).toEqual(
      expect.arrayContaining(names),
    );
  });

  test("met what is rare", () => {
    const rare = [
      ...["the database is put back", "a person tells of the restore", "another store inside of this one"],
      ...["a prefix is kept out", "the store's clock is off", "an upload is completed late", "store: stale-uploads"],
      ...["delete was given up, and may take effect later", "a late effect", "the gate refused a row"],
      ...["store: partly-unknown", "store: incomplete-listing"],
    ];
    expect([...faults.keys()]).toEqual(expect.arrayContaining(rare));
  });

  // What the simulation must come through to be worth its name; rarer steps have tests of their own.
  test.each<[Machine, readonly string[]]>([
    [
      "ledger",
      [
        ...["- -> suspected", "- -> condemned", "suspected -> due", "suspected -> released", "due -> condemned"],
        ...["condemned -> removed", "condemned -> failed", "failed -> condemned", "due -> released"],
      ],
    ],
    ["gate", ["- -> shut", "shut -> opens later", "opens later -> open", "open -> shut"]],
    ["hold", ["- -> open", "open -> approved", "open -> cancelled", "open -> closed", "approved -> closed"]],
    [
      "run",
      [
        ...["- -> running", "running -> paused", "paused -> running", "running -> held", "held -> paused"],
        ...["running -> completed", "running -> completed-with-failures", "running -> failed", "paused -> cancelled"],
      ],
    ],
    ["upload", ["- -> begun", "begun -> completed", "begun -> aborted"]],
  ])("came through the steps of the %s", (machine, steps) => {
    expect([...covered[machine].keys()]).toEqual(expect.arrayContaining([...steps]));
  });
});
