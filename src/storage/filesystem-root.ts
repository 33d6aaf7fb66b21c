import { SweepError } from "../core/errors.ts";
import { type FilesystemCalls, type Look, reasonOf } from "./filesystem-calls.ts";

/** By what a directory is told from another that takes its place. */
export interface RootIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** A root as it was found. */
export interface Root extends RootIdentity {
  /** Its real path. */
  readonly real: string;
}

/**
 * Makes the check that every call begins with: the root is there, is a directory, and is the same one as at the first
 * call. An unmounted disk leaves an empty directory behind, which would pass for a store without objects.
 *
 * @param known what it was at the first call, where that was made elsewhere
 * @throws SweepError `unavailable` (the check)
 */
export function createRoot(
  calls: FilesystemCalls,
  path: string,
  known: RootIdentity | null = null,
): () => Promise<Root> {
  let first = known;
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
    return { real: real === "/" ? "/." : real, dev: look.dev, ino: look.ino };
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
