/**
 * What every door is made of: from settings, a client and a store to a run. One piece, so that all doors do the same.
 * Nothing here imports what only one runtime has: `places.ts` chooses the adapters, and the door hands in the rest.
 */
import { SweepError } from "../core/errors.ts";
import type { Clock, Database, Log } from "../core/ports.ts";
import type { RunParts } from "../core/run.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";
import type { Settings } from "../core/settings.ts";
import { createSweeperOf, type Sweeper } from "../core/sweeper.ts";
import type { SqlClient } from "../database/client.ts";
import { mapCatalog } from "../database/map-catalog.ts";
import { type CatalogMapping, DEFAULT_MAPPING } from "../database/mapping.ts";
import { createDatabase } from "../database/open.ts";
import { migrate, planMigration } from "../database/schema.ts";
import { DATABASE_NOW } from "../database/sql.ts";
import { counted } from "../storage/counted.ts";
import { readOnly } from "../storage/read-only.ts";
import { retrying } from "../storage/retrying.ts";
import { throttled } from "../storage/throttled.ts";
import { timed } from "../storage/timed.ts";
import { createIds } from "./ids.ts";
import { createNotifier, notifying } from "./notify.ts";
import type { DatabasePlace, StorePlace } from "./places.ts";

/** What the settings come to where filesweep runs. */
export interface Setup {
  readonly settings: Settings;
  readonly database: DatabasePlace;
  readonly store: StorePlace;
  readonly clock: Clock;
  readonly log: Log;
  /** Names the machine to who reads a notification. */
  readonly host: string;
  /** Names this process to whoever finds the lease taken. */
  readonly holder: string;
}

/** What a process brings along, besides its settings. */
export type Surroundings = Pick<Setup, "clock" | "log" | "host" | "holder">;

/** One for all of a process, so that of two runs in the same millisecond the later has the greater id. */
const makeId = createIds(Date.now);

export const SYSTEM_CLOCK: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };

// ------------------------------------------------------------------------------------------------------- database

/**
 * Opens the database for `use`, and closes it after. With `create` a file that is absent is made, and its folder.
 * @throws SweepError `unavailable` where it cannot be opened, or is absent and not to be made
 */
export async function withClient<T>(
  { database }: Setup,
  create: "create" | "existing",
  use: (client: SqlClient) => Promise<T>,
): Promise<T> {
  const client = await database.open(create);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/**
 * Finds the application's table, as the settings describe it, and makes the own tables, or brings them up to date. A
 * gate that does not stand is left as it is: the run notices, and is held.
 * @throws SettingsError where the mapping does not fit the database; nothing was made then
 */
export async function prepare({ settings }: Setup, client: SqlClient): Promise<CatalogMapping> {
  const mapping = await mapCatalog(client, settings.catalog);
  const { from, to } = await planMigration(client, DATABASE_NOW, { mapping });
  // A gate that is lost is put back by a person alone, with `filesweep migrate`.
  if (from < to) await migrate(client, DATABASE_NOW, { mapping, installGate: from === 0 });
  return mapping;
}

/**
 * As {@link prepare}, for questions and decisions: without a run there is nothing to ask or to decide about.
 * @throws SweepError `not-found` where the database has no tables of filesweep; none are made
 */
export async function prepareForQuestions(setup: Setup, client: SqlClient): Promise<CatalogMapping> {
  if (!(await isPrepared(client))) {
    throw new SweepError(
      "not-found",
      `${setup.database.name} has no tables of filesweep, so nothing ran on it yet; filesweep run or filesweep migrate makes them`,
    );
  }
  return prepare(setup, client);
}

/** Whether filesweep's own tables are there, of whatever version. */
export async function isPrepared(client: SqlClient): Promise<boolean> {
  return (await planMigration(client, DATABASE_NOW, { mapping: DEFAULT_MAPPING })).from > 0;
}

export function openDatabase({ clock, settings }: Setup, client: SqlClient, mapping: CatalogMapping): Database {
  return createDatabase({ client, clock, gateMs: settings.gateMs, mapping });
}

// ------------------------------------------------------------------------------------------------------------ run

/** @throws SweepError `unavailable` where neither database nor store exist: a run in the wrong folder makes nothing */
export async function refuseWrongFolder({ database, store }: Setup): Promise<void> {
  if ((await database.absence()) === null) return;
  const absent = await store.absence();
  if (absent !== null) throw new SweepError("unavailable", absent);
}

/** Everything a run is made of, over an open and prepared database. */
export function composeRun(setup: Setup, client: SqlClient, mapping: CatalogMapping): RunParts {
  const { settings, clock, log, holder } = setup;
  // Each try of a call counts: a Worker is allowed so many requests.
  const { store: bare, calls } = counted(setup.store.open(clock));
  const patient = setup.store.isRemote ? retrying(throttled(bare, settings.concurrency)) : bare;
  // Outermost: a call with all its tries takes no longer than the lease allows for one.
  const store = timed(patient, CALL_TIMEOUT_MS);
  return {
    database: openDatabase(setup, client, mapping),
    store,
    planStore: readOnly(store),
    storeCalls: calls,
    settings,
    clock,
    makeId,
    log,
    holder,
  };
}

/** A sweeper over an open and prepared database, which tells the webhook what it is to hear. */
export function composeSweeper(setup: Setup, client: SqlClient, mapping: CatalogMapping): Sweeper {
  const { settings, log, host, store, clock } = setup;
  const url = settings.notifyWebhookUrl;
  if (url === null) return createSweeperOf(composeRun(setup, client, mapping));
  const notifier = createNotifier({ url, instance: `${host}:${store.name}`, log, now: clock.now });
  return notifying(createSweeperOf({ ...composeRun(setup, client, mapping), log: notifier.log }), notifier);
}
