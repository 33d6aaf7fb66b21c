/**
 * The Deno door: `deno task start`, or the entry of an app on Deno Deploy. It keeps the schedule with `Deno.cron` and
 * serves the app, until SIGINT or SIGTERM.
 */
import { readSettings, type Settings, SettingsError } from "../core/settings.ts";
import { SYSTEM_CLOCK } from "../library/compose.ts";
import { createSweeperFrom, type Sweeper } from "../library/create-sweeper.ts";
import { environment, readVariable } from "../library/environment.ts";
import { createInstance, openSoon } from "../library/instance.ts";
import { ownNames } from "../library/process.ts";
import { cronExpression, HOURLY } from "./deno-schedule.ts";

/** As much of Deno as is used. */
interface DenoRuntime {
  cron(name: string, schedule: string, handler: () => Promise<void>): Promise<void>;
  serve(
    options: { port?: number; hostname?: string; onListen: (address: { hostname: string; port: number }) => void },
    handler: (request: Request) => Response | Promise<Response>,
  ): { readonly finished: Promise<void>; shutdown(): Promise<void> };
  exit(code: number): never;
  addSignalListener(signal: "SIGINT" | "SIGTERM", listener: () => void): void;
}

/** Where no setting can be read. */
const DEFAULT_PORT = 8787;

// The types of Deno are not those of Node, by which this is checked too.
const deno: DenoRuntime = Reflect.get(globalThis, "Deno");
const ending = new AbortController();
let sweeper: Sweeper | null = null;

const instance = createInstance({
  settings: settingsHere,
  sweeper(settings, log) {
    sweeper = openSoon(createSweeperFrom(settings, { clock: SYSTEM_CLOCK, log, ...ownNames() }), log);
    return sweeper;
  },
  // biome-ignore lint/suspicious/noConsole: stderr, and on Deno Deploy the log
  write: (line) => console.error(line.trimEnd()),
});
const { settings, log } = instance;
const isDeployed = readVariable("DENO_DEPLOYMENT_ID") !== undefined;

const expression = settings === null ? HOURLY : (cronExpression(settings.schedule) ?? HOURLY);
void deno.cron("filesweep", expression, async () => {
  // Deno Deploy keeps the schedule on the timeline of every branch; one of them is production's.
  const timeline = readVariable("DENO_TIMELINE") ?? "production";
  if (timeline !== "production") return log({ level: "info", event: "schedule.disabled", timeline });
  await instance.tick(ending.signal);
});

// Deno Deploy chooses the place itself. Wrong settings are told of on this machine alone.
const here = settings ?? { port: portHere(), host: "127.0.0.1" };
const place = isDeployed ? {} : { port: here.port, hostname: here.host };
const server = deno.serve(
  {
    ...place,
    onListen: ({ hostname, port }) =>
      log({ level: "info", event: "service.started", url: `http://${hostname}:${port}` }),
  },
  (request) => instance.app.fetch(request),
);

for (const signal of ["SIGINT", "SIGTERM"] as const) deno.addSignalListener(signal, () => void end());

async function end(): Promise<void> {
  if (ending.signal.aborted) return;
  ending.abort();
  // Order: the run first. Requests that wait for it are answered by its end.
  await Promise.all([sweeper?.stop(), server.shutdown()]);
  await sweeper?.close();
  log({ level: "info", event: "service.stopped" });
  // A cron job cannot be taken back, and would keep the process.
  deno.exit(0);
}

function portHere(): number {
  const port = Number(readVariable("PORT") || DEFAULT_PORT);
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : DEFAULT_PORT;
}

/** @throws SettingsError */
function settingsHere(): Settings {
  const { variables, listable } = environment();
  const read = readSettings(variables, { runtime: "deno", listable });
  if (cronExpression(read.schedule) !== null) return read;
  throw new SettingsError([
    {
      variable: "CLEANUP_INTERVAL_MINUTES",
      code: "invalid",
      given: variables["CLEANUP_INTERVAL_MINUTES"] ?? null,
      allowed: "minutes that divide an hour, hours that divide a day, or CLEANUP_CRON",
      message:
        "CLEANUP_INTERVAL_MINUTES is an interval that no cron expression says, and Deno.cron takes nothing else; allowed: minutes that divide an hour, hours that divide a day, 10080, or CLEANUP_CRON instead",
    },
  ]);
}
