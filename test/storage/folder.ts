/** Folders for tests: made, filled and looked at without the store. */
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { onTestFinished } from "vitest";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { type FilesystemCalls, NODE_CALLS, type Path } from "../../src/storage/filesystem-calls.ts";
import type { FolderThread } from "../../src/storage/filesystem-thread.ts";
import type { StoreHarness, StoreTraits } from "../contract/store.ts";

/** A folder that is gone after the test. Others may enter it, so that a test can do without root's privileges. */
export function makeFolder(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "filesweep-folder-")));
  chmodSync(path, 0o755);
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Writes a file, and the directories above it. */
export function put(root: string, key: string, fields: { sizeBytes?: number; modifiedAt?: number } = {}): void {
  const path = `${root}/${key}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "x".repeat(fields.sizeBytes ?? 3));
  if (fields.modifiedAt !== undefined) utimesSync(path, fields.modifiedAt / 1000, fields.modifiedAt / 1000);
}

/** Everything below `root`, directories too: what it is and what is in it. Names that are not UTF-8 in latin1. */
export function snapshot(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (directory: Buffer, prefix: string): void => {
    for (const name of readdirSync(directory, { encoding: "buffer" })) {
      const path = Buffer.concat([directory, Buffer.from("/"), name]);
      const shown = prefix + name.toString("latin1");
      const look = lstatSync(path);
      if (look.isDirectory()) walk(path, `${shown}/`);
      if (look.isDirectory()) found[`${shown}/`] = "directory";
      else if (look.isSymbolicLink()) found[shown] = `-> ${readlinkSync(path)}`;
      else found[shown] = look.isFile() ? `${look.mtimeMs} ${readFileSync(path, "utf8")}` : "special";
    }
  };
  walk(Buffer.from(root), "");
  return found;
}

/** An error as the system makes it. */
/** A folder with a neighbour, both with something to lose. */
export function makeWorld(): { parent: string; root: string } {
  const parent = makeFolder();
  const root = `${parent}/root`;
  for (const key of ["root/a/b", "root/a/c/d", "root/x", "outside/secret", "outside/a/b", "root-2/x"]) put(parent, key);
  symlinkSync("../outside", `${root}/linked`);
  symlinkSync("../outside/secret", `${root}/link`);
  symlinkSync("a", `${root}/inner-link`);
  symlinkSync("b", `${root}/a/link-to-b`);
  execFileSync("mkfifo", [`${root}/pipe`]);
  mkdirSync(`${root}/empty`);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/odd`), Buffer.from([0xff])]), "odd");
  writeFileSync(`${root}/back\\slash`, "back");
  return { parent, root };
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Node's calls, of which some fail: `fault` answers the code of the error, or null to let the call through. */
export function faulty(fault: (call: keyof FilesystemCalls, path: string) => string | null): FilesystemCalls {
  const failing =
    <Answer>(name: keyof FilesystemCalls, call: (path: string) => Promise<Answer>) =>
    async (path: Path): Promise<Answer> => {
      const code = fault(name, path.toString());
      if (code !== null) throw systemError(code);
      // A path in bytes goes on as such: only the faults are told by its text.
      return call(path as string);
    };
  return {
    lstat: failing("lstat", NODE_CALLS.lstat),
    readdir: failing("readdir", NODE_CALLS.readdir),
    readdirRaw: failing("readdirRaw", NODE_CALLS.readdirRaw),
    realpath: failing("realpath", NODE_CALLS.realpath),
    unlink: failing("unlink", NODE_CALLS.unlink),
    rmdir: failing("rmdir", NODE_CALLS.rmdir),
  };
}

/**
 * Works as a user that permissions mean something to: tests may run as root, whom nothing is refused. The whole process
 * changes its user meanwhile (vitest runs each file in a process of its own).
 */
export async function withoutPrivileges<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  if (process.geteuid?.() !== 0 || process.seteuid === undefined) return work();
  const nobody = 65534;
  process.seteuid(nobody);
  try {
    return await work();
  } finally {
    process.seteuid(0);
  }
}

/**
 * For the contract. An immutable file needs a file system that has them, so the refusal (EPERM) is injected: past
 * `thread`, where there is one, for it makes its own calls.
 */
export async function makeFolderHarness(thread?: FolderThread): Promise<StoreHarness> {
  const root = makeFolder();
  const undeletable = new Set<string>();
  const calls = faulty((call, path) => (call === "unlink" && undeletable.has(path) ? "EPERM" : null));
  const refusing = createFilesystemStore({ root, calls });
  const threaded = thread === undefined ? {} : { thread };
  const store = createFilesystemStore({ root, calls, ...threaded });
  return {
    store: { ...store, delete: (...call) => (undeletable.size > 0 ? refusing : store).delete(...call) },
    shortPages: createFilesystemStore({ root, monotonicMs: everLater(), ...threaded }),
    put: async (key, fields) => put(root, key, fields),
    exists: async (key) => existsSync(`${root}/${key}`),
    remove: async (key) => rmSync(`${root}/${key}`),
    beginUpload: null,
    makeUndeletable: async (key) => void undeletable.add(`${root}/${key}`),
  };
}

/** For the contract, too. */
export const FOLDER_TRAITS: StoreTraits = {
  compares: true,
  setsModifiedAt: true,
  hasEtags: false,
  hasDirectories: true,
  versioning: "none",
  invalidKeys: [
    "/a",
    "a/",
    "a//b",
    "//",
    ".",
    "..",
    "a/../b",
    "./a",
    "a/.",
    "back\\slash",
    "nul\0",
    `${"s".repeat(256)}/x`,
  ],
};

/** A clock by which every moment is an hour after the last: each page of a walk is late as soon as it may be. */
export function everLater(): () => number {
  let hours = 0;
  return () => {
    hours += 1;
    return hours * 3_600_000;
  };
}
