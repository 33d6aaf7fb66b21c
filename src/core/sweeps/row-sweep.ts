/**
 * The way of a sweep over rows, shared by expired-files and old-records: hold rules, then page by page: read, decide,
 * end what is to go (compare-and-set), and hand the keys that nothing protects any more to the remover.
 */
import { readInstant } from "../catalog-time.ts";
import { isSweepError } from "../errors.ts";
import { derivedKeys, isIgnored } from "../keys.ts";
import { type Decision, type Instant, keep, type Tally } from "../model.ts";
import type { CatalogCursor, Claim, ClaimAnswer, Condemned, DuePage, FileRow, SweepProgress } from "../ports.ts";
import { type Bucket, count, discount, move, sum } from "../report.ts";
import { progressOf, type Slice, type SweepEnd } from "../slice.ts";
import { coveredInstant, findingsOf, type PageAsk, type RowSweep, raiseRowHolds } from "./row-rules.ts";

/** A pass that an approval allows goes by the instant of the approved hold; the usual pass by the slice's `now`. */
interface Pass {
  readonly kind: "approved" | "usual";
  readonly now: Instant;
  readonly removes: boolean;
}

interface RowPlace {
  readonly pass: "approved" | "usual";
  readonly cursor: CatalogCursor | null;
  /** The last page is behind us: a null cursor alone would also mean the beginning. */
  readonly ended: boolean;
}

export async function sweepRows(sweep: RowSweep, slice: Slice): Promise<SweepEnd> {
  const progress = progressOf(slice.entry, sweep.name);
  let findings = await findingsOf(sweep, slice);
  const approvedAsOf = slice.remover === null ? null : await coveredInstant(sweep, slice, findings);
  if (approvedAsOf !== null && toPlace(progress.place).pass === "approved") {
    const end = await walk(sweep, slice, progress, { kind: "approved", now: approvedAsOf, removes: true });
    if (end === "deferred") return end;
    for (const { cause } of findings) {
      const approval = slice.holds.approval(cause, sweep.name);
      if (approval !== null) slice.holds.fulfil(approval);
    }
    progress.place = { pass: "usual", cursor: null, ended: false } satisfies RowPlace;
    findings = await findingsOf(sweep, slice);
  }
  raiseRowHolds(sweep, slice, findings);
  const isHeld = findings.length > 0 || slice.coveredUpTo !== null;
  const removes = slice.remover !== null && !isHeld;
  const end = await walk(sweep, slice, progress, { kind: "usual", now: slice.now, removes });
  return end === "completed" && isHeld && slice.remover !== null ? "held" : end;
}

function toPlace(place: unknown): RowPlace {
  const beginning: RowPlace = { pass: "approved", cursor: null, ended: false };
  if (typeof place !== "object" || place === null || !("pass" in place)) return beginning;
  const cursor =
    "cursor" in place && typeof place.cursor === "object" && place.cursor !== null ? { ...place.cursor } : null;
  const ended = "ended" in place && place.ended === true;
  return { pass: place.pass === "usual" ? "usual" : "approved", cursor, ended };
}

/** A page is claimed and the next one read in the same round trip: one for a page of rows that go. */
async function walk(sweep: RowSweep, slice: Slice, progress: SweepProgress, pass: Pass): Promise<SweepEnd> {
  const remover = pass.removes ? slice.remover : null;
  let ahead: DuePage | null = null;
  for (;;) {
    const place = toPlace(progress.place);
    if (place.pass === pass.kind && place.ended) return "completed";
    const limit = slice.budget.pageSize();
    if (limit === 0 || slice.budget.spent()) return "deferred";
    const after = place.pass === pass.kind ? place.cursor : null;
    const page: DuePage = ahead ?? (await sweep.page(slice, { after, limit, now: pass.now }));
    const judged = judgePage(sweep, slice, progress, page.files, pass);
    progress.place = { pass: pass.kind, cursor: page.next, ended: page.next === null } satisfies RowPlace;
    if (remover !== null) {
      const next = slice.budget.pageSize(judged.claims.length);
      const ask = page.next === null || next === 0 ? null : { after: page.next, limit: next, now: pass.now };
      ahead = await endRows(sweep, slice, remover, progress, { ...judged, pass, next: ask });
    } else if (page.last !== null) {
      await planRows(sweep, slice, progress, { ...judged, now: pass.now, last: page.last });
    }
    slice.progressed();
  }
}

/**
 * Counts what is kept at once, and what is to go as deferred: the transaction that ends the rows saves that, and after
 * a crash the ledger tells what became of it. An approved pass looks at what it covers alone; the usual one sees the rest.
 */
