/** A folder's calls in a thread of their own: the same code, the same answers; and what becomes of them where the thread ends. */

import { Buffer } from "node:buffer";
import { chmodSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";
import type { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import type { ObjectLook, Store } from "../../src/core/ports.ts";
import { toSentError } from "../../src/core/sent-error.ts";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { whileQuick } from "../../src/storage/filesystem-calls.ts";
import type { Folder } from "../../src/storage/filesystem-delete.ts";
import { createFolderThread, type FolderThread } from "../../src/storage/filesystem-thread.ts";
import { listAll } from "../contract/listing.ts";
import { describeStore } from "../contract/store.ts";
import { FOLDER_TRAITS, makeFolder, makeFolderHarness, makeWorld, put, snapshot, withoutPrivileges } from "./folder.ts";

/** The built one: Node 20 cannot read TypeScript. */
const BUILT = new URL("../../dist/storage/filesystem-thread-entry.js", import.meta.url);

const thread = createFolderThread({ from: 1, idleMs: 600_000, entry: BUILT });
const readied = (made: FolderThread): Promise<void> =>
  vi.waitFor(() => expect(made.takes(1)).toBe(true), { timeout: 60_000 });

beforeAll(() => readied(thread));

describeStore("the folder store with a thread", () => makeFolderHarness(thread), FOLDER_TRAITS);

/** A page of everything. */
const ALL = { after: null, limit: 1000 };

/** The thread, and what happens just before it looks. */
function beforeLooks(work: () => void): FolderThread {
  return {
    ...thread,
    look(...asked) {
      work();
      return thread.look(...asked);
    },
  };
}

/** What a failure tells: of ours and of the system's, each but for its stack. */
async function failureOf(failing: Promise<unknown>): Promise<object> {
  const { own, message, cause } = await failing.then(() => toSentError("did not fail"), toSentError);
  return { ...own, message, cause: cause?.message, code: cause?.code };
}

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

describe("a listing whose entries are looked at in a thread of their own", () => {
  it("shows what any other does: links, pipes, sockets, names that are not UTF-8, every size and every time", async () => {
    const { root } = makeWorld();
    put(root, "old", { modifiedAt: 1 });
    put(root, "huge");
    truncateSync(`${root}/huge`, 5 * 2 ** 30);
    put(root, "later", { modifiedAt: Date.UTC(2100, 0, 1, 0, 0, 0, 500) });
    const server = createServer();
    await new Promise<void>((listening) => server.listen(`${root}/socket`, listening));
    onTestFinished(() => void server.close());
    const look = vi.spyOn(thread, "look");
    for (const limit of [1, 3, 1000]) {
      const { objects } = await listAll(createFilesystemStore({ root }), limit);
      look.mockClear();
      expect((await listAll(createFilesystemStore({ root, thread }), limit)).objects).toEqual(objects);
      expect(look).toHaveBeenCalledTimes(Math.ceil(objects.length / limit));
      expect(Object.fromEntries(objects.map(({ key, ...seen }) => [key, seen]))).toMatchObject({
        old: { modifiedAt: 1 },
        huge: { sizeBytes: 5 * 2 ** 30 },
        later: { modifiedAt: Date.UTC(2100, 0, 1, 0, 0, 0, 500) },
        socket: { oddity: "not-a-regular-file" },
        "back\\\\slash": { oddity: "invalid-key", sizeBytes: 4 },
      });
    }
    look.mockRestore();
  });

  it("leaves out what vanished since its directory was read, or became a directory", async () => {
    const root = makeFolder();
    for (const key of ["a", "b", "c", "d"]) put(root, key);
    const changing = beforeLooks(() => {
      for (const key of ["a", "c"]) rmSync(`${root}/${key}`);
      mkdirSync(`${root}/c`);
    });
    const { objects } = await createFilesystemStore({ root, thread: changing }).list(ALL);
    expect(objects.map(({ key }) => key)).toEqual(["b", "d"]);
  });

  it("is an error where its root was unmounted before the looks, never a short page", async () => {
    const root = `${makeFolder()}/root`;
    for (const key of ["a", "b"]) put(root, key);
    const unmounting = beforeLooks(() => {
      renameSync(root, `${root}-elsewhere`);
      mkdirSync(root);
    });
    await expect(createFilesystemStore({ root, thread: unmounting }).list(ALL)).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("another directory"),
    });
  });

  it.each([
    ["text", Buffer.from("x")],
    ["bytes", Buffer.from([0x78, 0xff])],
  ])(
    "fails as any other does where an entry may not be looked at, its path in %s, and the next goes on",
    async (_, name) => {
      const root = makeFolder();
      mkdirSync(`${root}/closed`);
      writeFileSync(Buffer.concat([Buffer.from(`${root}/closed/`), name]), "x");
      chmodSync(`${root}/closed`, 0o444);
      const [here, there] = [createFilesystemStore({ root }), createFilesystemStore({ root, thread })];
      await withoutPrivileges(async () => {
        const expected = await failureOf(here.list(ALL));
        const message = expect.stringContaining(`looking at ${root}/closed/x`);
        const code = "EACCES";
        expect(expected).toMatchObject({ kind: "unavailable", details: { code }, message, code });
        expect(await failureOf(there.list(ALL))).toEqual(expected);
      });
      chmodSync(`${root}/closed`, 0o755);
      expect(thread.takes(1)).toBe(true);
      expect(await there.list(ALL)).toEqual(await here.list(ALL));
    },
  );

  it("begins no further look once it is given up, and fails", async () => {
    const root = makeFolder();
    const paths = Array.from({ length: 1000 }, (_, index) => `${root}/${index}`);
    for (const path of paths) writeFileSync(path, "");
    const giveUp = new AbortController();
    const looking = thread.look(paths, 8, giveUp.signal);
    giveUp.abort();
    expect((await looking).kinds.at(-1)).toBe(0);
    expect((await thread.look(paths, 8)).kinds.every((kind) => kind === 1)).toBe(true);
    const listed = new AbortController();
    const store = createFilesystemStore({ root, thread: beforeLooks(() => listed.abort()) });
    await expect(store.list({ ...ALL, signal: listed.signal })).rejects.toMatchObject({
      kind: "unavailable",
      message: "gave up listing the folder",
    });
  });

  it("is answered what it asked, beside deletes and other listings", async () => {
    const roots = Array.from({ length: 4 }, () => makeFolder());
    for (const [index, root] of roots.entries()) put(root, `${index}`, { sizeBytes: index });
    const answers = roots.map(async (root, index) => {
      const store = createFilesystemStore({ root, thread });
      return [await store.list(ALL), await store.delete([{ key: `${index}` }])];
    });
    expect(await Promise.all(answers)).toMatchObject(
      roots.map((_, index) => [
        { objects: [{ key: `${index}`, sizeBytes: index }] },
        [{ key: `${index}`, outcome: "gone" }],
      ]),
    );
  });

  it("looks at several entries at a time once 100 ms are over: one after the other, a network would take too long", async () => {
    let nowMs = 5000;
    const by = (name: string) => () => Promise.reject(new Error(name));
    const lstat = whileQuick(by("one by one"), by("several"), () => nowMs);
    await expect(lstat("x")).rejects.toThrow("one by one");
    nowMs += 99;
    await expect(lstat("x")).rejects.toThrow("one by one");
    nowMs += 1;
    await expect(lstat("x")).rejects.toThrow("several");
  });
});

