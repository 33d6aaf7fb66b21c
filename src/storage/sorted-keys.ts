import { compareKeys } from "../core/keys.ts";

/** How many of `keys`, which are in UTF-8 byte order, are not after `key`; that one need not be among them. */
export function countUpTo(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] ?? "", key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Sorts `keys` in place into UTF-8 byte order. */
export function sortKeys(keys: string[]): string[] {
  // UTF-16's order is that of UTF-8 while there are no surrogates, and the engine's own sort is many times faster.
  return keys.some((key) => /[\uD800-\uDFFF]/.test(key)) ? keys.sort(compareKeys) : keys.sort();
}
