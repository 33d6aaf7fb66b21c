import { MODES, SWEEP_NAMES, type SweepName } from "../model.ts";
import { HOUR_MS, MIN_GATE_MS, MIN_ORPHAN_GRACE_MS, MINUTE_MS, SECOND_MS } from "../safety.ts";
import { accept, type Kind, quote, refuse, setting } from "./definition.ts";
import {
  choice,
  cronExpression,
  duration,
  limit,
  listItems,
  orWord,
  percentage,
  textList,
  truth,
  wholeNumber,
} from "./kinds.ts";
import { nearest } from "./nearest.ts";
import { type Budget, PRESET_NAMES, PRESETS } from "./presets.ts";

/** The sweeps that exist today, in the order of `SWEEP_NAMES`. */
export const BUILT_SWEEPS: readonly SweepName[] = SWEEP_NAMES;

const sweepNames: Kind<readonly SweepName[]> = {
  allowed: `comma-separated, of ${BUILT_SWEEPS.join(", ")}`,
  parse(input, context) {
    const items = listItems(input);
    if (items === null) return refuse("an item is empty, or it is not a list of names");
    const built: readonly SweepName[] = context.allBuilt ? SWEEP_NAMES : BUILT_SWEEPS;
    for (const item of items) {
      const known = SWEEP_NAMES.find((name) => name === item);
      if (known === undefined) return refuse(`there is no sweep ${quote(item)}; did you mean ${nearest(item, built)}?`);
      if (!built.includes(known)) return refuse(`the sweep ${known} is not built yet`);
    }
    return accept(SWEEP_NAMES.filter((name) => items.includes(name)));
  },
};

/** A run takes some calls to open, to save its place and to close: with fewer it would never get anywhere. */
const MIN_CALLS = 20;
const MANY = 1_000_000_000;

/** When it runs, and what it does. */
export const RUNNING = {
  enabled: setting("CLEANUP_ENABLED", {
    kind: truth,
    default: "true",
    help: "false: the schedule does nothing; a person still can start a run.",
    built: true,
  }),
  intervalMs: setting("CLEANUP_INTERVAL_MINUTES", {
    kind: duration("minutes", 1, 7 * 24 * 60),
    default: "60",
    help: "Time between runs on Node and Deno; instead of CLEANUP_CRON.",
    built: true,
  }),
  cron: setting("CLEANUP_CRON", {
    kind: cronExpression,
    default: null,
    help: "When runs start on Node and Deno; instead of CLEANUP_INTERVAL_MINUTES. A Worker's is in its configuration.",
    built: true,
  }),
  mode: setting("CLEANUP_MODE", {
    kind: choice(MODES),
    default: "remove",
    help: "plan: every run decides everything and removes nothing, unless it is told to remove.",
    built: true,
  }),
  sweeps: setting("CLEANUP_SWEEPS", {
    kind: sweepNames,
    default: null,
    defaultNote: "all",
    help: "The sweeps that run. What is already open in the ledger is finished regardless.",
    built: true,
  }),
  firstRun: setting("CLEANUP_FIRST_RUN", {
    kind: choice(["hold", "remove"]),
    default: "hold",
    help: "remove: no person has to look before the first removal from a store that holds objects already.",
    built: true,
  }),
  identityMarker: setting("CLEANUP_IDENTITY_MARKER", {
    kind: truth,
    default: "true",
    help: "false: nothing is written to the store; first contact is remembered in the database alone.",
    built: true,
  }),
};

