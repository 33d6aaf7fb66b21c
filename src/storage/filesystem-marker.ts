/** The identity marker in filesweep's own corner of a folder: the only file that a run ever writes there. */
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { SweepError } from "../core/errors.ts";
import { MARKER_KEY, OWN_PREFIX } from "../core/safety.ts";
import { isAbsence, unavailable } from "./filesystem-calls.ts";

/** A marker is a line; what is larger is none of ours. */
const MAX_MARKER_BYTES = 4096;

/** @throws SweepError `corrupt` where something else than a small regular file is in its place */
export async function readFolderMarker(root: string): Promise<string | null> {
  try {
    if (!(await isOwnCorner(root))) return null;
    const file = await open(join(root, MARKER_KEY), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const look = await file.stat();
      if (!look.isFile() || look.size > MAX_MARKER_BYTES) throw notAMarker(root);
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SweepError) throw error;
    if (isAbsence(error)) return null;
    throw unavailable("reading the identity marker", error);
  }
}

/** Written beside and moved into place, and synced before, so that a crash leaves the old marker or the new one. */
export async function writeFolderMarker(root: string, text: string): Promise<void> {
  try {
    if (!(await isOwnCorner(root))) await mkdir(join(root, OWN_PREFIX));
    const beside = join(root, `${MARKER_KEY}.new`);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const file = await open(beside, flags, 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, join(root, MARKER_KEY));
  } catch (error) {
    if (error instanceof SweepError) throw error;
    throw unavailable("writing the identity marker", error);
  }
}

/** Takes the marker away, and its directory if nothing else is in there. */
export async function removeFolderMarker(root: string): Promise<void> {
  try {
    if (!(await isOwnCorner(root))) return;
    await rm(join(root, MARKER_KEY), { force: true });
    const rest = await readdir(join(root, OWN_PREFIX));
    if (rest.length === 0) await rmdir(join(root, OWN_PREFIX));
  } catch (error) {
    if (error instanceof SweepError) throw error;
    throw unavailable("removing the identity marker", error);
  }
}

/** Whether `.filesweep` is there. A link in its place could lead outside the root. */
export async function isOwnCorner(root: string): Promise<boolean> {
  try {
    if ((await lstat(join(root, OWN_PREFIX.slice(0, -1)))).isDirectory()) return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
  throw new SweepError("corrupt", `${join(root, OWN_PREFIX)} is not a directory: filesweep keeps its marker there`);
}

function notAMarker(root: string): SweepError {
  return new SweepError("corrupt", `${join(root, MARKER_KEY)} is not an identity marker`);
}
