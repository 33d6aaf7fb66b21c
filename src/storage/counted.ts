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
      invalidKey: (key) => store.invalidKey(key),
    },
  };
}
