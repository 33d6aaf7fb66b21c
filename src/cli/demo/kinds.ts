/** The kinds of files on the demo's site, and where the rules say that each ends. */
import type { KeepReason, RemovalReason } from "../../core/model.ts";

/** What becomes of an object: it goes, waits for a second look, or stays. */
export const FATES = ["goes", "waits", "stays"] as const;
export type Fate = (typeof FATES)[number];

export interface Kind {
  /** What these files are, in a few words. */
  readonly label: string;
  readonly fate: Fate;
  /** The reason that filesweep gives for that. */
  readonly reason: RemovalReason | KeepReason;
  /** The same for people, in at most 45 characters. */
  readonly why: string;
  /** How many there are. */
  readonly count: number;
}

/**
 * In the order in which they are shown. The counts stay below what filesweep would hold for a person: at most 20 ripe
 * orphans, at most 100 rows to end.
 */
export const KINDS = {
  expired: {
    label: "expired",
    fate: "goes",
    reason: "expired",
    why: "their date has passed; nothing else names them",
    count: 58,
  },
  usedUp: {
    label: "downloads used up",
    fate: "goes",
    reason: "used-up",
    why: "downloaded as often as was allowed",
    count: 17,
  },
  leftOver: {
    label: "left over",
    fate: "goes",
    reason: "left-over",
    why: "their rows ended, but the bytes stayed behind",
    count: 7,
  },
  orphan: {
    label: "orphans",
    fate: "goes",
    reason: "unreferenced",
    why: "no row names them; unchanged since yesterday",
    count: 11,
  },
  newOrphan: {
    label: "orphans, seen once",
    fate: "waits",
    reason: "unreferenced",
    why: "no row names them; a second look must agree",
    count: 5,
  },
  live: {
    label: "live",
    fate: "stays",
    reason: "still-protected",
    why: "somebody can still download them",
    count: 172,
  },
  extended: {
    label: "extended",
    fate: "stays",
    reason: "still-protected",
    why: "due yesterday; their owners extended them",
    count: 6,
  },
  shared: {
    label: "shared",
    fate: "stays",
    reason: "still-protected",
    why: "one link has expired, the other lives on",
    count: 8,
  },
  justUsedUp: {
    label: "just used up",
    fate: "stays",
    reason: "still-protected",
    why: "the last download may still be under way",
    count: 3,
  },
  onHold: {
    label: "on hold",
    fate: "stays",
    reason: "on-hold",
    why: "expired, but somebody put them on hold",
    count: 5,
  },
  unreadable: {
    label: "unreadable expiry",
    fate: "stays",
    reason: "unreadable-time",
    why: "in doubt a file stays",
    count: 4,
  },
  claimed: {
    label: "orphans no more",
    fate: "stays",
    reason: "still-protected",
    why: "suspects yesterday; a row names them again",
    count: 2,
  },
  youngOrphan: {
    label: "orphans, too young",
    fate: "stays",
    reason: "too-young",
    why: "their upload may still be going on",
    count: 4,
  },
} as const satisfies Readonly<Record<string, Kind>>;

export type KindName = keyof typeof KINDS;

export const KIND_NAMES: readonly KindName[] = Object.keys(KINDS) as KindName[]; // The keys of a literal, as its type has them.
