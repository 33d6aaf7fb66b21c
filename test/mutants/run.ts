/**
 * `npm run mutants`: breaks filesweep in every way that `mutants.ts` knows, one after the other, in a copy of its own, and
 * prints which assertion notices.
 *
 *     npm run mutants -- [--only TEXT] [--part K/N] [--histories N]
 *
 * Ends with 1 where a mutant survives, or does not pass the compiler: then it breaks nothing that could be shipped.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./mutants.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = ["src", "test", "package.json", "tsconfig.json", "tsconfig.build.json", "vitest.config.ts"];

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** What became of a mutant: the assertion that failed, or why it proves nothing. */
type Verdict = { readonly caughtBy: string } | { readonly problem: string };

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "" },
      part: { type: "string", default: "1/1" },
      histories: { type: "string", default: "250" },
    },
  });
  const [part = 1, parts = 1] = values.part.split("/").map(Number);
  const chosen = MUTANTS.filter(({ name }, index) => name.includes(values.only) && index % parts === part - 1);
  const folder = await copyOfProject();
  let survivors = 0;
  try {
    for (const mutant of chosen) {
      const verdict = await tryMutant(folder, mutant, values.histories);
      if ("problem" in verdict) survivors += 1;
      const told = "problem" in verdict ? `SURVIVES (${verdict.problem})` : `caught by ${verdict.caughtBy}`;
      process.stdout.write(`${mutant.name}\n    ${told}\n`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${chosen.length} mutants, ${chosen.length - survivors} caught, ${survivors} survive\n`);
  return survivors === 0 ? 0 : 1;
}

async function copyOfProject(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "filesweep-mutants-"));
  for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

async function tryMutant(folder: string, mutant: Mutant, histories: string): Promise<Verdict> {
  const path = join(folder, mutant.file);
  const source = await readFile(path, "utf8");
  if (source.split(mutant.find).length !== 2) return { problem: "its text does not stand there exactly once" };
  await writeFile(
    path,
    source.replace(mutant.find, () => mutant.replace),
  );
  try {
    // The build itself translates only.
    const check = ["-p", "tsconfig.build.json", "--noEmit", "--noCheck", "false"];
    const types = await execute(folder, ["node_modules/typescript/bin/tsc", ...check]);
    if (types.code !== 0) return { problem: `it does not pass the compiler:\n${types.output}` };
    return mutant.caughtBy === "simulation"
      ? await bySimulation(folder, histories)
      : await byTest(folder, mutant.caughtBy);
  } finally {
    await writeFile(path, source);
  }
}

async function bySimulation(folder: string, histories: string): Promise<Verdict> {
  const args = ["node_modules/tsx/dist/cli.mjs", "test/simulation/simulate.ts"];
  const { code, output } = await execute(folder, [...args, "--runs", histories, "--seed", "1", "--unshrunk"]);
  const rule = /^BROKEN: (.*)$/m.exec(output)?.[1];
  return code === 1 && rule !== undefined ? { caughtBy: `simulation: ${rule}` } : { problem: "no history broke" };
}

async function byTest(folder: string, [file, title]: readonly [string, string]): Promise<Verdict> {
  const pattern = title.replaceAll(/[^\w ,]/g, ".");
  const args = ["node_modules/vitest/vitest.mjs", "run", "--reporter=json", file, "-t", pattern];
  const { output } = await execute(folder, args);
  const failed = /"fullName":"((?:[^"\\]|\\.)*)","status":"failed"/.exec(output)?.[1];
  return failed === undefined ? { problem: `${file}: ${title} passes` } : { caughtBy: `${file}: ${failed.trim()}` };
}

function execute(folder: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, output: stdout + stderr });
    });
  });
}

process.exitCode = await main();
