/** Numbers, sizes and times as people read them. Pure. */
import type { Instant, Tally } from "../model.ts";

const GROUPED = new Intl.NumberFormat("en");

/** `12345` as `12,345`. */
export function amount(count: number): string {
  return GROUPED.format(count);
}

/** `1 object`, `2 objects`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${amount(count)} ${count === 1 ? noun : plural}`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `3.4 MB`: three digits, and powers of 1,000, as disks and bills are counted. A Worker has no room for a package's one. */
export function size(bytes: number): string {
  // Rounded first: 999.6 kB are 1 MB, and not 1000 kB.
  const shown = Number(bytes.toPrecision(3));
  const power = Math.max(
    UNITS.findLastIndex((_, index) => shown >= 1000 ** index),
    0,
  );
  return `${Number((shown / 1000 ** power).toPrecision(4))} ${UNITS[power]}`;
}

/** `12 (3.4 MB)`; without the size where there are no bytes. */
export function tallyText({ count, bytes }: Tally): string {
  return bytes === 0 ? amount(count) : `${amount(count)} (${size(bytes)})`;
}

/** A key as it is; quoted where it holds what a terminal would act on, or blanks at its ends. */
export function quotedKey(key: string): string {
  return /^[^\s\p{C}"][^\p{C}]*$/u.test(key) && !/\s$/u.test(key)
    ? key
    : JSON.stringify(key).replace(/\p{C}/gu, codePoint);
}

/** JSON escapes what is below the blank alone. */
function codePoint(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** `120 ms`, `3.4 s`, `2 min 5 s`, `1 h 1 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `2026-11-22 10:00:05 UTC`. */
export function instantText(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
