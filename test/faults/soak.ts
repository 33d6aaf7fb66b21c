/**
 * `npm run soak`: the real process under an application that never stops writing, for as long as one likes; every third
 * run is killed or stopped on the way.
 *
 *     npm run soak -- [--minutes N] [--seed N]
 *
 * Ends with 1 at the first broken promise.
 */
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { seeded } from "../support/faults.ts";
import { FaultSite } from "./site.ts";
import { settle, temporaryFolder } from "./trials.ts";

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "10" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
    },
  });
  const random = seeded(Number(values.seed));
  const endAt = performance.now() + Number(values.minutes) * 60_000;
  const site = await FaultSite.make(temporaryFolder(), random);
  const sum = { runs: 0, faults: 0 };
  let violations: string[] = [];
  try {
    while (performance.now() < endAt && violations.length === 0) {
      sum.faults += await oneRun(site, random);
      sum.runs += 1;
      violations = (await site.lost()).map((key) => `${key} is live, and its bytes are gone`);
      if (sum.runs % 10 === 0) {
        violations.push(...(await settle(site)));
        await tell(site, sum, violations);
      }
    }
    violations.push(...(await settle(site)));
    await tell(site, sum, violations);
    for (const violation of violations) process.stdout.write(`BROKEN (seed ${values.seed}): ${violation}\n`);
    return violations.length === 0 ? 0 : 1;
  } finally {
    await site.remove();
  }
}

/** A run beside an application that writes; answers how many faults there were. */
async function oneRun(site: FaultSite, random: () => number): Promise<number> {
  const { child, ended } = site.start();
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  const signal = random() < 0.33 ? (random() < 0.5 ? "SIGKILL" : "SIGTERM") : null;
  const strikeAt = performance.now() + random() * 1500;
  let faults = 0;
  while (!isOver) {
    await site.work();
    await pause(5);
    if (signal === null || faults > 0 || performance.now() < strikeAt) continue;
    if (child.kill(signal)) faults += 1;
  }
  if (faults > 0) await site.letLeaseRunOut();
  return faults;
}

async function tell(
  site: FaultSite,
  { runs, faults }: { readonly runs: number; readonly faults: number },
  violations: readonly string[],
): Promise<void> {
  const done = `operations ${site.operations}, runs ${runs}, faults ${faults}, removals ${await site.removals()}`;
  process.stdout.write(`${done}, refused by the gate ${site.refusedByGate}, violations ${violations.length}\n`);
}

process.exitCode = await main();
