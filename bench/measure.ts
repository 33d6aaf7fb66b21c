/** Runs the cases: each measurement in its own process, on a tree that is the same before every one of them. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Task } from "./child.ts";
import type { Cost } from "./filesweep.ts";
import { removable, type Sample } from "./sample.ts";

export interface Case {
  readonly name: string;
  readonly kind: Sample["kind"];
  readonly objects: number;
  /** `meter` counts the database's steps, without a tree and without peers. */
  readonly measures: "time" | "meter";
  readonly otherRows: number;
}

export interface Measured extends Case {
  readonly removable: number;
  /** Medians of the rounds' seconds, and the greatest of their peaks. */
  readonly filesweep?: Cost;
  readonly nodeSeconds?: number;
  readonly findSeconds?: number;
  /** Of one round: it takes long, and its ratio leaves no doubt. */
  readonly naiveSeconds?: number;
  readonly steps?: number;
}

export interface MeasureOptions {
  readonly rounds: number;
  /** Where V8's CPU profiles of filesweep go, or null. */
  readonly profileFolder: string | null;
  readonly tell: (what: string) => void;
}

export async function measure(wanted: Case, options: MeasureOptions): Promise<Measured> {
  const folder = mkdtempSync(path.join(tmpdir(), "filesweep-bench-"));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  const interrupted = (): void => {
    clean();
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    return await measureIn(folder, wanted, options);
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    options.tell("cleaning up");
    clean();
  }
}

async function measureIn(folder: string, wanted: Case, options: MeasureOptions): Promise<Measured> {
  const { kind, objects, otherRows } = wanted;
  const sample = (name: string): Sample => ({ kind, objects, otherRows, folder: path.join(folder, name) });
  const run: Run = (task, on) => inChild(task, on, options);
  const measured = { ...wanted, removable: removable(sample("")) };
  if (wanted.measures === "time") return { ...measured, ...(await timeRounds(run, sample, options)) };
  await run("seed-rows", sample("rows"));
  return { ...measured, ...(await run<{ steps: number }>("meter", sample("rows"))) };
}

type Run = <Answer>(task: Task, sample: Sample) => Promise<Answer>;

/** One measurement, and the tree that it works on. */
interface Step {
  readonly task: "filesweep" | "node" | "find" | "naive";
  readonly sample: Sample;
}

/**
 * Where all is removed, each measurement has its own tree, and all trees are made first: an ext4 without a journal
 * takes milliseconds to make a file for half a minute after many were removed. Where little is removed, that is put
 * back, into the one tree.
 */
function plan(sampleOf: (name: string) => Sample, rounds: number): Step[] {
  const steps: Step[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const task of ["filesweep", "node", "find", "naive"] as const) {
      const shared = sampleOf("shared");
      const sample = shared.kind === "expired" ? sampleOf(`${task}-${round}`) : shared;
      if (task !== "naive" || round === 1) steps.push({ task, sample });
    }
  }
  return steps;
}

async function timeRounds(
  run: Run,
  sampleOf: (name: string) => Sample,
  { rounds, tell }: Pick<MeasureOptions, "rounds" | "tell">,
): Promise<Times> {
  const steps = plan(sampleOf, rounds);
  const trees = new Map(steps.map(({ sample }) => [sample.folder, sample]));
  for (const sample of trees.values()) await run("seed", sample);
  const costs: Cost[] = [];
  const seconds = { node: [] as number[], find: [] as number[], naive: [] as number[] };
  for (const [index, { task, sample }] of steps.entries()) {
    if (trees.size === 1 && index > 0) await run("restore", sample);
    // What the disk still has to write of the seeding is nobody's cost.
    execFileSync("sync");
    // Of the peers' answers only the seconds are read.
    const cost = await run<Cost>(task, sample);
    tell(`${task} took ${cost.seconds.toFixed(2)} s`);
    if (task === "filesweep") costs.push(cost);
    else seconds[task].push(cost.seconds);
  }
  return {
    filesweep: {
      seconds: median(costs.map((cost) => cost.seconds)),
      peakBytes: Math.max(...costs.map((cost) => cost.peakBytes)),
      calls: costs[0]?.calls ?? { database: 0, condemn: 0, list: 0, delete: 0 },
    },
    nodeSeconds: median(seconds.node),
    findSeconds: median(seconds.find),
    naiveSeconds: median(seconds.naive),
  };
}

type Times = Omit<Measured, keyof Case | "removable">;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Node's, as the first line of the command has them. */
const COMMAND_OPTIONS = ["--max-semi-space-size=8"];
const CHILD = fileURLToPath(new URL("child.js", import.meta.url));

async function inChild<Answer>(task: Task, sample: Sample, options: MeasureOptions): Promise<Answer> {
  options.tell(task);
  const profiled = task === "filesweep" && options.profileFolder !== null;
  const profile = profiled ? ["--cpu-prof", `--cpu-prof-dir=${options.profileFolder}`] : [];
  const ofCommand = task === "filesweep" ? COMMAND_OPTIONS : [];
  const args = [...ofCommand, ...profile, CHILD, task, JSON.stringify(sample)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  // Written by child.ts alone.
  return JSON.parse(stdout) as Answer;
}
