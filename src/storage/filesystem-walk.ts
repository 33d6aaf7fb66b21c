/**
 * A walk through a folder in UTF-8 byte order of the whole key, from any key on. A directory sorts as `name/`, which
 * makes the order of the keys the order of a depth-first walk. In memory are the names of the directories on the path
 * to the current place, and nothing else.
 */
import { SweepError } from "../core/errors.ts";
import { type DirectoryEntry, type FilesystemCalls, isAbsence, type Path, unavailable } from "./filesystem-calls.ts";
import { entryPath, mayBeMangled, renderBytes, renderName } from "./filesystem-names.ts";
import { stopIfAborted } from "./guards.ts";
import { countUpTo, sortKeys } from "./sorted-keys.ts";

/** A directory on the path to the current place. */
interface OpenDirectory {
  readonly path: Path;
  /** What its keys begin with: empty for the root, else ending with a slash. */
  readonly prefix: string;
  /** Rendered, in order, directories with a slash at the end. */
  readonly names: readonly string[];
  /** The first name that is still ahead. */
  position: number;
}

/** A place in a walk: the directories from the root down. */
export type Walk = OpenDirectory[];

/** An entry that is no directory, not looked at yet. */
export interface FoundEntry {
  readonly key: string;
  readonly path: Path;
}

/** How often a directory is read that says it is not there while it is. */
const MAX_READS = 3;

/** @throws SweepError `unavailable` when a directory cannot be read */
export async function openWalk(calls: FilesystemCalls, root: string, after: string | null): Promise<Walk> {
  const walk: Walk = [];
  let rest = after ?? "";
  let next: { path: Path; prefix: string } | null = { path: root, prefix: "" };
  while (next !== null) {
    const directory = await openDirectory(calls, next.path, next.prefix);
    // The walk goes on behind a directory that vanished; without its root it would look like an empty store.
    if (directory === null && walk.length === 0) throw new SweepError("unavailable", `the directory ${root} vanished`);
    if (directory === null) break;
    walk.push(directory);
    directory.position = countUpTo(directory.names, rest);
    // All keys below `a/` come after `a/` itself and before the next name: one directory at most lies across `rest`.
    const across = directory.names[directory.position - 1] ?? "";
    const inside = across.endsWith("/") && rest.startsWith(across);
    next = inside ? { path: pathOf(directory, across), prefix: directory.prefix + across } : null;
    rest = rest.slice(across.length);
  }
  return walk;
}

/**
 * Walks on to the next entries, up to `limit`, or until `isLate` before a directory is opened: a million empty
 * directories must not make one page. Moves `walk`.
 * @returns the entries, and the key up to which everything was seen, null at the end
 * @throws SweepError `unavailable` when a directory cannot be read
 */
export async function walkOn(
  calls: FilesystemCalls,
  walk: Walk,
  limit: number,
  isLate: () => boolean,
  signal?: AbortSignal,
): Promise<{ found: FoundEntry[]; next: string | null }> {
  const found: FoundEntry[] = [];
  let opened = 0;
  for (let directory = walk.at(-1); directory !== undefined; directory = walk.at(-1)) {
    const name = directory.names[directory.position];
    if (name === undefined) {
      walk.pop();
      continue;
    }
    if (found.length === limit) return { found, next: found.at(-1)?.key ?? null };
    const key = directory.prefix + name;
    if (!name.endsWith("/")) {
      directory.position += 1;
      found.push({ key, path: pathOf(directory, name) });
      continue;
    }
    // The first one is always opened, so that every page gets on. No object is named `a/`: all before its keys was seen.
    if (opened > 0 && isLate()) return { found, next: key };
    stopIfAborted(signal, "listing the folder");
    opened += 1;
    directory.position += 1;
    const inner = await openDirectory(calls, pathOf(directory, name), key);
    if (inner !== null) walk.push(inner);
  }
  return { found, next: null };
}

function pathOf(directory: OpenDirectory, name: string): Path {
  return entryPath(directory.path, name.endsWith("/") ? name.slice(0, -1) : name);
}

/** Null when the directory vanished, or has become something else: then it holds no objects. */
async function openDirectory(calls: FilesystemCalls, path: Path, prefix: string): Promise<OpenDirectory | null> {
  for (let reads = 1; ; reads += 1) {
    try {
      // The look costs no time beside the reading, and keeps a link that took the directory's place from being followed.
      const [look, entries] = await Promise.all([calls.lstat(path), calls.readdir(path)]);
      if (!look.isDirectory()) return null;
      const mangled = entries.some((entry) => mayBeMangled(entry.name));
      const names = mangled ? namesOf(await calls.readdirRaw(path), renderBytes) : namesOf(entries, renderName);
      return { path, prefix, names, position: 0 };
    } catch (error) {
      const doing = `reading the directory ${path.toString()}`;
      if (!isAbsence(error)) throw unavailable(doing, error);
      // Reading also fails so when one of its entries vanishes meanwhile (where types have to be looked up one by one).
      if (await isNoDirectory(calls, path, doing)) return null;
      if (reads === MAX_READS) throw unavailable(doing, error);
    }
  }
}

async function isNoDirectory(calls: FilesystemCalls, path: Path, doing: string): Promise<boolean> {
  try {
    return !(await calls.lstat(path)).isDirectory();
  } catch (error) {
    if (isAbsence(error)) return true;
    throw unavailable(doing, error);
  }
}

function namesOf<Name>(entries: readonly DirectoryEntry<Name>[], render: (name: Name) => string): string[] {
  const names = entries.map((entry) => (entry.isDirectory() ? `${render(entry.name)}/` : render(entry.name)));
  sortKeys(names);
  // A directory that changes while it is read may show a name twice.
  const repeats = names.some((name, index) => name === names[index - 1]);
  return repeats ? [...new Set(names)] : names;
}
