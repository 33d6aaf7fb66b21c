/** A real folder, held like the reference store: its files' times follow the virtual clock. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { compareKeys } from "../../src/core/keys.ts";
import type { DeleteOutcome } from "../../src/core/ports.ts";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import type { MemoryStore } from "../../src/storage/memory.ts";

/** @param root an empty folder of this store's own, beside which files are made */
export function createFolderStore(root: string, now: () => number): MemoryStore {
  mkdirSync(root);
  // No page ends for the time that it took: that would be chance.
  const store = createFilesystemStore({ root, monotonicMs: () => 0 });
  const refused = new Map<string, string>();
  let puts = 0;
  return {
    ...store,
    async delete(requests, signal) {
      const asked = requests.filter(({ key }) => !refused.has(key));
      const answers = await store.delete(asked, signal);
      return requests.map(({ key }): DeleteOutcome => {
        const error = refused.get(key);
        if (error !== undefined) return { key, outcome: "refused", error };
        return answers[asked.findIndex((request) => request.key === key)] ?? { key, outcome: "unknown", error: "?" };
      });
    },
    put(key, { modifiedAt = now() } = {}) {
      puts += 1;
      const path = join(root, key);
      const part = `${root}.part`;
      // No two files are of one size: one that replaces another in the same moment looks different.
      writeFileSync(part, "x".repeat(puts));
      utimesSync(part, (modifiedAt ?? now()) / 1000, (modifiedAt ?? now()) / 1000);
      mkdirSync(dirname(path), { recursive: true });
      renameSync(part, path);
    },
    remove: (key) => rmSync(join(root, key), { force: true }),
    has: (key) => existsSync(join(root, key)),
    keys: () =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name)))
        .sort(compareKeys),
    refuse(key, reason) {
      if (reason === null) refused.delete(key);
      else refused.set(key, reason);
    },
    beginUpload() {
      throw new Error("a folder has no multipart uploads");
    },
    completeUpload: () => false,
    uploads: () => [],
  };
}
