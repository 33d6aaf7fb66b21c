/**
 * The proof: histories of an application, up to three instances of filesweep, an operator and chance, drawn by a seed, and
 * an oracle that looks after every step. `npm run simulate` tries as many more as one likes.
 */
import { expect, test } from "vitest";
import { ALL_CONDITIONS } from "./history.ts";
import { renderFailure } from "./render-failure.ts";
import { tryHistories } from "./try.ts";

const LENGTH = 80;
const RUNS = 32;

test.each([1, 2, 3, 4])("no promise is broken by any of the histories of seed %i", async (seed) => {
  const tried = await tryHistories({ conditions: ALL_CONDITIONS, seed, runs: RUNS, length: LENGTH });
  if (tried.failure !== null) expect.unreachable(renderFailure(tried.failure));
  // Where nothing went wrong and nothing was removed, nothing was proved.
  expect(tried.histories).toBe(RUNS);
  expect(tried.removals).toBeGreaterThan(RUNS);
  expect(tried.faults.size).toBeGreaterThan(20);
});

test("no promise is broken where keys are never used again, whenever within the grace an object is named", async () => {
  const tried = await tryHistories({
    conditions: { ...ALL_CONDITIONS, freshKeys: true },
    seed: 5,
    runs: RUNS,
    length: LENGTH,
  });
  if (tried.failure !== null) expect.unreachable(renderFailure(tried.failure));
});
