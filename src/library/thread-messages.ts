/** What a thread for runs is told, and what it tells. Calls of one thread are told apart by their numbers. */
import type { LogEvent } from "../core/ports.ts";
import type { RunOutcome } from "../core/run.ts";
import type { SentError } from "../core/sent-error.ts";
import type { Settings } from "../core/settings.ts";
import type { RunOptions } from "../core/sweeper.ts";
import type { Surroundings } from "./compose.ts";

/** What a thread is started with. Holds secrets, which stay in the process. */
export type ThreadData = Pick<Surroundings, "host" | "holder"> & { readonly settings: Settings };

/** Whom a run tells how it goes, by the names of {@link RunOptions}. */
export const LISTENERS = ["onStarted", "onDecision", "onProgress"] as const;

export type ListenerName = (typeof LISTENERS)[number];

/** The options of a run that can be copied. */
export type SentOptions = Omit<RunOptions, "signal" | ListenerName>;

export type ToThread =
  | {
      readonly kind: "run";
      readonly call: number;
      readonly options: SentOptions;
      /** Who listens: to nobody else is anything told. */
      readonly listeners: readonly ListenerName[];
    }
  /** The run's signal was aborted. */
  | { readonly kind: "stop"; readonly call: number }
  /** Close everything. No run is under way. */
  | { readonly kind: "end" };

export type FromThread =
  /** It stands, and takes runs. */
  | { readonly kind: "ready" }
  | { readonly kind: "log"; readonly event: LogEvent }
  | { readonly kind: "told"; readonly call: number; readonly listener: ListenerName; readonly value: unknown }
  | { readonly kind: "ran"; readonly call: number; readonly outcome: RunOutcome }
  | { readonly kind: "failed"; readonly call: number; readonly error: SentError }
  /** Everything is closed. */
  | { readonly kind: "ended" };
