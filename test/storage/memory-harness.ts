import { createMemoryStore } from "../../src/storage/memory.ts";
import type { StoreHarness, StoreTraits } from "../contract/store.ts";

export const MEMORY_TRAITS: StoreTraits = {
  compares: true,
  setsModifiedAt: true,
  hasEtags: true,
  invalidKeys: [],
  hasDirectories: false,
  versioning: "none",
};

/** A memory store for the contract, and beside it one of the same objects that answers short pages. */
export function makeMemoryHarness(): StoreHarness {
  const store = createMemoryStore();
  const short = createMemoryStore({ maxPage: 3 });
  return {
    store,
    shortPages: short,
    async put(key, { sizeBytes = 3, modifiedAt = 0 } = {}) {
      for (const each of [store, short]) each.put(key, { sizeBytes, modifiedAt });
    },
    exists: async (key) => store.has(key),
    async remove(key) {
      for (const each of [store, short]) each.remove(key);
    },
    beginUpload: async (key) => ({ key, uploadId: store.beginUpload(key) }),
    makeUndeletable: async (key) => store.refuse(key, "somebody holds it"),
  };
}
