/** P10: nothing outside the root is touched, nor inside it anything but the exact key and emptied directories. */
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { DeleteOutcome } from "../../src/core/ports.ts";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { type FilesystemCalls, NODE_CALLS, type Path } from "../../src/storage/filesystem-calls.ts";
import { listAll } from "../contract/listing.ts";
import { makeFolder, makeWorld, put, snapshot, systemError } from "./folder.ts";

async function deleteOne(root: string, key: string): Promise<DeleteOutcome> {
  const [outcome] = await createFilesystemStore({ root }).delete([{ key }]);
  if (outcome === undefined) throw new Error("no outcome");
  return outcome;
}

describe("a delete that would reach elsewhere is refused, and everything stays as it is:", () => {
  it.each([
    ["the parent's entry by ..", "../outside/secret"],
    ["out and in again by ..", "../root/x"],
    ["a neighbour whose name begins like the root's", "../root-2/x"],
    ["within the root by ..", "a/../x"],
    ["an absolute path below the root", "/x"],
    ["an absolute path to a real file", "/etc/hostname"],
    ["a doubled slash", "a//b"],
    ["a leading ./", "./x"],
    ["an inner /./", "a/./b"],
    ["a trailing slash", "x/"],
    ["a trailing slash on a directory", "empty/"],
    ["through a linked directory to outside", "linked/secret"],
    ["deeper through a linked directory", "linked/a/b"],
    ["through a linked directory within the root", "inner-link/b"],
    ["a link to a file", "link"],
    ["a link to a directory", "linked"],
    ["a link to a neighbour", "a/link-to-b"],
    ["a pipe", "pipe"],
    ["a directory that holds something", "a"],
    ["an empty directory", "empty"],
    ["the rendering of a name that is not UTF-8", "odd\\xFF"],
    ["a name that is not UTF-8, as text", "odd\xFF\uD800"],
    ["a name with a backslash", "back\\slash"],
    ["a rendering of a backslash", "back\\\\slash"],
    ["backslashes as separators", "a\\b"],
    ["a NUL behind a key", "x\0"],
    ["the root itself", "."],
    ["nothing", ""],
  ])("%s", async (_, key) => {
    const { parent, root } = makeWorld();
    const before = snapshot(parent);
    expect(await deleteOne(root, key)).toEqual({ key, outcome: "refused", error: expect.stringMatching(/\w{3,}/) });
    expect(snapshot(parent)).toEqual(before);
  });

  it.each(["odd\uFFFD", "X", "a/B", "A/b", "a/b/..b", "x ", " x", "x.", "a%2Fb", "x\n"])(
    "what does not exist under exactly the key %j is gone, and nothing like it is touched",
    async (key) => {
      const { parent, root } = makeWorld();
      const before = snapshot(parent);
      expect(await deleteOne(root, key)).toEqual({ key, outcome: "gone" });
      expect(snapshot(parent)).toEqual(before);
    },
  );

  it("deletes exactly the key between all of these, and nothing else", async () => {
    const { parent, root } = makeWorld();
    const before = snapshot(parent);
    const keys = ["linked/secret", "x", "../root-2/x", "a/b", "a", "pipe"];
    const outcomes = await createFilesystemStore({ root }).delete(keys.map((key) => ({ key })));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      "refused",
      "gone",
      "refused",
      "gone",
      "refused",
      "refused",
    ]);
    const { "root/x": x, "root/a/b": b, ...rest } = before;
    expect([x, b]).toEqual([expect.any(String), expect.any(String)]);
    expect(snapshot(parent)).toEqual(rest);
  });

  it("a listing's own odd entries cannot be deleted by what it shows of them", async () => {
    const { parent, root } = makeWorld();
    const before = snapshot(parent);
    const store = createFilesystemStore({ root });
    const odd = (await listAll(store)).objects.filter(({ oddity }) => oddity !== undefined);
    expect(odd.length).toBe(7);
    const outcomes = await store.delete(odd.map((object) => ({ key: object.key, expected: object })));
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(["refused"]));
    expect(snapshot(parent)).toEqual(before);
  });

  it("a file that was replaced since it was listed is `changed`, and left alone", async () => {
    const root = makeFolder();
    put(root, "a/x", { modifiedAt: 1000 });
    const store = createFilesystemStore({ root });
    const [listed] = (await listAll(store)).objects;
    if (listed === undefined) throw new Error("not listed");
    put(root, "new", { sizeBytes: 3, modifiedAt: 2000 });
    renameSync(`${root}/new`, `${root}/a/x`);
    expect(await store.delete([{ key: "a/x", expected: listed }])).toEqual([{ key: "a/x", outcome: "changed" }]);
    expect(lstatSync(`${root}/a/x`).mtimeMs).toBe(2000);
  });

  it("a file, or a directory above it, that became a link since it was listed is refused", async () => {
    const { parent, root } = makeWorld();
    const store = createFilesystemStore({ root });
    await listAll(store);
    renameSync(`${root}/x`, `${parent}/x-was`);
    symlinkSync("../outside/secret", `${root}/x`);
    renameSync(`${root}/a`, `${parent}/a-was`);
    symlinkSync("../outside/a", `${root}/a`);
    const before = snapshot(parent);
    const outcomes = await store.delete([{ key: "x" }, { key: "a/b" }]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["refused", "refused"]);
    expect(snapshot(parent)).toEqual(before);
  });

  it("a directory that became a link between two pages is not gone into", async () => {
    const { parent, root } = makeWorld();
    const store = createFilesystemStore({ root });
    const first = await store.list({ after: null, limit: 1 });
    expect(first.next).toBe("a/b");
    renameSync(`${root}/a/c`, `${parent}/c-was`);
    symlinkSync(`${parent}/outside/a`, `${root}/a/c`);
    expect((await listAll(store, 100, first.next)).keys).not.toContain("a/c/b");
  });
});