/** What counts as garbage, and since when. */
export const DECIDING = {
  expiryGraceMs: setting("CLEANUP_EXPIRY_GRACE_MINUTES", {
    kind: duration("minutes"),
    default: "0",
    help: "How long a file stays after it has expired.",
    built: true,
  }),
  downloadGraceMs: setting("CLEANUP_DOWNLOAD_GRACE_MINUTES", {
    kind: duration("minutes"),
    default: "60",
    help: "How long a file stays after its last download: somebody may still be downloading.",
    built: true,
  }),
  oldFilesMs: setting("CLEANUP_OLD_FILES_DAYS", {
    kind: duration("days"),
    default: "7",
    help: "Records downloaded longer ago than this are deleted. On a mapped table off until it is set.",
    built: true,
  }),
  oldFilesLive: setting("CLEANUP_OLD_FILES_LIVE", {
    kind: choice(["keep", "remove"]),
    default: "keep",
    help: "remove: old records go even while their file is live.",
    built: true,
  }),
  expiredRecordMs: setting("CLEANUP_EXPIRED_RECORD_DAYS", {
    kind: orWord(duration("days"), "off"),
    default: "off",
    help: "Records of expired files that nobody downloaded are deleted this long after their expiry.",
    built: true,
  }),
  orphanGraceMs: setting("CLEANUP_ORPHAN_GRACE_HOURS", {
    kind: duration("hours", MIN_ORPHAN_GRACE_MS / HOUR_MS),
    default: "24",
    help: "An object younger than this is never an orphan. Longer than the longest upload takes.",
    built: true,
  }),
  quarantineMs: setting("CLEANUP_QUARANTINE_HOURS", {
    kind: duration("hours"),
    default: "24",
    help: "An orphan goes when a later run sees it again, unchanged, this long after the first. 0: at first sight.",
    built: true,
  }),
  leftovers: setting("CLEANUP_LEFTOVERS", {
    kind: choice(["all", "own"]),
    default: null,
    defaultNote: "all; own on a mapped table",
    help: "Objects of rows marked expired: all of them, or only those that filesweep once set out to remove.",
    built: true,
  }),
  ignorePrefixes: setting("CLEANUP_IGNORE_PREFIXES", {
    kind: textList("comma-separated beginnings of keys, or a JSON array of them"),
    default: null,
    help: "Objects whose key begins so are never touched. Taken as written: images also means images2/a.png.",
    built: true,
  }),
  uploadGraceMs: setting("CLEANUP_UPLOAD_GRACE_HOURS", {
    kind: duration("hours", 1),
    default: "168",
    help: "Multipart uploads begun longer ago than this are aborted.",
    built: true,
  }),
  scanEveryMs: setting("CLEANUP_SCAN_EVERY_HOURS", {
    kind: duration("hours"),
    default: "24",
    help: "How often scheduled runs list the whole store. A run started by a person always does.",
    built: true,
  }),
};

/** When a person is asked, and how long things are remembered. */
export const GUARDING = {
  holdPercent: setting("CLEANUP_HOLD_PERCENT", {
    kind: percentage,
    default: "10",
    help: "More orphans than this share of the store's objects wait for a person.",
    built: true,
  }),
  holdExpiredPercent: setting("CLEANUP_HOLD_EXPIRED_PERCENT", {
    kind: percentage,
    default: "50",
    help: "More rows to end than this share of the live ones wait for a person.",
    built: true,
  }),
  holdCount: setting("CLEANUP_HOLD_COUNT", {
    kind: wholeNumber(0, MANY),
    default: "100000",
    help: "More removals than this in one sweep wait for a person.",
    built: true,
  }),
  gateMs: setting("CLEANUP_GATE_MINUTES", {
    kind: duration("minutes", MIN_GATE_MS / MINUTE_MS),
    default: "10",
    help: "How long after its removal no row may name a key. Longer than the application takes from object to row.",
    built: true,
  }),
  historyMs: setting("CLEANUP_HISTORY_DAYS", {
    kind: duration("days", 1),
    default: "90",
    help: "How long finished runs and removals are remembered.",
    built: true,
  }),
  staleAfterMs: setting("CLEANUP_STALE_AFTER_HOURS", {
    kind: duration("hours", 1),
    default: "26",
    help: "Without a success for this long /readyz answers 503.",
    built: true,
  }),
};

/** The default of a setting that the preset gives, for people; `unit` is what a number is divided by. */
function presetNote(field: keyof Budget, unit = 1): string {
  const values = PRESET_NAMES.map((name) => PRESETS[name][field]);
  return `${values.map((value) => (value === null ? "none" : value / unit)).join(", ")} (${PRESET_NAMES.join(", ")})`;
}

/** How much one slice of a run may do. */
export const BUDGET = {
  preset: setting("CLEANUP_PRESET", {
    kind: choice(PRESET_NAMES),
    default: null,
    defaultNote: "server; workers-free in a Worker",
    help: "Where the five numbers below come from, unless they are set.",
    built: true,
  }),
  maxRemovals: setting("CLEANUP_MAX_REMOVALS", {
    kind: limit(wholeNumber(1, MANY)),
    default: null,
    defaultNote: presetNote("maxRemovals"),
    help: "Objects that one slice removes at most.",
    built: true,
  }),
  maxDurationMs: setting("CLEANUP_MAX_SECONDS", {
    kind: limit(duration("seconds", 1)),
    default: null,
    defaultNote: presetNote("maxDurationMs", SECOND_MS),
    help: "How long one slice takes at most.",
    built: true,
  }),
  maxCalls: setting("CLEANUP_MAX_CALLS", {
    kind: limit(wholeNumber(MIN_CALLS, MANY)),
    default: null,
    defaultNote: presetNote("maxCalls"),
    help: "Calls to the database and the store that one slice makes at most.",
    built: true,
  }),
  pageSize: setting("CLEANUP_PAGE_SIZE", {
    kind: wholeNumber(1, 1000),
    default: null,
    defaultNote: presetNote("pageSize"),
    help: "Rows or objects that are read and judged at once.",
    built: true,
  }),
  concurrency: setting("CLEANUP_CONCURRENCY", {
    kind: wholeNumber(1, 64),
    default: null,
    defaultNote: presetNote("concurrency"),
    help: "Calls to the store in flight at once.",
    built: true,
  }),
};
