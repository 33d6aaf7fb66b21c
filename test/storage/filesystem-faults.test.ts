/**
 * A file system that fails. Permissions are real (without root's privileges, which no permission stops); what no machine
 * does on demand (a dying disk, an unmount in mid-call) is injected into the system calls.
 */
import { chmodSync, existsSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { type FilesystemCalls, NODE_CALLS } from "../../src/storage/filesystem-calls.ts";
import { inByteOrder, listAll } from "../contract/listing.ts";
import { faulty, makeFolder, put, snapshot, withoutPrivileges } from "./folder.ts";

const ALL = { after: null, limit: 1000 };

describe("without permission", () => {
  it("a directory that may not be read is an error of the page, never skipped", async () => {
    const root = makeFolder();
    for (const key of ["a/x", "locked/x", "z"]) put(root, key);
    chmodSync(`${root}/locked`, 0o000);
    const error = {
      kind: "unavailable",
      message: expect.stringMatching(/reading the directory .*locked: permission denied/),
    };
    await withoutPrivileges(async () => {
      const store = createFilesystemStore({ root });
      await expect(store.list(ALL)).rejects.toMatchObject({ ...error, details: { code: "EACCES" } });
      await expect(store.list({ after: "a/x", limit: 1 })).rejects.toMatchObject(error);
      // What lies before it can be listed, and the error comes again where it lies.
      expect((await store.list({ after: null, limit: 1 })).next).toBe("a/x");
      await expect(store.list({ after: "a/x", limit: 1 })).rejects.toMatchObject(error);
    });
  });

  it("a directory whose entries may not be looked at is an error of the page and of a look-up", async () => {
    const root = makeFolder();
    put(root, "no-entry/x");
    chmodSync(`${root}/no-entry`, 0o444);
    await withoutPrivileges(async () => {
      const store = createFilesystemStore({ root });
      await expect(store.list(ALL)).rejects.toMatchObject({ kind: "unavailable" });
      await expect(store.head("no-entry/x")).rejects.toMatchObject({ kind: "unavailable" });
      await expect(store.head("no-entry/absent")).rejects.toMatchObject({ kind: "unavailable" });
      const refused = { key: "no-entry/x", outcome: "refused", error: "permission denied (EACCES)" };
      expect(await store.delete([{ key: "no-entry/x" }])).toEqual([refused]);
    });
  });

  it("a file that may not be deleted is refused with the reason, and its neighbours go", async () => {
    const root = makeFolder();
    for (const key of ["open/x", "open/y", "sealed/x"]) put(root, key);
    chmodSync(`${root}/open`, 0o777);
    chmodSync(`${root}/sealed`, 0o555);
    await withoutPrivileges(async () => {
      const outcomes = await createFilesystemStore({ root }).delete(
        ["open/x", "sealed/x", "open/y", "sealed/absent"].map((key) => ({ key })),
      );
      expect(outcomes).toEqual([
        { key: "open/x", outcome: "gone" },
        { key: "sealed/x", outcome: "refused", error: "permission denied (EACCES)" },
        { key: "open/y", outcome: "gone" },
        { key: "sealed/absent", outcome: "gone" },
      ]);
    });
    // The root is not writable either: a directory that cannot be removed is no failure of the delete.
    expect(Object.keys(snapshot(root)).filter((key) => !key.startsWith("open"))).toEqual(["sealed/x", "sealed/"]);
  });

  it("a root that may not be read is an error", async () => {
    const root = makeFolder();
    put(root, "x");
    chmodSync(root, 0o000);
    await withoutPrivileges(async () => {
      const store = createFilesystemStore({ root });
      await expect(store.list(ALL)).rejects.toMatchObject({ kind: "unavailable" });
      expect(await store.delete([{ key: "x" }])).toMatchObject([{ outcome: "refused" }]);
    });
  });
});

describe("a dying disk", () => {
  function makeTree(): string {
    const root = makeFolder();
    for (const key of ["a/1", "a/2", "b/1", "c/1"]) put(root, key);
    return root;
  }

  it.each(["EIO", "ESTALE", "EMFILE"])("%s from reading a directory is an error of the page", async (code) => {
    const root = makeTree();
    const calls = faulty((call, path) => (call === "readdir" && path.endsWith("/b") ? code : null));
    await expect(createFilesystemStore({ root, calls }).list(ALL)).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining(code),
      cause: expect.objectContaining({ code }),
    });
  });

  it("EIO from looking at one file is an error of the page, and of the look-up, but of one key of a delete", async () => {
    const root = makeTree();
    const calls = faulty((call, path) => (call === "lstat" && path.endsWith("a/2") ? "EIO" : null));
    const store = createFilesystemStore({ root, calls });
    await expect(store.list(ALL)).rejects.toMatchObject({ kind: "unavailable" });
    await expect(store.head("a/2")).rejects.toMatchObject({ kind: "unavailable" });
    expect(await store.delete(["a/1", "a/2", "b/1"].map((key) => ({ key })))).toEqual([
      { key: "a/1", outcome: "gone" },
      { key: "a/2", outcome: "refused", error: "input/output error (EIO)" },
      { key: "b/1", outcome: "gone" },
    ]);
  });

  it.each([
    ["EPERM", /not permitted/],
    ["EROFS", /read-only/],
    ["EBUSY", /in use/],
    ["EIO", /input\/output/],
    ["ENOSPC", /ENOSPC/],
  ])("%s from the deletion itself is refused, in words", async (code, words) => {
    const root = makeTree();
    const calls = faulty((call) => (call === "unlink" ? code : null));
    const [outcome] = await createFilesystemStore({ root, calls }).delete([{ key: "a/1" }]);
    expect(outcome).toEqual({ key: "a/1", outcome: "refused", error: expect.stringMatching(words) });
    expect(existsSync(`${root}/a/1`)).toBe(true);
  });

  it("a page that failed is listed whole by the next attempt", async () => {
    const root = makeTree();
    let failing = true;
    const calls = faulty((call, path) => (failing && call === "lstat" && path.endsWith("b/1") ? "EIO" : null));
    const store = createFilesystemStore({ root, calls });
    expect((await store.list({ after: null, limit: 1 })).next).toBe("a/1");
    await expect(store.list({ after: "a/1", limit: 1000 })).rejects.toMatchObject({ kind: "unavailable" });
    failing = false;
    expect((await listAll(store, 1000, "a/1")).keys).toEqual(["a/2", "b/1", "c/1"]);
  });

  it("a directory that is said to be absent, but is there, is read again, and not skipped", async () => {
    // As where the types of the entries are looked up one by one, and one entry vanishes between.
    const root = makeTree();
    let failures = 2;
    const calls = faulty((call, path) =>
      call === "readdir" && path.endsWith("/b") && failures-- > 0 ? "ENOENT" : null,
    );
    expect((await listAll(createFilesystemStore({ root, calls }))).keys).toEqual(["a/1", "a/2", "b/1", "c/1"]);
    failures = Infinity;
    await expect(createFilesystemStore({ root, calls }).list(ALL)).rejects.toMatchObject({ kind: "unavailable" });
  });
});

