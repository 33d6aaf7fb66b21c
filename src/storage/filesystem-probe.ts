/** What the doctor tries out in a folder: one file of filesweep's own, put and looked at. It is deleted as any object is. */
import { constants } from "node:fs";
import { lstat, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { SweepError } from "../core/errors.ts";
import { OWN_PREFIX, PROBE_KEY } from "../core/safety.ts";
import { unavailable } from "./filesystem-calls.ts";
import { isOwnCorner } from "./filesystem-marker.ts";

export async function putProbe(root: string): Promise<void> {
  try {
    if (!(await isOwnCorner(root))) await mkdir(join(root, OWN_PREFIX));
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    await (await open(join(root, PROBE_KEY), flags, 0o644)).close();
  } catch (error) {
    if (error instanceof SweepError) throw error;
    throw unavailable(`writing ${PROBE_KEY}`, error);
  }
}

export async function hasProbe(root: string): Promise<boolean> {
  try {
    return (await lstat(join(root, PROBE_KEY))).isFile();
  } catch (error) {
    throw unavailable(`looking up ${PROBE_KEY}`, error);
  }
}
