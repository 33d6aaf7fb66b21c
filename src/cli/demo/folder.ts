/** The demo's folder: claimed only where it is empty or the demo made it, and emptied of nothing else. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { isSweepError, SweepError } from "../../core/errors.ts";
import { OWN_PREFIX } from "../../core/safety.ts";
import { usageError } from "../describe-error.ts";

export interface DemoFolder {
  /** Absolute. */
  readonly root: string;
  readonly uploads: string;
  readonly database: string;
}

/** What stands in a folder that the demo made: which files are its own, so that a later demo takes away no others. */
interface Marker {
  readonly madeBy: "filesweep demo";
  readonly note: string;
  readonly keys: readonly string[];
}

const MARKER = ".filesweep-demo.json";
const NOTE =
  "This folder was made by `filesweep demo`, which replaces uploads/ and catalog.db when it runs here again. Delete the folder whenever you like.";

/** The names of SQLite's files beside a database. */
const DATABASE_FILES = ["", "-wal", "-shm", "-journal"];

export function demoFolder(root: string): DemoFolder {
  return { root, uploads: path.join(root, "uploads"), database: path.join(root, "catalog.db") };
}

/**
 * Makes the folder ready for a demo with files under these keys: an absent or empty one is taken, one of an earlier
 * demo is cleared of what that made.
 * @throws SweepError `invalid` where anything is there that no demo made; nothing was changed then
 */
export async function claimFolder(folder: DemoFolder, keys: readonly string[]): Promise<void> {
  try {
    const names = await namesIn(folder.root);
    if (names.length > 0) await clearEarlierDemo(folder);
    await mkdir(folder.uploads, { recursive: true });
    // Order: the marker before the files. A demo that is interrupted leaves a folder that the next one knows.
    const marker: Marker = { madeBy: "filesweep demo", note: NOTE, keys };
    await writeFile(path.join(folder.root, MARKER), `${JSON.stringify(marker, null, 1)}\n`);
    // The folder stays out of a repository that it lies in, without a change to that one's own .gitignore.
    await writeFile(path.join(folder.root, ".gitignore"), "*\n");
  } catch (error) {
    if (isSweepError(error)) throw error;
    throw new SweepError("unavailable", `the demo's folder ${folder.root} cannot be made (${codeOf(error)})`, {
      cause: error,
    });
  }
}

async function clearEarlierDemo({ root, uploads, database }: DemoFolder): Promise<void> {
  const marker = await readMarker(root);
  if (marker === null) {
    throw usageError(
      `${root} is not empty, and no demo made it; nothing in it was touched. Name a new or an empty folder: filesweep demo DIR`,
    );
  }
  const own = new Set(marker.keys);
  const foreign = [...(await filesIn(uploads)).keys()].filter((key) => !own.has(key));
  if (foreign.length > 0) {
    const more = foreign.length > 3 ? ` and ${foreign.length - 3} more` : "";
    throw usageError(
      `${uploads} holds files that the demo did not make (${foreign.slice(0, 3).join(", ")}${more}); nothing was touched. Move them away, or name another folder: filesweep demo DIR`,
    );
  }
  await rm(uploads, { recursive: true, force: true });
  for (const suffix of DATABASE_FILES) await rm(`${database}${suffix}`, { force: true });
}

async function readMarker(root: string): Promise<Marker | null> {
  const text = await readFile(path.join(root, MARKER), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    const marker: unknown = JSON.parse(text);
    return isMarker(marker) ? marker : null;
  } catch {
    return null;
  }
}

function isMarker(value: unknown): value is Marker {
  if (typeof value !== "object" || value === null || !("madeBy" in value) || !("keys" in value)) return false;
  return value.madeBy === "filesweep demo" && Array.isArray(value.keys);
}

/** @throws SweepError `invalid` where it is no folder */
async function namesIn(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return [];
    if (code === "ENOTDIR") throw usageError(`${root} is no folder; name a new or an empty one: filesweep demo DIR`);
    throw error;
  }
}

/** What a file takes: the bytes that it shows, and those that the disk gives it. */
export interface FileSize {
  readonly sizeBytes: number;
  readonly onDiskBytes: number;
}

/**
 * Every file below `root` by its path, with a slash between folders, but for filesweep's own. The demo's own count,
 * made without the store that filesweep lists with. Nothing where there is no such folder.
 */
export async function filesIn(root: string, below = ""): Promise<Map<string, FileSize>> {
  const found = new Map<string, FileSize>();
  const entries = await readdir(path.join(root, below), { withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  });
  for (const entry of entries) {
    const key = `${below}${entry.name}`;
    if (`${key}/` === OWN_PREFIX) continue;
    if (entry.isDirectory()) {
      for (const [inner, size] of await filesIn(root, `${key}/`)) found.set(inner, size);
    } else {
      const { size, blocks } = await stat(path.join(root, key)).catch(() => ({ size: 0, blocks: 0 }));
      // stat counts blocks of 512 bytes, whatever the file system's own are.
      found.set(key, { sizeBytes: size, onDiskBytes: blocks * 512 });
    }
  }
  return found;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
