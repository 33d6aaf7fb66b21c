import { SweepError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";

/** A store that cannot delete: what plans are given, so that no flag has to be remembered. */
export function readOnly(store: Store): Store {
  return {
    name: store.name,
    list: (options) => store.list(options),
    head: (key, signal) => store.head(key, signal),
    delete: () => Promise.reject(new SweepError("bug", "a plan cannot delete")),
    readMarker: (signal) => store.readMarker(signal),
    writeMarker: () => Promise.reject(new SweepError("bug", "a plan cannot write")),
    tryOut: () => Promise.reject(new SweepError("bug", "a plan cannot try a put and a delete out")),
    listUploads: (options) => store.listUploads(options),
    abortUpload: () => Promise.reject(new SweepError("bug", "a plan cannot abort uploads")),
    versioning: (signal) => store.versioning(signal),
    clockSkewMs: () => store.clockSkewMs(),
    invalidKey: (key) => store.invalidKey(key),
  };
}
