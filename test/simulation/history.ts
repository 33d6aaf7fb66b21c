/**
 * A history: what an application, one to three instances of filesweep, an operator and chance do, one step after the
 * other. It is plain data, so that fast-check can draw it, and shrink one that fails to the few steps that matter.
 */
import fc from "fast-check";
import type { Mode } from "../../src/core/model.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../src/core/safety.ts";
import type { CallName } from "../support/faults.ts";
import type { CatalogName } from "./catalogs.ts";

/** What the promises of `docs/safety.md` need of their surroundings. Each can be taken away. */
export interface Conditions {
  /** Who writes (or finds) the object first names it within the gate's time; where keys are fresh, within the grace. */
  readonly namedInTime: boolean;
  /** No key is ever used again. This one is not needed: it makes the time to name an object in longer. */
  readonly freshKeys: boolean;
  /** The gate's triggers stand. */
  readonly gate: boolean;
  /** A delete that nobody waits for any more takes effect within the gate's time, or never. */
  readonly lateDeletesEnd: boolean;
  /** No instance runs while the database is put back. */
  readonly stoppedForRestore: boolean;
  /** Who puts it back tells of it before a run begins that is not held for it. */
  readonly toldFirst: boolean;
}

export const ALL_CONDITIONS: Conditions = {
  namedInTime: true,
  freshKeys: false,
  gate: true,
  lateDeletesEnd: true,
  stoppedForRestore: true,
  toldFirst: true,
};

/** Where it plays. */
export interface Site {
  /** Which table the application keeps its files in. */
  readonly catalog: CatalogName;
  /** A real folder: without uploads, etags and unknown ages. */
  readonly folder: boolean;
  readonly quarantineMs: number;
  readonly pageSize: number;
  readonly maxCalls: number | null;
  readonly maxRemovals: number | null;
  /** Whether the store compares an object's looks before it deletes it: a store need not. */
  readonly compares: boolean;
  readonly oldFilesLive: "keep" | "remove";
  readonly firstRun: "hold" | "remove";
  readonly identityMarker: boolean;
  /** Whether two files are due and an orphan is old from the beginning. */
  readonly garbage: boolean;
  /** Which objects of ended rows are orphans: all, or those alone that filesweep removed once before. */
  readonly leftovers: "all" | "own";
  /** How far the database's clock is ahead. */
  readonly databaseSkewMs: number;
  /** How far the store's is, where its answers carry one. */
  readonly storeSkewMs: number | null;
}

export interface History {
  readonly site: Site;
  readonly steps: readonly Step[];
}

/** What the store, or the way to it, does to the next call that it fits. */
export const STORE_FAULTS = [
  "short-page",
  "empty-page",
  "backwards",
  "repeated",
  "stale-listing",
  "incomplete-listing",
  "list-error",
  "not-found",
  "partly-refused",
  "partly-unknown",
  "partly-unnamed",
  "short-uploads",
  "stale-uploads",
  "uploads-error",
] as const;
export type StoreFault = (typeof STORE_FAULTS)[number];

/** A call that a process may be stopped at. */
export type StopAt = Extract<CallName, "delete" | "database" | "list" | "writeMarker" | "abortUpload">;

/** What becomes of a call, and of who made it. */
export const STRIKES = ["fail", "late", "lost", "twice", "kill", "kill-late", "kill-after"] as const;
export type Strike = (typeof STRIKES)[number];

