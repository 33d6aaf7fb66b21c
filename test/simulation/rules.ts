/** The contract's rules, read once more and written down a second time: plain words over plain rows. */
import type { FileRow } from "./application.ts";

export const standing = {
  open: new Set(["suspected", "due", "condemned", "failed", "abandoned"]),
  hold: new Set(["open", "cancelled"]),
} as const;

export interface RuleSettings {
  readonly downloadGraceMs: number;
  readonly oldFilesMs: number | null;
  readonly oldFilesLive: "keep" | "remove";
}

/** A live file whose end has come: expired, or its downloads used up and the last of them an hour ago. */
export function isDue(row: FileRow, now: number, { downloadGraceMs }: RuleSettings): boolean {
  if (row.status !== "active" || row.hold !== 0) return false;
  if (row.expires_at !== null && row.expires_at <= now) return true;
  return isUsedUp(row) && (row.downloaded_at ?? row.created_at) + downloadGraceMs <= now;
}

function isUsedUp({ downloads, max_downloads }: FileRow): boolean {
  return max_downloads !== null && max_downloads > 0 && downloads >= max_downloads;
}

/** A record that nobody needs: downloaded long ago, and ended (or live, where the operator wants those gone too). */
export function isOld(row: FileRow, now: number, settings: RuleSettings): boolean {
  if (row.hold !== 0 || (row.status !== "active" && row.status !== "expired")) return false;
  if (row.downloaded_at === null || settings.oldFilesMs === null) return false;
  if (now - row.downloaded_at <= settings.oldFilesMs) return false;
  const hasEnded = row.status === "expired" || isUsedUp(row) || (row.expires_at !== null && row.expires_at <= now);
  return hasEnded || settings.oldFilesLive === "remove";
}

interface CountedSweep {
  readonly name: string;
  readonly seen: Tally;
  readonly removed: Tally;
  readonly suspected: Tally;
  readonly deferred: Tally;
  readonly failed: Tally;
  readonly kept: Readonly<Record<string, Tally>>;
}

interface Tally {
  readonly count: number;
  readonly bytes: number;
}

/** `seen = removed + suspected + kept + failed + deferred`, in count and in bytes, and nothing below zero. */
export function checkSums(sweeps: readonly CountedSweep[]): string[] {
  return sweeps.flatMap(({ name, seen, removed, suspected, deferred, failed, kept }) => {
    const parts = [removed, suspected, deferred, failed, ...Object.values(kept)];
    const sum = { count: 0, bytes: 0 };
    for (const { count, bytes } of parts) {
      sum.count += count;
      sum.bytes += bytes;
    }
    const isWhole = sum.count === seen.count && sum.bytes === seen.bytes;
    const isNegative = [seen, ...parts].some(({ count, bytes }) => count < 0 || bytes < 0);
    const told = `${name}: seen ${seen.count} (${seen.bytes} bytes), accounted for ${sum.count} (${sum.bytes} bytes)`;
    return [...(isWhole ? [] : [told]), ...(isNegative ? [`${name}: something is below zero`] : [])];
  });
}
