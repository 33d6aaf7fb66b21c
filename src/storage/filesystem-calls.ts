/** The file system's calls as this store uses them, and the one place where their errors become ours. */
import type { Buffer } from "node:buffer";
import {
  type Dirent,
  lstat,
  lstatSync,
  readdir,
  readdirSync,
  realpath,
  realpathSync,
  rmdir,
  rmdirSync,
  type Stats,
  unlink,
  unlinkSync,
} from "node:fs";
import { SweepError } from "../core/errors.ts";

/** Bytes where a name on the way is not valid UTF-8, which no string can carry. */
export type Path = string | Buffer;

/** What is known of an entry without following it. */
export type Look = Pick<Stats, "dev" | "ino" | "size" | "mtimeMs" | "isFile" | "isDirectory" | "isSymbolicLink">;

/** An entry of a directory, not followed. */
export type DirectoryEntry<Name> = Pick<Dirent, "isDirectory"> & { readonly name: Name };

/** Whether a call was given up: nothing further is begun for it then. */
export type GivenUp = Pick<AbortSignal, "aborted">;

/** Every system call of the store. Handed in, so that tests can inject faults which a machine does not give on demand. */
export interface FilesystemCalls {
  lstat(path: Path): Promise<Look>;
  readdir(path: Path): Promise<readonly DirectoryEntry<string>[]>;
  /** The same with the names' bytes. */
  readdirRaw(path: Path): Promise<readonly DirectoryEntry<Buffer>[]>;
  realpath(path: string): Promise<string>;
  unlink(path: Path): Promise<void>;
  rmdir(path: Path): Promise<void>;
}

/** Node's calls. By callback: `fs.promises` takes two to three times as long for each `lstat` and `unlink`. */
export const NODE_CALLS: FilesystemCalls = {
  lstat: (path) => called((done) => lstat(path, done)),
  readdir: (path) => called((done) => readdir(path, { withFileTypes: true }, done)),
  readdirRaw: (path) => called((done) => readdir(path, { withFileTypes: true, encoding: "buffer" }, done)),
  realpath: (path) => called((done) => realpath.native(path, done)),
  unlink: (path) => called((done) => unlink(path, done)),
  rmdir: (path) => called((done) => rmdir(path, done)),
};

/** Node's calls, each answered before the next line: for a thread that has nothing else to do, in a third of the time. */
export const SYNC_CALLS: FilesystemCalls = {
  lstat: async (path) => lstatSync(path),
  readdir: async (path) => readdirSync(path, { withFileTypes: true }),
  readdirRaw: async (path) => readdirSync(path, { withFileTypes: true, encoding: "buffer" }),
  realpath: async (path) => realpathSync.native(path),
  unlink: async (path) => unlinkSync(path),
  rmdir: async (path) => rmdirSync(path),
};

/** How long looks are made one after the other, in milliseconds: some twenty times what a thousand take on a disk. */
const QUICK_MS = 100;

/**
 * Looks by `quick`, one after the other, for a while from now on; then by `patient`, several at a time. Over a network
 * each look takes its time, and a page of them would take all of its own.
 */
export function whileQuick(
  quick: FilesystemCalls["lstat"],
  patient: FilesystemCalls["lstat"],
  monotonicMs: () => number,
): FilesystemCalls["lstat"] {
  const startedAt = monotonicMs();
  return (path) => (monotonicMs() - startedAt < QUICK_MS ? quick(path) : patient(path));
}

type Done<Answer> = (error: Error | null, answer?: Answer) => void;

function called<Answer>(call: (done: Done<Answer>) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    call((error, answer) => {
      if (error) reject(error);
      // Without an error Node's callbacks carry the answer; those that have none are typed void.
      else resolve(answer as Answer);
    });
  });
}

/** Whether the error is a definite "no such entry": nothing there, or a file where a directory would have to be. */
export function isAbsence(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** Whether the path or one of its names has more bytes than the file system allows. */
export function isTooLong(error: unknown): boolean {
  return codeOf(error) === "ENAMETOOLONG";
}

/**
 * Works on `items` with at most `concurrency` under way. After a failure, or once `signal` is aborted, no further one
 * begins.
 * @throws the first failure
 */
export async function inParallel<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item, index: number) => Promise<void>,
  signal?: GivenUp,
): Promise<void> {
  const pending = items.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [index, item] of pending) {
      if (failed || signal?.aborted === true) return;
      try {
        await work(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
}

/** The error of a call that the file system failed. `doing` is such as `reading the directory /srv/uploads/a`. */
export function unavailable(doing: string, error: unknown): SweepError {
  return new SweepError("unavailable", `failed ${doing}: ${reasonOf(error)}`, {
    cause: error,
    details: { code: codeOf(error) },
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EBUSY: "it is in use by the system",
  EIO: "input/output error",
  ENOENT: "it is not there",
  ENOTDIR: "it is not a directory, or lies below something that is none",
  EPERM: "not permitted (an immutable file, or somebody else's in a sticky directory)",
  EROFS: "the file system is read-only",
};

/** Why the file system refused, for a person. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === null) return error instanceof Error ? error.message : String(error);
  const reason = REASONS[code];
  return reason === undefined ? code : `${reason} (${code})`;
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
