/**
 * One site, told once, for every runtime: what is in the catalog and in the store, what happens to it, and the reports
 * that have to come of it. Times are relative to now, since the processes go by their own clocks.
 *
 * The first tick is held, since nobody has looked yet; approved, the run goes on in slices of four removals.
 */
import type { Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";

const SETTINGS = {
  CLEANUP_MAX_REMOVALS: "4",
  CLEANUP_PAGE_SIZE: "4",
  CLEANUP_SCAN_EVERY_HOURS: "0",
  CLEANUP_SWEEPS: "expired-files,old-records,orphaned-objects,missing-objects,history",
};

/** What every runtime is told, besides where database and store are. */
export const SCENARIO_SETTINGS: Readonly<Record<string, string>> = SETTINGS;

/** The rows of the default table. */
export function scenarioRows(now = Date.now()): Readonly<Record<string, Value>>[] {
  const row = (key: string, more: Readonly<Record<string, Value>>): Record<string, Value> => ({
    id: key,
    key,
    size_bytes: 10,
    created_at: now - 30 * DAY_MS,
    ...more,
  });
  const expired = { expires_at: now - HOUR_MS };
  return [
    ...Array.from({ length: 7 }, (_, index) => row(`expired/${index}`, expired)),
    // Two rows share this object, and one of them is live.
    { ...row("shared/live", {}), key: "shared.bin" },
    { ...row("shared/expired", expired), key: "shared.bin" },
    row("on-hold.bin", { ...expired, hold: 1 }),
    row("used-up.bin", { downloads: 3, max_downloads: 3, downloaded_at: now - 2 * HOUR_MS }),
    row("old-record.bin", {
      status: "expired",
      downloads: 1,
      downloaded_at: now - 20 * DAY_MS,
      expires_at: now - 10 * DAY_MS,
    }),
    row("strange-time.bin", { expires_at: "soon" }),
    row("without-object.bin", {}),
    ...Array.from({ length: 5 }, (_, index) => row(`live/${index}`, { expires_at: now + 30 * DAY_MS })),
  ];
}

const LIVE = ["live/0", "live/1", "live/2", "live/3", "live/4"];

/** The objects, of ten bytes each. They were put just now, so what nobody names is too young to be an orphan. */
export const SCENARIO_OBJECTS: readonly string[] = [
  ...Array.from({ length: 7 }, (_, index) => `expired/${index}`),
  ...LIVE,
  "on-hold.bin",
  "orphan-1.bin",
  "orphan-2.bin",
  "shared.bin",
  "strange-time.bin",
  "used-up.bin",
];

/** What is left in the end. */
export const SCENARIO_LEFT: readonly string[] = [
  ...LIVE,
  "on-hold.bin",
  "orphan-1.bin",
  "orphan-2.bin",
  "shared.bin",
  "strange-time.bin",
];
