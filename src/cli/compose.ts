/** Where a command meets the world: reads the settings, from the environment and from files, and chooses the log. */
import { readSettings } from "../core/settings.ts";
import {
  composeSweeper,
  prepare,
  prepareForQuestions,
  type Setup,
  SYSTEM_CLOCK,
  withClient,
} from "../library/compose.ts";
import { environment, runtime } from "../library/environment.ts";
import { ownNames, resolveSetup } from "../library/process.ts";
import { asCommandSweeper, type CommandSweeper } from "./command-sweeper.ts";
import { withEnvFiles } from "./env-file.ts";
import type { Output } from "./io.ts";
import { createLog } from "./log.ts";
import { createRemoteSweeper } from "./remote.ts";

/**
 * Reads the settings and resolves their paths against the working directory.
 * @throws SettingsError with everything that is wrong
 */
export async function readSetup(envFiles: readonly string[], stderr: Output, url?: string): Promise<Setup> {
  const { variables, listable } = environment();
  const given = { ...withEnvFiles(variables, envFiles), ...(url !== undefined && { FILESWEEP_URL: url }) };
  const settings = readSettings(given, { runtime: runtime(), listable });
  const { logLevel: level, logFormat: format } = settings;
  const log = createLog(stderr, { level, format, now: SYSTEM_CLOCK.now });
  return resolveSetup(settings, { clock: SYSTEM_CLOCK, log, ...ownNames() });
}

/** Whether errors may show where they happened, asked before the settings are read or where they are wrong. */
export function wantsStacks(): boolean {
  return environment().variables["LOG_LEVEL"] === "debug";
}

/**
 * A sweeper for one command: the one that is served elsewhere, where the settings name one; else one of this process,
 * for which `to-run` makes database and tables where they are absent, and `to-ask` makes nothing.
 * @throws SweepError `unavailable`, or `not-found` where there is nothing to ask about
 */
export async function withSweeper<T>(
  setup: Setup,
  what: "to-run" | "to-ask",
  use: (sweeper: CommandSweeper) => Promise<T>,
): Promise<T> {
  const { instanceUrl } = setup.settings;
  if (instanceUrl !== null) return use(createRemoteSweeper(instanceUrl, setup.settings));
  return withClient(setup, what === "to-run" ? "create" : "existing", async (client) => {
    const mapping = await (what === "to-run" ? prepare : prepareForQuestions)(setup, client);
    return use(asCommandSweeper(composeSweeper(setup, client, mapping)));
  });
}
