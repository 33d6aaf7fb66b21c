import { SweepError } from "../core/errors.ts";
import { type FilesystemCalls, type Look, reasonOf } from "./filesystem-calls.ts";

/**
 * Makes the check that every call begins with: the root is there, is a directory, and is the same one as at the first
 * call. An unmounted disk leaves an empty directory behind, which would pass for a store without objects.
 *
 * The check answers the root's real path.
 * @throws SweepError `unavailable` (the check)
 */
export function createRoot(calls: FilesystemCalls, path: string): () => Promise<string> {
  let first: { readonly dev: number; readonly ino: number } | null = null;
  return async () => {
    const { real, look } = await readRoot(calls, path);
    if (!look.isDirectory()) {
      throw new SweepError("unavailable", `cannot use the folder ${path}: it is a file; a directory is wanted`);
    }
    first ??= { dev: look.dev, ino: look.ino };
    if (look.dev !== first.dev || look.ino !== first.ino) {
      const wanted = "restart filesweep once the right one is there";
      throw new SweepError(
        "unavailable",
        `cannot use the folder ${path}: it is another directory than before (mounted or unmounted meanwhile?); ${wanted}`,
      );
    }
    // Paths below are made by adding `/name`, and two slashes at the beginning may mean something else.
    return real === "/" ? "/." : real;
  };
}

async function readRoot(calls: FilesystemCalls, path: string): Promise<{ real: string; look: Look }> {
  try {
    const real = await calls.realpath(path);
    return { real, look: await calls.lstat(real) };
  } catch (cause) {
    const message = `cannot use the folder ${path}: ${reasonOf(cause)}; a directory is wanted (is its disk mounted?)`;
    throw new SweepError("unavailable", message, { cause });
  }
}
