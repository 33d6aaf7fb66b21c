/** Deletes keys of a folder: exactly these entries, only regular files, and the directories that this emptied. */
import type { DeleteOutcome, DeleteRequest } from "../core/ports.ts";
import { type FilesystemCalls, type GivenUp, inParallel, isAbsence, type Look, reasonOf } from "./filesystem-calls.ts";
import { createLocate, type Locate, parentKey } from "./filesystem-locate.ts";
import { invalidFolderKey } from "./filesystem-names.ts";
import { createRoot, type Root } from "./filesystem-root.ts";

/** The folder that is deleted from, as plain values. */
export interface Folder {
  /** The path that it was opened by. */
  readonly path: string;
  readonly root: Root;
  readonly looseNames: boolean;
  /** System calls under way at once. */
  readonly concurrency: number;
}

interface DeleteContext {
  readonly calls: FilesystemCalls;
  /** The real path of the root. */
  readonly root: string;
  readonly locate: Locate;
  readonly concurrency: number;
  /** Rejects when the root is not what it was. */
  readonly confirmRoot: () => Promise<unknown>;
}

/** One outcome per request, in their order. What was not begun when `signal` was aborted is `unknown`. */
export async function deleteFromFolder(
  calls: FilesystemCalls,
  { path, root, looseNames, concurrency }: Folder,
  requests: readonly DeleteRequest[],
  signal?: GivenUp,
): Promise<DeleteOutcome[]> {
  const locate = createLocate({ calls, root: root.real, looseNames });
  const confirmRoot = createRoot(calls, path, root);
  const context: DeleteContext = { calls, root: root.real, locate, concurrency, confirmRoot };
  const outcomes: DeleteOutcome[] = requests.map(({ key }) => ({
    key,
    outcome: "unknown",
    error: "not tried: the call was given up before",
  }));
  /** Positions of the keys under which nothing was found. */
  const absent: number[] = [];
  const emptied = new Set<string>();
  await inParallel(
    requests,
    context.concurrency,
    async (request, index) => {
      const became = await deleteOne(context, request);
      if (became === "deleted") emptied.add(parentKey(request.key));
      if (became === "absent") absent.push(index);
      outcomes[index] = typeof became === "string" ? { key: request.key, outcome: "gone" } : became;
    },
    signal,
  );
  if (absent.length > 0) await doubtAbsence(context, absent, outcomes);
  if (signal?.aborted !== true) await removeEmptied(context, emptied);
  return outcomes;
}

async function deleteOne(
  { calls, locate }: DeleteContext,
  { key, expected }: DeleteRequest,
): Promise<"deleted" | "absent" | DeleteOutcome> {
  const refused = (error: string): DeleteOutcome => ({ key, outcome: "refused", error });
  const invalid = invalidFolderKey(key);
  if (invalid !== null) return refused(invalid);
  try {
    const located = await locate(key);
    if (located.kind === "absent") return "absent";
    if (located.kind === "alias") return refused(located.why);
    if (!located.look.isFile()) return refused(`it is ${describeLook(located.look)}, not a regular file`);
    if (expected !== undefined && !looksLike(located.look, expected)) return { key, outcome: "changed" };
    // Order: look, then unlink. Node has no unlinkat(2), so two swaps are not seen: a file put here since the look, and a
    // directory above replaced by a link since this batch first passed it (each is looked at once in a batch). Both need
    // somebody with write access below the root, at that moment; a link that stands when the batch begins is refused.
    await calls.unlink(located.path);
    return "deleted";
  } catch (error) {
    return isAbsence(error) ? "absent" : refused(reasonOf(error));
  }
}

/** A folder's modified time in whole milliseconds: what listings show, and deletes compare. */
export function modifiedAtOf(look: Look): number {
  return Math.floor(look.mtimeMs);
}

function looksLike(look: Look, expected: NonNullable<DeleteRequest["expected"]>): boolean {
  return look.size === expected.sizeBytes && modifiedAtOf(look) === expected.modifiedAt;
}

function describeLook(look: Look): string {
  if (look.isDirectory()) return "a directory";
  return look.isSymbolicLink() ? "a symbolic link" : "a device, a socket or a pipe";
}

/**
 * Order: after the deletes. Unmounted in mid-batch, the root shows none of its keys, and all would pass for gone while
 * their bytes are safe on the other disk.
 */
async function doubtAbsence(
  { confirmRoot }: DeleteContext,
  absent: readonly number[],
  outcomes: DeleteOutcome[],
): Promise<void> {
  try {
    await confirmRoot();
  } catch (error) {
    for (const index of absent) {
      const key = outcomes[index]?.key ?? "";
      outcomes[index] = { key, outcome: "unknown", error: reasonOf(error) };
    }
  }
}

/**
 * Removes the directories of deleted objects that are empty now, and then those that this emptied, deepest first; never
 * the root. `rmdir` itself refuses a directory that holds anything. One that stays for any reason is no failure: it
 * holds no object.
 */
async function removeEmptied({ calls, root, concurrency }: DeleteContext, emptied: ReadonlySet<string>): Promise<void> {
  const byDepth = new Map<number, Set<string>>();
  const add = (key: string): void => {
    const depth = key.split("/").length;
    if (key !== "") byDepth.set(depth, (byDepth.get(depth) ?? new Set()).add(key));
  };
  for (const key of emptied) add(key);
  for (let depth = Math.max(0, ...byDepth.keys()); depth > 0; depth -= 1) {
    await inParallel([...(byDepth.get(depth) ?? [])], concurrency, async (key) => {
      const removed = await calls.rmdir(`${root}/${key}`).then(
        () => true,
        () => false,
      );
      if (removed) add(parentKey(key));
    });
  }
}
