/** Starts runs for requests: one slice while the request waits, or in the background once it was answered. */
import type { Context } from "hono";
import type { Mode, RunReport, SweepName } from "../core/model.ts";
import type { LeaseHolder, Log } from "../core/ports.ts";
import type { RunOutcome } from "../core/run.ts";
import type { Sweeper } from "../core/sweeper.ts";
import type { AppOptions } from "./parts.ts";

/** How long a request waits for a run at most, in milliseconds: below the 30 s after which proxies and platforms give up. */
export const LONGEST_WAIT_MS = 25_000;

export interface RunCall {
  readonly mode: Mode;
  readonly sweeps: readonly SweepName[];
  /** How long the caller waits for the run; null: not at all. */
  readonly waitMs: number | null;
}

export type Started =
  /** It is under way, and goes on in the background. */
  | { readonly kind: "started"; readonly report: RunReport }
  /** A slice of it was worked off. */
  | { readonly kind: "worked"; readonly report: RunReport; readonly unreachable: boolean }
  | { readonly kind: "lease-held"; readonly holder: LeaseHolder };

export interface Runner {
  /** Starts a run, or goes on with the unfinished one of its mode. @throws SweepError when the database cannot be reached */
  start(c: Context, call: RunCall): Promise<Started>;
}

export function createRunner(
  sweeper: Sweeper,
  { background = inBackground, backgroundMs, abortAfter = AbortSignal.timeout, log = () => {} }: AppOptions,
): Runner {
  async function work(call: RunCall, waitMs: number): Promise<Started> {
    const { mode, sweeps } = call;
    return ended(await sweeper.run({ mode, sweeps, trigger: "http", signal: abortAfter(waitMs) }));
  }

  async function letGo(
    c: Context,
    { mode, sweeps }: RunCall,
    keepGoing: NonNullable<typeof background>,
  ): Promise<Started> {
    const limitMs = backgroundMs === undefined ? defaultLimit(c) : backgroundMs;
    let started = (_report: RunReport): void => {};
    const onStarted = new Promise<RunReport>((resolve) => {
      started = resolve;
    });
    const running = sweeper.run({
      mode,
      sweeps,
      trigger: "http",
      onStarted: started,
      ...(limitMs !== null && { signal: abortAfter(limitMs) }),
    });
    const first = await Promise.race([onStarted, running]);
    if ("kind" in first) return ended(first);
    keepGoing(
      running.catch((error: unknown) => logFailure(log, error)),
      c,
    );
    return { kind: "started", report: first };
  }

  return {
    start(c, call) {
      if (call.waitMs !== null) return work(call, call.waitMs);
      return background === null ? work(call, LONGEST_WAIT_MS) : letGo(c, call, background);
    },
  };
}

function ended(outcome: RunOutcome): Started {
  if (outcome.kind === "lease-held") return outcome;
  return { kind: "worked", report: outcome.report, unreachable: outcome.unreachable };
}

/** Nobody waits for the answer any more: the log is who hears of it. */
function logFailure(log: Log, error: unknown): void {
  log({ level: "error", event: "run.failed", error });
}

/** A process lives on by itself. */
function inBackground(work: Promise<unknown>, c: Context): void {
  executionContextOf(c)?.waitUntil(work);
}

/** What is handed to `waitUntil` lives about 30 s after the answer (Cloudflare, "Workers: Limits", November 2026). */
function defaultLimit(c: Context): number | null {
  return executionContextOf(c) === null ? null : LONGEST_WAIT_MS;
}

/** Reading it throws where the runtime has none. */
export function executionContextOf(c: Context): Context["executionCtx"] | null {
  try {
    return c.executionCtx;
  } catch {
    return null;
  }
}
