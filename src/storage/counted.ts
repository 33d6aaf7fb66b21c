import type { Store } from "../core/ports.ts";
import { wrapped } from "./wrapped.ts";

/**
 * Counts the calls to a store, for budget and report: one for a page of a listing, a look-up or a batch of deletes. Not
 * bytes: no budget is in bytes, and those of the report are the objects' own, each counted once its delete is answered.
 */
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
