/** `filesweep explain`: what each sweep would decide about a key, and why. */
import type { Command } from "commander";
import { isKnown, toExplanationJson } from "../../core/documents/explanation.ts";
import { SweepError } from "../../core/errors.ts";
import type { Explanation } from "../../core/explain.ts";
import type { CommandLine } from "../command-line.ts";
import type { CommandSweeper } from "../command-sweeper.ts";
import { withSweeper } from "../compose.ts";
import { EXIT } from "../exit-code.ts";
import { jsonDocument } from "../format/documents.ts";
import { explanationText } from "../format/explain-text.ts";
import { painter } from "../format/paint.ts";

export function addExplain(program: Command, cli: CommandLine): void {
  program
    .command("explain")
    .summary("say what each sweep would decide about a file, and why")
    .description(
      "Says what each sweep would decide about a key, and why; or, where nothing has that key, about the row with that id. Changes nothing. Exits with 0 whatever it shows.",
    )
    .argument("<key-or-id>", "an object's key, relative to the store, or a row's id")
    .option("--json", "print one JSON document")
    .action(async (about: string, { json }: { json?: true }) => {
      const { stdout } = cli.io;
      const explanation = await withSweeper(await cli.setup("anywhere"), "to-ask", (sweeper) =>
        explain(sweeper, about),
      );
      stdout.write(
        json ? jsonDocument(toExplanationJson(explanation)) : explanationText(explanation, painter(stdout.hasColors)),
      );
      cli.finish(EXIT.done);
    });
}

/** A key first; an id only where nothing has that key. */
async function explain(sweeper: CommandSweeper, about: string): Promise<Explanation> {
  const byKey = await sweeper.explain({ key: about });
  if (byKey !== null && isKnown(byKey)) return byKey;
  const explanation = (await sweeper.explain({ id: about })) ?? byKey;
  if (explanation === null) throw new SweepError("bug", "a key was asked for, and no explanation came back");
  return explanation;
}
