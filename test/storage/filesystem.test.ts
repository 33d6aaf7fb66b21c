import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { NODE_CALLS } from "../../src/storage/filesystem-calls.ts";
import { byteOrder, inByteOrder, listAll } from "../contract/listing.ts";
import { describeStore } from "../contract/store.ts";
import { everLater, FOLDER_TRAITS, makeFolder, makeFolderHarness, put } from "./folder.ts";

describeStore("the folder store", makeFolderHarness, FOLDER_TRAITS);

describe("a listing of a folder", () => {
  it("sorts a directory as `name/`, between names that go on below and above the slash", async () => {
    const root = makeFolder();
    for (const key of ["a0", "a/b", "a.txt", "a!", "a\u{1F600}", "a\uFF5E"]) put(root, key);
    const { keys } = await listAll(createFilesystemStore({ root }));
    expect(keys).toEqual(["a!", "a.txt", "a/b", "a0", "a\uFF5E", "a\u{1F600}"]);
  });

  it("shows no directories, empty or not", async () => {
    const root = makeFolder();
    mkdirSync(`${root}/empty/also-empty`, { recursive: true });
    put(root, "full/x");
    expect((await listAll(createFilesystemStore({ root }))).keys).toEqual(["full/x"]);
  });

  it("shows links, pipes and links to directories as such, and does not go into them", async () => {
    const [root, outside] = [makeFolder(), makeFolder()];
    put(outside, "secret");
    put(root, "file");
    linkSync(`${root}/file`, `${root}/hard-link`);
    symlinkSync(`${outside}/secret`, `${root}/link`);
    symlinkSync(outside, `${root}/linked-directory`);
    symlinkSync("nowhere", `${root}/dangling`);
    symlinkSync(".", `${root}/loop`);
    execFileSync("mkfifo", [`${root}/pipe`]);
    const { objects } = await listAll(createFilesystemStore({ root }));
    expect(objects.map(({ key, oddity }) => [key, oddity])).toEqual([
      ["dangling", "not-a-regular-file"],
      ["file", undefined],
      ["hard-link", undefined],
      ["link", "not-a-regular-file"],
      ["linked-directory", "not-a-regular-file"],
      ["loop", "not-a-regular-file"],
      ["pipe", "not-a-regular-file"],
    ]);
  });

  it("shows names that are no valid keys in a rendering, each once, in its order, on every page size", async () => {
    const root = makeFolder();
    const names: [number[] | string, string][] = [
      [[0x61, 0xff], "a\\xFF"],
      [[0x61, 0xfe], "a\\xFE"],
      ["a\\xFF", "a\\\\xFF"],
      ["back\\slash", "back\\\\slash"],
      [[0xf0, 0x9f, 0x98], "\\xF0\\x9F\\x98"],
      [[0xed, 0xa0, 0x80], "\\xED\\xA0\\x80"],
      [[0xc3, 0xbc, 0xff, 0xf0, 0x9f, 0x98, 0x80], "\u00FC\\xFF\u{1F600}"],
    ];
    for (const [name] of names) {
      const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name as string)]);
      writeFileSync(path, "12345");
    }
    put(root, "a");
    put(root, "really-\uFFFD");
    const store = createFilesystemStore({ root });
    const { objects, keys } = await listAll(store);
    expect(keys).toEqual(inByteOrder(["a", "really-\uFFFD", ...names.map(([, rendered]) => rendered)]));
    for (const object of objects) {
      const valid = object.key === "a" || object.key === "really-\uFFFD";
      expect(object).toMatchObject(valid ? { sizeBytes: 3 } : { oddity: "invalid-key", sizeBytes: 5 });
      expect(store.invalidKey(object.key) === null, object.key).toBe(valid);
    }
    for (const key of ["", ...keys]) {
      const rest = keys.filter((other) => byteOrder(other, key) > 0);
      expect((await listAll(createFilesystemStore({ root }), 1, key)).keys, key).toEqual(rest);
    }
  });

  it("goes into directories whose names are no valid keys", async () => {
    const root = makeFolder();
    const directory = Buffer.concat([Buffer.from(`${root}/d`), Buffer.from([0xff])]);
    mkdirSync(directory);
    mkdirSync(Buffer.concat([directory, Buffer.from("/inner")]));
    writeFileSync(Buffer.concat([directory, Buffer.from("/inner/x")]), "1");
    mkdirSync(`${root}/back\\slash`);
    writeFileSync(`${root}/back\\slash/y`, "22");
    const { objects } = await listAll(createFilesystemStore({ root }), 1);
    expect(objects).toMatchObject([
      { key: "back\\\\slash/y", sizeBytes: 2, oddity: "invalid-key" },
      { key: "d\\xFF/inner/x", sizeBytes: 1, oddity: "invalid-key" },
    ]);
  });

  it("shows a key that is too long to be addressed, as invalid", async () => {
    const root = makeFolder();
    const key = [..."abcde"].map((letter) => letter.repeat(250)).join("/");
    put(root, key);
    expect((await listAll(createFilesystemStore({ root }))).objects).toMatchObject([{ key, oddity: "invalid-key" }]);
  });

  it("rounds a time down to the millisecond, also before 1970", async () => {
    const root = makeFolder();
    put(root, "x");
    put(root, "y");
    // Node's own utimes takes a time before 1970 for "now".
    execFileSync("touch", ["-d", "1970-01-01T00:00:01.0009Z", `${root}/x`]);
    execFileSync("touch", ["-d", "1969-12-31T23:59:58.9999Z", `${root}/y`]);
    const { objects } = await listAll(createFilesystemStore({ root }));
    expect(objects.map(({ modifiedAt }) => modifiedAt)).toEqual([1000, -1001]);
  });

  it("reads each directory once, however short the pages", async () => {
    const root = makeFolder();
    for (let index = 0; index < 60; index += 1) put(root, `${index % 3}/${index % 7}/${index}`);
    const read: string[] = [];
    const readdir: typeof NODE_CALLS.readdir = (path) => {
      read.push(path.toString());
      return NODE_CALLS.readdir(path);
    };
    const { keys } = await listAll(createFilesystemStore({ root, calls: { readdir } }), 1);
    expect(keys).toHaveLength(60);
    expect(read).toHaveLength(1 + 3 + 21);
    expect(new Set(read).size).toBe(read.length);
  });

  it("ends a page that took long before its next directory, and the next page goes on there", async () => {
    const root = makeFolder();
    for (let index = 0; index < 20; index += 1) mkdirSync(`${root}/empty/${index}/below`, { recursive: true });
    for (const key of ["empty/5/x", "full/a", "full/b/c", "z"]) put(root, key);
    const slow = createFilesystemStore({ root, monotonicMs: everLater() });
    const { keys, pages } = await listAll(slow, 1000);
    expect(keys).toEqual(["empty/5/x", "full/a", "full/b/c", "z"]);
    expect(pages.length).toBe(1 + 20 + 20 + 2);
    for (const { next } of pages) {
      if (next === null) continue;
      const rest = keys.filter((key) => byteOrder(key, next) > 0);
      expect((await listAll(createFilesystemStore({ root }), 1000, next)).keys, next).toEqual(rest);
    }
  });

  it("keeps its order and skips nothing that stays, while the folder changes between the pages", async () => {
    const root = makeFolder();
    const stays = Array.from({ length: 40 }, (_, index) => `${index % 4}/${index}`);
    for (const key of [...stays, "1/goes", "2/goes", "3.goes"]) put(root, key);
    const store = createFilesystemStore({ root });
    const seen: string[] = [];
    for (let after: string | null = null, page = 0; ; page += 1) {
      const { objects, next }: Awaited<ReturnType<typeof store.list>> = await store.list({ after, limit: 3 });
      seen.push(...objects.map(({ key }) => key));
      if (next === null) break;
      after = next;
      put(root, `1/new-${page}`);
      put(root, `0new-${page}/x`);
      for (const key of ["1/goes", "2/goes", "3.goes"]) rmSync(`${root}/${key}`, { force: true });
      // A directory on the path is swapped for one with the same names.
      if (page === 2)
        execFileSync("sh", ["-c", `cp -r ${root}/0 ${root}/copy && rm -r ${root}/0 && mv ${root}/copy ${root}/0`]);
    }
    expect(seen).toEqual(inByteOrder(new Set(seen)));
    expect(seen).toEqual(expect.arrayContaining(stays));
  });

  it("skips a directory that vanishes between the pages, and what is behind it comes", async () => {
    const root = makeFolder();
    for (const key of ["a/1", "a/2", "a/b/3", "a/c", "d"]) put(root, key);
    const store = createFilesystemStore({ root });
    expect((await store.list({ after: null, limit: 1 })).next).toBe("a/1");
    rmSync(`${root}/a`, { recursive: true });
    expect((await listAll(store, 1, "a/1")).keys).toEqual(["d"]);
  });
});
