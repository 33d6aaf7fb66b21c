/** The contract's rules, read once more and written down a second time: plain words over plain rows. */
import type { Catalog, FileRow } from "./catalogs.ts";
import type { Content } from "./table.ts";

export const standing = {
  open: new Set(["suspected", "due", "condemned", "failed", "abandoned"]),
  hold: new Set(["open", "cancelled"]),
} as const;

export interface RuleSettings {
  readonly downloadGraceMs: number;
  readonly oldFilesMs: number | null;
  readonly oldFilesLive: "keep" | "remove";
  readonly ignorePrefixes: readonly string[];
}

/** What keeps a row from ending, and its object from going: the words of the contract, not filesweep's. */
export function protects({ status, deleted_at, ours }: FileRow): boolean {
  return status !== "expired" && status !== "deleted" && deleted_at === null && ours !== 0;
}

export function isLive(row: FileRow): boolean {
  return row.status === "active" && protects(row);
}

/** Every key that a row or a reference protects, with the objects that live and die with it. */
export function protectedKeys({ rows, references }: Content, { derived }: Pick<Catalog, "derived">): Set<string> {
  const named = [...[...rows.values()].filter(protects).map(({ key }) => key), ...references.values()];
  return new Set(named.flatMap((key) => [key, ...derived(key)]));
}

/** Whether nothing that filesweep does may touch a key. */
export function isIgnored(key: string, prefixes: readonly string[]): boolean {
  return [".filesweep/", ...prefixes].some((prefix) => key.startsWith(prefix));
}

/** A live file whose end has come: expired, or its downloads used up and the last of them an hour ago. */
export function isDue(row: FileRow, now: number, { downloadGraceMs, ignorePrefixes }: RuleSettings): boolean {
  if (!isLive(row) || row.hold !== 0 || isIgnored(row.key, ignorePrefixes)) return false;
  if (row.expires_at !== null && row.expires_at <= now) return true;
  return isUsedUp(row) && (row.downloaded_at ?? row.created_at) + downloadGraceMs <= now;
}

function isUsedUp({ downloads, max_downloads }: FileRow): boolean {
  return max_downloads !== null && max_downloads > 0 && downloads >= max_downloads;
}

/** A record that nobody needs: downloaded long ago, and ended (or live, where the operator wants those gone too). */
export function isOld(row: FileRow, now: number, settings: RuleSettings): boolean {
  const isExpired = row.status === "expired" && row.deleted_at === null && row.ours !== 0;
  if (row.hold !== 0 || !(isLive(row) || isExpired) || isIgnored(row.key, settings.ignorePrefixes)) return false;
  if (row.downloaded_at === null || settings.oldFilesMs === null) return false;
  if (now - row.downloaded_at <= settings.oldFilesMs) return false;
  const hasEnded = isExpired || isUsedUp(row) || (row.expires_at !== null && row.expires_at <= now);
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

/** The names of the assertions, by the promise that they stand for. */
export const RULES = {
  ledger: "P1 a delete without a committed removal",
  protected: "P2 a protected object was deleted",
  reachable: "P2 a reachable file lost its bytes",
  gate: "P2 a condemned key is not behind the gate",
  backup: "P2 what came since the backup was removed as an orphan",
  abort: "P2 an abort took an object away, or an upload that it was not asked for",
  age: "P3 an orphan of unknown age, or too young, was removed",
  ignored: "P4 what is kept out was touched",
  notOurs: "P4 what an ended row left behind was removed, where that is the application's own affair",
  rows: "P4 a row was ended before its end",
  sums: "P5 a sum does not hold",
  sameTransaction: "P6 the last row of a key ended without its removal",
  converge: "P6 the runs do not come to the end they should",
  lease: "P7 a holder without the lease wrote, or started a delete",
  held: "P8 something held removed all the same",
  plausible: "P8 too much went without a person",
  nested: "P8 orphans went although another store lies in this one",
  clock: "P8 something went although the store's clock is off",
  restored: "P8 a restored database removed before a person looked",
  released: "P8 what a person kept was removed",
  plan: "P9 a plan changed something",
  error: "P11 a run ended with an error that is none of its surroundings",
} as const;
