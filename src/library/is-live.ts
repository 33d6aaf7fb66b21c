/** Whether a file may still be downloaded: the sweeps' own rules, for a route that gives files away. Pure. */
import { type TimeReading, UNDECLARED } from "../core/catalog-time.ts";
import type { Instant } from "../core/model.ts";
import type { Value } from "../core/ports.ts";
import { endOf, isUsedUp } from "../core/sweeps/expired-files.ts";

/** A row of the catalog, as far as its end is concerned. What a table does not have is left out. */
export interface FileState {
  /** Without one a row counts as live, as a table without a status column has live rows alone. */
  readonly status?: unknown;
  /** Epoch milliseconds (or seconds, where the number is too small for milliseconds), an ISO text, or a `Date`. */
  readonly expiresAt?: unknown;
  readonly downloads?: unknown;
  /** None, or 0: as many as people like. */
  readonly maxDownloads?: unknown;
  readonly deletedAt?: unknown;
}

export interface IsLiveOptions {
  /** The statuses of a live file, as in `CATALOG_STATUS`. */
  readonly live?: readonly string[];
  /** How instants are written, as in `CATALOG_TIME`. */
  readonly time?: TimeReading["form"];
  /** The zone of ISO texts that carry none, as in `CATALOG_TIMEZONE`. */
  readonly timezone?: string;
}

const LIVE: readonly string[] = ["active"];

/**
 * Whether a file may be downloaded at `now`: its status is a live one, nobody deleted it, it has not expired, and its
 * downloads are not used up. The sweeps' graces do not count here: they keep the bytes for downloads that are under
 * way, and a new one must not begin in them. So a route that asks this first never gives away what the next run may
 * remove. A file on hold that has expired keeps its bytes, and is not live either. What cannot be read keeps a file
 * live, as it keeps it from the sweeps.
 *
 * @example
 * if (!isLive(file, Date.now())) return c.notFound();
 */
export function isLive(file: FileState, now: Instant, options: IsLiveOptions = {}): boolean {
  const { live = LIVE, time: form = UNDECLARED.form, timezone: zone = UNDECLARED.zone } = options;
  const { status, deletedAt } = file;
  if (status !== undefined && !live.some((one) => one === status)) return false;
  if (deletedAt !== undefined && deletedAt !== null) return false;
  const downloads = { downloads: toValue(file.downloads), maxDownloads: toValue(file.maxDownloads) };
  if (isUsedUp(downloads)) return false;
  const expiry = { expiresAt: toValue(file.expiresAt), downloadedAt: null, createdAt: null };
  return (
    endOf({ ...expiry, downloads: 0, maxDownloads: null }, now, { ...NO_GRACE, times: { form, zone } }) !== "expired"
  );
}

const NO_GRACE = { expiryGraceMs: 0, downloadGraceMs: 0 };

/** As the database would have answered it. */
function toValue(given: unknown): Value {
  if (given instanceof Date) return given.getTime();
  if (typeof given === "bigint") return Number(given);
  return typeof given === "number" || typeof given === "string" ? given : null;
}
