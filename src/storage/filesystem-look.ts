/** Looks at the entries of a listing's page, and makes its objects of what was seen. */
import type { ListedObject } from "../core/ports.ts";
import {
  type FilesystemCalls,
  type GivenUp,
  inParallel,
  isAbsence,
  type Path,
  unavailable,
} from "./filesystem-calls.ts";
import { modifiedAtOf } from "./filesystem-delete.ts";
import { invalidFolderKey } from "./filesystem-names.ts";
import type { FoundEntry } from "./filesystem-walk.ts";

/** What was seen of entries, by their places. In numbers: a thousand objects would take longer to copy than to look at. */
export interface Looks {
  readonly kinds: Uint8Array;
  readonly sizesBytes: Float64Array;
  readonly modifiedAt: Float64Array;
}

/** Vanished since its directory was read, or became a directory; or was not looked at. */
const NO_OBJECT = 0;
const REGULAR_FILE = 1;
const ANYTHING_ELSE = 2;

/**
 * Looks at each of `paths`. Once `signal` is aborted, no further look begins.
 * @throws SweepError `unavailable` when a look fails otherwise than by an absence
 */
export async function lookAt(
  calls: Pick<FilesystemCalls, "lstat">,
  paths: readonly Path[],
  concurrency: number,
  signal?: GivenUp,
): Promise<Looks> {
  const { length } = paths;
  const looks = {
    kinds: new Uint8Array(length).fill(NO_OBJECT),
    sizesBytes: new Float64Array(length),
    modifiedAt: new Float64Array(length),
  };
  const lookAtOne = async (path: Path, index: number): Promise<void> => {
    try {
      const look = await calls.lstat(path);
      if (look.isDirectory()) return;
      looks.kinds[index] = look.isFile() ? REGULAR_FILE : ANYTHING_ELSE;
      looks.sizesBytes[index] = look.size;
      looks.modifiedAt[index] = modifiedAtOf(look);
    } catch (error) {
      if (!isAbsence(error)) throw unavailable(`looking at ${path.toString()}`, error);
    }
  };
  await inParallel(paths, concurrency, lookAtOne, signal);
  return looks;
}

/** The objects among what was found, in its order. */
export function toObjects(found: readonly FoundEntry[], { kinds, sizesBytes, modifiedAt }: Looks): ListedObject[] {
  const objects: ListedObject[] = [];
  for (const [index, { key }] of found.entries()) {
    const kind = kinds[index] ?? NO_OBJECT;
    if (kind === NO_OBJECT) continue;
    objects.push(toObject(key, kind === REGULAR_FILE, sizesBytes[index] ?? 0, modifiedAt[index] ?? null));
  }
  return objects;
}

export function toObject(
  key: string,
  isFile: boolean,
  sizeBytes: number,
  modifiedAt: ListedObject["modifiedAt"],
): ListedObject {
  const seen = { key, sizeBytes, modifiedAt, etag: null };
  if (!isFile) return { ...seen, oddity: "not-a-regular-file" };
  return invalidFolderKey(key) === null ? seen : { ...seen, oddity: "invalid-key" };
}
