/** What adapters check before they begin. */
import { SweepError } from "../core/errors.ts";

/** @throws SweepError `bug` for a limit that is no whole number from 1 up */
export function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new SweepError("bug", `cannot list ${limit} objects: a page's limit is a whole number from 1 up`);
  }
}

/** @throws SweepError `unavailable` when the caller has given up. `doing` is such as `listing file:/srv/uploads` */
export function stopIfAborted(signal: AbortSignal | undefined, doing: string): void {
  if (signal?.aborted === true) throw new SweepError("unavailable", `gave up ${doing}`, { cause: signal.reason });
}

/**
 * The error of a look-up by a key that can name no object. Not "not found": what such a key leads to in the store may
 * well exist, under another key.
 */
export function invalidLookUp(key: string, why: string): SweepError {
  return new SweepError("invalid", `cannot look up ${JSON.stringify(key)}: ${why}`);
}
