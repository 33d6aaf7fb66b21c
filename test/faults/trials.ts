/** What is done to the real process and its surroundings, and what must be true after each time. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { checkSums } from "../simulation/rules.ts";
import { type BucketPlace, type Distant, placeBeyond } from "./places.ts";
import { type Ended, FaultSite } from "./site.ts";

export interface TrialReport {
  readonly what: string;
  readonly times: number;
  /** Of these so many ended before the signal came. */
  readonly tooLate: number;
  readonly operations: number;
  readonly refusedByGate: number;
  readonly removals: number;
  /** Connections that the line mistreated, where there is one. */
  readonly mistreated?: number;
  readonly violations: readonly string[];
  /** Why it could not be tried here. */
  readonly notTried?: string;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "filesweep-faults-"));
}

/** Ends a run with a signal at a random moment, again and again, while the application writes. */
export async function signalAtRandom(
  signal: "SIGKILL" | "SIGTERM",
  times: number,
  random: () => number,
  told: (line: string) => void = () => {},
): Promise<TrialReport> {
  const site = await FaultSite.make(temporaryFolder(), random);
  const violations: string[] = [];
  let tooLate = 0;
  try {
    await site.work();
    // The first run tells how long one takes here.
    const longMs = (await timed(() => site.start().ended)).ms;
    for (let time = 1; time <= times; time += 1) {
      for (let more = 0; more < 3; more += 1) await site.work();
      const { child, ended } = site.start();
      const killer = pause(random() * longMs).then(() => child.kill(signal));
      const busy = keepWorking(site, ended);
      const end = await ended;
      await killer;
      await busy;
      if (signal === "SIGKILL" && end.signal === null) tooLate += 1;
      if (signal === "SIGKILL") await site.letLeaseRunOut();
      else violations.push(...(await afterTerm(site, end)));
      violations.push(...(await lostAfter(site, `${signal} ${time}`)));
      if (time % 20 === 0) told(`${signal} ${time} of ${times}, ${violations.length} violations`);
      if (violations.length > 0) break;
    }
    violations.push(...(await settle(site)));
    const { operations, refusedByGate } = site;
    return {
      what: `${signal} at a random moment`,
      times,
      tooLate,
      operations,
      refusedByGate,
      removals: await site.removals(),
      violations,
    };
  } finally {
    await site.remove();
  }
}

async function lostAfter(site: FaultSite, what: string): Promise<string[]> {
  return (await site.lost()).map((key) => `after ${what}: ${key} is live, and its bytes are gone`);
}

/** A run that was asked to stop has given its lease back, or was not far enough to have one. */
async function afterTerm(site: FaultSite, { code, signal, stderr }: Ended): Promise<string[]> {
  const [lease] = await site.query("SELECT holder FROM filesweep_lease WHERE expires_at > unixepoch('subsec') * 1000");
  // Before its handlers stand, a process ends as any other does.
  const mayEnd = code === 0 || code === 6 || signal === "SIGTERM";
  await site.letLeaseRunOut();
  return [
    ...(lease === undefined ? [] : ["after SIGTERM the lease was not given back"]),
    ...(mayEnd ? [] : [`after SIGTERM the command ended with ${code}: ${stderr.slice(-300)}`]),
  ];
}

/** One connection of three is mistreated, and none lets a call wait for long: a run shall get somewhere, now and then. */
const LINE = { spares: 2, swallowsForMs: 500 };

/** Runs over a line that drops, cuts, swallows and delays; then the line is well, and what was begun is finished. */
export async function overBadLines(
  distant: Distant,
  times: number,
  random: () => number,
  makeBucket?: () => Promise<BucketPlace>,
): Promise<TrialReport> {
  const folder = temporaryFolder();
  const place = await placeBeyond(folder, distant, { draw: random, ...LINE }, makeBucket);
  const site = await FaultSite.make(folder, random, async () => place);
  const violations: string[] = [];
  try {
    for (let time = 1; time <= times && violations.length === 0; time += 1) {
      for (let more = 0; more < 3; more += 1) await site.work();
      const { ended } = site.start();
      await keepWorking(site, ended);
      violations.push(...afterBadLine(await ended), ...(await lostAfter(site, `run ${time} over a bad line`)));
      await site.letLeaseRunOut();
    }
    place.heal();
    violations.push(...(await settle(site)));
    const { operations, refusedByGate } = site;
    const what = `a line to the ${distant} that mistreats connections`;
    const removals = await site.removals();
    return { what, times, tooLate: 0, operations, refusedByGate, removals, mistreated: place.mistreated(), violations };
  } finally {
    await site.remove();
  }
}