describe("what vanishes during a call", () => {
  it("is not listed: a file, and a directory with all below", async () => {
    const root = makeFolder();
    for (const key of ["a", "b/x/y", "c"]) put(root, key);
    const vanishing: FilesystemCalls["lstat"] = async (path) => {
      if (path === `${root}/a` || path === `${root}/b`) rmSync(path, { recursive: true, force: true });
      return NODE_CALLS.lstat(path);
    };
    expect((await listAll(createFilesystemStore({ root, calls: { lstat: vanishing } }))).keys).toEqual(["c"]);
  });

  it("is gone, when somebody else deletes it between the look and the deletion", async () => {
    const root = makeFolder();
    put(root, "a/x");
    const unlink: FilesystemCalls["unlink"] = async (path) => {
      rmSync(path.toString());
      return NODE_CALLS.unlink(path);
    };
    const store = createFilesystemStore({ root, calls: { unlink } });
    expect(await store.delete([{ key: "a/x" }])).toEqual([{ key: "a/x", outcome: "gone" }]);
  });
});

describe("an unmount in the middle of a call", () => {
  /** From the first call that `ends` names on nothing is found any more, not even the root. */
  function unmounting(ends: (call: string, path: string) => boolean): FilesystemCalls {
    let gone = false;
    return faulty((call, path) => {
      gone ||= ends(call, path);
      return gone ? "ENOENT" : null;
    });
  }

  it.each([
    ["before the first directory is read", (call: string) => call === "readdir"],
    ["before an inner directory is read", (call: string, path: string) => call === "readdir" && path.endsWith("/b")],
    ["before the files are looked at", (call: string, path: string) => call === "lstat" && path.endsWith("/a/1")],
  ])("makes a listing an error, never a short page: %s", async (_, ends) => {
    const root = makeFolder();
    for (const key of ["a/1", "b/1"]) put(root, key);
    const store = createFilesystemStore({ root, calls: unmounting(ends) });
    await expect(store.list(ALL)).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("makes a look-up an error, never `not found`", async () => {
    const root = makeFolder();
    put(root, "a/1");
    const store = createFilesystemStore({ root, calls: unmounting((_, path) => path.endsWith("/a/1")) });
    await expect(store.head("a/1")).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("makes the keys that were not found `unknown`, never `gone`", async () => {
    const root = makeFolder();
    const keys = Array.from({ length: 20 }, (_, index) => `a/${index}`);
    for (const key of keys) put(root, key);
    const calls = unmounting((call, path) => call === "unlink" && path.endsWith("/a/10"));
    const outcomes = await createFilesystemStore({ root, calls, concurrency: 1 }).delete(keys.map((key) => ({ key })));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      ...Array.from({ length: 10 }, () => "gone"),
      ...Array.from({ length: 10 }, () => "unknown"),
    ]);
    expect(outcomes.at(-1)?.error).toContain(root);
    expect((await listAll(createFilesystemStore({ root }))).keys).toEqual(inByteOrder(keys.slice(10)));
  });
});

describe("a call that is given up", () => {
  it("deletes nothing more, and says which keys were not tried", async () => {
    const root = makeFolder();
    const keys = Array.from({ length: 10 }, (_, index) => `a/${index}`);
    for (const key of keys) put(root, key);
    const giveUp = new AbortController();
    const calls = faulty((call, path) => {
      if (call === "unlink" && path.endsWith("/a/3")) giveUp.abort();
      return null;
    });
    const store = createFilesystemStore({ root, calls, concurrency: 1 });
    const outcomes = await store.delete(
      keys.map((key) => ({ key })),
      giveUp.signal,
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      ...Array.from({ length: 4 }, () => "gone"),
      ...Array.from({ length: 6 }, () => "unknown"),
    ]);
    expect((await listAll(createFilesystemStore({ root }))).keys).toEqual(keys.slice(4));
  });

  it("does not remove directories any more", async () => {
    const root = makeFolder();
    put(root, "a/x");
    const giveUp = new AbortController();
    const calls = faulty((call) => {
      if (call === "unlink") giveUp.abort();
      return null;
    });
    await createFilesystemStore({ root, calls }).delete([{ key: "a/x" }], giveUp.signal);
    expect(snapshot(root)).toEqual({ "a/": "directory" });
  });

  it.each(["lstat", "readdir"])("lists no page: given up at %s", async (where) => {
    const root = makeFolder();
    for (const key of ["a/1", "a/2", "b/1"]) put(root, key);
    const giveUp = new AbortController();
    const calls = faulty((call, path) => {
      if (call === where && path.includes("/a")) giveUp.abort();
      return null;
    });
    const store = createFilesystemStore({ root, calls, concurrency: 1 });
    await expect(store.list({ ...ALL, signal: giveUp.signal })).rejects.toMatchObject({ kind: "unavailable" });
    expect((await listAll(store)).keys).toEqual(["a/1", "a/2", "b/1"]);
  });
});
