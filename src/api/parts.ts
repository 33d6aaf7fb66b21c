/** What the routes are made of: handed to each of them, the dashboard's included. */
import type { Context } from "hono";
import type { Diagnosis } from "../core/doctor.ts";
import type { Instant } from "../core/model.ts";
import type { Log } from "../core/ports.ts";
import type { Settings } from "../core/settings.ts";
import type { Sweeper } from "../core/sweeper.ts";
import type { TokenRequirement } from "./auth.ts";
import type { Runner } from "./runner.ts";

/** What the service goes by. */
export type ServiceSettings = Pick<
  Settings,
  "adminTokens" | "metricsTokens" | "publicUrl" | "staleAfterMs" | "enabled" | "mode" | "sweeps" | "shown"
>;

/** A sweeper that knows what it is served by. `createSweeper` makes one. */
export interface ServedSweeper extends Sweeper {
  settings(): ServiceSettings;
  /** Looks at everything that a run depends on. */
  doctor?(): Promise<Diagnosis>;
  /** When the schedule starts the next run; null where none is known. */
  nextRunAt?(): Instant | null;
}

export interface AppOptions {
  /**
   * Keeps work going after the answer was sent. Default: the runtime's `waitUntil` where the request has one, else the
   * process itself. Null: nothing goes on then (AWS Lambda), and a slice is worked while the request waits.
   */
  readonly background?: ((work: Promise<unknown>, c: Context) => void) | null;
  /** How long work in the background may take, in milliseconds. Default: 25 s after `waitUntil`, else to the run's end. */
  readonly backgroundMs?: number | null;
  /** Hears of what goes wrong in the background, and of problems that are ours. Default: nobody. */
  readonly log?: Log;
  readonly now?: () => Instant;
  /** Makes the ids of requests. */
  readonly makeRequestId?: () => string;
  /** Waits so many milliseconds. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** A signal that is aborted so many milliseconds from now. */
  readonly abortAfter?: (ms: number) => AbortSignal;
}

/** Everything that a route may use. */
export interface ApiParts {
  readonly sweeper: ServedSweeper;
  readonly settings: ServiceSettings;
  readonly admin: TokenRequirement;
  readonly metrics: TokenRequirement;
  readonly runner: Runner;
  readonly now: () => Instant;
  readonly log: Log;
  readonly sleep: (ms: number) => Promise<void>;
  /** `path` as others reach it: behind a proxy, and under the path that the app is mounted at. */
  href(c: Context, path: string): string;
}
