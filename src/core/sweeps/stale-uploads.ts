/** stale-uploads: multipart uploads that were begun and never ended. A store that cannot list them says so, never a silent zero. */
import type { Slice, SweepEnd } from "../slice.ts";

export function sweepStaleUploads(_slice: Slice): Promise<SweepEnd> {
  // No store that is built so far has uploads that can be listed: a folder has none at all.
  return Promise.resolve("not-supported");
}
