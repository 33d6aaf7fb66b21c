/**
 * What the core needs from outside. Each method of the database ports is one round trip and one transaction; each
 * method of the store is at most one request per page or batch. Adapters map their vendor's errors to `SweepError`.
 */

export type * from "./ports/catalog.ts";
export type * from "./ports/database.ts";
export type * from "./ports/desk.ts";
export type * from "./ports/journal.ts";
export type * from "./ports/lease.ts";
export type * from "./ports/ledger.ts";
export type * from "./ports/runtime.ts";
export type * from "./ports/store.ts";
export type * from "./ports/survey.ts";
