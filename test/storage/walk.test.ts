/** Every store lists like a sorted array of its keys, whatever the tree, the page size and the place to go on from. */
import { readdirSync, statSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { NODE_CALLS } from "../../src/storage/filesystem-calls.ts";
import { openWalk, walkOn } from "../../src/storage/filesystem-walk.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { byteOrder, inByteOrder, listAll } from "../contract/listing.ts";
import { makeFolder, put } from "./folder.ts";

const segment = fc.constantFrom(
  ...["a", "a!", "a-", "a.", "a.b", "a0", "aa", "b", "B", "%2F", " ", "\u007F", "\u00E9", "e\u0301"],
  ...["\uD7FF", "\uE000", "\uFF5E", "\uFFFD", "\u{10000}", "\u{1F600}", "\u{10FFFF}", "a\uFF5E", "a\u{1F600}"],
);
const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join("/"));

/** Keys that can exist together in a folder: none is a directory of another. */
const tree = fc
  .uniqueArray(key, { maxLength: 25 })
  .map((keys) => keys.filter((one) => !keys.some((other) => other.startsWith(`${one}/`))));

/** Keys, beginnings of keys, directories, and what lies just behind them. */
const place = fc.oneof(
  key,
  fc.tuple(key, fc.constantFrom("/", "\u0001", "/\u0001", "0", "\uFFFF")).map((parts) => parts.join("")),
  fc.constantFrom("", "/", "\u0001", "\u{10FFFF}\u{10FFFF}"),
);

function fill(keys: readonly string[]): { root: string; stores: Store[] } {
  const root = makeFolder();
  const memory = createMemoryStore();
  for (const each of keys) {
    put(root, each);
    memory.put(each);
  }
  return { root, stores: [createFilesystemStore({ root }), memory] };
}

describe("a listing", () => {
  it("is the sorted keys, from any place, in pages of any size", async () => {
    await fc.assert(
      fc.asyncProperty(
        tree,
        fc.array(place, { maxLength: 4 }),
        fc.integer({ min: 1, max: 9 }),
        async (keys, places, limit) => {
          const { stores } = fill(keys);
          const sorted = inByteOrder(keys);
          for (const store of stores) {
            expect((await listAll(store, limit)).keys).toEqual(sorted);
            for (const after of [...places, ...keys.slice(0, 3)]) {
              const rest = sorted.filter((each) => byteOrder(each, after) > 0);
              expect((await listAll(store, limit, after)).keys).toEqual(rest);
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("is what was not deleted, and no directory is left without a file below", async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.infiniteStream(fc.boolean()), async (keys, chosen) => {
        const { root, stores } = fill(keys);
        const doomed = keys.filter(() => chosen.next().value === true);
        const left = inByteOrder(keys.filter((each) => !doomed.includes(each)));
        for (const store of stores) {
          expect(await store.delete(doomed.map((each) => ({ key: each })))).toEqual(
            doomed.map((each) => ({ key: each, outcome: "gone" })),
          );
          expect((await listAll(store, 3)).keys).toEqual(left);
        }
        const directories = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((each) =>
          statSync(`${root}/${each}`).isDirectory(),
        );
        for (const each of directories)
          expect(
            left.some((kept) => kept.startsWith(`${each}/`)),
            each,
          ).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a walk", () => {
  it("holds the names of the directories on its path, and of no others", async () => {
    const root = makeFolder();
    for (let index = 0; index < 900; index += 1) put(root, `${index % 10}/${index % 30}/${index}`);
    for (const limit of [1, 7, 1000]) {
      const walk = await openWalk(NODE_CALLS, root, null);
      for (let ended = false; !ended; ) {
        ended = (await walkOn(NODE_CALLS, walk, limit, () => false)).next === null;
        // The root has 10 names, each directory in it 3, each in those 30.
        expect(walk.length).toBeLessThanOrEqual(3);
        expect(walk.reduce((sum, { names }) => sum + names.length, 0)).toBeLessThanOrEqual(10 + 3 + 30);
      }
      expect(walk).toEqual([]);
    }
  });

  it("opens only the directories on the path to the place where it goes on", async () => {
    const root = makeFolder();
    for (let index = 0; index < 100; index += 1) put(root, `${index % 10}/${index}/x`);
    const read: string[] = [];
    const readdir: typeof NODE_CALLS.readdir = (path) => {
      read.push(path.toString().slice(root.length));
      return NODE_CALLS.readdir(path);
    };
    await openWalk({ ...NODE_CALLS, readdir }, root, "5/55/x");
    expect(read).toEqual(["", "/5", "/5/55"]);
  });
});
