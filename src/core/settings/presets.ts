/** The five numbers that bound one slice of a run. Null: no limit. */
export interface Budget {
  readonly maxRemovals: number | null;
  readonly maxDurationMs: number | null;
  /** Calls to the database and the store together. */
  readonly maxCalls: number | null;
  readonly pageSize: number;
  readonly concurrency: number;
}

export const PRESET_NAMES = ["server", "workers-paid", "workers-free"] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

/** The most a listing or a delete batch of S3 and R2 takes. */
const FULL_PAGE = 1000;

/** Source of the Workers' limits: Cloudflare, "Workers: Limits", read in November 2026. */
export const PRESETS: Readonly<Record<PresetName, Budget>> = {
  /** A process that may take its time. */
  server: { maxRemovals: null, maxDurationMs: null, maxCalls: null, pageSize: FULL_PAGE, concurrency: 8 },
  /**
   * 10,000 subrequests, of which at most 1,000 to Cloudflare's own services such as R2: 900 fit any store and leave 100
   * to save the place and release the lease. Wall time 15 minutes, of which 10 are used. 6 connections at once, of which
   * two stay free for the renewal of the lease and a log.
   */
  "workers-paid": { maxRemovals: 100_000, maxDurationMs: 600_000, maxCalls: 900, pageSize: FULL_PAGE, concurrency: 4 },
  /**
   * 50 subrequests, of which 10 are the reserve. 10 ms of CPU: a page of 100 takes 2 to 7 ms in workerd (`npm run
   * bench:worker`), hence no more; 500 removals are five of them.
   */
  "workers-free": { maxRemovals: 500, maxDurationMs: 60_000, maxCalls: 40, pageSize: 100, concurrency: 4 },
};
