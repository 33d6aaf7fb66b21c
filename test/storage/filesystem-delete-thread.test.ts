/** Deletes in a thread of their own: the same code, the same outcomes; and what becomes of them where the thread ends. */
import { existsSync, lstatSync } from "node:fs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { ObjectLook } from "../../src/core/ports.ts";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import type { Folder } from "../../src/storage/filesystem-delete.ts";
import { createDeleteThread, type DeleteThread } from "../../src/storage/filesystem-delete-thread.ts";
import { makeFolder, makeWorld, put, snapshot } from "./folder.ts";

/** The built one: Node 20 cannot read TypeScript. */
const BUILT = new URL("../../dist/storage/filesystem-delete-thread-entry.js", import.meta.url);

const thread = createDeleteThread({ from: 1, idleMs: 600_000, entry: BUILT });
const readied = (made: DeleteThread): Promise<void> =>
  vi.waitFor(() => expect(made.takes(1)).toBe(true), { timeout: 60_000 });

beforeAll(() => readied(thread));

function lookOf(root: string, key: string): ObjectLook {
  const { size, mtimeMs } = lstatSync(`${root}/${key}`);
  return { sizeBytes: size, modifiedAt: Math.floor(mtimeMs), etag: null };
}

function folderAt(path: string): Folder {
  const { dev, ino } = lstatSync(path);
  return { path, root: { real: path, dev, ino }, looseNames: false, concurrency: 8 };
}

describe("a delete in a thread of its own", () => {
  it("refuses, deletes and finds gone what any other does, and leaves the same behind", async () => {
    const keys = ["../outside/secret", "../root-2/x", "a/../x", "/x", "a//b", "linked/secret", "inner-link/b", "link"];
    keys.push("a/link-to-b", "pipe", "a", "empty", "odd\\xFF", "back\\slash", "x\0", "", "X", "absent/x", "x", "a/c/d");
    const [here, there] = [makeWorld(), makeWorld()];
    const requests = keys.map((key) => ({ key }));
    const expected = await createFilesystemStore({ root: here.root }).delete(requests);
    expect(await createFilesystemStore({ root: there.root, thread }).delete(requests)).toEqual(expected);
    expect(expected.map(({ outcome }) => outcome)).toContain("refused");
    expect(Object.keys(snapshot(there.parent))).toEqual(Object.keys(snapshot(here.parent)));
    expect(existsSync(`${there.root}/a/c`)).toBe(false);
  });

  it("leaves what changed since it was seen", async () => {
    const root = makeFolder();
    for (const key of ["changed", "same"]) put(root, key);
    const [same, changed] = [lookOf(root, "same"), { ...lookOf(root, "changed"), sizeBytes: 99 }];
    const outcomes = await createFilesystemStore({ root, thread }).delete([
      { key: "changed", expected: changed },
      { key: "same", expected: same },
    ]);
    expect(outcomes).toEqual([
      { key: "changed", outcome: "changed" },
      { key: "same", outcome: "gone" },
    ]);
    expect([existsSync(`${root}/changed`), existsSync(`${root}/same`)]).toEqual([true, false]);
  });

  it("begins nothing more once it is given up, and says of each key what became of it", async () => {
    const root = makeFolder();
    const keys = Array.from({ length: 3000 }, (_, index) => `${index}`);
    for (const key of keys) put(root, key);
    const giveUp = new AbortController();
    const deleting = thread.delete(
      folderAt(root),
      keys.map((key) => ({ key })),
      giveUp.signal,
    );
    giveUp.abort();
    const outcomes = await deleting;
    expect(outcomes.at(-1)).toMatchObject({ key: "2999", outcome: "unknown" });
    const untouched = outcomes.filter(({ outcome }) => outcome === "unknown").map(({ key }) => key);
    expect(keys.filter((key) => existsSync(`${root}/${key}`))).toEqual(untouched);
  });

  it("does not take what is absent for gone where the folder is another one now", async () => {
    const root = makeFolder();
    put(root, "there");
    const now = folderAt(root);
    const before = { ...now, root: { ...now.root, ino: now.root.ino + 1 } };
    const outcomes = await thread.delete(before, [{ key: "absent" }]);
    expect(outcomes).toMatchObject([{ outcome: "unknown", error: expect.stringContaining("another directory") }]);
  });
});

describe("where a thread is of no use, deletes go on without:", () => {
  it("a small batch, and any before it is ready", () => {
    const made = createDeleteThread({ from: 500, entry: BUILT });
    expect([made.takes(499), made.takes(500)]).toEqual([false, false]);
  });

  it.each([
    ["whose file is not there", "file:///nowhere/at-all.js"],
    ["whose file can never be run", "https://localhost/at-all.js"],
  ])("one %s", async (_, entry) => {
    const root = makeFolder();
    const store = createFilesystemStore({ root, thread: createDeleteThread({ from: 1, entry: new URL(entry) }) });
    for (const key of ["x", "y", "z"]) {
      put(root, key);
      expect(await store.delete([{ key }])).toEqual([{ key, outcome: "gone" }]);
    }
  });

  it("one that ended before it answered: nothing is known of that batch, and the next is deleted here", async () => {
    const root = makeFolder();
    put(root, "x");
    const dies = `import { parentPort } from "node:worker_threads";
      parentPort.on("message", () => process.exit(1)); parentPort.postMessage("ready");`;
    const entry = new URL(`data:text/javascript,${encodeURIComponent(dies)}`);
    const made = createDeleteThread({ from: 1, entry });
    const store = createFilesystemStore({ root, thread: made });
    await readied(made);
    await expect(store.delete([{ key: "x" }])).rejects.toMatchObject({ kind: "unavailable" });
    expect(existsSync(`${root}/x`)).toBe(true);
    expect(await store.delete([{ key: "x" }])).toEqual([{ key: "x", outcome: "gone" }]);
  });
});
