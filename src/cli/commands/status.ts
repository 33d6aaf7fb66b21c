/** `filesweep status`: the last run, and what is open. */
import type { Command } from "commander";
import { toStatsJson } from "../../core/documents/stats.ts";
import { NO_TOTALS } from "../../core/totals.ts";
import { composeSweeper, isPrepared, prepare, type Setup, withClient } from "../../library/compose.ts";
import type { CommandLine } from "../command-line.ts";
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
      const status = await readStatus(await cli.setup());
      const { stdout } = cli.io;
      stdout.write(
        options.json
          ? jsonDocument(toStatsJson(status, status.nextRunAt))
          : statusText(status, painter(stdout.hasColors)),
      );
      cli.finish(EXIT.done);
    });
}

async function readStatus(setup: Setup): Promise<Status> {
  const { name: database } = setup.database;
  return withClient(setup, "existing", async (client) => {
    const unknown = { database, nextRunAt: null };
    if (!(await isPrepared(client))) {
      return { ...unknown, prepared: false, totals: NO_TOTALS, lastRun: null, open: {}, holds: [] };
    }
    const mapping = await prepare(setup, client);
    return { ...unknown, prepared: true, ...(await composeSweeper(setup, client, mapping).status()) };
  });
}
