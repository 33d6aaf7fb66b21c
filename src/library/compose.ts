/**
 * What the command line and the library are both made of: chooses clock, ids, database and store for what runs below.
 * One piece, so that both doors do the same.
 */
import { mkdir, realpath, stat } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import process from "node:process";
import { v7 } from "uuid";
import { SweepError } from "../core/errors.ts";
import type { Clock, Database, Log } from "../core/ports.ts";
import type { RunParts } from "../core/run.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";
import { DATABASE_INSIDE_STORE, databaseInsideStore, type Settings, SettingsError } from "../core/settings.ts";
import { createSweeperOf, type Sweeper } from "../core/sweeper.ts";
import { openFileClient, type SqlClient } from "../database/client.ts";
import { createDatabase } from "../database/open.ts";
import { migrate, planMigration } from "../database/schema.ts";
import { DATABASE_NOW } from "../database/sql.ts";
import { counted } from "../storage/counted.ts";
import { createFilesystemStore } from "../storage/filesystem.ts";
import { readOnly } from "../storage/read-only.ts";
import { timed } from "../storage/timed.ts";
import { createNotifier, notifying } from "./notify.ts";

/** What the settings come to in this process. Paths are absolute. */
export interface Setup {
  readonly settings: Settings;
  readonly databasePath: string;
  readonly storePath: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this process to whoever finds the lease taken. */
  readonly holder: string;
}

/** What a process brings along, besides its settings. */
export type Surroundings = Pick<Setup, "clock" | "log" | "holder">;

/**
 * Resolves the settings' paths against the working directory.
 * @throws SettingsError where the database lies in the store
 */
export async function resolveSetup(settings: Settings, surroundings: Surroundings): Promise<Setup> {
  const { databaseUrl, storage } = settings;
  // Settings refuse what no adapter is built for.
  if (databaseUrl.kind !== "file") throw new SweepError("bug", `there is no database adapter for ${databaseUrl.kind}:`);
  if (storage.kind !== "file") throw new SweepError("bug", `there is no store adapter for ${storage.kind}:`);
  const databasePath = path.resolve(databaseUrl.path);
  const storePath = path.resolve(storage.path);
  await refuseDatabaseInsideStore(databasePath, storePath);
  return { settings, databasePath, storePath, ...surroundings };
}

/** Names this process to whoever finds the lease taken. */
export function ownName(): string {
  return `${hostname()}, process ${process.pid}`;
}

export const SYSTEM_CLOCK: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };

/** @throws SettingsError where the store's scan would come upon the database's file, by whatever links */
async function refuseDatabaseInsideStore(databasePath: string, storePath: string): Promise<void> {
  if (!databaseInsideStore(await resolveLinks(databasePath), await resolveLinks(storePath))) return;
  const message = `DATABASE_URL ${DATABASE_INSIDE_STORE} (${databasePath} lies in ${storePath})`;
  throw new SettingsError([{ variable: "DATABASE_URL", code: "conflict", given: null, allowed: null, message }]);
}

/** The path behind all symbolic links; of what does not exist yet, as far as it does. */
async function resolveLinks(absolute: string): Promise<string> {
  try {
    return await realpath(absolute);
  } catch {
    const parent = path.dirname(absolute);
    return parent === absolute ? absolute : path.join(await resolveLinks(parent), path.basename(absolute));
  }
}

// ------------------------------------------------------------------------------------------------------- database

/**
 * Opens the database for `use`, and closes it after. With `create` its folder and file are made where they are absent.
 * @throws SweepError `unavailable` where it cannot be opened, or is absent and not to be made
 */
export async function withClient<T>(
  setup: Setup,
  create: "create" | "existing",
  use: (client: SqlClient) => Promise<T>,
): Promise<T> {
  const client = await openClient(setup, create);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** The same, for who closes it. */
export async function openClient({ databasePath }: Setup, create: "create" | "existing"): Promise<SqlClient> {
  if (create === "create") await makeFolder(path.dirname(databasePath));
  else if (!(await exists(databasePath))) throw absentDatabase(databasePath);
  return openFileClient(databasePath);
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

/** Whether something is there. A folder that may not be searched is an error, and not an absence. */
export async function exists(absolute: string): Promise<boolean> {
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

function absentDatabase(databasePath: string): SweepError {
  return new SweepError(
    "unavailable",
    `there is no database at ${databasePath}; set DATABASE_URL=file:PATH to the one that holds the catalog, or make a new one with: filesweep migrate`,
  );
}

/**
 * Makes the own tables, or brings them up to date. A gate that does not stand is left as it is: the run notices, and is
 * held.
 */
export async function prepare(client: SqlClient): Promise<void> {
  const { from, to } = await planMigration(client, DATABASE_NOW);
  // A gate that is lost is put back by a person alone, with `filesweep migrate`.
  if (from < to) await migrate(client, DATABASE_NOW, { installGate: from === 0 });
}

/**
 * As {@link prepare}, for questions and decisions: without a run there is nothing to ask or to decide about.
 * @throws SweepError `not-found` where the database has no tables of filesweep; none are made
 */
export async function prepareForQuestions(setup: Setup, client: SqlClient): Promise<void> {
  if (!(await isPrepared(client))) {
    throw new SweepError(
      "not-found",
      `${setup.databasePath} has no tables of filesweep, so nothing ran on it yet; filesweep run or filesweep migrate makes them`,
    );
  }
  await prepare(client);
}

/** Whether filesweep's own tables are there, of whatever version. */
export async function isPrepared(client: SqlClient): Promise<boolean> {
  return (await planMigration(client, DATABASE_NOW)).from > 0;
}

export function openDatabase(setup: Setup, client: SqlClient): Database {
  return createDatabase({ client, clock: setup.clock, gateMs: setup.settings.gateMs });
}

// ------------------------------------------------------------------------------------------------------------ run

/** @throws SweepError `unavailable` where neither database nor store exist: a run in the wrong folder makes nothing */
export async function refuseWrongFolder({ databasePath, storePath }: Setup): Promise<void> {
  if ((await exists(databasePath)) || (await exists(storePath))) return;
  throw new SweepError("unavailable", `there is no folder ${storePath}. ${STORE_HINT}`);
}

/** What to do about a store that is not there. */
export const STORE_HINT =
  "Set STORAGE_URL=file:DIR to the folder that holds the files (relative to the working directory, or absolute)";

/** Everything a run is made of, over an open and prepared database. */
export function composeRun(setup: Setup, client: SqlClient): RunParts {
  const { settings, clock, log, holder } = setup;
  const filesystem = createFilesystemStore({ root: setup.storePath, concurrency: settings.concurrency });
  const { store, calls } = counted(timed(filesystem, CALL_TIMEOUT_MS));
  return {
    database: openDatabase(setup, client),
    store,
    planStore: readOnly(store),
    storeCalls: calls,
    settings,
    clock,
    makeId: () => v7(),
    log,
    holder,
  };
}

/** A sweeper over an open and prepared database, which tells the webhook what it is to hear. */
export function composeSweeper(setup: Setup, client: SqlClient): Sweeper {
  const { settings, log, storePath, clock } = setup;
  const url = settings.notifyWebhookUrl;
  if (url === null) return createSweeperOf(composeRun(setup, client));
  const notifier = createNotifier({ url, instance: `${hostname()}:${storePath}`, log, now: clock.now });
  return notifying(createSweeperOf({ ...composeRun(setup, client), log: notifier.log }), notifier);
}