/** `n` picks one of what there is at that moment; `key` one of {@link KEYS}. */
export type Step =
  // The application.
  | { readonly do: "row-first"; readonly key: number; readonly ttlMs: number | null; readonly max: number | null }
  | { readonly do: "object-first"; readonly key: number }
  | { readonly do: "multipart"; readonly key: number; readonly begun: "now" | "long ago" | "at no known time" }
  | { readonly do: "complete-upload"; readonly n: number }
  | { readonly do: "look-first"; readonly key: number; readonly revive: boolean }
  /** Names what was put or looked for, in a row or from another column. */
  | {
      readonly do: "finish-upload";
      readonly n: number;
      readonly ttlMs: number | null;
      readonly by?: "reference" | "row";
    }
  | { readonly do: "share"; readonly n: number; readonly ttlMs: number | null }
  | { readonly do: "extend"; readonly n: number; readonly ttlMs: number | null }
  | { readonly do: "download" | "overwrite" | "late-put" | "lose" | "derive"; readonly n: number }
  | { readonly do: "drop-reference"; readonly n: number }
  | { readonly do: "delete"; readonly n: number; readonly object: boolean }
  | { readonly do: "pin"; readonly n: number; readonly pinned: boolean }
  | { readonly do: "set-status"; readonly n: number; readonly status: string }
  | { readonly do: "abandon"; readonly key: number; readonly age: "old" | "new" | "unknown" }
  | { readonly do: "crowd"; readonly of: "orphans" | "due rows" }
  // filesweep.
  | { readonly do: "run"; readonly process: number; readonly mode: Mode }
  | { readonly do: "start"; readonly process: number; readonly mode: Mode; readonly scheduled: boolean }
  | { readonly do: "go"; readonly n: number; readonly turns: number }
  | { readonly do: "go-to"; readonly n: number; readonly call: StopAt; readonly answered: boolean }
  | { readonly do: "strike"; readonly process: number; readonly call: StopAt; readonly how: Strike }
  | { readonly do: "fail"; readonly n: number; readonly late: boolean }
  | { readonly do: "kill"; readonly n: number; readonly late: boolean }
  | { readonly do: "twice"; readonly n: number }
  | { readonly do: "deliver"; readonly n: number }
  // The operator.
  | { readonly do: "approve" | "cancel-hold" | "cancel-run" | "release" | "retry"; readonly n: number }
  | { readonly do: "ignore"; readonly ignored: boolean }
  | { readonly do: "tell-restored" }
  // Chance.
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "skew"; readonly process: number; readonly ms: number }
  | { readonly do: "store-fault"; readonly fault: StoreFault }
  | { readonly do: "refuse"; readonly key: number; readonly refused: boolean }
  | { readonly do: "freeze"; readonly what: "listings" | "replica" }
  | { readonly do: "nest"; readonly there: boolean }
  | { readonly do: "backup" }
  | { readonly do: "restore" }
  | { readonly do: "gate"; readonly stands: boolean };

/** What an operator may keep out, a raw beginning of keys. */
export const IGNORED = "c/";

/** Where another instance has its store, inside of this one. */
export const NESTED = "d/";

/** In the order of UTF-8, which is not the order of UTF-16 for the last two. */
export const KEYS = ["a", "b", "c/d", "e", "\u{FF5E}", "\u{1F600}"] as const;

const key = fc.nat({ max: 5 });
const n = fc.nat({ max: 5 });
const few = fc.nat({ max: 3 });
const process = fc.constantFrom(0, 0, 0, 1, 1, 2);
const ttlMs = fc.constantFrom(null, -SECOND_MS, MINUTE_MS, 2 * HOUR_MS, DAY_MS);
const mode = fc.constantFrom<Mode>("remove", "remove", "remove", "plan");
const yesOrNo = fc.boolean();

function often<Kind extends Step["do"], Fields extends object>(
  weight: number,
  kind: Kind,
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> },
) {
  return { weight, arbitrary: fc.record(fields).map((drawn) => ({ do: kind, ...drawn }) as { do: Kind } & Fields) };
}

const uploads: readonly fc.WeightedArbitrary<Step>[] = [
  often(12, "row-first", { key, ttlMs, max: fc.constantFrom(null, null, 1) }),
  often(10, "object-first", { key }),
  often(6, "multipart", {
    key,
    begun: fc.constantFrom("now" as const, "long ago" as const, "at no known time" as const),
  }),
  often(6, "complete-upload", { n: few }),
  often(8, "look-first", { key, revive: yesOrNo }),
  often(18, "finish-upload", {
    n: few,
    ttlMs,
    by: fc.constantFrom("row" as const, "row" as const, "reference" as const),
  }),
  often(10, "abandon", {
    key,
    age: fc.constantFrom("old" as const, "old" as const, "new" as const, "unknown" as const),
  }),
  often(1, "crowd", { of: fc.constantFrom(...Array<"orphans">(9).fill("orphans"), "due rows" as const) }),
];

const changes: readonly fc.WeightedArbitrary<Step>[] = [
  often(4, "share", { n, ttlMs }),
  often(6, "extend", { n, ttlMs }),
  often(6, "download", { n }),
  often(4, "overwrite", { n }),
  often(4, "late-put", { n }),
  often(2, "lose", { n }),
  often(4, "delete", { n, object: yesOrNo }),
  often(2, "pin", { n, pinned: yesOrNo }),
  often(5, "set-status", { n, status: fc.constantFrom("active", "uploading", "expired", "deleted", "elsewhere") }),
  often(3, "derive", { n }),
  often(4, "drop-reference", { n: few }),
];

