import type { Store } from "../core/ports.ts";

/** Counts the calls to a store: one for a page of a listing, a look-up or a batch of deletes. */
export function counted(store: Store): { readonly store: Store; readonly calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    store: {
      name: store.name,
      list(options) {
        calls += 1;
        return store.list(options);
      },
      head(key, signal) {
        calls += 1;
        return store.head(key, signal);
      },
      delete(requests, signal) {
        calls += 1;
        return store.delete(requests, signal);
      },
      readMarker(signal) {
        calls += 1;
        return store.readMarker(signal);
      },
      writeMarker(text, signal) {
        calls += 1;
        return store.writeMarker(text, signal);
      },
      tryOut(signal) {
        calls += 3;
        return store.tryOut(signal);
      },
      listUploads(options) {
        calls += 1;
        return store.listUploads(options);
      },
      abortUpload(upload, signal) {
        calls += 1;
        return store.abortUpload(upload, signal);
      },
      versioning(signal) {
        calls += 1;
        return store.versioning(signal);
      },
      clockSkewMs: () => store.clockSkewMs(),
      invalidKey: (key) => store.invalidKey(key),
    },
  };
}
