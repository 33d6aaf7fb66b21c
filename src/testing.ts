/** For tests of one's own: the reference store, in memory, and the port that it keeps to. */
export type { DeleteOutcome, DeleteRequest, ListedObject, ListPage, Store } from "./core/ports.ts";
export { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from "./storage/memory.ts";