function judgePage(
  sweep: RowSweep,
  slice: Slice,
  progress: SweepProgress,
  files: readonly FileRow[],
  pass: Pass,
): JudgedPage {
  const claims: Claim[] = [];
  for (const file of files) {
    const decision = sweep.decide(slice, file, pass.now);
    if (decision.verdict === "remove" && typeof file.key === "string") {
      if (pass.kind === "approved" && !wasMadeBy(slice, file, pass.now)) continue;
      const takesAlong = sweep.takesAlong(file);
      const derived = takesAlong ? derivedOf(slice, file.key) : [];
      claims.push({ file, key: file.key, reason: decision.reason, removalId: slice.makeId(), takesAlong, derived });
    } else if (decision.verdict === "keep" && decision.reason !== "not-due" && pass.kind === "usual") {
      count(progress.report, { kept: decision.reason }, { count: 1, bytes: file.sizeBytes });
      tell(sweep, slice, file, decision, file.sizeBytes);
    }
  }
  const groups = groupByKey(claims);
  count(progress.report, "deferred", sum(groups.map(({ tally }) => tally)));
  return { claims, groups };
}

/** What lies with a file, as far as the store can hold it and a sweep may look at it. */
function derivedOf({ settings, store, makeId }: Slice, key: string): Claim["derived"] {
  return derivedKeys(key, settings.derived)
    .filter((derived) => store.invalidKey(derived) === null && !isIgnored(derived, settings.ignorePrefixes))
    .map((derived) => ({ key: derived, removalId: makeId() }));
}

/** An approval covers nothing that came later. */
function wasMadeBy({ settings }: Slice, file: FileRow, instant: Instant): boolean {
  const createdAt = readInstant(file.createdAt, settings.times);
  return typeof createdAt !== "number" || createdAt <= instant;
}

/** What is to go of a page of rows. */
interface JudgedPage {
  readonly claims: readonly Claim[];
  readonly groups: readonly KeyGroup[];
}

/** The rows of a page that share a key. Its bytes count once, and only where a row takes them along. */
interface KeyGroup {
  readonly key: string;
  readonly claims: Claim[];
  readonly tally: Tally;
}

function groupByKey(claims: readonly Claim[]): KeyGroup[] {
  const groups = new Map<string, KeyGroup>();
  for (const claim of claims) {
    const group = groups.get(claim.key) ?? { key: claim.key, claims: [], tally: { count: 0, bytes: 0 } };
    groups.set(claim.key, group);
    group.claims.push(claim);
    group.tally.count += 1;
    if (claim.takesAlong) group.tally.bytes = Math.max(group.tally.bytes, claim.file.sizeBytes);
  }
  return [...groups.values()];
}

/** Answers the page behind this one, where that was asked for and could be had. */
async function endRows(
  sweep: RowSweep,
  slice: Slice,
  remover: NonNullable<Slice["remover"]>,
  progress: SweepProgress,
  { claims, groups, pass, next }: JudgedPage & { readonly pass: Pass; readonly next: PageAsk | null },
): Promise<DuePage | null> {
  if (claims.length === 0) return null;
  // Order: nothing is written between the judging of a page and its claim: that would save the next place before its work
  // is done. The page's own round trip has renewed the lease.
  const answer = await endBisecting(sweep, slice, claims, next);
  if (pass.kind === "approved") progress.letThrough += answer.ended.size;
  const byKey = new Map(answer.condemned.map((removal) => [removal.key, removal]));
  const toRemove: Condemned[] = [];
  for (const group of groups) {
    const removal = byKey.get(group.key);
    if (removal !== undefined) toRemove.push(countedAs(removal, group, answer));
    settleGroup(sweep, slice, progress, group, { ...answer, removal });
    byKey.delete(group.key);
  }
  // What is left lies with one of the files, and is counted with it.
  toRemove.push(...byKey.values());
  slice.budget.take(toRemove.length);
  await remover.remove(slice, toRemove);
  return answer.next;
}

/** A removal as the report counts it: with the rows of this page alone, where an earlier one had it open already. */
function countedAs(removal: Condemned, { claims, tally }: KeyGroup, answer: EndAnswer): Condemned {
  const items = claims.reduce((sum, claim) => (goesAlong(claim, answer) ? sum + 1 : sum), 0);
  if (removal.items === items && removal.sizeBytes === tally.bytes) return removal;
  return { ...removal, items, sizeBytes: tally.bytes };
}

