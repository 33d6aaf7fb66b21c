/** filesweep inside somebody's own program. */
import process from "node:process";
import type { Diagnosis } from "../core/doctor.ts";
import { SweepError } from "../core/errors.ts";
import type { Instant } from "../core/model.ts";
import type { Clock, Log } from "../core/ports.ts";
import type { RunOutcome } from "../core/run.ts";
import { readSettings, type Settings } from "../core/settings.ts";
import type { Sweeper as CoreSweeper, RunOptions } from "../core/sweeper.ts";
import type { SqlClient } from "../database/client.ts";
import { type CatalogTable, type SQLiteTable, settingsOf } from "../database/drizzle-table.ts";
import {
  composeSweeper,
  prepare,
  prepareForQuestions,
  refuseWrongFolder,
  type Surroundings,
  SYSTEM_CLOCK,
} from "./compose.ts";
import { describeError } from "./describe-error.ts";
import { diagnose } from "./doctor.ts";
import { environment, runtime } from "./environment.ts";
import { createJsonLog } from "./log.ts";
import { type OpenedFor, questionsOf } from "./opened-sweeper.ts";
import { ownNames, resolveSetup } from "./process.ts";
import { type RunningSchedule, SYSTEM_TIMERS, startSchedule, type Timers } from "./schedule.ts";

export type { CatalogTable } from "../database/drizzle-table.ts";

export interface SweeperOptions<Table extends SQLiteTable = SQLiteTable> {
  /** Where settings are read from, by the names of `.env.example`. Default: the environment of the process. */
  readonly env?: Readonly<Record<string, unknown>>;
  /** Settings that win over `env`, by the same names: `{ STORAGE_URL: "file:./uploads", CLEANUP_MODE: "plan" }`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The application's table, from its schema in code: instead of `CATALOG_TABLE` and `CATALOG_COLUMNS`. */
  readonly catalog?: CatalogTable<Table>;
  /** Hears every event. Default: lines of JSON on stderr, from `LOG_LEVEL` upwards. */
  readonly log?: Log;
  /** Names this process to whoever finds the lease taken. Default: host and process id. */
  readonly holder?: string;
  readonly clock?: Clock;
  /** For tests: what `start()` waits with. */
  readonly timers?: Timers;
}

export interface Sweeper extends CoreSweeper {
  /**
   * Runs every `CLEANUP_INTERVAL_MINUTES`, the first time shortly from now, or at the times of `CLEANUP_CRON`, and never
   * twice at once; keeps the process alive until `stop()`. Does nothing where `CLEANUP_ENABLED` is false, or when it was started before. What goes wrong
   * in a run is logged, and the next one comes all the same.
   */
  start(): void;
  /** When the schedule starts the next run; null where that is not known: the run under way takes longer, or nothing was started. */
  nextRunAt(): Instant | null;
  /**
   * Opens the database, and makes it and its tables where they are absent, as the first run would; from then on questions
   * do so too. @throws SweepError, SettingsError
   */
  open(): Promise<void>;
  /** What it goes by. Holds secrets: not for logs. */
  settings(): Settings;
  /** Looks at everything that a run depends on, each with what mends it. Makes nothing, not even the database. */
  doctor(): Promise<Diagnosis>;
  /** Ends the schedule, and whatever run is under way: the batch in flight ends, the place is saved, the lease released. */
  stop(): Promise<void>;
  /** Stops, and closes the database. After this the sweeper cannot be used any more. */
  close(): Promise<void>;
}

/**
 * A sweeper over the database and the store that the settings name. Nothing is opened before it is needed; a run makes
 * database and tables where they are absent, everything else finds them or fails.
 *
 * @throws SettingsError with everything that is wrong
 */
export function createSweeper<Table extends SQLiteTable = SQLiteTable>(options: SweeperOptions<Table> = {}): Sweeper {
  const settings = readOptions(options);
  const { clock = SYSTEM_CLOCK } = options;
  const own = ownNames();
  const { holder = own.holder } = options;
  const log = options.log ?? createJsonLog(writeToStderr, { level: settings.logLevel, now: clock.now });
  return createSweeperFrom(settings, { clock, log, host: own.host, holder }, options);
}

/** Works one slice of a run. `sweeper` is the one of this thread, over a database that is open and prepared. */
export type WorkRun = (sweeper: CoreSweeper, options: RunOptions) => Promise<RunOutcome>;

