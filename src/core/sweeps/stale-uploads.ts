/**
 * stale-uploads: multipart uploads that were begun long ago, and neither completed nor aborted. A store that cannot list
 * them says so, never a silent zero. How many bytes their parts take no listing tells: they count as none.
 */
import { SweepError } from "../errors.ts";
import { compareKeys, isIgnored, isPlainText } from "../keys.ts";
import type { Instant, KeepReason } from "../model.ts";
import type { ListedUpload, SweepProgress, UploadName, UploadPage } from "../ports.ts";
import { type Bucket, count } from "../report.ts";
import type { SweepSettings } from "../settings.ts";
import { keepLease, progressOf, type Slice, type SweepEnd } from "../slice.ts";
import type { AbortAnswer } from "../upload-aborter.ts";

export type UploadDecision =
  | { readonly verdict: "remove"; readonly reason: "stale-upload" }
  | { readonly verdict: "keep"; readonly reason: KeepReason };

/** Pages that may bring uploads of one and the same key: 1,000,000 uploads. More is a listing that goes round in circles. */
const MAX_PAGES_OF_ONE_KEY = 1000;

interface UploadsPlace {
  /** The last upload that is done with. */
  readonly after: UploadName | null;
  /** Pages in a row that ended in the key of `after`. */
  readonly pagesOfKey: number;
}

interface Judged {
  readonly upload: ListedUpload;
  readonly bucket: Bucket;
}

/** Whether an upload is stale. Pure. */
export function decideUpload(
  { key, initiatedAt }: ListedUpload,
  now: Instant,
  settings: Pick<SweepSettings, "uploadGraceMs" | "ignorePrefixes">,
): UploadDecision {
  if (!isPlainText(key)) return { verdict: "keep", reason: "invalid-key" };
  if (isIgnored(key, settings.ignorePrefixes)) return { verdict: "keep", reason: "ignored-prefix" };
  if (initiatedAt === null) return { verdict: "keep", reason: "unknown-age" };
  // Written so that an age which is no number keeps the upload too.
  if (!(now - initiatedAt > settings.uploadGraceMs)) return { verdict: "keep", reason: "too-young" };
  return { verdict: "remove", reason: "stale-upload" };
}

export async function sweepStaleUploads(slice: Slice): Promise<SweepEnd> {
  const progress = progressOf(slice.entry, "stale-uploads");
  for (;;) {
    const { after, pagesOfKey } = toPlace(progress.place);
    const limit = slice.budget.pageSize();
    if (limit === 0 || slice.budget.spent()) return "deferred";
    await keepLease(slice);
    const page = await slice.store.listUploads({ after, limit });
    if (page === "not-supported") return "not-supported";
    const isSameKey = page.next !== null && page.next.key === after?.key;
    checkUploadPage(page, after, isSameKey ? pagesOfKey : 0);
    const end = await workOff(slice, progress, page.uploads);
    if (end === "deferred") return "deferred";
    slice.progressed();
    if (page.next === null) return "completed";
    progress.place = { after: page.next, pagesOfKey: isSameKey ? pagesOfKey + 1 : 0 } satisfies UploadsPlace;
  }
}

/** @throws SweepError `corrupt` where a listing goes backwards, repeats itself or does not advance */
function checkUploadPage({ uploads, next }: UploadPage, after: UploadName | null, pagesOfKey: number): void {
  const seen = new Set<string>();
  let previous = after?.key ?? "";
  for (const { key, uploadId } of uploads) {
    if (compareKeys(key, previous) < 0 || seen.has(`${uploadId} ${key}`)) {
      throw new SweepError("corrupt", "the store's listing of uploads is out of order or repeats itself");
    }
    seen.add(`${uploadId} ${key}`);
    previous = key;
  }
  if (next === null) return;
  const stays = next.key === after?.key && next.uploadId === after.uploadId;
  if (stays || compareKeys(next.key, previous) < 0 || pagesOfKey >= MAX_PAGES_OF_ONE_KEY) {
    throw new SweepError("corrupt", "the store's listing of uploads does not advance");
  }
}

