/**
 * Every margin, floor and cap that stands between a mistake and a deleted file, in one place, each with its reason.
 * What an operator may choose is in `settings`; nothing here can be configured away.
 */

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** How long the lease lasts without a renewal: long enough for three lost renewals, short enough that a crash is picked up at the next tick. */
export const LEASE_MS = 30 * SECOND_MS;

/** A holder renews once this much of the lease is used, so that two renewals may fail before it runs out. */
export const LEASE_RENEW_AFTER_MS = 10 * SECOND_MS;

/** No call to a database or a store is waited for longer. A third of the lease: a delete begun with this much left is answered, or given up, while the lease still stands. */
export const CALL_TIMEOUT_MS = 10 * SECOND_MS;

/** A delete batch that took longer than this is followed by one of half its size: half of the time-out leaves room for a store that slows down. */
export const SLOW_BATCH_MS = CALL_TIMEOUT_MS / 2;

/** Only while batches take less than this is one more begun beside them: a store that works them off one after the other would answer the last of them too late. */
export const QUICK_BATCH_MS = CALL_TIMEOUT_MS / 10;

/** Keys in one delete call. S3's DeleteObjects and R2's `delete` take at most 1,000. */
export const MAX_DELETE_BATCH = 1000;

/** How often a refused removal is tried before a person has to look at it. */
export const MAX_ATTEMPTS = 10;

/** Wait before attempt n + 1 of a refused removal: doubles from here, up to the cap. */
export const RETRY_BASE_MS = 5 * MINUTE_MS;
export const RETRY_CAP_MS = DAY_MS;

/** An orphan is never judged by less than this age: clocks of store and runtime differ, and an upload is named by its row only at its end. */
export const MIN_ORPHAN_GRACE_MS = HOUR_MS;

/** The gate never opens sooner after an answered delete: an application that writes the object first needs the time to name it. */
export const MIN_GATE_MS = 5 * MINUTE_MS;

/** filesweep's own corner of every store. No object below it is ever looked at, nominated or deleted. */
export const OWN_PREFIX = ".filesweep/";

/** S3 and R2 refuse longer keys; a folder may refuse sooner. In bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;

/** Numbers below this are epoch seconds where the form of a time is not declared: as milliseconds they would lie before March 1973, and the later reading keeps a file longer. */
export const SECONDS_BELOW = 1e11;

/** The wait before the next attempt of a removal that was refused `attempts` times, in milliseconds. */
export function retryDelayMs(attempts: number): number {
  return Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.max(0, attempts - 1));
}

/** Clocks further apart than this, or a clock that went back by more, decide nothing. */
export const CLOCK_TOLERANCE_MS = 5 * MINUTE_MS;

/** How long an approval lets through what it covered. */
export const APPROVAL_MS = 7 * DAY_MS;

/** Up to so many orphans are never too many: a small store would be held for every handful. */
export const ORPHAN_HOLD_FLOOR = 20;

/** Up to so many rows are never too many to end. */
export const ROW_HOLD_FLOOR = 100;

/** Items that a hold shows. */
export const HOLD_SAMPLE = 100;

/** Of each kind a hold of the whole run shows so many, so that many of one kind do not hide the others. */
export const KIND_SAMPLE = HOLD_SAMPLE / 5;

/** The identity marker, relative to the store's prefix. */
export const MARKER_KEY = `${OWN_PREFIX}identity.json`;

/** What the doctor puts, looks up and deletes, to see what the store allows. */
export const PROBE_KEY = `${OWN_PREFIX}probe`;

/** The last instant that ECMAScript's time knows, in epoch milliseconds: what lies behind it is no instant. */
export const MAX_INSTANT = 8.64e15;
