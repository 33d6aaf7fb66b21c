import { SweepError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import { wrapped } from "./wrapped.ts";

/** Gives up every call that is not answered in time. What a delete that was given up has done is unknown. */
export function timed(store: Store, timeoutMs: number): Store {
  return wrapped(store, async (call, signal, work) => {
    const own = new AbortController();
    const either = signal === undefined ? own.signal : AbortSignal.any([own.signal, signal]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new SweepError("unavailable", `${store.name} did not answer a ${call} within ${timeoutMs / 1000} s`));
        own.abort();
      }, timeoutMs);
    });
    try {
      return await Promise.race([work(either), late]);
    } finally {
      clearTimeout(timer);
    }
  });
}
