/** One task in a process of its own, so that its peak memory is its own. The answer is JSON on stdout. */
import process from "node:process";
import { keepHeapSmall } from "../src/cli/heap.ts";
import { meterFilesweep, runFilesweep } from "./filesweep.ts";
import { findDelete, naiveLoop, nodeLoop } from "./peers.ts";
import { restore, type Sample, seed, verify } from "./sample.ts";

const TASKS = {
  seed: (sample: Sample) => seed(sample, "all"),
  "seed-rows": (sample: Sample) => seed(sample, "rows-only"),
  restore,
  meter: meterFilesweep,
  filesweep: (sample: Sample) => {
    keepHeapSmall();
    return verified(sample, runFilesweep);
  },
  node: (sample: Sample) => verified(sample, timed(nodeLoop)),
  find: (sample: Sample) => verified(sample, timed(findDelete)),
  naive: (sample: Sample) => verified(sample, timed(naiveLoop)),
} as const;

export type Task = keyof typeof TASKS;

async function verified<Result>(sample: Sample, work: (sample: Sample) => Promise<Result>): Promise<Result> {
  const result = await work(sample);
  verify(sample);
  return result;
}

function timed(work: (sample: Sample) => void | Promise<void>): (sample: Sample) => Promise<{ seconds: number }> {
  return async (sample) => {
    const startedMs = performance.now();
    await work(sample);
    return { seconds: (performance.now() - startedMs) / 1000 };
  };
}

const [task, sample] = process.argv.slice(2);
// Written by run.ts alone.
const answer = await TASKS[task as Task](JSON.parse(sample ?? "") as Sample);
process.stdout.write(JSON.stringify(answer ?? null));
