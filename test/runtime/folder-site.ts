/** The scenario's site in a folder: the settings that lead to it, and what is left of it. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OWN_PREFIX } from "../../src/core/safety.ts";
import { temporaryFolder } from "../support/database.ts";
import { SCENARIO_OBJECTS, SCENARIO_SETTINGS, scenarioRows } from "./scenario.ts";
import { seedDatabase } from "./seed-database.ts";

export interface FolderSite {
  readonly folder: string;
  /** The database's file. */
  readonly database: string;
  readonly env: Readonly<Record<string, string>>;
  keys(): Promise<string[]>;
}

export async function makeFolderSite(): Promise<FolderSite> {
  const folder = temporaryFolder();
  const store = join(folder, "uploads");
  for (const key of SCENARIO_OBJECTS) {
    await mkdir(dirname(join(store, key)), { recursive: true });
    await writeFile(join(store, key), "0123456789");
  }
  const database = await seedDatabase(folder, scenarioRows());
  return {
    folder,
    database,
    env: { ...SCENARIO_SETTINGS, DATABASE_URL: `file:${database}`, STORAGE_URL: `file:${store}` },
    async keys() {
      const entries = await readdir(store, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      const keys = files.map(({ parentPath, name }) => join(parentPath, name).slice(store.length + 1));
      return keys.filter((key) => !key.startsWith(OWN_PREFIX));
    },
  };
}
