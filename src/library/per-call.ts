/** A sweeper for runtimes in which nothing may outlive the call that it was opened for. */
import type { ServedSweeper } from "../api/app.ts";
import type { Diagnosis } from "../core/doctor.ts";
import type { Settings } from "../core/settings.ts";
import type { CatalogMapping } from "../database/mapping.ts";
import { composeSweeper, prepare, type Setup, withClient } from "./compose.ts";
import { diagnose } from "./doctor.ts";
import { type OpenedFor, questionsOf } from "./opened-sweeper.ts";

/** A sweeper that knows all it was configured with. */
export interface ConfiguredSweeper extends ServedSweeper {
  settings(): Settings;
  doctor(): Promise<Diagnosis>;
}

/**
 * Opens the database for each call, and closes it after: in a Worker no request may use what another one began. The
 * first call makes the own tables, or brings them up to date; what it learned of the application's table is kept, since
 * that is a value and holds nothing open.
 */
export function createPerCallSweeper(setup: Setup): ConfiguredSweeper {
  let mapping: CatalogMapping | null = null;
  const opened: OpenedFor = (use) =>
    withClient(setup, "create", async (client) => {
      mapping ??= await prepare(setup, client);
      return use(composeSweeper(setup, client, mapping));
    });
  return {
    run: (options) => opened((sweeper) => sweeper.run(options)),
    plan: (options) => opened((sweeper) => sweeper.plan(options)),
    ...questionsOf(opened),
    doctor: () => diagnose(setup),
    settings: () => setup.settings,
  };
}
