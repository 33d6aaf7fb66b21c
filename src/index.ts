/**
 * filesweep as a library.
 *
 * ```ts
 * import { createSweeper, isLive } from "filesweep";
 *
 * const sweeper = createSweeper({ settings: { DATABASE_URL: "file:app.db", STORAGE_URL: "file:uploads" } });
 * sweeper.start();
 * app.get("/d/:id", async (c) => (isLive(await find(c), Date.now()) ? send(c) : c.notFound()));
 * ```
 */
export type { Check, CheckName, CheckStatus, Diagnosis, ProblemKind } from "./core/doctor.ts";
export { type ErrorKind, isSweepError, LeaseLostError, SweepError } from "./core/errors.ts";
export type { Explained, Explanation } from "./core/explain.ts";
export type {
  Decision,
  Hold,
  HoldCause,
  HoldSample,
  HoldStatus,
  Instant,
  KeepReason,
  Mode,
  RemovalReason,
  RemovalState,
  RunReport,
  RunStatus,
  SweepName,
  SweepReport,
  SweepStatus,
  Tally,
  Trigger,
} from "./core/model.ts";
export type { Clock, LeaseHolder, Log, LogEvent, Removal, RemovalFilter } from "./core/ports.ts";
export type { RunOutcome } from "./core/run.ts";
export { type SettingProblem, SettingsError } from "./core/settings.ts";
export type { DecisionRecord } from "./core/slice.ts";
export type { RunOptions, SweeperStatus } from "./core/sweeper.ts";
export { type CatalogTable, createSweeper, type Sweeper, type SweeperOptions } from "./library/create-sweeper.ts";
export { type FileState, type IsLiveOptions, isLive } from "./library/is-live.ts";
export type { Notification } from "./library/notify.ts";
export type { Timers } from "./library/schedule.ts";
