/** The sweeps, in the order of a run. To add one: its file, and a line here. */
import type { SweepName } from "../model.ts";
import type { Bucket } from "../report.ts";
import type { Slice, SweepEnd } from "../slice.ts";
import { sweepExpiredFiles } from "./expired-files.ts";
import { sweepHistory } from "./history.ts";
import { sweepOldRecords } from "./old-records.ts";
import { scanIsComplete, sweepMissingObjects, sweepOrphanedObjects } from "./scan.ts";
import { sweepStaleUploads } from "./stale-uploads.ts";

export interface Sweep {
  readonly name: SweepName;
  /** Looks at the whole store: a schedule does so only every now and then. */
  readonly scans: boolean;
  /** Works on from the sweep's saved place. */
  work(slice: Slice): Promise<SweepEnd>;
  /** Whether removals of this run may stand in the ledger already, the saved place being this. */
  nominates(place: unknown): boolean;
  /** What became, after a crash, of something that was to end and has no removal. */
  readonly withoutRemoval: Bucket;
}

const kept: Bucket = { kept: "changed-meanwhile" };

export const SWEEPS: readonly Sweep[] = [
  { name: "expired-files", scans: false, work: sweepExpiredFiles, nominates: () => true, withoutRemoval: kept },
  { name: "old-records", scans: false, work: sweepOldRecords, nominates: () => true, withoutRemoval: "removed" },
  {
    name: "orphaned-objects",
    scans: true,
    work: sweepOrphanedObjects,
    nominates: scanIsComplete,
    withoutRemoval: kept,
  },
  { name: "missing-objects", scans: true, work: sweepMissingObjects, nominates: () => false, withoutRemoval: kept },
  { name: "stale-uploads", scans: true, work: sweepStaleUploads, nominates: () => false, withoutRemoval: kept },
  { name: "history", scans: false, work: sweepHistory, nominates: () => false, withoutRemoval: "removed" },
];
