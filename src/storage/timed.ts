import { SweepError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";

/** Gives up every call that is not answered in time. What a delete that was given up has done is unknown. */
export function timed(store: Store, timeoutMs: number): Store {
  async function inTime<Answer>(
    call: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
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
  }
  return {
    name: store.name,
    list: (options) => inTime("list", options.signal, (signal) => store.list({ ...options, signal })),
    head: (key, signal) => inTime("head", signal, (either) => store.head(key, either)),
    delete: (requests, signal) => inTime("delete", signal, (either) => store.delete(requests, either)),
    readMarker: (signal) => inTime("look-up", signal, (either) => store.readMarker(either)),
    writeMarker: (text, signal) => inTime("put", signal, (either) => store.writeMarker(text, either)),
    tryOut: (signal) => inTime("trial", signal, (either) => store.tryOut(either)),
    listUploads: (options) =>
      inTime("list of uploads", options.signal, (signal) => store.listUploads({ ...options, signal })),
    abortUpload: (upload, signal) => inTime("abort", signal, (either) => store.abortUpload(upload, either)),
    versioning: (signal) => inTime("look-up", signal, (either) => store.versioning(either)),
    clockSkewMs: () => store.clockSkewMs(),
    invalidKey: (key) => store.invalidKey(key),
  };
}
