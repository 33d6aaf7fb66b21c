/** A store in a local folder. The key of an object is its path below the root, with `/` between the segments. */

import { isAbsolute } from "node:path";
import process from "node:process";
import { SweepError } from "../core/errors.ts";
import type { ListAsk, ListedObject, Store } from "../core/ports.ts";
import { CALL_TIMEOUT_MS, PROBE_KEY } from "../core/safety.ts";
import { type FilesystemCalls, NODE_CALLS, unavailable } from "./filesystem-calls.ts";
import { deleteFromFolder, type Folder, modifiedAtOf } from "./filesystem-delete.ts";
import { createLocate, type Locate } from "./filesystem-locate.ts";
import { lookAt, toObject, toObjects } from "./filesystem-look.ts";
import { readFolderMarker, removeFolderMarker, writeFolderMarker } from "./filesystem-marker.ts";
import { invalidFolderKey } from "./filesystem-names.ts";
import { hasProbe, putProbe } from "./filesystem-probe.ts";
import { createRoot } from "./filesystem-root.ts";
import type { FolderThread } from "./filesystem-thread.ts";
import { type FoundEntry, openWalk, type Walk, walkOn } from "./filesystem-walk.ts";
import { checkLimit, invalidLookUp, stopIfAborted } from "./guards.ts";
import { throwRefused, tryOut } from "./try-out.ts";

/** System calls under way at once. Node works on four at a time unless UV_THREADPOOL_SIZE says otherwise. */
const DEFAULT_CONCURRENCY = 8;

/** A page ends early once its walk took this long: a call that is given up would begin again at the same place. */
const WALK_MS = CALL_TIMEOUT_MS / 4;

export interface FilesystemStoreOptions {
  /** An absolute path. May be a symbolic link; none below it is followed. */
  readonly root: string;
  /** System calls under way at once. */
  readonly concurrency?: number;
  /** Where large batches of deletes and of looks go, so that whoever waits for them can work beside. Default: nowhere. */
  readonly thread?: FolderThread;
  /** Milliseconds that never go back. For tests. */
  readonly monotonicMs?: () => number;
  /** For tests: replaces system calls, to inject faults. */
  readonly calls?: Partial<FilesystemCalls>;
  /** For tests: `process.platform`. */
  readonly platform?: string;
}

/**
 * A store in the folder `root`. Nothing outside it is ever touched, nor inside it anything but the exact key and the
 * directories that its own deletes emptied.
 *
 * - What is no regular file (symbolic links, sockets, devices) is listed as such, and never followed or deleted.
 * - A name that is no valid key is listed in a rendering that no valid key can have, and never deleted. Deno hands names
 *   that are not UTF-8 out mangled: there they are not listed.
 * - A directory sorts as `name/`; empty ones are not objects.
 * - The age of an object is its modified time, which `cp -p`, `rsync -t` and `mv` carry along.
 *
 * @throws SweepError `invalid` for a root that is not an absolute path; from every call `unavailable` when the root is
 * missing, is no directory, or is another directory than at the first call
 */
