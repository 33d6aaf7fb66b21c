/**
 * Finds the one entry that a key names, segment for segment and byte for byte: never through a symbolic link, and never
 * by a name that the file system merely takes for the same (another case, another Unicode form).
 */
import { type FilesystemCalls, isAbsence, isTooLong, type Look } from "./filesystem-calls.ts";

/** What was found where a key points to. */
export type Located =
  | { readonly kind: "entry"; readonly path: string; readonly look: Look }
  /** No such entry, definitely. */
  | { readonly kind: "absent" }
  /** Something is there, but it is not under this key that a listing shows it. */
  | { readonly kind: "alias"; readonly oddity: "not-a-regular-file" | "invalid-key"; readonly why: string };

type NoEntry = Exclude<Located, { kind: "entry" }>;

/** Looks keys up; remembers the directories it passed, so one is made for each call to the store. */
export type Locate = (key: string) => Promise<Located>;

interface Directory {
  readonly kind: "directory";
  readonly path: string;
  /** Whether names that differ in case, or in Unicode form, have been found to mean the same entry. */
  readonly probes: Map<Variation, Promise<boolean>>;
  /** The names as they are, read only where the directory is found not to tell names apart. */
  names?: Promise<ReadonlySet<string>>;
}

type Variation = "case" | "form";

export interface LocateOptions {
  readonly calls: FilesystemCalls;
  /** The real path of the root. */
  readonly root: string;
  /** Whether file systems of this platform are known to take different names for the same: then nothing is probed. */
  readonly looseNames: boolean;
}

/** The returned function rejects with the file system's error where nothing definite is known. */
export function createLocate({ calls, root, looseNames }: LocateOptions): Locate {
  const rootDirectory: Directory = { kind: "directory", path: root, probes: new Map() };
  const directories = new Map<string, Promise<Directory | NoEntry>>();

  /** The directory under `key`, which is empty for the root. */
  function directory(key: string): Promise<Directory | NoEntry> {
    if (key === "") return Promise.resolve(rootDirectory);
    let found = directories.get(key);
    if (found === undefined) {
      found = locate(key).then((located) => asDirectory(located, key));
      directories.set(key, found);
    }
    return found;
  }

  async function locate(key: string): Promise<Located> {
    const directoryKey = parentKey(key);
    const parent = await directory(directoryKey);
    if (parent.kind !== "directory") return parent;
    const name = key.slice(directoryKey === "" ? 0 : directoryKey.length + 1);
    const path = `${parent.path}/${name}`;
    const look = await lookAt(calls, path);
    if (look === null) return { kind: "absent" };
    if (await isNamedExactly(parent, name, look)) return { kind: "entry", path, look };
    return {
      kind: "alias",
      oddity: "invalid-key",
      why: `what is there has another name: ${key} differs in case or in Unicode form`,
    };
  }

  async function isNamedExactly(parent: Directory, name: string, look: Look): Promise<boolean> {
    if (!looseNames && !(await mayGoByOtherNames(parent, name, look))) return true;
    parent.names ??= calls.readdir(parent.path).then((entries) => new Set(entries.map((entry) => entry.name)));
    return (await parent.names).has(name);
  }

  /** Asks for an entry by another spelling, once for a directory and each kind of spelling: one system call each. */
  async function mayGoByOtherNames(parent: Directory, name: string, look: Look): Promise<boolean> {
    for (const [variation, spelling] of otherSpellings(name)) {
      let probe = parent.probes.get(variation);
      if (probe === undefined) {
        probe = isUnder(`${parent.path}/${spelling}`, look);
        parent.probes.set(variation, probe);
      }
      if (await probe) return true;
    }
    return false;
  }

  async function isUnder(path: string, look: Look): Promise<boolean> {
    try {
      const other = await lookAt(calls, path);
      return other !== null && other.dev === look.dev && other.ino === look.ino;
    } catch (error) {
      // Another spelling may have more bytes than a name can have.
      if (isTooLong(error)) return false;
      throw error;
    }
  }

  return locate;
}

/** The key of the directory that holds `key`: empty for the root. */
export function parentKey(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

function asDirectory(located: Located, key: string): Directory | NoEntry {
  if (located.kind !== "entry") return located;
  if (located.look.isDirectory()) return { kind: "directory", path: located.path, probes: new Map() };
  if (!located.look.isSymbolicLink()) return { kind: "absent" };
  return { kind: "alias", oddity: "not-a-regular-file", why: `${key} is a symbolic link, and none is followed` };
}

async function lookAt(calls: FilesystemCalls, path: string): Promise<Look | null> {
  try {
    return await calls.lstat(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

function otherSpellings(name: string): [Variation, string][] {
  const upper = name.toUpperCase();
  const otherCase = upper === name ? name.toLowerCase() : upper;
  const composed = name.normalize("NFC");
  const otherForm = composed === name ? name.normalize("NFD") : composed;
  const spellings: [Variation, string][] = [
    ["case", otherCase],
    ["form", otherForm],
  ];
  return spellings.filter(([, spelling]) => spelling !== name);
}
