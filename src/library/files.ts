/** Database and store as files: what only a runtime with a file system has. Paths are absolute from here on. */
import { mkdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { SweepError } from "../core/errors.ts";
import { DATABASE_INSIDE_STORE, databaseInsideStore, type Settings, SettingsError } from "../core/settings.ts";
import type { SqlClient } from "../database/client.ts";
import { openFileClient } from "../database/embedded-client.ts";
import { createFilesystemStore } from "../storage/filesystem.ts";
import { createFolderThread } from "../storage/filesystem-thread.ts";
import type { DatabasePlace, FilePlaces, StorePlace } from "./places.ts";

/** One for all folders of a process. Deno's threads ask for permissions of their own: there all calls stay where they are. */
const THREAD = "Deno" in globalThis ? null : createFolderThread();

export const FILE_PLACES: FilePlaces = {
  database: (given) => fileDatabase(path.resolve(given)),
  store: (given, options) => folderStore(path.resolve(given), options),
};

function fileDatabase(file: string): DatabasePlace {
  async function absence(): Promise<string | null> {
    if (await exists(file)) return null;
    return `there is no database at ${file}; set DATABASE_URL=file:PATH to the one that holds the catalog, or make a new one with: filesweep migrate`;
  }
  return {
    name: file,
    absence,
    async open(create) {
      if (create === "create") await makeFolder(path.dirname(file));
      else {
        const absent = await absence();
        if (absent !== null) throw new SweepError("unavailable", absent);
      }
      return openFileClient(file, create === "create" ? "new" : "existing");
    },
  };
}

function folderStore(root: string, { concurrency }: { readonly concurrency: number }): StorePlace {
  return {
    name: root,
    isRemote: false,
    async absence() {
      if (await exists(root)) return null;
      return `there is no folder ${root}. Set STORAGE_URL=file:DIR to the folder that holds the files (relative to the working directory, or absolute)`;
    },
    open: () => createFilesystemStore({ root, concurrency, ...(THREAD === null ? {} : { thread: THREAD }) }),
  };
}

/** A database without a file, as an absent one is to a plan. */
export async function withEmptyClient<T>(use: (client: SqlClient) => Promise<T>): Promise<T> {
  const client = await openFileClient(":memory:");
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** @throws SettingsError where the store's scan would come upon the database's file, by whatever links */
export async function refuseDatabaseInsideStore({ databaseUrl, storage }: Settings): Promise<void> {
  if (databaseUrl.kind !== "file" || storage.kind !== "file") return;
  const [file, folder] = [path.resolve(databaseUrl.path), path.resolve(storage.path)];
  if (!databaseInsideStore(await resolveLinks(file), await resolveLinks(folder))) return;
  const message = `DATABASE_URL ${DATABASE_INSIDE_STORE} (${file} lies in ${folder})`;
  throw new SettingsError([{ variable: "DATABASE_URL", code: "conflict", given: null, allowed: null, message }]);
}

/** The path behind all symbolic links; of what does not exist yet, as far as it does. */
export async function resolveLinks(absolute: string): Promise<string> {
  try {
    return await realpath(absolute);
  } catch {
    const parent = path.dirname(absolute);
    return parent === absolute ? absolute : path.join(await resolveLinks(parent), path.basename(absolute));
  }
}

/** Whether something is there. A folder that may not be searched is an error, and not an absence. */
async function exists(absolute: string): Promise<boolean> {
  try {
    await stat(absolute);
    return true;
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw new SweepError("unavailable", `${absolute} cannot be reached (${code})`, { cause });
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder);
  } catch (cause) {
    const code = codeOf(cause);
    throw new SweepError("unavailable", `the database's folder ${folder} cannot be made (${code})`, { cause });
  }
}

/** Not `mkdir` with `recursive`: that one tries for ever where a file system answers ENOENT below a folder that is there. */
async function makeFolders(folder: string): Promise<void> {
  const failed = await makeOne(folder);
  if (failed === null) return;
  if (codeOf(failed) !== "ENOENT" || path.dirname(folder) === folder) throw failed;
  await makeFolders(path.dirname(folder));
  const failedAgain = await makeOne(folder);
  if (failedAgain !== null) throw failedAgain;
}

/** Null where the folder is there now. */
async function makeOne(folder: string): Promise<Error | null> {
  try {
    await mkdir(folder);
    return null;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return null;
    return error instanceof Error ? error : new Error(String(error));
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
