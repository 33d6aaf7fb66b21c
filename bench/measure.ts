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
    const sample: Sample = { kind: wanted.kind, folder, objects: wanted.objects, otherRows: wanted.otherRows };
    const run = <Answer>(task: Task): Promise<Answer> => inChild<Answer>(task, sample, options);
    const measured = { ...wanted, removable: removable(sample) };
    if (wanted.measures === "time") return { ...measured, ...(await timeRounds(run, options.rounds)) };
    await run("seed-rows");
    return { ...measured, ...(await run<{ steps: number }>("meter")) };
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    options.tell("cleaning up");
    clean();
  }
}

type Run = <Answer>(task: Task) => Promise<Answer>;

async function timeRounds(run: Run, rounds: number): Promise<Omit<Measured, keyof Case | "removable">> {
  const costs: Cost[] = [];
  const seconds = { node: [] as number[], find: [] as number[], naive: [] as number[] };
  await run("seed");
  for (let round = 0; round < rounds; round += 1) {
    const fresh = async <Answer>(task: Task): Promise<Answer> => {
      await run("restore");
      // What the disk still has to write of the seeding is nobody's cost.
      execFileSync("sync");
      return run<Answer>(task);
    };
    costs.push(await fresh<Cost>("filesweep"));
    for (const peer of ["node", "find", "naive"] as const) {
      if (peer === "naive" && round > 0) continue;
      seconds[peer].push((await fresh<{ seconds: number }>(peer)).seconds);
    }
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

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));
const TSX = import.meta.resolve("tsx");

async function inChild<Answer>(task: Task, sample: Sample, options: MeasureOptions): Promise<Answer> {
  options.tell(task);
  const profiled = task === "filesweep" && options.profileFolder !== null;
  const profile = profiled ? ["--cpu-prof", `--cpu-prof-dir=${options.profileFolder}`] : [];
  const args = [...profile, "--import", TSX, CHILD, task, JSON.stringify(sample)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  // Written by child.ts alone.
  return JSON.parse(stdout) as Answer;
}