function goesAlong(claim: Claim, { ended }: EndAnswer): boolean {
  return claim.takesAlong && ended.has(claim);
}

/** What goes along with its key stays deferred until the delete is answered; everything else is settled now. */
function settleGroup(
  sweep: RowSweep,
  slice: Slice,
  progress: SweepProgress,
  group: KeyGroup,
  answer: EndAnswer & { readonly removal: Condemned | undefined },
): void {
  let bytesLeft = answer.removal === undefined ? group.tally.bytes : 0;
  for (const claim of group.claims) {
    if (answer.removal !== undefined && goesAlong(claim, answer)) {
      tell(sweep, slice, claim.file, { verdict: "remove", reason: claim.reason }, claim.file.sizeBytes);
      continue;
    }
    const bucket = settledAs(sweep, claim, answer);
    if (bucket === "removed") {
      move(progress.report, "deferred", "removed", { count: 1, bytes: 0 });
      tell(sweep, slice, claim.file, { verdict: "remove", reason: claim.reason }, 0);
      continue;
    }
    if (bucket === "failed") {
      progress.refused.count += 1;
      progress.refused.bytes += bytesLeft;
    }
    move(progress.report, "deferred", bucket, { count: 1, bytes: bytesLeft });
    bytesLeft = 0;
    if (typeof bucket === "object") tell(sweep, slice, claim.file, keep(bucket.kept), claim.file.sizeBytes);
  }
  // Rows went, and their object stays with others.
  discount(progress.report, "deferred", { count: 0, bytes: bytesLeft });
}

function settledAs(sweep: RowSweep, claim: Claim, { ended, refused }: EndAnswer): Bucket {
  if (refused.has(claim)) return "failed";
  return ended.has(claim) ? sweep.withoutObject : { kept: "changed-meanwhile" };
}

interface EndAnswer extends ClaimAnswer {
  /** Claims that a constraint or a trigger of the application refused. */
  readonly refused: ReadonlySet<Claim>;
}

/** A row that the application's own rules protect fails alone: the page is halved until it is found. */
async function endBisecting(
  sweep: RowSweep,
  slice: Slice,
  claims: readonly Claim[],
  next: PageAsk | null,
): Promise<EndAnswer> {
  try {
    const run = { runId: slice.entry.id, now: slice.now };
    return { ...(await sweep.end(slice, claims, run, next)), refused: new Set() };
  } catch (error) {
    if (!isSweepError(error, "conflict") || error.details["vendor"] === undefined) throw error;
    if (claims.length === 1) {
      const file = String(claims[0]?.file.id);
      slice.log({ level: "warn", event: "row.refused", run: slice.entry.id, sweep: sweep.name, file });
      return { ended: new Set(), condemned: [], next: null, refused: new Set(claims) };
    }
    const middle = Math.ceil(claims.length / 2);
    const first = await endBisecting(sweep, slice, claims.slice(0, middle), null);
    const second = await endBisecting(sweep, slice, claims.slice(middle), next);
    return {
      ended: new Set([...first.ended, ...second.ended]),
      condemned: [...first.condemned, ...second.condemned],
      next: second.next,
      refused: new Set([...first.refused, ...second.refused]),
    };
  }
}

/** What a run would do with the same page: rows that come before, in this plan, count as ended. */
async function planRows(
  sweep: RowSweep,
  slice: Slice,
  progress: SweepProgress,
  { claims, groups, now, last }: JudgedPage & { readonly now: Instant; readonly last: CatalogCursor },
): Promise<void> {
  if (claims.length === 0) return;
  const stillProtected = await sweep.stillProtected(slice, claims, now, last);
  for (const group of groups) {
    const objectStays = stillProtected.has(group.key);
    const kept = objectStays && sweep.withoutObject !== "removed";
    const bucket: Bucket = kept ? { kept: "still-protected" } : slice.wouldBe;
    move(progress.report, "deferred", bucket, group.tally);
    if (objectStays && !kept) discount(progress.report, bucket, { count: 0, bytes: group.tally.bytes });
    for (const { file, reason, takesAlong } of group.claims) {
      const bytes = kept || (takesAlong && !objectStays) ? file.sizeBytes : 0;
      tell(sweep, slice, file, kept ? keep("still-protected") : { verdict: "remove", reason }, bytes);
    }
  }
}

function tell(sweep: RowSweep, slice: Slice, file: FileRow, decision: Decision, bytes: number): void {
  const key = typeof file.key === "string" ? file.key : null;
  slice.decided({ sweep: sweep.name, key, file: String(file.id), ...decision, bytes });
}
