/**
 * missing-objects: live rows without an object. A record never changes on absence from a listing alone, nor on this: it
 * is reported, and a person decides.
 */
import { isIgnored } from "../keys.ts";
import type { Comparison, ListedStretch, SweepProgress } from "../ports.ts";
import { type Bucket, count } from "../report.ts";
import type { Slice } from "../slice.ts";

/** Keys that a report shows. */
const SAMPLE = 20;

type MissingRow = Comparison["missing"][number];

interface Checked {
  readonly row: MissingRow;
  readonly bucket: Bucket;
}

/**
 * Asks the store for each row that a verified page did not show: only a definite "not found" is one. A stretch may hold
 * more rows than one answer brings; they are counted together at its end, with the page that they belong to.
 */
export async function checkMissing(
  slice: Slice,
  progress: SweepProgress,
  stretch: ListedStretch,
  first: readonly MissingRow[],
): Promise<void> {
  const checked: Checked[] = [];
  for (let rows = first; ; ) {
    checked.push(...(await askForAll(slice, rows)));
    const last = rows.at(-1);
    if (last === undefined || rows.length < stretch.missingLimit || slice.budget.spent()) break;
    rows = (await slice.database.catalog.compare(slice.held, { ...stretch, after: last.key })).missing;
  }
  for (const { row, bucket } of checked) report(slice, progress, row, bucket);
}

async function askForAll(slice: Slice, rows: readonly MissingRow[]): Promise<Checked[]> {
  const asked = rows.filter(({ key }) => !isIgnored(key, slice.settings.ignorePrefixes));
  const checked: Checked[] = [];
  for (let start = 0; start < asked.length; start += slice.settings.concurrency) {
    const some = asked.slice(start, start + slice.settings.concurrency);
    checked.push(...(await Promise.all(some.map(async (row) => ({ row, bucket: await askFor(slice, row.key) })))));
  }
  return checked;
}

async function askFor({ store, budget }: Slice, key: string): Promise<Bucket> {
  if (store.invalidKey(key) !== null) return { kept: "invalid-key" };
  if (budget.spent()) return "deferred";
  try {
    return (await store.head(key)) === null ? { kept: "missing-object" } : { kept: "changed-meanwhile" };
  } catch {
    // Not found out is not "not found".
    return "failed";
  }
}

function report(slice: Slice, progress: SweepProgress, { key, sizeBytes }: MissingRow, bucket: Bucket): void {
  count(progress.report, bucket, { count: 1, bytes: sizeBytes });
  if (typeof bucket === "string" || bucket.kept !== "missing-object") return;
  slice.decided({ sweep: "missing-objects", key, verdict: "keep", reason: bucket.kept, bytes: sizeBytes });
  progress.report.sample ??= [];
  if (progress.report.sample.length < SAMPLE) progress.report.sample.push(key);
}