/**
 * Judges a page and aborts what is stale, as far as the budget goes. Counts and place move together, when it is done: a
 * crash on the way leaves a place from which the page is listed again, without what was aborted.
 * @throws whatever took an answer away: what it was to tell counts as deferred, and the rest of the page is not begun
 */
async function workOff(
  slice: Slice,
  progress: SweepProgress,
  uploads: readonly ListedUpload[],
): Promise<"deferred" | "completed"> {
  const { concurrency } = slice.settings;
  const judged: Judged[] = [];
  try {
    for (let start = 0; start < uploads.length; start += concurrency) {
      if (slice.uploadAborter !== null && slice.budget.spent()) return "deferred";
      await workOffPart(slice, uploads.slice(start, start + concurrency), judged);
    }
    return "completed";
  } finally {
    for (const { bucket } of judged) count(progress.report, bucket, { count: 1, bytes: 0 });
    const last = judged.at(-1);
    if (last !== undefined) progress.place = { after: last.upload, pagesOfKey: 0 } satisfies UploadsPlace;
  }
}

async function workOffPart(slice: Slice, part: readonly ListedUpload[], judged: Judged[]): Promise<void> {
  const buckets = new Map(part.map((upload) => [upload, judge(slice, upload)]));
  const stale = part.filter((upload) => buckets.get(upload) === "stale");
  const answers = stale.length === 0 ? [] : ((await slice.uploadAborter?.abort(slice, stale)) ?? []);
  if (answers.length > 0) note(slice, stale, answers);
  for (const [index, upload] of stale.entries()) {
    const outcome = answers[index]?.outcome;
    buckets.set(upload, outcome === undefined ? slice.wouldBe : BUCKETS[outcome]);
  }
  for (const [upload, bucket] of buckets) if (bucket !== "stale") judged.push({ upload, bucket });
  for (const answer of answers) if (answer.outcome === "lost") throw answer.error;
}

const BUCKETS: Readonly<Record<AbortAnswer["outcome"], Bucket>> = {
  gone: "removed",
  refused: "failed",
  lost: "deferred",
};

function judge(slice: Slice, upload: ListedUpload): Bucket | "stale" {
  const { settings, now, coveredUpTo } = slice;
  const decision = decideUpload(upload, now, settings);
  slice.decided({ sweep: "stale-uploads", key: upload.key, ...decision, bytes: 0 });
  if (decision.verdict === "keep") return { kept: decision.reason };
  // What an approval of the whole run lets through was stale when its hold was last refreshed.
  const isCovered = coveredUpTo === null || decideUpload(upload, coveredUpTo, settings).verdict === "remove";
  return isCovered ? "stale" : { kept: "held" };
}

/** Notes the answers in the budget and in the log. */
function note(slice: Slice, uploads: readonly UploadName[], answers: readonly AbortAnswer[]): void {
  slice.budget.take(answers.length);
  const run = slice.entry.id;
  const aborted = answers.filter(({ outcome }) => outcome === "gone").length;
  slice.log({ level: "info", event: "batch.removed", run, uploads: aborted, bytes: 0 });
  for (const [index, answer] of answers.entries()) {
    const upload = uploads[index];
    if (answer.outcome === "gone" || upload === undefined) continue;
    const reason = answer.error instanceof Error ? answer.error.message : String(answer.error);
    const { key, uploadId } = upload;
    slice.log({ level: "warn", event: "removal.failed", run, key, upload: uploadId, outcome: answer.outcome, reason });
  }
}

function toPlace(place: unknown): UploadsPlace {
  const nowhere = { after: null, pagesOfKey: 0 };
  if (typeof place !== "object" || place === null || !("after" in place)) return nowhere;
  const { after } = place;
  if (typeof after !== "object" || after === null || !("key" in after) || !("uploadId" in after)) return nowhere;
  const pagesOfKey = "pagesOfKey" in place && typeof place.pagesOfKey === "number" ? place.pagesOfKey : 0;
  return { after: { key: String(after.key), uploadId: String(after.uploadId) }, pagesOfKey };
}
