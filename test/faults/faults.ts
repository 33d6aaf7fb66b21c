/**
 * `npm run faults`: the real process, killed and stopped at random moments while an application writes beside it, and run
 * on a disk that is full or read-only, and over lines to a bucket and a remote database that drop, cut, swallow and delay.
 *
 *     npm run faults -- [--kills N] [--stops N] [--lines N] [--seed N]
 *
 * Ends with 1 where a promise was broken. What this machine does not allow to be tried is said, and is no success.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { seeded } from "../support/faults.ts";
import { badPlace, overBadLines, signalAtRandom, type TrialReport } from "./trials.ts";

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "200" },
      stops: { type: "string", default: "50" },
      lines: { type: "string", default: "40" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
    },
  });
  const random = seeded(Number(values.seed));
  const told = (line: string): void => void process.stderr.write(`${line}\n`);
  process.stdout.write(`seed ${values.seed}\n`);
  const reports: TrialReport[] = [];
  const add = (report: TrialReport): void => {
    reports.push(report);
    process.stdout.write(`${render(report)}\n`);
  };
  add(await badPlace("full disk", random));
  add(await badPlace("read-only store", random));
  for (const distant of ["bucket", "database", "bucket and database"] as const) {
    add(await overBadLines(distant, Number(values.lines), random));
  }
  add(await signalAtRandom("SIGTERM", Number(values.stops), random, told));
  add(await signalAtRandom("SIGKILL", Number(values.kills), random, told));
  const isWhole = reports.every(({ violations, notTried }) => violations.length === 0 && notTried === undefined);
  return isWhole ? 0 : 1;
}

function render(report: TrialReport): string {
  const { what, times, tooLate, operations, refusedByGate, removals, mistreated, violations, notTried } = report;
  if (notTried !== undefined) return `${what}: NOT TRIED (${notTried})`;
  return [
    `${what}: ${times} times (${tooLate} after its end), beside ${operations} operations of the application`,
    ...(mistreated === undefined ? [] : [`  ${mistreated} connections mistreated`]),
    `  ${removals} objects removed, ${refusedByGate} rows refused by the gate, violations: ${violations.length}`,
    ...violations.map((violation) => `  BROKEN: ${violation}`),
  ].join("\n");
}

process.exitCode = await main();
