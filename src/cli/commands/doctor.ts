/** `filesweep doctor`: everything that a run depends on, and what mends it. */
import { type Command, Option } from "commander";
import type { Diagnosis, ProblemKind } from "../../core/doctor.ts";
import { diagnoseSettings } from "../../core/doctor.ts";
import { SettingsError } from "../../core/settings.ts";
import type { Setup } from "../../library/compose.ts";
import { type DoctorAction, diagnose, planActions, takeActions } from "../../library/doctor.ts";
import type { CommandLine } from "../command-line.ts";
import { EXIT, type ExitCode, firstOf } from "../exit-code.ts";
import { diagnosisText } from "../format/doctor-text.ts";
import { jsonDocument } from "../format/documents.ts";
import { leaseHeldJson, leaseHeldText } from "../format/lease-held.ts";
import { painter } from "../format/paint.ts";
import { sqlScript } from "../format/sql-script.ts";
import { createRemoteSweeper } from "../remote.ts";

interface DoctorOptions {
  readonly installGate?: true;
  readonly removeGate?: true;
  readonly createIndexes?: true;
  readonly restored?: true;
  readonly yes?: true;
  readonly json?: true;
}

const ACTIONS = ["installGate", "removeGate", "createIndexes", "restored"] as const satisfies readonly DoctorAction[];

export function addDoctor(program: Command, cli: CommandLine): void {
  program
    .command("doctor")
    .summary("look at everything that a run depends on")
    .description(
      "Looks at everything that a run depends on, in order: what was found, what is needed, and what mends it. Writes nothing, but for an object of its own (.filesweep/probe) that it puts and deletes. Told to do something, it prints the SQL, asks where there is a terminal, and does it.",
    )
    .addOption(new Option("--install-gate", "install the gate's triggers on the table").conflicts("removeGate"))
    .option("--remove-gate", "take them away")
    .option("--create-indexes", "create the indexes that are missing")
    .option("--restored", "the database was restored: what came since the backup is no orphan")
    .option("--yes", "do it without asking")
    .option("--json", "print one JSON document")
    .action(async (options: DoctorOptions) => {
      const asked = ACTIONS.filter((name) => options[name] === true);
      cli.finish(asked.length === 0 ? await look(cli, options) : await act(cli, await cli.setup(), asked, options));
    });
}

// ----------------------------------------------------------------------------------------------------------- looking

async function look(cli: CommandLine, { json }: DoctorOptions): Promise<ExitCode> {
  const diagnosis = await diagnoseAll(cli);
  const { stdout } = cli.io;
  stdout.write(json ? jsonDocument(diagnosis) : diagnosisText(diagnosis, painter(stdout.hasColors)));
  return firstOf(diagnosis.checks.flatMap(({ kind }) => (kind === null ? [] : [EXIT_OF[kind]])));
}

/** Settings that are wrong are the first finding, and no failure of the command. */
async function diagnoseAll(cli: CommandLine): Promise<Diagnosis> {
  let setup: Setup;
  try {
    setup = await cli.setup("anywhere");
  } catch (error) {
    if (error instanceof SettingsError) return diagnoseSettings(error.problems);
    throw error;
  }
  const { instanceUrl } = setup.settings;
  return instanceUrl === null ? diagnose(setup) : createRemoteSweeper(instanceUrl, setup.settings).doctor();
}

const EXIT_OF: Readonly<Record<ProblemKind, ExitCode>> = {
  settings: EXIT.usage,
  unreachable: EXIT.unreachable,
  failing: EXIT.failures,
  held: EXIT.held,
};

// ------------------------------------------------------------------------------------------------------------ acting

async function act(
  cli: CommandLine,
  setup: Setup,
  actions: readonly DoctorAction[],
  options: DoctorOptions,
): Promise<ExitCode> {
  const { stdout, stderr } = cli.io;
  const planned = await planActions(setup, actions);
  const nothing = planned.statements.length === 0;
  if (!options.json) {
    const title = `${setup.database.name}: ${planned.title}`;
    stdout.write(nothing ? `${title}: nothing to do.\n` : sqlScript(title, planned.statements));
  }
  const agreed = !nothing && (options.yes ?? options.json ?? (await cli.io.confirm?.("Execute this?")) ?? true);
  if (!agreed) {
    if (options.json) stdout.write(jsonDocument({ applied: false, statements: planned.statements }));
    else if (!nothing) stderr.write("Nothing was changed.\n");
    return EXIT.done;
  }
  const answer = await takeActions(setup, planned);
  if (answer !== null) {
    stderr.write(`filesweep: ${leaseHeldText(answer)}\n`);
    if (options.json) stdout.write(jsonDocument(leaseHeldJson(answer)));
    return EXIT.leaseHeld;
  }
  if (options.json) stdout.write(jsonDocument({ applied: true, statements: planned.statements }));
  else stderr.write(`Done.${planned.note === null ? "" : ` ${planned.note}`}\n`);
  return EXIT.done;
}
