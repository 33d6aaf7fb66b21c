/** `filesweep run`: one run, to its end. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Check } from "../../core/doctor.ts";
import { toRunJson } from "../../core/documents/run.ts";
import { MODES, type Mode, type RunReport, SWEEP_NAMES, type SweepName } from "../../core/model.ts";
import type { LeaseHolder } from "../../core/ports.ts";
import type { RunOutcome } from "../../core/run.ts";
import { nearest } from "../../core/settings/nearest.ts";
import type { DecisionRecord } from "../../core/slice.ts";
import type { RunOptions as SweeperRunOptions } from "../../core/sweeper.ts";
import { refuseWrongFolder, type Setup } from "../../library/compose.ts";
import { doubtMapping } from "../../library/doctor.ts";
import type { CommandLine } from "../command-line.ts";
import { withSweeper } from "../compose.ts";
import { usageError } from "../describe-error.ts";
import { type ExitCode, exitCodeOf } from "../exit-code.ts";
import { jsonDocument, jsonRecord } from "../format/documents.ts";
import { leaseHeldJson, leaseHeldText } from "../format/lease-held.ts";
import { painter } from "../format/paint.ts";
import { runSummary } from "../format/run-summary.ts";
import { catchInterrupts } from "../interrupt.ts";
import type { Io } from "../io.ts";
import { startProgress } from "../progress.ts";

interface RunOptions {
  readonly plan?: true;
  readonly remove?: true;
  readonly list?: true;
  readonly sweep?: readonly SweepName[];
  readonly json?: true;
}

export function addRun(program: Command, cli: CommandLine): void {
  program
    .command("run")
    .summary("find what is to go, and remove it")
    .description(
      "One run, to its end: finds what is to go, and removes it. An unfinished run of the same mode goes on.",
    )
    .addOption(new Option("--plan", "decide everything and remove nothing").conflicts("remove"))
    .option("--remove", "remove, whatever CLEANUP_MODE says")
    .addOption(
      new Option("--list", "write every decision to stdout as NDJSON, the summary to stderr").conflicts("json"),
    )
    .option("--sweep <name>", `run this sweep alone; may be repeated: ${SWEEP_NAMES.join(", ")}`, collectSweep)
    .option("--json", "print the run as one JSON document")
    .action(async (options: RunOptions) => cli.finish(await run(cli, options)));
}

function collectSweep(name: string, collected: readonly SweepName[] = []): SweepName[] {
  const known = SWEEP_NAMES.find((sweep) => sweep === name);
  if (known === undefined) {
    throw new InvalidArgumentError(`There is no such sweep; did you mean ${nearest(name, SWEEP_NAMES)}?`);
  }
  return [...collected, known];
}

async function run(cli: CommandLine, options: RunOptions): Promise<ExitCode> {
  const interrupt = catchInterrupts(cli.io.stderr);
  try {
    const setup = await cli.setup("anywhere");
    const isRemote = setup.settings.instanceUrl !== null;
    if (isRemote && options.list) throw usageError("run --list works on this machine, and not on a deployed instance");
    if (!isRemote) await refuseWrongFolder(setup);
    const outcome = await work(setup, cli.io, options, interrupt.signal);
    if (outcome.kind === "lease-held") showHolder(outcome.holder, cli.io, options);
    else await showRun(outcome, setup, cli.io, options);
    return exitCodeOf(outcome);
  } finally {
    interrupt.release();
  }
}

async function work(setup: Setup, io: Io, options: RunOptions, signal: AbortSignal): Promise<RunOutcome> {
  return withSweeper(setup, "to-run", async (sweeper) => {
    const isRemote = setup.settings.instanceUrl !== null;
    const progress = await startProgress(io.stderr, modeOf(options, setup));
    try {
      const request: SweeperRunOptions = {
        // What is not asked for, an instance elsewhere has settings of its own for.
        ...(isRemote
          ? askedFor(options)
          : { mode: modeOf(options, setup), sweeps: setup.settings.sweeps, ...askedFor(options) }),
        trigger: "cli",
        signal,
        onProgress: (report) => progress.show(report),
        ...(options.list && { onDecision: (record: DecisionRecord) => io.stdout.write(jsonRecord(record)) }),
      };
      return await sweeper.run(request);
    } finally {
      progress.end();
    }
  });
}

function askedFor(options: RunOptions): Pick<SweeperRunOptions, "mode" | "sweeps"> {
  const mode = MODES.find((one) => options[one] === true);
  return { ...(mode !== undefined && { mode }), ...(options.sweep !== undefined && { sweeps: options.sweep }) };
}

function modeOf(options: RunOptions, { settings }: Setup): Mode {
  return askedFor(options).mode ?? settings.mode;
}

async function showRun(
  { report, unreachable }: { readonly report: RunReport; readonly unreachable: boolean },
  setup: Setup,
  io: Io,
  options: RunOptions,
): Promise<void> {
  const doubts = await doubtsAbout(report, setup);
  if (options.json) {
    io.stdout.write(jsonDocument(toRunJson(report)));
    const reasons = new Set(report.sweeps.flatMap(({ error }) => (error === undefined ? [] : [error])));
    for (const reason of reasons) io.stderr.write(`filesweep: ${reason}\n`);
    for (const { found } of doubts) io.stderr.write(`filesweep: looks wrong: ${found}\n`);
  } else {
    const output = options.list ? io.stderr : io.stdout;
    output.write(runSummary(report, painter(output.hasColors), doubts));
  }
  const absent =
    unreachable && setup.settings.instanceUrl === null ? await setup.store.absence().catch(() => null) : null;
  if (absent !== null) io.stderr.write(`filesweep: ${absent}.\n`);
}

/** Whoever meets a store for the first time, or finds no file live, may have mapped the wrong table, or the wrong way. */
async function doubtsAbout({ holds }: RunReport, setup: Setup): Promise<readonly Check[]> {
  const isDoubtful = holds.some(({ cause }) => cause === "first-contact" || cause === "no-live-files");
  // A deployed instance has its own database and store, and its own doctor.
  return isDoubtful && setup.settings.instanceUrl === null ? doubtMapping(setup) : [];
}

function showHolder(holder: LeaseHolder, io: Io, { json }: RunOptions): void {
  io.stderr.write(`filesweep: ${leaseHeldText(holder)}\n`);
  if (json) io.stdout.write(jsonDocument(leaseHeldJson(holder)));
}
