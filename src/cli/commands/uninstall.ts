/** `filesweep uninstall`: takes filesweep's own tables, indexes and triggers out of the database. */
import type { Command } from "commander";
import { isSweepError, SweepError } from "../../core/errors.ts";
import type { LeaseHolder } from "../../core/ports.ts";
import { OWN_PREFIX } from "../../core/safety.ts";
import type { SqlClient } from "../../database/client.ts";
import { DEFAULT_MAPPING } from "../../database/mapping.ts";
import { planUninstall, uninstall } from "../../database/schema.ts";
import { composeRun, openDatabase, type Setup, withClient } from "../../library/compose.ts";
import type { CommandLine } from "../command-line.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { jsonDocument } from "../format/documents.ts";
import { leaseHeldJson, leaseHeldText } from "../format/lease-held.ts";
import { sqlScript } from "../format/sql-script.ts";

interface UninstallOptions {
  readonly yes?: true;
  readonly json?: true;
}

/** What was dropped, or would be; or who is at work meanwhile. */
type Answer = { readonly statements: readonly string[] } | { readonly holder: LeaseHolder };

export function addUninstall(program: Command, cli: CommandLine): void {
  program
    .command("uninstall")
    .summary("take filesweep's tables and triggers out of the database")
    .description(
      "Prints the SQL that takes filesweep's own tables, indexes and triggers out of the database; with --yes executes it. Your files and their table stay. Refused while an object is being removed.",
    )
    .option("--yes", "execute it")
    .option("--json", "print one JSON document")
    .action(async (options: UninstallOptions) => {
      const setup = await cli.setup();
      const answer = await withClient(setup, "existing", (client) => work(setup, client, options));
      cli.finish(
        "holder" in answer ? showHolder(answer.holder, cli, options) : show(answer.statements, setup, cli, options),
      );
    });
}

async function work(setup: Setup, client: SqlClient, { yes }: UninstallOptions): Promise<Answer> {
  const statements = await planUninstall(client);
  if (!yes || statements.length === 0) return { statements };
  // Order: the lease first. A run that is under way would find its tables gone, its deletes made and nobody told.
  // Neither the lease nor the store asks what the application's table is, and no wrong mapping must be in the way here.
  const { leases } = openDatabase(setup, client, DEFAULT_MAPPING);
  const held = await leases.acquire(setup.holder);
  if (!("timeLeftMs" in held)) return { holder: held };
  let dropped: string[];
  try {
    dropped = await uninstall(client);
  } catch (error) {
    await leases.release(held);
    throw error;
  }
  // Last: a marker without its tables is a wrong pair at most, tables without their marker a store that was lost. The lease
  // went with its table.
  await removeMarker(setup, client);
  return { statements: dropped };
}

/** @throws SweepError of the store's kind, with what is left for a person to do */
async function removeMarker(setup: Setup, client: SqlClient): Promise<void> {
  try {
    await composeRun(setup, client, DEFAULT_MAPPING).store.writeMarker(null);
  } catch (error) {
    if (!isSweepError(error)) throw error;
    throw new SweepError(
      error.kind,
      `filesweep is out of the database, but its marker may still be in the store: ${error.message}. Delete ${OWN_PREFIX}identity.json there`,
      { cause: error },
    );
  }
}

function show(
  statements: readonly string[],
  setup: Setup,
  { io }: CommandLine,
  { yes, json }: UninstallOptions,
): ExitCode {
  if (json) {
    io.stdout.write(jsonDocument({ applied: yes === true, statements }));
  } else if (statements.length === 0) {
    io.stdout.write(`Nothing of filesweep is in ${setup.database.name}.\n`);
  } else {
    io.stdout.write(sqlScript(`${setup.database.name}: ${yes ? "uninstalled by" : "to uninstall"}`, statements));
    if (!yes) io.stderr.write("Nothing was changed. To execute this, run again with --yes.\n");
  }
  return EXIT.done;
}

function showHolder(holder: LeaseHolder, { io }: CommandLine, { json }: UninstallOptions): ExitCode {
  io.stderr.write(`filesweep: ${leaseHeldText(holder)}\n`);
  if (json) io.stdout.write(jsonDocument(leaseHeldJson(holder)));
  return EXIT.leaseHeld;
}
