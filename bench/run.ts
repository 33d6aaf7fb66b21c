/**
 * `npm run bench`: filesweep on a real folder and an embedded database, with what else one could do beside it.
 *
 *     npm run bench -- [--quick] [--only NAME] [--rounds N] [--profile DIR] [--json]
 *
 * The trees are made below the system's folder for temporary files (`TMPDIR`), and removed after. Ends with 1 when a
 * limit of the contract is exceeded.
 */
import { mkdirSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { checkLimits, count, label } from "./limits.ts";
import { type Case, type Measured, measure } from "./measure.ts";
import { machine, renderReport } from "./table.ts";

/** Expired files lie beside as many live ones: more than that would be held as not plausible. */
const expired = (objects: number): Case => ({
  name: `expired-${objects}`,
  kind: "expired",
  objects,
  measures: "time",
  otherRows: objects,
});
const orphans = (objects: number): Case => ({
  name: `orphans-${objects}`,
  kind: "orphans",
  objects,
  measures: "time",
  otherRows: 0,
});
const work = (objects: number, otherRows: number): Case => ({
  name: `work-${otherRows}`,
  kind: "expired",
  objects,
  measures: "meter",
  otherRows,
});

const FULL = [
  expired(10_000),
  expired(100_000),
  orphans(10_000),
  orphans(100_000),
  orphans(1_000_000),
  work(10_000, 100_000),
  work(10_000, 1_000_000),
];
const QUICK = [expired(2000), expired(10_000), orphans(2000), orphans(10_000), work(2000, 10_000), work(2000, 100_000)];

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "3" },
    profile: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const all = values.quick ? QUICK : FULL;
const cases = all.filter(({ name }) => name.startsWith(values.only));
if (cases.length === 0) {
  console.error(`no case begins with ${values.only}; there are ${all.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
if (values.profile !== undefined) mkdirSync(values.profile, { recursive: true });

const results: Measured[] = [];
for (const wanted of cases) {
  const beside = wanted.measures === "meter" ? `, ${count(wanted.otherRows)} live rows` : "";
  const tell = (what: string): void => console.error(`${wanted.name} (${label(wanted)}${beside}): ${what}`);
  // A million take long enough for one round to say it.
  const rounds = wanted.objects < 1_000_000 ? Number(values.rounds) : 1;
  results.push(await measure(wanted, { rounds, profileFolder: values.profile ?? null, tell }));
}
const checks = checkLimits(results);
console.log(
  values.json ? JSON.stringify({ machine: machine(), results, checks }, null, 2) : renderReport(results, checks),
);
process.exitCode = checks.every(({ ok }) => ok) ? 0 : 1;
