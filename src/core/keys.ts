/** Keys: their order, and which ones no sweep ever touches. */
import { OWN_PREFIX } from "./safety.ts";

/** Whether a key lies in filesweep's own corner or under a prefix that the operator keeps out (raw: no slash is added). */
export function isIgnored(key: string, ignorePrefixes: readonly string[]): boolean {
  return key.startsWith(OWN_PREFIX) || ignorePrefixes.some((prefix) => key.startsWith(prefix));
}

/** The keys of the objects that live and die with a file, by patterns such as `{key}.thumb.jpg`. */
export function derivedKeys(key: string, patterns: readonly string[]): string[] {
  return patterns.map((pattern) => pattern.replace("{key}", () => key));
}

/**
 * Whether a key is a text that every part can hold and compare: SQLite's functions end a text at a NUL, and a lone
 * surrogate is no Unicode, which libSQL's client does not survive.
 */
export function isPlainText(key: string): boolean {
  return !key.includes("\0") && key.isWellFormed();
}

/**
 * The order of the keys' UTF-8 bytes: S3's, and SQLite's BINARY. JavaScript's `<` compares UTF-16, where U+1F600 comes
 * before U+FF5E.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const unitA = a.charCodeAt(index);
    const unitB = b.charCodeAt(index);
    if (unitA !== unitB) return byCodePoint(unitA) - byCodePoint(unitB);
  }
  return a.length - b.length;
}

/** Moves surrogates, which stand for code points above U+FFFF, behind all other units. */
function byCodePoint(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
