/** filesweep where a platform calls it: for requests, and at the times of a schedule that the platform keeps. */
import { type AppOptions, createApp, type ServedSweeper } from "../api/app.ts";
import { createMisconfiguredApp } from "../api/misconfigured.ts";
import type { Log } from "../core/ports.ts";
import { type Settings, SettingsError } from "../core/settings.ts";
import { SYSTEM_CLOCK } from "./compose.ts";
import { createJsonLog } from "./log.ts";
import { tick } from "./tick.ts";

export interface InstanceParts {
  /** @throws SettingsError */
  readonly settings: () => Settings;
  readonly sweeper: (settings: Settings, log: Log) => ServedSweeper;
  /** Takes a line of the log. */
  readonly write: (line: string) => void;
  readonly app?: AppOptions;
}

export interface Instance {
  /** The HTTP app. */
  readonly app: ReturnType<typeof createApp>;
  /** One tick of the schedule. @throws SettingsError, SweepError where the run failed, after that was recorded */
  tick(signal?: AbortSignal): Promise<void>;
  /** Null where they are wrong. */
  readonly settings: Settings | null;
  readonly log: Log;
}

/** An instance. Where its settings are wrong, every request and every tick says all that is wrong, and touches nothing. */
export function createInstance({ settings: read, sweeper: make, write, app }: InstanceParts): Instance {
  const { now } = SYSTEM_CLOCK;
  try {
    const settings = read();
    const log = createJsonLog(write, { level: settings.logLevel, now });
    const sweeper = make(settings, log);
    return {
      app: createApp(sweeper, { log, ...app }),
      tick: (signal) => tick({ sweeper, enabled: settings.enabled, log, ...(signal && { signal }) }),
      settings,
      log,
    };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const log = createJsonLog(write, { level: "info", now });
    return {
      app: createMisconfiguredApp(error),
      async tick() {
        log({ level: "error", event: "run.failed", error });
        throw error;
      },
      settings: null,
      log,
    };
  }
}

/** Begins to open a sweeper, so that questions find tables before the first run. What fails now is tried again by each call. */
export function openSoon<S extends { open(): Promise<void> }>(sweeper: S, log: Log): S {
  sweeper.open().catch((error: unknown) => log({ level: "error", event: "service.degraded", error }));
  return sweeper;
}