/** Done, done with failures, not reached, or stopped early; and no trace of the code. */
function afterBadLine({ code, signal, stdout, stderr }: Ended): string[] {
  const told = `${stdout}${stderr}`;
  const mayEnd = code === 0 || code === 1 || code === 5 || code === 6;
  return [
    ...(mayEnd ? [] : [`over a bad line the command ended with ${code ?? signal}: ${told.slice(-300)}`]),
    ...(/\n\s+at .*:\d+/.test(told) ? [`a stack trace: ${told.slice(0, 300)}`] : []),
  ];
}

/** However long a run takes, the application writes no more than this beside it: 12 operations each. */
const ROUNDS = 30;

/** The application writes while the command runs. */
async function keepWorking(site: FaultSite, ended: Promise<Ended>): Promise<void> {
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  for (let round = 0; !isOver; round += 1) {
    if (round < ROUNDS) await site.work();
    await pause(5);
  }
}

/** Undisturbed runs come to the end that the rules want. */
export async function settle(site: FaultSite): Promise<string[]> {
  let left: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    const { code, stdout, stderr } = await site.start().ended;
    if (code !== 0) left = [`an undisturbed run ended with ${code}: ${stderr.slice(-500)}`];
    else {
      const sums = checkSums(JSON.parse(stdout).sweeps);
      left = [...sums, ...(await lostAfter(site, "the last run")), ...(await site.leftOver())];
    }
    if (left.length === 0) return [];
    // A refused delete is tried again later; here at once.
    await site.query("UPDATE filesweep_removals SET next_attempt_at = 0 WHERE state = 'failed'");
  }
  return left.slice(0, 20);
}

async function timed<Answer>(work: () => Promise<Answer>): Promise<{ answer: Answer; ms: number }> {
  const from = performance.now();
  const answer = await work();
  return { answer, ms: performance.now() - from };
}

/** A file system of its own, of 24 megabytes; null where this process may not mount one, and why. */
function mountSmall(): { readonly folder: string; unmount(): void } | string {
  const folder = temporaryFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], { stdio: "pipe" });
    return {
      folder,
      unmount: () => {
        execFileSync("umount", ["-l", folder]);
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return error instanceof Error ? error.message.split("\n").slice(0, 2).join(" ") : String(error);
  }
}

/** The disk that holds both is full, or the store cannot be written, while filesweep runs; then all is well again. */
export async function badPlace(how: "full disk" | "read-only store", random: () => number): Promise<TrialReport> {
  const what = `a ${how}`;
  const nothing = { what, times: 0, tooLate: 0, operations: 0, refusedByGate: 0, removals: 0, violations: [] };
  const mounted = mountSmall();
  if (typeof mounted === "string") return { ...nothing, notTried: mounted };
  const site = await FaultSite.make(join(mounted.folder, "site"), random);
  const violations: string[] = [];
  try {
    for (let more = 0; more < 20; more += 1) await site.work();
    const cure = how === "full disk" ? fill(mounted.folder) : writeProtect(join(site.folder, "data/uploads"));
    for (let time = 0; time < 3; time += 1) {
      const { code, stderr } = await site.start().ended;
      if (how === "read-only store" && code === 0) violations.push("a run on a read-only store says that it was done");
      if (/\n\s+at .*:\d+/.test(stderr)) violations.push(`a stack trace: ${stderr.slice(0, 300)}`);
      violations.push(...(await lostAfter(site, `a run on a ${how}`)));
    }
    cure();
    await site.letLeaseRunOut();
    violations.push(...(await settle(site)));
    return { ...nothing, times: 3, operations: site.operations, removals: await site.removals(), violations };
  } finally {
    await site.place.close();
    mounted.unmount();
  }
}

/** Answers how to make room again. */
function fill(folder: string): () => void {
  const path = join(folder, "filler");
  mkdirSync(folder, { recursive: true });
  for (let size = 2 ** 24; size >= 1; size = Math.floor(size / 2)) {
    try {
      writeFileSync(path, Buffer.alloc(size), { flag: "a" });
    } catch {
      // As much as fits.
    }
  }
  return () => rmSync(path);
}

/** The store's folder alone, through a mount of its own over itself. */
function writeProtect(store: string): () => void {
  execFileSync("mount", ["--bind", store, store]);
  execFileSync("mount", ["-o", "remount,ro,bind", store]);
  return () => void execFileSync("umount", ["-l", store]);
}
