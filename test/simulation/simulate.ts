/**
 * `npm run simulate`: tries histories for as long as is asked for, and tells what they came through.
 *
 *     npm run simulate -- [--runs N] [--seed N] [--length N] [--without CONDITION …] [--rule RULE] [--unshrunk]
 *
 * Ends with 1 where a promise was broken, after its seed and its story, shrunk to what matters. `--without` takes away
 * what a promise needs (see docs/safety.md): then a story is what is wanted.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { addCoverage, addTo, emptyCoverage } from "./coverage.ts";
import { ALL_CONDITIONS, type Conditions } from "./history.ts";
import { renderFailure } from "./render-failure.ts";
import { tryHistories } from "./try.ts";

/** Histories between two lines of progress. */
const CHUNK = 250;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "1000" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      length: { type: "string", default: "80" },
      without: { type: "string", multiple: true, default: [] },
      rule: { type: "string" },
      unshrunk: { type: "boolean", default: false },
    },
  });
  const conditions = without(values.without);
  const rule = values.rule === undefined ? {} : { rule: values.rule };
  const [runs, first, length] = [Number(values.runs), Number(values.seed), Number(values.length)];
  const totals = { histories: 0, steps: 0, removals: 0 };
  const faults = new Map<string, number>();
  const bySite = new Map<string, number>();
  const covered = emptyCoverage();
  for (let chunk = 0; chunk * CHUNK < runs; chunk += 1) {
    const seed = first + chunk;
    const some = Math.min(CHUNK, runs - chunk * CHUNK);
    const tried = await tryHistories({ conditions, seed, runs: some, length, unshrunk: values.unshrunk, ...rule });
    if (tried.failure !== null) {
      write(renderFailure(tried.failure));
      return 1;
    }
    for (const name of ["histories", "steps", "removals"] as const) totals[name] += tried[name];
    addTo(faults, tried.faults);
    addTo(bySite, tried.bySite);
    addCoverage(covered, tried.coverage.seen);
    process.stderr.write(`seed ${seed}: ${totals.histories} of ${runs} histories, no promise broken\n`);
  }
  write(`seeds ${first} to ${first + Math.ceil(runs / CHUNK) - 1}, conditions: ${JSON.stringify(conditions)}`);
  write(`histories ${totals.histories}, steps ${totals.steps}, objects removed ${totals.removals}`);
  write(renderCounts("objects removed by site", bySite));
  write(renderCounts("faults injected", faults));
  for (const [machine, steps] of Object.entries(covered)) write(renderCounts(`steps of ${machine}`, steps));
  write("violations: 0");
  return 0;
}

function without(names: readonly string[]): Conditions {
  const conditions: Record<string, boolean> = { ...ALL_CONDITIONS };
  for (const name of names) {
    if (!(name in conditions)) throw new Error(`--without ${name}: one of ${Object.keys(conditions).join(", ")}`);
    conditions[name] = !conditions[name];
  }
  return { ...ALL_CONDITIONS, ...conditions };
}

function renderCounts(title: string, counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const width = Math.max(...sorted.map(([name]) => name.length));
  return [`${title}:`, ...sorted.map(([name, count]) => `  ${name.padEnd(width)}  ${count}`)].join("\n");
}

function write(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.exitCode = await main();
