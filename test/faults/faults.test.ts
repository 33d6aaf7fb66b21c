/** A few of what `npm run faults` does 200 times: the real process, at random moments. */
import { expect, test } from "vitest";
import { seeded } from "../support/faults.ts";
import { overBadLines, signalAtRandom } from "./trials.ts";

const SEED = 20_261_125;

test.each(["SIGKILL", "SIGTERM"] as const)(
  "%s at random moments while an application writes: nothing live is lost, and later runs finish what was begun",
  async (signal) => {
    const report = await signalAtRandom(signal, 5, seeded(SEED));
    expect(report.violations, `seed ${SEED}`).toEqual([]);
    expect(report.removals).toBeGreaterThan(20);
  },
);

test.each(["bucket", "database", "bucket and database"] as const)(
  "over a line to the %s that drops, cuts, swallows and delays: nothing live is lost, and once it is well, all is finished",
  async (distant) => {
    const report = await overBadLines(distant, 2, seeded(SEED));
    expect(report.violations, `seed ${SEED}`).toEqual([]);
    expect(report.removals).toBeGreaterThan(5);
    expect(report.mistreated).toBeGreaterThan(0);
  },
);
