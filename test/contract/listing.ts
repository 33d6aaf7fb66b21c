/** How tests walk a store, and what order they expect. */
import { Buffer } from "node:buffer";
import type { ListedObject, ListPage, ReadableStore } from "../../src/core/ports.ts";

export interface Listing {
  readonly objects: readonly ListedObject[];
  readonly keys: readonly string[];
  readonly pages: readonly ListPage[];
}

/** Pages without a single object that a listing may have in a row, before a test takes it for endless. */
const MAX_EMPTY_PAGES = 10_000;

/**
 * Lists from `after` to the end.
 * @throws where a page is longer than asked for, `next` does not advance or lies before an object of its page, or
 * something else was foreseen
 */
export async function listAll(store: ReadableStore, limit = 1000, after: string | null = null): Promise<Listing> {
  const pages: ListPage[] = [];
  let empty = 0;
  for (let place = after; ; ) {
    const foreseen: string[] = [];
    const page = await store.list({
      after: place,
      limit,
      foreseen: async (next) => {
        foreseen.push(next);
      },
    });
    pages.push(page);
    if (foreseen.some((next) => next !== page.next)) throw new Error(`${foreseen} was foreseen, not ${page.next}`);
    if (page.objects.length > limit) throw new Error(`a page of ${page.objects.length} where ${limit} were asked for`);
    empty = page.objects.length === 0 ? empty + 1 : 0;
    if (empty > MAX_EMPTY_PAGES) throw new Error("the listing does not end");
    if (page.next === null) break;
    if (place !== null && byteOrder(page.next, place) <= 0) throw new Error(`the listing stays at ${page.next}`);
    const last = page.objects.at(-1);
    if (last !== undefined && byteOrder(page.next, last.key) < 0)
      throw new Error(`${page.next} lies before ${last.key}`);
    place = page.next;
  }
  const objects = pages.flatMap((page) => page.objects);
  return { objects, keys: objects.map(({ key }) => key), pages };
}

/** The order of UTF-8 bytes, from the bytes themselves: the code under test has another way. */
export function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** `keys` in the order of their bytes. */
export function inByteOrder(keys: Iterable<string>): string[] {
  return [...keys].sort(byteOrder);
}
