import type { Store } from "../core/ports.ts";

/**
 * Every call of a wrapped store goes through this.
 * @param call what it is, for a person
 * @param signal the caller's
 * @param work makes the call, under the signal that it is given
 */
export type Passage = <Answer>(
  call: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal | undefined) => Promise<Answer>,
) => Promise<Answer>;

/** The same store, whose calls all go through one passage: what a coat is made of. */
export function wrapped(store: Store, passage: Passage): Store {
  return {
    name: store.name,
    list: (options) => passage("list", options.signal, (signal) => store.list({ ...options, ...given(signal) })),
    head: (key, caller) => passage("head", caller, (signal) => store.head(key, signal)),
    delete: (requests, caller, sent) => passage("delete", caller, (signal) => store.delete(requests, signal, sent)),
    readMarker: (caller) => passage("look-up", caller, (signal) => store.readMarker(signal)),
    writeMarker: (text, caller) => passage("put", caller, (signal) => store.writeMarker(text, signal)),
    tryOut: (caller) => passage("trial", caller, (signal) => store.tryOut(signal)),
    listUploads: (options) =>
      passage("list of uploads", options.signal, (signal) => store.listUploads({ ...options, ...given(signal) })),
    abortUpload: (upload, caller) => passage("abort", caller, (signal) => store.abortUpload(upload, signal)),
    versioning: (caller) => passage("look-up", caller, (signal) => store.versioning(signal)),
    clockSkewMs: () => store.clockSkewMs(),
    invalidKey: (key) => store.invalidKey(key),
  };
}

function given(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
