/**
 * The Cloudflare door: a Worker on a Cron Trigger, with the HTTP app. Its whole entry is
 *
 * ```ts
 * export { default } from "filesweep/cloudflare";
 * ```
 */
import { readSettings } from "../core/settings.ts";
import { type Surroundings, SYSTEM_CLOCK } from "../library/compose.ts";
import { createInstance, type Instance } from "../library/instance.ts";
import { type ConfiguredSweeper, createPerCallSweeper } from "../library/per-call.ts";
import { chooseDatabase, chooseStore } from "../library/places.ts";
import { isR2Binding } from "../storage/r2.ts";

/** Variables, secrets and bindings: texts, and the numbers, booleans and tables of `[vars]`. */
export type WorkerEnv = Readonly<Record<string, unknown>>;

/** As much of an execution context as is used. */
export interface WorkerContext {
  waitUntil(work: Promise<unknown>): void;
  passThroughOnException(): void;
  // Hono's type has it; nothing here reads it.
  readonly props: unknown;
}

/** The Worker. Nothing is read, opened or made before its first request or tick. */
export interface Worker {
  /** The HTTP app: `/admin/*`, `/healthz`, `/readyz`, `/metrics`. */
  fetch(request: Request, env: WorkerEnv, context: WorkerContext): Promise<Response>;
  /** One slice of a run, awaited. @throws SweepError where the run failed, after that was recorded; SettingsError */
  scheduled(controller: unknown, env: WorkerEnv, context?: unknown): Promise<void>;
}

const worker: Worker = {
  async fetch(request, env, context) {
    return instanceOf(env).app.fetch(request, env, context);
  },
  async scheduled(_controller, env) {
    await instanceOf(env).tick();
  },
};

export default worker;

/**
 * A sweeper over what is bound to a Worker, for an app of one's own: `createApp(createWorkerSweeper(env, log))`.
 * @throws SettingsError with everything that is wrong
 */
export function createWorkerSweeper(env: WorkerEnv, log: Surroundings["log"]): ConfiguredSweeper {
  return sweeperOf(env, settingsOf(env), log);
}

/** One for each environment, which a Worker has one of: `/readyz` remembers its last answer, and settings are read once. */
const instances = new WeakMap<WorkerEnv, Instance>();

function instanceOf(env: WorkerEnv): Instance {
  const known = instances.get(env);
  if (known !== undefined) return known;
  const instance = createInstance({
    settings: () => settingsOf(env),
    sweeper: (settings, log) => sweeperOf(env, settings, log),
    // biome-ignore lint/suspicious/noConsole: a Worker has no other log
    write: (line) => console.log(line.trimEnd()),
  });
  instances.set(env, instance);
  return instance;
}

function settingsOf(env: WorkerEnv): ReturnType<typeof readSettings> {
  return readSettings(env, { runtime: "workers", hasBucket: (binding) => isR2Binding(env[binding]) });
}

function sweeperOf(
  env: WorkerEnv,
  settings: ReturnType<typeof readSettings>,
  log: Surroundings["log"],
): ConfiguredSweeper {
  const reach = { files: null, bindings: env };
  const holder = `a Worker (${crypto.randomUUID().slice(0, 8)})`;
  return createPerCallSweeper({
    settings,
    database: chooseDatabase(settings, reach),
    store: chooseStore(settings, reach),
    clock: SYSTEM_CLOCK,
    log,
    host: "Cloudflare Worker",
    holder,
  });
}
