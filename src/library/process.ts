/** What a process on a machine brings to the composition: a name, and files. The Worker has its own. */
import { hostname } from "node:os";
import process from "node:process";
import type { Settings } from "../core/settings.ts";
import type { Setup, Surroundings } from "./compose.ts";
import { FILE_PLACES, refuseDatabaseInsideStore } from "./files.ts";
import { chooseDatabase, chooseStore, type Reach } from "./places.ts";
import { longestPauseMs } from "./schedule.ts";

const REACH: Reach = { files: FILE_PLACES };

/**
 * What the settings come to in this process. Paths are relative to the working directory.
 * @throws SettingsError where the database lies in the store
 */
export async function resolveSetup(settings: Settings, surroundings: Surroundings): Promise<Setup> {
  await refuseDatabaseInsideStore(settings);
  const intervalMs = longestPauseMs(settings.schedule, surroundings.clock.now());
  return {
    settings: { ...settings, intervalMs },
    database: chooseDatabase(settings, REACH),
    store: chooseStore(settings, REACH),
    ...surroundings,
  };
}

/** Names this machine, and this process to whoever finds the lease taken. */
export function ownNames(): Pick<Surroundings, "host" | "holder"> {
  const host = ownHost();
  return { host, holder: `${host}, process ${process.pid}` };
}

function ownHost(): string {
  try {
    return hostname();
  } catch {
    // Deno without --allow-sys.
    return "unnamed host";
  }
}
