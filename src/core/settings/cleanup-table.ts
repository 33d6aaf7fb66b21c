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

const sweepNames: Kind<readonly SweepName[]> = {
  allowed: `comma-separated, of ${SWEEP_NAMES.join(", ")}`,
  parse(input) {
    const items = listItems(input);
    if (items === null) return refuse("an item is empty, or it is not a list of names");
    const unknown = items.find((item) => !SWEEP_NAMES.some((name) => name === item));
    if (unknown !== undefined) {
      return refuse(`there is no sweep ${quote(unknown)}; did you mean ${nearest(unknown, SWEEP_NAMES)}?`);
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
  }),
  intervalMs: setting("CLEANUP_INTERVAL_MINUTES", {
    kind: duration("minutes", 1, 7 * 24 * 60),
    default: "60",
    help: "Time between runs on Node and Deno; instead of CLEANUP_CRON.",
  }),
  cron: setting("CLEANUP_CRON", {
    kind: cronExpression,
    default: null,
    help: "When runs start on Node and Deno; instead of CLEANUP_INTERVAL_MINUTES. A Worker's is in its configuration.",
  }),
  mode: setting("CLEANUP_MODE", {
    kind: choice(MODES),
    default: "remove",
    help: "plan: every run decides everything and removes nothing, unless it is told to remove.",
  }),
  sweeps: setting("CLEANUP_SWEEPS", {
    kind: sweepNames,
    default: null,
    defaultNote: "all",
    help: "The sweeps that run. What is already open in the ledger is finished regardless.",
  }),
  firstRun: setting("CLEANUP_FIRST_RUN", {
    kind: choice(["hold", "remove"]),
    default: "hold",
    help: "remove: no person has to look before the first removal from a store that holds objects already.",
  }),
  identityMarker: setting("CLEANUP_IDENTITY_MARKER", {
    kind: truth,
    default: "true",
    help: "false: nothing is written to the store; first contact is remembered in the database alone.",
  }),
};

/** What counts as garbage, and since when. */
export const DECIDING = {
  expiryGraceMs: setting("CLEANUP_EXPIRY_GRACE_MINUTES", {
    kind: duration("minutes"),
    default: "0",
    help: "How long a file stays after it has expired.",
  }),
  downloadGraceMs: setting("CLEANUP_DOWNLOAD_GRACE_MINUTES", {
    kind: duration("minutes"),
    default: "60",
    help: "How long a file stays after its last download: somebody may still be downloading.",
  }),
  oldFilesMs: setting("CLEANUP_OLD_FILES_DAYS", {
    kind: duration("days"),
    default: "7",
    help: "Records downloaded longer ago than this are deleted. On a mapped table off until it is set.",
  }),
  oldFilesLive: setting("CLEANUP_OLD_FILES_LIVE", {
    kind: choice(["keep", "remove"]),
    default: "keep",
    help: "remove: old records go even while their file is live.",
  }),
  expiredRecordMs: setting("CLEANUP_EXPIRED_RECORD_DAYS", {
    kind: orWord(duration("days"), "off"),
    default: "off",
    help: "Records of expired files that nobody downloaded are deleted this long after their expiry.",
  }),
  orphanGraceMs: setting("CLEANUP_ORPHAN_GRACE_HOURS", {
    kind: duration("hours", MIN_ORPHAN_GRACE_MS / HOUR_MS),
    default: "24",
    help: "An object younger than this is never an orphan. Longer than the longest upload takes.",
  }),
  quarantineMs: setting("CLEANUP_QUARANTINE_HOURS", {
    kind: duration("hours"),
    default: "24",
    help: "An orphan goes when a later run sees it again, unchanged, this long after the first. 0: at first sight.",
  }),
  leftovers: setting("CLEANUP_LEFTOVERS", {
    kind: choice(["all", "own"]),
    default: null,
    defaultNote: "all; own on a mapped table",
    help: "Objects of rows marked expired: all of them, or only those that filesweep once set out to remove.",
  }),
  ignorePrefixes: setting("CLEANUP_IGNORE_PREFIXES", {
    kind: textList("comma-separated beginnings of keys, or a JSON array of them"),
    default: null,
    help: "Objects whose key begins so are never touched. Taken as written: images also means images2/a.png.",
  }),
  uploadGraceMs: setting("CLEANUP_UPLOAD_GRACE_HOURS", {
    kind: duration("hours", 1),
    default: "168",
    help: "Multipart uploads begun longer ago than this are aborted.",
  }),
  scanEveryMs: setting("CLEANUP_SCAN_EVERY_HOURS", {
    kind: duration("hours"),
    default: "24",
    help: "How often scheduled runs list the whole store. A run started by a person always does.",
  }),
};

/** When a person is asked, and how long things are remembered. */
export const GUARDING = {
  holdPercent: setting("CLEANUP_HOLD_PERCENT", {
    kind: percentage,
    default: "10",
    help: "More orphans than this share of the store's objects wait for a person.",
  }),
  holdExpiredPercent: setting("CLEANUP_HOLD_EXPIRED_PERCENT", {
    kind: percentage,
    default: "50",
    help: "More rows to end than this share of the live ones wait for a person.",
  }),
  holdCount: setting("CLEANUP_HOLD_COUNT", {
    kind: wholeNumber(0, MANY),
    default: "100000",
    help: "More removals than this in one sweep wait for a person.",
  }),
  gateMs: setting("CLEANUP_GATE_MINUTES", {
    kind: duration("minutes", MIN_GATE_MS / MINUTE_MS),
    default: "10",
    help: "How long after its removal no row may name a key. Longer than the application takes from object to row.",
  }),
  historyMs: setting("CLEANUP_HISTORY_DAYS", {
    kind: duration("days", 1),
    default: "90",
    help: "How long finished runs and removals are remembered.",
  }),
  staleAfterMs: setting("CLEANUP_STALE_AFTER_HOURS", {
    kind: duration("hours", 1),
    default: "26",
    help: "Without a success for this long /readyz answers 503.",
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
  }),
  maxRemovals: setting("CLEANUP_MAX_REMOVALS", {
    kind: limit(wholeNumber(1, MANY)),
    default: null,
    defaultNote: presetNote("maxRemovals"),
    help: "Objects that one slice removes at most.",
  }),
  maxDurationMs: setting("CLEANUP_MAX_SECONDS", {
    kind: limit(duration("seconds", 1)),
    default: null,
    defaultNote: presetNote("maxDurationMs", SECOND_MS),
    help: "How long one slice takes at most.",
  }),
  maxCalls: setting("CLEANUP_MAX_CALLS", {
    kind: limit(wholeNumber(MIN_CALLS, MANY)),
    default: null,
    defaultNote: presetNote("maxCalls"),
    help: "Calls to the database and the store that one slice makes at most.",
  }),
  pageSize: setting("CLEANUP_PAGE_SIZE", {
    kind: wholeNumber(1, 1000),
    default: null,
    defaultNote: presetNote("pageSize"),
    help: "Rows or objects that are read and judged at once.",
  }),
  concurrency: setting("CLEANUP_CONCURRENCY", {
    kind: wholeNumber(1, 64),
    default: null,
    defaultNote: presetNote("concurrency"),
    help: "Calls to the store in flight at once.",
  }),
};
