/** `filesweep serve`: the HTTP app and the schedule, until a signal. */
import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { type NodeService, startNodeService } from "../../cron/node.ts";
import { refuseWrongFolder } from "../../library/compose.ts";
import { createSweeperFrom } from "../../library/create-sweeper.ts";
import { workInThread } from "../../library/work-in-thread.ts";
import type { CommandLine } from "../command-line.ts";
import { EXIT } from "../exit-code.ts";
import { painter } from "../format/paint.ts";
import { catchInterrupts } from "../interrupt.ts";
import type { Io } from "../io.ts";

export function addServe(program: Command, cli: CommandLine): void {
  program
    .command("serve")
    .summary("serve the HTTP API, and run by schedule")
    .description(
      "Serves the HTTP API on HOST and PORT and runs by CLEANUP_INTERVAL_MINUTES or CLEANUP_CRON, until SIGINT or SIGTERM: then the batch in flight ends, the place is saved and the lease released. Exits with 0 after that.",
    )
    .action(async () => {
      const interrupt = catchInterrupts(cli.io.stderr);
      try {
        const setup = await cli.setup();
        await refuseWrongFolder(setup);
        const { settings, log } = setup;
        const adminTokens = settings.adminTokens.length === 0 ? tokenForThisStart(cli.io) : settings.adminTokens;
        const isEmbedded = settings.databaseUrl.kind === "file";
        const sweeper = createSweeperFrom(settings, setup, isEmbedded ? { work: workInThread(settings, setup) } : {});
        const service = await startNodeService(sweeper, { log, adminTokens });
        greet(service, cli.io);
        await aborted(interrupt.signal);
        await service.close();
      } finally {
        interrupt.release();
      }
      cli.finish(EXIT.done);
    });
}

/** Where a person is looking, one that is good until the process ends; it goes to the terminal alone, and into no log. */
function tokenForThisStart({ stderr }: Io): readonly string[] {
  if (!stderr.isTerminal) return [];
  const token = randomBytes(32).toString("hex");
  const paint = painter(stderr.hasColors);
  stderr.write(`ADMIN_TOKEN is not set. For this start alone the token is\n\n  ${paint.bold(token)}\n\n`);
  return [token];
}

function greet({ url }: NodeService, { stderr }: Io): void {
  if (stderr.isTerminal) stderr.write(`Listening on ${url} (Ctrl+C ends it)\n`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
