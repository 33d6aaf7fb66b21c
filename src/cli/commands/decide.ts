/** `filesweep approve` and `filesweep cancel`: what a person says of a hold. */
import type { Command } from "commander";
import { instantText } from "../../core/documents/numbers.ts";
import { toStandingHoldJson } from "../../core/documents/run.ts";
import type { CommandLine } from "../command-line.ts";
import { withSweeper } from "../compose.ts";
import { EXIT } from "../exit-code.ts";
import { jsonDocument } from "../format/documents.ts";

interface DecideOptions {
  readonly json?: true;
}

export function addApprove(program: Command, cli: CommandLine): void {
  program
    .command("approve")
    .summary("let through what a hold shows")
    .description(
      "Lets through what a hold showed when it was last refreshed, for 7 days: nothing that came later, and with every other check. The next run goes on with it.",
    )
    .argument("<hold>", "the id of the hold, as run and status show it")
    .option("--json", "print one JSON document")
    .action(async (id: string, { json }: DecideOptions) => {
      const setup = await cli.setup("anywhere");
      const hold = await withSweeper(setup, "to-ask", (sweeper) => sweeper.approve(id));
      const next = setup.settings.instanceUrl === null ? "Now: filesweep run" : "The run goes on";
      const until = hold.approvedUntil === null ? "" : ` until ${instantText(hold.approvedUntil)}`;
      cli.io.stdout.write(
        json
          ? jsonDocument({ approved: toStandingHoldJson(hold) })
          : `Approved ${hold.cause}${until}: what it showed at ${instantText(hold.asOf)} may go. ${next}\n`,
      );
      cli.finish(EXIT.done);
    });
}

export function addCancel(program: Command, cli: CommandLine): void {
  program
    .command("cancel")
    .summary("silence a hold, or end a run that waits")
    .description(
      "Silences a hold: what it holds stays held, without a word, until it is back under its limit. Or ends a run that waits: the next one begins anew.",
    )
    .argument("<hold-or-run>", "the id of a hold, or of a run")
    .option("--json", "print one JSON document")
    .action(async (id: string, { json }: DecideOptions) => {
      const what = await withSweeper(await cli.setup("anywhere"), "to-ask", (sweeper) => sweeper.cancel(id));
      const text = what === "hold" ? `Silenced: what hold ${id} holds stays held.` : `Cancelled run ${id}.`;
      cli.io.stdout.write(json ? jsonDocument({ cancelled: { [what]: id } }) : `${text}\n`);
      cli.finish(EXIT.done);
    });
}