export function createFilesystemStore(options: FilesystemStoreOptions): Store {
  const { root: rootPath, concurrency = DEFAULT_CONCURRENCY, platform = process.platform, thread } = options;
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const calls = { ...NODE_CALLS, ...options.calls };
  if (!isAbsolute(rootPath) || rootPath.includes("\0")) {
    throw new SweepError("invalid", `the folder of a store is an absolute path, not ${JSON.stringify(rootPath)}`);
  }
  const name = `file:${rootPath}`;
  const openRoot = createRoot(calls, rootPath);
  /** Where the last page ended, so that the next one need not read the same directories again. Only ever a short cut. */
  let left: { readonly walk: Walk; readonly root: string; readonly next: string } | null = null;

  const looseNames = platform === "darwin" || platform === "win32";

  async function openFolder(): Promise<Folder> {
    return { path: rootPath, root: await openRoot(), looseNames, concurrency };
  }

  async function lookAtAll(
    found: readonly FoundEntry[],
    { signal, sent }: Pick<ListAsk, "signal" | "sent">,
  ): Promise<ListedObject[]> {
    const paths = found.map(({ path }) => path);
    const looking = thread?.takes(paths.length)
      ? thread.look(paths, concurrency, signal)
      : lookAt(calls, paths, concurrency, signal);
    sent?.();
    const looks = await looking;
    // A page whose rest was not looked at would pass for a page without them.
    stopIfAborted(signal, "listing the folder");
    return toObjects(found, looks);
  }

  /** Takes the walk away, so that no other call can move it at the same time. */
  function takeWalk(root: string, after: string | null): Walk | null {
    const taken = left;
    left = null;
    return taken !== null && taken.next === after && taken.root === root ? taken.walk : null;
  }

  return {
    name,
    async list(ask) {
      const { after, limit, signal } = ask;
      checkLimit(limit);
      stopIfAborted(signal, `listing ${name}`);
      const startedAt = monotonicMs();
      const { real: root } = await openRoot();
      const walk = takeWalk(root, after) ?? (await openWalk(calls, root, after));
      const isLate = (): boolean => monotonicMs() - startedAt >= WALK_MS;
      const { found, next } = await walkOn(calls, walk, limit, isLate, signal);
      const objects = await lookAtAll(found, ask);
      // Order: after the reading. Unmounted in mid-page, every directory would have looked as if it had vanished.
      await openRoot();
      left = next === null ? null : { walk, root, next };
      return { objects, next };
    },
    async head(key, signal) {
      stopIfAborted(signal, `looking up an object of ${name}`);
      const invalid = invalidFolderKey(key);
      if (invalid !== null) throw invalidLookUp(key, invalid);
      const { real: root } = await openRoot();
      const object = await lookUp(createLocate({ calls, root, looseNames }), key);
      // Order: after the look. Nothing is found in a root that was unmounted meanwhile, which is no "not found".
      if (object === null) await openRoot();
      return object;
    },
    async delete(requests, signal, sent) {
      stopIfAborted(signal, `deleting from ${name}`);
      const folder = await openFolder();
      const deleting = thread?.takes(requests.length)
        ? thread.delete(folder, requests, signal)
        : deleteFromFolder(calls, folder, requests, signal);
      sent?.();
      return deleting;
    },
    async readMarker(signal) {
      stopIfAborted(signal, `reading the identity marker of ${name}`);
      const text = await readFolderMarker((await openRoot()).real);
      // Order: after the look, as in `head`.
      if (text === null) await openRoot();
      return text;
    },
    async writeMarker(text, signal) {
      stopIfAborted(signal, `writing the identity marker of ${name}`);
      const { real: root } = await openRoot();
      if (text === null) await removeFolderMarker(root);
      else await writeFolderMarker(root, text);
    },
    async tryOut(signal) {
      stopIfAborted(signal, `trying ${name} out`);
      const folder = await openFolder();
      return tryOut({
        put: () => putProbe(folder.root.real),
        head: () => hasProbe(folder.root.real),
        delete: async () => throwRefused((await deleteFromFolder(calls, folder, [{ key: PROBE_KEY }], signal))[0]),
      });
    },
    // A folder has no multipart uploads, keeps no versions, and its clock is that of the machine it is on.
    async listUploads() {
      return "not-supported";
    },
    async abortUpload() {
      throw new SweepError("bug", "a folder has no multipart uploads");
    },
    async versioning() {
      return "none";
    },
    clockSkewMs: () => null,
    invalidKey: invalidFolderKey,
  };
}

async function lookUp(locate: Locate, key: string): Promise<ListedObject | null> {
  try {
    const located = await locate(key);
    if (located.kind === "absent") return null;
    if (located.kind === "alias") {
      // Something is there: "not found" would be a lie. What is behind a link is not looked at.
      return { key, sizeBytes: 0, modifiedAt: null, etag: null, oddity: located.oddity };
    }
    const { look } = located;
    return look.isDirectory() ? null : toObject(key, look.isFile(), look.size, modifiedAtOf(look));
  } catch (error) {
    throw unavailable(`looking up ${key}`, error);
  }
}
