import type { Store } from "../core/ports.ts";
import { wrapped } from "./wrapped.ts";

/** Counts the calls to a store: one for a page of a listing, a look-up or a batch of deletes. */
export function counted(store: Store): { readonly store: Store; readonly calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    store: wrapped(store, (call, signal, work) => {
      // A put, a look-up and a delete.
      calls += call === "trial" ? 3 : 1;
      return work(signal);
    }),
  };
}
