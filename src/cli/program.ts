/** The command line: which commands there are, and what becomes of an error. */
import { Command, CommanderError } from "commander";
import { nearest } from "../core/settings/nearest.ts";
import { VERSION } from "../core/version.ts";
import type { Setup } from "../library/compose.ts";
import { describeError } from "../library/describe-error.ts";
import type { AddCommand, CommandLine } from "./command-line.ts";
import { addApprove, addCancel } from "./commands/decide.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addExplain } from "./commands/explain.ts";
import { addImportTinyDb } from "./commands/import-tinydb.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addRemovals } from "./commands/removals.ts";
import { addRun } from "./commands/run.ts";
import { addServe } from "./commands/serve.ts";
import { addStatus } from "./commands/status.ts";
import { addUninstall } from "./commands/uninstall.ts";
import { readSetup, wantsStacks } from "./compose.ts";
import { addDemo } from "./demo/demo.ts";
import { errorText, usageError } from "./describe-error.ts";
import { EXIT, type ExitCode, exitCodeOf } from "./exit-code.ts";
import { jsonDocument } from "./format/documents.ts";
import type { Io } from "./io.ts";

/** To add a command: its file in `commands/`, and a line here. */
const COMMANDS: readonly AddCommand[] = [
  addRun,
  addServe,
  addStatus,
  addApprove,
  addCancel,
  addRemovals,
  addExplain,
  addDoctor,
  addMigrate,
  addUninstall,
  addImportTinyDb,
  addDemo,
];

const EXIT_CODES = `
Exit codes:
  0  done                                     4  another holder has the lease
  1  done, with failures                      5  database or store cannot be reached
  2  wrong use or settings                    6  stopped early; the next run goes on
  3  something is held for a person

Settings are environment variables; .env.example lists them all.`;

/** Runs one command to its end, and answers its exit code. Never throws. */
export async function runCommandLine(args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  let setup: Setup | null = null;
  const program = createProgram(io);
  const cli: CommandLine = {
    io,
    async setup(where = "here") {
      const { envFile = [], url } = program.opts<{ envFile?: string[]; url?: string }>();
      if (where === "here" && url !== undefined)
        throw usageError("this command works on this machine, and not on --url");
      setup = await readSetup(envFile, io.stderr, url);
      return setup;
    },
    finish(ended) {
      code = ended;
    },
  };
  for (const add of COMMANDS) add(program, cli);
  program.on("command:*", ([name = ""]: string[]) => refuseUnknown(program, name));
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return endWith(error, { io, json: args.includes("--json"), withStack: showsStacks(setup) });
  }
}

function createProgram(io: Io): Command {
  const collect = (file: string, files: readonly string[] = []): string[] => [...files, file];
  return new Command("filesweep")
    .description("Finds expired files and orphaned objects of a file-sharing application, and removes them.")
    .version(VERSION, "--version", "print the version")
    .option("--env-file <file>", "read settings from FILE; the environment wins; may be repeated", collect)
    .option("--url <url>", "work on the instance that is served there, with ADMIN_TOKEN")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "filesweep: ")),
    });
}

/** @throws SweepError `invalid` */
function refuseUnknown(program: Command, name: string): never {
  const names = program.commands.map((command) => command.name());
  throw usageError(
    `there is no command ${JSON.stringify(name)}; did you mean ${nearest(name, names)}? See filesweep --help`,
  );
}

function showsStacks(setup: Setup | null): boolean {
  return setup === null ? wantsStacks() : setup.settings.logLevel === "debug";
}

/** Says what went wrong: to people always, and to a program that asked for JSON on stdout, in place of the result. */
function endWith(error: unknown, to: { io: Io; json: boolean; withStack: boolean }): ExitCode {
  to.io.stderr.write(errorText(error, to));
  if (to.json) to.io.stdout.write(jsonDocument({ error: describeError(error) }));
  return exitCodeOf({ kind: "threw", error });
}
