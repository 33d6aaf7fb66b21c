/** `filesweep status`: the last run, and what is open. */
import type { Command } from "commander";
import { NO_TOTALS } from "../../core/totals.ts";
import { composeSweeper, isPrepared, prepare, type Setup, withClient } from "../../library/compose.ts";
import type { CommandLine } from "../command-line.ts";
import { asCommandSweeper, type CommandStatus, toCommandStatus } from "../command-sweeper.ts";
import { withSweeper } from "../compose.ts";
import { EXIT } from "../exit-code.ts";
import { jsonDocument } from "../format/documents.ts";
import { painter } from "../format/paint.ts";
import { type Status, statusText } from "../format/status-text.ts";

export function addStatus(program: Command, cli: CommandLine): void {
  program
    .command("status")
    .summary("show the last run, and what is open or held")
    .description(
      "Shows the last run, what is open in the ledger, and what waits for a person. Exits with 0 whatever it shows.",
    )
    .option("--json", "print one JSON document")
    .action(async (options: { json?: true }) => {
      const status = await readStatus(await cli.setup("anywhere"));
      const { stdout } = cli.io;
      stdout.write(options.json ? jsonDocument(status.stats) : statusText(status, painter(stdout.hasColors)));
      cli.finish(EXIT.done);
    });
}

async function readStatus(setup: Setup): Promise<Status> {
  const { instanceUrl } = setup.settings;
  const database = instanceUrl ?? setup.database.name;
  const status =
    instanceUrl === null ? await statusHere(setup) : await withSweeper(setup, "to-ask", (one) => one.status());
  return { database, prepared: status !== null, ...(status ?? toCommandStatus(NOTHING)) };
}

/** Null where the database has no tables of filesweep; none are made. */
async function statusHere(setup: Setup): Promise<CommandStatus | null> {
  return withClient(setup, "existing", async (client) => {
    if (!(await isPrepared(client))) return null;
    const mapping = await prepare(setup, client);
    return asCommandSweeper(composeSweeper(setup, client, mapping)).status();
  });
}

const NOTHING = { totals: NO_TOTALS, lastRun: null, open: {}, holds: [] };
