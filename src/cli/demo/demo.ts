/** `filesweep demo`: a sample site, swept before one's eyes. */
import path from "node:path";
import process from "node:process";
import type { Command } from "commander";
import type { Log } from "../../core/ports.ts";
import { SYSTEM_CLOCK } from "../../library/compose.ts";
import { ownNames } from "../../library/process.ts";
import type { CommandLine } from "../command-line.ts";
import { EXIT } from "../exit-code.ts";
import { jsonDocument } from "../format/documents.ts";
import { painter } from "../format/paint.ts";
import { createLog } from "../log.ts";
import { demoPlace } from "./commands.ts";
import { toDemoJson } from "./demo-json.ts";
import { demoText } from "./demo-text.ts";
import { demoFolder } from "./folder.ts";
import { playDemo } from "./story.ts";

const DEFAULT_DIRECTORY = "filesweep-demo";

/** The environment's settings are not read: the demo is the same everywhere, and touches its own folder alone. */
export function addDemo(program: Command, cli: CommandLine): void {
  program
    .command("demo")
    .summary("make a sample site, sweep it, and show what went and why")
    .description(
      "Makes a folder and a database like those of a file-sharing site after half a year, plans, removes, and shows what went, what stayed, and why. What is left stays for trying the other commands on. Run again, it starts afresh; a folder that no demo made is never touched.",
    )
    .argument("[dir]", "a new or an empty folder, or one of an earlier demo", DEFAULT_DIRECTORY)
    .option("--json", "print one JSON document")
    .action(async (directory: string, options: { json?: true }) => {
      const { stdout, stderr } = cli.io;
      const folder = demoFolder(path.resolve(directory));
      const clock = SYSTEM_CLOCK;
      const written = createLog(stderr, { level: "warn", format: null, now: clock.now });
      // That yesterday's run is held is part of the story, which tells of it.
      const log: Log = (event) => (event.event === "hold.opened" ? undefined : written(event));
      const result = await playDemo(folder, { clock, log, ...ownNames() });
      stdout.write(
        options.json
          ? jsonDocument(toDemoJson(result))
          : demoText(result, demoPlace(folder, process.cwd()), painter(stdout.hasColors)),
      );
      cli.finish(result.checks.every(({ passed }) => passed) ? EXIT.done : EXIT.failures);
    });
}
