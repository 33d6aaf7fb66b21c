import { isSweepError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import { wrapped } from "./wrapped.ts";

export interface RetryOptions {
  /** Resolves after `ms`, or as soon as the signal is aborted. Default: the runtime's timer. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** In [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
}

/** How often a call is made at most. */
export const MAX_TRIES = 4;

/** The longest wait before the second try; it doubles with each further one. All of them fit well into a call's time-out. */
export const BACK_OFF_MS = 200;

/**
 * Makes calls again that the store did not answer, or answered with "not now": after a wait of chance length, so that
 * many that were refused together do not come back together. Who gives a call up gives up its repetitions too: within
 * `timed`, a call and all its repetitions take no longer than the time-out, so none of them outlives the lease.
 *
 * Every call of a store bears being made twice: what is gone already is a success of a delete, and of an abort.
 */
export function retrying(store: Store, options: RetryOptions = {}): Store {
  const { wait = waitFor, random = Math.random } = options;
  return wrapped(store, async (_call, signal, work) => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await work(signal);
      } catch (error) {
        if (tries === MAX_TRIES || isAborted(signal) || !isSweepError(error, "unavailable")) throw error;
        await wait(BACK_OFF_MS * 2 ** (tries - 1) * random(), signal);
        if (isAborted(signal)) throw error;
      }
    }
  });
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
