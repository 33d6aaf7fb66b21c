/** Over a ledger of a million removals every page answers from indexes. */
import { expect, test } from "vitest";
import { meter } from "../../support/explain.ts";
import { createWorld } from "../../support/world.ts";
import { serve } from "../support.ts";
import { signedIn } from "./visitor.ts";

const REMOVALS = 1_000_000;
const OPEN = 1000;
const RUNS = 5000;

/** Rows that one page may step over in scans: the newest runs and removals, up to their limits, and what is open. */
const MOST_SCANNED = 6000;

/** The newest removals that a search without an index looks through, twice. */
const MOST_WALKED = 20_000;

test(`a page over ${REMOVALS} removals reads a few thousand rows at most, and a search without an index no more than its bound`, async () => {
  const world = await createWorld();
  await world.execute(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, size_bytes, created_at, finished_at, attempts)
      SELECT printf('r-%07d', i), printf('old/%07d', i), iif(i > ?, 'suspected', 'removed'), 'expired', 'expired-files',
        printf('run-%04d', i / 200), 10, i, iif(i > ?, NULL, i), 1 FROM n`,
    [REMOVALS, REMOVALS - OPEN, REMOVALS - OPEN],
  );
  await world.execute(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO filesweep_runs (id, mode, status, trigger, started_at, finished_at, duration_ms, slices, calls, holds, sweeps)
      SELECT printf('run-%04d', i), 'remove', 'completed', 'schedule', ?, ?, 3, 1, '{"database":0,"storage":0}', '[]', '[]' FROM n`,
    [RUNS, world.clock.now() - 1, world.clock.now()],
  );
  const metered = meter();
  const on = await world.createInstance({ wrapClient: metered.wrap });
  const visitor = await signedIn(serve(world, { on }).app);
  const pages = [
    ["", MOST_SCANNED],
    ["/runs", MOST_SCANNED],
    ["/runs/run-0100", MOST_SCANNED],
    ["/holds", MOST_SCANNED],
    ["/removals", MOST_SCANNED],
    ["/removals?state=suspected", MOST_SCANNED],
    ["/removals?key=old%2F00001", MOST_SCANNED],
    ["/removals?run=run-0100", MOST_SCANNED],
    ["/removals?state=removed", MOST_WALKED],
    ["/removals?reason=left-over", MOST_WALKED],
    ["/explain?key=old%2F0000100", MOST_SCANNED],
  ] as const;
  for (const [path, most] of pages) {
    metered.take();
    expect((await visitor.get(`/dashboard${path}`)).status, path).toBe(200);
    const work = metered.take();
    expect(work.length, path).toBeGreaterThan(0);
    expect(
      work.reduce((sum, { scanned }) => sum + scanned, 0),
      path,
    ).toBeLessThanOrEqual(most);
    expect(
      work.reduce((sum, { autoIndexes }) => sum + autoIndexes, 0),
      path,
    ).toBe(0);
  }
});