/** Where a process may be stopped: most is at stake around a delete. */
const call = fc.constantFrom(
  "delete" as const,
  "delete" as const,
  "delete" as const,
  "database" as const,
  "list" as const,
  "writeMarker" as const,
  "abortUpload" as const,
);
const turns = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 60 }));

const filesweep: readonly fc.WeightedArbitrary<Step>[] = [
  often(16, "run", { process, mode }),
  often(18, "start", { process, mode, scheduled: yesOrNo }),
  often(30, "go", { n: few, turns }),
  often(24, "go-to", { n: few, call, answered: yesOrNo }),
  often(34, "strike", { process, call, how: fc.constantFrom(...STRIKES) }),
  often(8, "fail", { n: few, late: yesOrNo }),
  often(6, "kill", { n: few, late: yesOrNo }),
  often(4, "twice", { n: few }),
  often(14, "deliver", { n: few }),
];

const operator: readonly fc.WeightedArbitrary<Step>[] = [
  often(4, "approve", { n: few }),
  often(2, "cancel-hold", { n: few }),
  often(2, "cancel-run", { n: few }),
  often(4, "release", { n: few }),
  often(2, "retry", { n: few }),
  often(2, "ignore", { ignored: yesOrNo }),
  { weight: 3, arbitrary: fc.constant({ do: "tell-restored" } as const) },
];

const waits = fc.constantFrom(
  ...[SECOND_MS, 11 * SECOND_MS, 31 * SECOND_MS, 6 * MINUTE_MS, 10 * MINUTE_MS, 11 * MINUTE_MS],
  ...[2 * HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS, 5 * HOUR_MS, 25 * HOUR_MS],
);
const skews = fc.constantFrom(0, 0, ...[4, -4, 20, -20, 60 * 24 * 30].map((minutes) => minutes * MINUTE_MS));

const chance: readonly fc.WeightedArbitrary<Step>[] = [
  often(36, "wait", { ms: waits }),
  often(1, "wait", { ms: fc.constant(8 * DAY_MS) }),
  often(3, "skew", { process, ms: skews }),
  often(16, "store-fault", { fault: fc.constantFrom(...STORE_FAULTS) }),
  often(4, "refuse", { key, refused: yesOrNo }),
  often(4, "freeze", { what: fc.constantFrom("listings" as const, "replica" as const) }),
  often(2, "nest", { there: yesOrNo }),
  { weight: 4, arbitrary: fc.constant({ do: "backup" } as const) },
  { weight: 2, arbitrary: fc.constant({ do: "restore" } as const) },
];

/** The likelier a step is to matter, the oftener it is drawn. */
const always = [...uploads, ...changes, ...filesweep, ...operator, ...chance];

const dropsGate: readonly fc.WeightedArbitrary<Step>[] = [often(6, "gate", { stands: yesOrNo })];

const site: fc.Arbitrary<Site> = fc.record({
  quarantineMs: fc.constantFrom(0, HOUR_MS),
  pageSize: fc.constantFrom(2, 3, 100),
  maxCalls: fc.constantFrom(null, null, 20, 30),
  maxRemovals: fc.constantFrom(null, null, null, 1),
  compares: fc.boolean(),
  oldFilesLive: fc.constantFrom("keep", "remove"),
  firstRun: fc.constantFrom("remove", "remove", "remove", "hold"),
  identityMarker: fc.constantFrom(true, true, true, false),
  garbage: fc.constantFrom(false, true, true, true),
  catalog: fc.constantFrom("files", "files", "attachments", "photos"),
  folder: fc.constantFrom(false, false, false, true),
  leftovers: fc.constantFrom("all", "all", "own"),
  databaseSkewMs: fc.constantFrom(0, 0, 2 * MINUTE_MS, -2 * MINUTE_MS),
  storeSkewMs: fc.constantFrom(null, null, null, 0, 0, 4 * MINUTE_MS, -4 * MINUTE_MS, 20 * MINUTE_MS),
});

/** Histories of up to `length` steps under these conditions. */
export function histories(conditions: Conditions, length: number): fc.Arbitrary<History> {
  const steps = conditions.gate ? always : [...always, ...dropsGate];
  return fc.record({
    site,
    steps: fc.array(fc.oneof({ withCrossShrink: false }, ...steps), { minLength: 1, maxLength: length, size: "max" }),
  });
}
