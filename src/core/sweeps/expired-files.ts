/**
 * expired-files: live rows whose end has come. They are marked expired; each key that nothing protects any more goes.
 */
import { readInstant } from "../catalog-time.ts";
import { type Decision, type Instant, keep, type RemovalReason } from "../model.ts";
import type { Cutoffs, FileRow, RowPage, Value } from "../ports.ts";
import type { SweepSettings } from "../settings.ts";
import type { Slice, SweepEnd } from "../slice.ts";
import { type PageAsk, type RowSweep, refuseToReachFurther } from "./row-rules.ts";
import { sweepRows } from "./row-sweep.ts";
import { vetoOf } from "./row-veto.ts";

export type FileSettings = Pick<SweepSettings, "expiryGraceMs" | "downloadGraceMs" | "ignorePrefixes" | "times">;

/**
 * Whether a live row's end has come. Pure.
 * @param invalidKey why a key cannot name an object of the store, or null
 */
export function decideFile(
  file: FileRow,
  now: Instant,
  settings: FileSettings,
  invalidKey: (key: string) => string | null,
): Decision {
  const end = endOf(file, now, settings);
  if (end === "not-due") return keep("not-due");
  const veto = vetoOf(file, settings.ignorePrefixes, invalidKey);
  if (veto !== null) return keep(veto);
  if (end === "unreadable-time") return keep("unreadable-time");
  return { verdict: "remove", reason: end };
}

/** Why a live file has come to its end, or that it has not, or that this cannot be told. Pure. */
export function endOf(
  file: Pick<FileRow, "expiresAt" | "downloadedAt" | "createdAt" | "downloads" | "maxDownloads">,
  now: Instant,
  settings: Pick<FileSettings, "expiryGraceMs" | "downloadGraceMs" | "times">,
): RemovalReason | "unreadable-time" | "not-due" {
  const expiresAt = readInstant(file.expiresAt, settings.times);
  if (expiresAt === "unreadable") return "unreadable-time";
  if (expiresAt !== null && expiresAt + settings.expiryGraceMs <= now) return "expired";
  if (!isUsedUp(file)) return "not-due";
  const downloadedAt = readInstant(file.downloadedAt ?? file.createdAt, settings.times);
  if (downloadedAt === null || downloadedAt === "unreadable") return "unreadable-time";
  return downloadedAt + settings.downloadGraceMs <= now ? "used-up" : "not-due";
}

/** Whether all downloads that a file was given are used. Pure. */
export function isUsedUp({ downloads, maxDownloads }: Pick<FileRow, "downloads" | "maxDownloads">): boolean {
  if (!isCount(maxDownloads) || !isCount(downloads)) return false;
  return maxDownloads > 0 && downloads >= maxDownloads;
}

function isCount(value: Value): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Up to when a row has to have come to its end, to be due at an instant. */
export function cutoffsAt(now: Instant, settings: Pick<FileSettings, "expiryGraceMs" | "downloadGraceMs">): Cutoffs {
  return { expiredBefore: now - settings.expiryGraceMs, downloadedBefore: now - settings.downloadGraceMs };
}

function duePage(slice: Slice, { after, limit, now }: PageAsk): RowPage & Cutoffs {
  return { ...cutoffsAt(now, slice.settings), after, limit };
}

function expiredFiles(slice: Slice): RowSweep {
  const { catalog } = slice.database;
  return {
    name: "expired-files",
    tooMany: "too-many-expired",
    describe: (due, lately, live) =>
      `${due.count} files are due${lately > 0 ? `, and ${lately} ended in the last 24 hours` : ""}, against ${live} live ones: more than CLEANUP_HOLD_EXPIRED_PERCENT allows (${slice.settings.holdExpiredPercent} %)`,
    decide: ({ settings, store }, file, now) => decideFile(file, now, settings, (key) => store.invalidKey(key)),
    page: (_, ask) => catalog.due(slice.held, duePage(slice, ask)),
    count: (_, now, sample, madeBy) => catalog.countDue(slice.held, cutoffsAt(now, slice.settings), sample, madeBy),
    end: (_, claims, run, next) => catalog.claim(slice.held, claims, run, next && duePage(slice, next)),
    stillProtected: (_, claims, now, last) =>
      catalog.protectedAfter(slice.held, [...new Set(claims.map(({ key }) => key))], {
        ...cutoffsAt(now, slice.settings),
        cursor: last,
      }),
    takesAlong: () => true,
    withoutObject: { kept: "still-protected" },
  };
}

export async function sweepExpiredFiles(slice: Slice): Promise<SweepEnd> {
  if (slice.settings.expiredAction === "delete") await refuseToReachFurther(slice, "expired-files");
  return sweepRows(expiredFiles(slice), slice);
}