describe("where a thread is of no use, calls are made without:", () => {
  it("a small batch, and any before it is ready", () => {
    const made = createFolderThread({ from: 500, entry: BUILT });
    expect([made.takes(499), made.takes(500)]).toEqual([false, false]);
  });

  it.each([
    ["whose file is not there", "file:///nowhere/at-all.js"],
    ["whose file can never be run", "https://localhost/at-all.js"],
  ])("one %s", async (_, entry) => {
    const root = makeFolder();
    const store = createFilesystemStore({ root, thread: createFolderThread({ from: 1, entry: new URL(entry) }) });
    for (const key of ["x", "y", "z"]) {
      put(root, key);
      expect((await store.list(ALL)).objects).toMatchObject([{ key, sizeBytes: 3 }]);
      expect(await store.delete([{ key }])).toEqual([{ key, outcome: "gone" }]);
    }
  });

  it("one that was without work for a while: it ends, and the next large batch makes another", async () => {
    const workers: Worker[] = [];
    const begun = (worker: Worker): void => void workers.push(worker);
    process.on("worker", begun);
    onTestFinished(() => void process.off("worker", begun));
    const made = createFolderThread({ from: 1, idleMs: 300, entry: BUILT });
    await readied(made);
    await made.look([makeFolder()], 8);
    await new Promise((ended) => workers[0]?.once("exit", ended));
    expect(made.takes(1)).toBe(false);
    await readied(made);
    expect(workers).toHaveLength(2);
  });

  /** A store, and a thread that ends when it is asked for anything. */
  async function withDying(root: string): Promise<Store> {
    const dies = `import { parentPort } from "node:worker_threads";
      parentPort.on("message", () => process.exit(1)); parentPort.postMessage("ready");`;
    const made = createFolderThread({ from: 1, entry: new URL(`data:text/javascript,${encodeURIComponent(dies)}`) });
    await readied(made);
    return createFilesystemStore({ root, thread: made });
  }

  it("one that ended before it answered: nothing is known of that batch, and the next is deleted here", async () => {
    const root = makeFolder();
    put(root, "x");
    const store = await withDying(root);
    await expect(store.delete([{ key: "x" }])).rejects.toMatchObject({ kind: "unavailable" });
    expect(existsSync(`${root}/x`)).toBe(true);
    expect(await store.delete([{ key: "x" }])).toEqual([{ key: "x", outcome: "gone" }]);
  });

  it("one that ended before it had looked: that page is an error, and the next attempt is listed here", async () => {
    const root = makeFolder();
    for (const key of ["x", "y"]) put(root, key);
    const store = await withDying(root);
    await expect(store.list(ALL)).rejects.toMatchObject({ kind: "unavailable" });
    const begun = vi.fn();
    process.on("worker", begun);
    onTestFinished(() => void process.off("worker", begun));
    expect((await listAll(store, 1)).keys).toEqual(["x", "y"]);
    expect(begun).not.toHaveBeenCalled();
  });
});