const workHere: WorkRun = (sweeper, options) => sweeper.run(options);

/** The same, of settings that were read before. `work` is where its runs are worked. Default: here. */
export function createSweeperFrom(
  settings: Settings,
  surroundings: Surroundings,
  { timers = SYSTEM_TIMERS, work = workHere }: { readonly timers?: Timers; readonly work?: WorkRun } = {},
): Sweeper {
  const { clock, log } = surroundings;
  const opener = createOpener(settings, surroundings);
  let ending = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  let schedule: RunningSchedule | null = null;
  let questionsOpen: "to-run" | "to-ask" = "to-ask";

  async function run(runOptions: RunOptions = {}): Promise<RunOutcome> {
    const { signal } = ending;
    const signals = runOptions.signal === undefined ? signal : AbortSignal.any([signal, runOptions.signal]);
    const running = opener.open("to-run").then((sweeper) => work(sweeper, { ...runOptions, signal: signals }));
    underWay.add(running);
    try {
      return await running;
    } finally {
      underWay.delete(running);
    }
  }

  async function scheduled(): Promise<void> {
    try {
      const outcome = await run({ trigger: "schedule" });
      if (outcome.kind === "lease-held") log({ level: "info", event: "run.skipped", holder: outcome.holder.holder });
    } catch (error) {
      log({ level: "error", event: "run.failed", error: describeError(error) });
    }
  }

  async function stop(): Promise<void> {
    schedule?.stop();
    schedule = null;
    ending.abort();
    await Promise.allSettled(underWay);
    ending = new AbortController();
  }

  const ask: OpenedFor = async (use) => use(await opener.open(questionsOpen));
  return {
    run,
    plan: (planOptions) => run({ ...planOptions, mode: "plan" }),
    doctor: async () => diagnose(await resolveSetup(settings, surroundings)),
    ...questionsOf(ask),
    start() {
      if (schedule !== null) return;
      if (!settings.enabled) return log({ level: "info", event: "schedule.disabled" });
      schedule = startSchedule({ schedule: settings.schedule, timers, clock, run: scheduled });
    },
    nextRunAt: () => schedule?.nextAt() ?? null,
    async open() {
      questionsOpen = "to-run";
      await opener.open("to-run");
    },
    settings: () => settings,
    stop,
    async close() {
      await stop();
      await opener.close();
    },
  };
}

function readOptions<Table extends SQLiteTable>({ env, catalog, settings }: SweeperOptions<Table>): Settings {
  const given = { ...(catalog !== undefined && settingsOf(catalog)), ...settings };
  if (env !== undefined) return readSettings({ ...env, ...given }, { runtime: runtime() });
  const { variables, listable } = environment();
  return readSettings({ ...variables, ...given }, { runtime: runtime(), listable });
}

function writeToStderr(text: string): void {
  process.stderr.write(text);
}

interface Opener {
  open(what: "to-run" | "to-ask"): Promise<CoreSweeper>;
  close(): Promise<void>;
}

/** Opens the database when it is first needed, once. What failed is tried again the next time. */
function createOpener(settings: Settings, surroundings: Surroundings): Opener {
  let opened: Promise<{ readonly client: SqlClient; readonly sweeper: CoreSweeper }> | null = null;
  let closed = false;

  async function openNow(what: "to-run" | "to-ask"): Promise<{ client: SqlClient; sweeper: CoreSweeper }> {
    const setup = await resolveSetup(settings, surroundings);
    if (what === "to-run") await refuseWrongFolder(setup);
    const client = await setup.database.open(what === "to-run" ? "create" : "existing");
    try {
      const mapping = await (what === "to-run" ? prepare : prepareForQuestions)(setup, client);
      return { client, sweeper: composeSweeper(setup, client, mapping) };
    } catch (error) {
      client.close();
      throw error;
    }
  }

  return {
    async open(what) {
      if (closed) throw new SweepError("conflict", "this sweeper was closed");
      // Order: one after the other. Two that open at once would both make the tables.
      const before = opened?.catch(() => null);
      const mine = (async () => (await before) ?? openNow(what))();
      opened = mine;
      return (await mine).sweeper;
    },
    async close() {
      closed = true;
      const last = await opened?.catch(() => null);
      last?.client.close();
      opened = null;
    },
  };
}