describe("a look-up", () => {
  it("tells what is there but must not be touched: never `not found`, and never looked at through a link", async () => {
    const { root } = makeWorld();
    const store = createFilesystemStore({ root });
    for (const key of ["link", "linked", "pipe", "linked/secret", "inner-link/b", "linked/nothing"]) {
      expect(await store.head(key), key).toMatchObject({ key, oddity: "not-a-regular-file" });
    }
    expect(await store.head("a")).toBeNull();
  });
});

describe("directories that a delete emptied", () => {
  async function deleteKeys(root: string, ...keys: string[]): Promise<void> {
    await createFilesystemStore({ root }).delete(keys.map((key) => ({ key })));
  }

  it.each([[["a/b/c/x", "a/b/c/y", "a/d/z"]], [["x"]], [["x", "a/x"]]])(
    "are removed, deepest first, but never the root: %j",
    async (keys) => {
      const root = makeFolder();
      for (const key of keys) put(root, key);
      await deleteKeys(root, ...keys);
      expect(readdirSync(root)).toEqual([]);
    },
  );

  it("are no reason to remove the one above where somebody else was first", async () => {
    const root = makeFolder();
    put(root, "a/b/x");
    const rmdir: FilesystemCalls["rmdir"] = async (path) => {
      if (path === `${root}/a/b`) rmdirSync(path);
      return NODE_CALLS.rmdir(path);
    };
    await createFilesystemStore({ root, calls: { rmdir } }).delete([{ key: "a/b/x" }]);
    expect(snapshot(root)).toEqual({ "a/": "directory" });
  });

  it("are removed by the batch that empties them, not before", async () => {
    const root = makeFolder();
    for (const key of ["a/b/x", "a/b/y"]) put(root, key);
    await deleteKeys(root, "a/b/x");
    expect(Object.keys(snapshot(root))).toEqual(["a/b/y", "a/b/", "a/"]);
    await deleteKeys(root, "a/b/y");
    expect(snapshot(root)).toEqual({});
  });

  it("stay while they hold anything: a directory that was empty before, a link, a name that is no key", async () => {
    const root = makeFolder();
    for (const key of ["a/x", "b/x", "c/x"]) put(root, key);
    mkdirSync(`${root}/a/was-empty`);
    symlinkSync("nowhere", `${root}/b/link`);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/c/`), Buffer.from([0xff])]), "");
    await deleteKeys(root, "a/x", "b/x", "c/x");
    expect(Object.keys(snapshot(root)).sort()).toEqual(["a/", "a/was-empty/", "b/", "b/link", "c/", "c/\xFF"]);
  });

  it("are removed only where something was deleted: not where the key was absent, refused or changed", async () => {
    const root = makeFolder();
    for (const name of ["empty", "parent/empty", "other"]) mkdirSync(`${root}/${name}`, { recursive: true });
    put(root, "changed/x");
    put(root, "deleted/x");
    const store = createFilesystemStore({ root });
    const expected = { sizeBytes: 99, modifiedAt: 0, etag: null };
    await store.delete([
      { key: "empty/never" },
      { key: "parent/empty/never" },
      { key: "other" },
      { key: "changed/x", expected },
      { key: "deleted/x" },
    ]);
    const left = Object.keys(snapshot(root)).sort();
    expect(left).toEqual(["changed/", "changed/x", "empty/", "other/", "parent/", "parent/empty/"]);
  });
});

describe("on a file system that takes names in another case, or another Unicode form, for the same", () => {
  /** `calls` as such a file system answers them: every segment below the root is found by its folded name. */
  function folding(root: string, fold: (name: string) => string): Partial<FilesystemCalls> {
    const resolve = (path: Path): string => {
      let real = root;
      for (const segment of path.toString().slice(root.length).split("/").filter(Boolean)) {
        const names = lstatSync(real).isDirectory() ? readdirSync(real) : [];
        const name = names.find((each) => fold(each) === fold(segment));
        if (name === undefined) throw systemError("ENOENT");
        real = `${real}/${name}`;
      }
      return real;
    };
    return {
      lstat: async (path) => NODE_CALLS.lstat(resolve(path)),
      readdir: async (path) => NODE_CALLS.readdir(resolve(path)),
      unlink: async (path) => NODE_CALLS.unlink(resolve(path)),
      rmdir: async (path) => NODE_CALLS.rmdir(resolve(path)),
    };
  }
  const byCase = (name: string): string => name.toLowerCase();
  const byForm = (name: string): string => name.normalize("NFD");

  it.each([
    ["case", "Upper.txt", "upper.txt", byCase],
    ["case", "dir/Upper", "dir/UPPER", byCase],
    ["the case of a directory", "Dir/x", "dir/x", byCase],
    ["the case of a directory above one without letters", "Dir/1/2", "DIR/1/2", byCase],
    ["case, without a letter of ASCII", "\u00C4", "\u00E4", byCase],
    ["form", "\u00FC", "u\u0308", byForm],
    ["the form of a directory", "u\u0308/x", "\u00FC/x", byForm],
  ])(
    "a key that differs in %s from the name is refused and never deleted; the exact one goes",
    async (_, name, alias, fold) => {
      const root = makeFolder();
      put(root, name);
      const store = createFilesystemStore({ root, calls: folding(root, fold) });
      expect(await store.delete([{ key: alias }])).toMatchObject([{ key: alias, outcome: "refused" }]);
      expect((await listAll(store)).keys).toEqual([name]);
      expect(await store.head(alias)).toMatchObject({ oddity: "invalid-key" });
      expect(await store.delete([{ key: alias }, { key: name }])).toMatchObject([
        { outcome: "refused" },
        { outcome: "gone" },
      ]);
      expect((await listAll(store)).keys).toEqual([]);
    },
  );

  it.each(["darwin", "win32"])("on %s names are compared with the directory's own, unasked", async (platform) => {
    const root = makeFolder();
    put(root, "a/Stra\u00DFe");
    // A folding that no probe of this store would find: the platform's own rules are not ours to know.
    const fold = (name: string): string => name.toLowerCase().replaceAll("\u00DF", "ss").replaceAll(" ", "");
    const store = createFilesystemStore({ root, platform, calls: folding(root, fold) });
    const aliases = ["a/stra\u00DFe", "a/Strasse", "a/Stra\u00DF e"].map((key) => ({ key }));
    const outcomes = await store.delete(aliases);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["refused", "refused", "refused"]);
    expect(await store.delete([{ key: "a/Stra\u00DFe" }])).toMatchObject([{ outcome: "gone" }]);
  });

  it("two names that differ in case only are two objects where the file system tells them apart", async () => {
    const root = makeFolder();
    for (const key of ["a/x", "a/X", "A/x"]) put(root, key);
    await createFilesystemStore({ root }).delete([{ key: "a/x" }]);
    expect((await listAll(createFilesystemStore({ root }))).keys).toEqual(["A/x", "a/X"]);
  });

  it("a name whose other spelling is too long for a name is deleted like any other", async () => {
    const root = makeFolder();
    const key = "\u0390".repeat(127);
    put(root, key);
    expect(await createFilesystemStore({ root }).delete([{ key }])).toEqual([{ key, outcome: "gone" }]);
  });
});

describe("the root", () => {
  const options = { after: null, limit: 10 };

  it.each(["", "relative", "./x", "~/x", "nul\0"])("%j is no absolute path, and refused at once", (root) => {
    expect(() => createFilesystemStore({ root })).toThrow(expect.objectContaining({ kind: "invalid" }));
  });

  it.each([
    ["missing", (path: string) => path],
    ["below a file", (path: string) => `${path}/below`],
    ["a file", (path: string) => path],
    ["a dangling link", (path: string) => path],
  ])("that is %s is an error of every call, never an empty store", async (what, rootOf) => {
    const path = `${makeFolder()}/root`;
    if (what === "a file" || what === "below a file") writeFileSync(path, "");
    if (what === "a dangling link") symlinkSync("nowhere", path);
    const store = createFilesystemStore({ root: rootOf(path) });
    const error = { name: "SweepError", kind: "unavailable", message: expect.stringContaining(path) };
    await expect(store.list(options)).rejects.toMatchObject(error);
    await expect(store.head("x")).rejects.toMatchObject(error);
    await expect(store.delete([{ key: "x" }])).rejects.toMatchObject(error);
    await expect(store.delete([])).rejects.toMatchObject(error);
  });

  it("may be a symbolic link, and be named with a slash at its end", async () => {
    const parent = makeFolder();
    put(parent, "real/a/x");
    symlinkSync("real", `${parent}/link`);
    const store = createFilesystemStore({ root: `${parent}/link/` });
    expect((await listAll(store)).keys).toEqual(["a/x"]);
    expect(await store.delete([{ key: "a/x" }])).toEqual([{ key: "a/x", outcome: "gone" }]);
    expect(snapshot(parent)).toEqual({ link: "-> real", "real/": "directory" });
  });

  it.each(["directory", "link"])("that is another %s than before is an error of every call", async (kind) => {
    const parent = makeFolder();
    const root = `${parent}/root`;
    put(parent, "first/x");
    put(parent, "second/x");
    const swap = (to: string): void => {
      if (kind === "link") execFileSync("ln", ["-sfn", to, root]);
      else renameSync(`${parent}/${to}`, root);
    };
    swap("first");
    const store = createFilesystemStore({ root });
    expect((await listAll(store)).keys).toEqual(["x"]);
    if (kind === "directory") renameSync(root, `${parent}/first`);
    swap("second");
    const error = { kind: "unavailable", message: expect.stringContaining("another directory") };
    await expect(store.list(options)).rejects.toMatchObject(error);
    await expect(store.head("x")).rejects.toMatchObject(error);
    const before = snapshot(parent);
    await expect(store.delete([{ key: "x" }])).rejects.toMatchObject(error);
    expect(snapshot(parent)).toEqual(before);
  });
});
