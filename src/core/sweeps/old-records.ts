/**
 * old-records: rows that nobody needs any more are deleted from the catalog: downloaded long ago and ended, or expired
 * long ago without a download. The last row that protects a key takes its object along.
 */
import { readInstant } from "../catalog-time.ts";
import { type Decision, type Instant, keep } from "../model.ts";
import type { FileRow, OldCutoffs, RowPage, Standing } from "../ports.ts";
import type { SweepSettings } from "../settings.ts";
import { progressOf, type Slice, type SweepEnd } from "../slice.ts";
import { endOf, isUsedUp } from "./expired-files.ts";
import { type PageAsk, type RowSweep, refuseToReachFurther } from "./row-rules.ts";
import { sweepRows } from "./row-sweep.ts";
import { vetoOf } from "./row-veto.ts";

export type RecordSettings = Pick<
  SweepSettings,
  "oldFilesMs" | "oldFilesLive" | "expiredRecordMs" | "expiryGraceMs" | "downloadGraceMs" | "ignorePrefixes" | "times"
>;

/**
 * Whether a row is to be deleted. Pure.
 * @param invalidKey why a key cannot name an object of the store, or null
 */
export function decideRecord(
  file: FileRow,
  now: Instant,
  settings: RecordSettings,
  rules: { readonly standing: Standing; readonly invalidKey: (key: string) => string | null },
): Decision {
  if (rules.standing === "other") return keep("not-due");
  const isLive = rules.standing === "live";
  const age = ageOf(file, now, settings, isLive);
  if (age === "not-due") return keep("not-due");
  const veto = vetoOf(file, settings.ignorePrefixes, rules.invalidKey);
  if (veto !== null) return keep(veto);
  if (age === "unreadable-time") return keep("unreadable-time");
  const hasEnded = !isLive || isUsedUp(file) || endOf(file, now, settings) === "expired";
  if (!hasEnded && settings.oldFilesLive === "keep") return keep("still-live");
  return { verdict: "remove", reason: "old-record" };
}

function ageOf(
  file: FileRow,
  now: Instant,
  settings: RecordSettings,
  isLive: boolean,
): "old" | "not-due" | "unreadable-time" {
  const downloadedAt = readInstant(file.downloadedAt, settings.times);
  if (downloadedAt === "unreadable") return "unreadable-time";
  if (downloadedAt !== null) {
    return settings.oldFilesMs !== null && now - downloadedAt > settings.oldFilesMs ? "old" : "not-due";
  }
  const expiresAt = readInstant(file.expiresAt, settings.times);
  if (expiresAt === "unreadable") return "unreadable-time";
  if (isLive || settings.expiredRecordMs === null || expiresAt === null) return "not-due";
  return now - expiresAt > settings.expiredRecordMs ? "old" : "not-due";
}

function cutoffs({ settings }: Slice, now: Instant): OldCutoffs {
  return {
    downloadedBefore: settings.oldFilesMs === null ? 0 : now - settings.oldFilesMs,
    expiredBefore: settings.expiredRecordMs === null ? null : now - settings.expiredRecordMs,
  };
}

function oldPage(slice: Slice, { after, limit, now }: PageAsk): RowPage & OldCutoffs {
  return { ...cutoffs(slice, now), after, limit };
}

function oldRecords(slice: Slice): RowSweep {
  const { catalog } = slice.database;
  const expiredFilesAreHeld = progressOf(slice.entry, "expired-files").report.status === "held";
  return {
    name: "old-records",
    tooMany: "too-many-records",
    describe: (due, lately, live) =>
      `${due.count} old records would be deleted${lately > 0 ? `, and ${lately} were in the last 24 hours` : ""}, against ${live} live files: more than CLEANUP_HOLD_EXPIRED_PERCENT allows (${slice.settings.holdExpiredPercent} %)`,
    decide: ({ settings, store }, file, now) => {
      const decision = decideRecord(file, now, settings, {
        standing: file.standing,
        invalidKey: (key) => store.invalidKey(key),
      });
      // What a hold of expired-files keeps does not go by another door.
      return decision.verdict === "remove" && file.standing === "live" && expiredFilesAreHeld ? keep("held") : decision;
    },
    page: (_, ask) => catalog.old(slice.held, oldPage(slice, ask)),
    count: (_, now, sample, madeBy) => {
      const { oldFilesLive, expiryGraceMs } = slice.settings;
      const rule = { live: oldFilesLive, liveExpiredBefore: now - expiryGraceMs };
      return catalog.countOld(slice.held, { ...cutoffs(slice, now), ...rule }, sample, madeBy);
    },
    end: (_, claims, run, next) => catalog.erase(slice.held, claims, run, next && oldPage(slice, next)),
    stillProtected: (_, claims) =>
      catalog.protectedBeside(
        slice.held,
        [...new Set(claims.map(({ key }) => key))],
        claims.map(({ file }) => file),
      ),
    takesAlong: (file) => file.standing === "live",
    withoutObject: "removed",
  };
}

export async function sweepOldRecords(slice: Slice): Promise<SweepEnd> {
  const { oldFilesMs, expiredRecordMs } = slice.settings;
  if (oldFilesMs === null && expiredRecordMs === null) return "completed";
  await refuseToReachFurther(slice, "old-records");
  return sweepRows(oldRecords(slice), slice);
}
