/**
 * The pass over the store that orphaned-objects and missing-objects share. What is ripe goes only when the pass is
 * complete, and only if that is plausible.
 *
 * Order: objects before rows. A page is listed first, then its keys are looked up: a file uploaded in between is not on
 * the page; the other way round its object would be there without the row that was not read yet.
 */
import { earliestApproval, type Finding, isTooMuch } from "../holds.ts";
import { isIgnored, isPlainText } from "../keys.ts";
import type { Instant, Tally } from "../model.ts";
import { finding, NESTED_STORE } from "../opening.ts";
import type { KeyFacts, ListedObject, ListedStretch, Sighting, SweepProgress } from "../ports.ts";
import { count, move } from "../report.ts";
import { HOLD_SAMPLE, MARKER_KEY, ORPHAN_HOLD_FLOOR } from "../safety.ts";
import { keepLease, progressOf, type Slice, type SweepEnd } from "../slice.ts";
import { openListing, type SeenPage } from "./listing.ts";
import { checkMissing } from "./missing-objects.ts";
import { decideObject, looksSame } from "./orphaned-objects.ts";

interface ListingPlace {
  readonly phase: "listing";
  readonly after: string | null;
  readonly nested: boolean;
}

/** Where the pass stands. Removing begins only behind the last page. */
type ScanPlace =
  | ListingPlace
  | { readonly phase: "closing"; readonly nested: boolean }
  | { readonly phase: "removing"; readonly held: boolean };

/** Whether the pass is behind us, so that its ripe suspects are in the remover's hands. */
export function scanIsComplete(place: unknown): boolean {
  return toPlace(place).phase === "removing";
}

/** The pass for both sweeps, and then what became ripe. */
export async function sweepOrphanedObjects(slice: Slice): Promise<SweepEnd> {
  const progress = progressOf(slice.entry, "orphaned-objects");
  if ((await scanStore(slice, progress)) === "deferred") return "deferred";
  const place = toPlace(progress.place);
  const isHeld = place.phase === "removing" && place.held;
  const end = slice.remover === null ? "completed" : await slice.remover.drain(slice);
  return isHeld && end === "completed" && slice.remover !== null ? "held" : end;
}

/** Mostly done by the pass of orphaned-objects; on its own where that sweep is not part of the run. */
export async function sweepMissingObjects(slice: Slice): Promise<SweepEnd> {
  if (!slice.database.catalog.knowsAges) return "not-supported";
  return scanStore(slice, progressOf(slice.entry, "missing-objects"));
}

async function scanStore(slice: Slice, leading: SweepProgress): Promise<SweepEnd> {
  const joined: Joined = {
    orphans: joining(slice, "orphaned-objects", leading),
    missing: slice.database.catalog.knowsAges ? joining(slice, "missing-objects", leading) : null,
  };
  const listing = openListing(slice);
  try {
    for (;;) {
      const place = toPlace(leading.place);
      if (place.phase === "removing") return "completed";
      if (slice.budget.spent()) return "deferred";
      if (place.phase === "closing") {
        const held = joined.orphans !== null && (await closeScan(slice, joined.orphans, place.nested));
        setPlace(joined, { phase: "removing", held });
        return "completed";
      }
      await keepLease(slice);
      const page = await listing.page(place.after);
      // Once more: the request for the next page may take as long as a call may, and the comparison needs the lease.
      await keepLease(slice);
      if (page.next !== null) await listing.lookAhead(page.next);
      await comparePage(slice, joined, place, page);
      slice.progressed();
    }
  } finally {
    await listing.close();
  }
}

/** The sweeps that share a pass. */
interface Joined {
  readonly orphans: SweepProgress | null;
  readonly missing: SweepProgress | null;
}

/** Asks the database about a page of objects, judges them, and moves the place on. */
async function comparePage(slice: Slice, joined: Joined, place: ListingPlace, page: SeenPage): Promise<void> {
  const { orphans, missing } = joined;
  const objects = page.objects.filter(({ key }) => !isIgnored(key, slice.settings.ignorePrefixes));
  const stretch: ListedStretch = {
    after: place.after,
    to: page.next,
    // What the database would say of any other key is of another one.
    keys: objects.map(({ key }) => key).filter(isPlainText),
    madeBefore: missing === null ? null : slice.now - slice.settings.orphanGraceMs,
    missingLimit: slice.settings.pageSize,
  };
  const found = await slice.database.catalog.compare(slice.held, stretch);
  if (missing !== null) await checkMissing(slice, missing, stretch, found.missing);
  if (orphans !== null) {
    const sightings = judgePage(slice, orphans, objects, found.unprotected, page.seenAt);
    if (slice.recordsSightings) slice.database.ledger.sight(slice.held, sightings);
  }
  const nested = place.nested || objects.some(({ key }) => key.endsWith(`/${MARKER_KEY}`));
  const after = page.next;
  setPlace(joined, after === null ? { phase: "closing", nested } : { phase: "listing", after, nested });
}

function setPlace({ orphans, missing }: Joined, place: ScanPlace): void {
  for (const progress of [orphans, missing]) if (progress !== null) progress.place = place;
}

/** A sweep that is at the same place of the pass. One that was added later, or has gone further, makes a pass of its own. */
function joining(
  slice: Slice,
  name: "orphaned-objects" | "missing-objects",
  leading: SweepProgress,
): SweepProgress | null {
  const progress = progressOf(slice.entry, name);
  if (progress.done) return null;
  return JSON.stringify(toPlace(progress.place)) === JSON.stringify(toPlace(leading.place)) ? progress : null;
}

function judgePage(
  slice: Slice,
  progress: SweepProgress,
  objects: readonly ListedObject[],
  facts: ReadonlyMap<string, KeyFacts>,
  seenAt: Instant,
): Sighting[] {
  const { entry, restored, now } = slice;
  // Once for the page: a copy for each object would be most of what a scan allocates.
  const settings = { ...slice.settings, restored };
  const sightings: Sighting[] = [];
  for (const object of objects) {
    const known = facts.get(object.key);
    const decision = decideObject(object, known, now, entry.id, settings);
    const tally = { count: 1, bytes: object.sizeBytes };
    slice.decided({ sweep: "orphaned-objects", key: object.key, ...decision, bytes: object.sizeBytes });
    if (decision.verdict === "keep") {
      count(progress.report, { kept: decision.reason }, tally);
      continue;
    }
    const ripe = decision.verdict === "remove";
    // What is ripe waits for the end of the pass.
    count(progress.report, ripe ? "deferred" : "suspected", tally);
    const before = known?.removal ?? null;
    const first = before === null || before.firstSeenAt === null || !looksSame(object, before);
    sightings.push({
      removalId: slice.makeId(),
      object,
      reason: decision.reason,
      runId: entry.id,
      seenAt,
      ripe,
      first,
    });
  }
  return sightings;
}

/**
 * The pass is complete: now it can be told whether what it found is plausible. What may go becomes due; the rest of what
 * is ripe is kept (`held`), or in a plan counted as what would be removed. Answers whether something holds.
 */
async function closeScan(slice: Slice, progress: SweepProgress, nested: boolean): Promise<boolean> {
  const ripe = { ...progress.report.deferred };
  const nestedIsApproved = slice.holds.approval("nested-store", null) !== null;
  if (!nested) slice.holds.clear("nested-store", null);
  else if (!nestedIsApproved) slice.holds.raise(finding("nested-store", NESTED_STORE));
  if (!slice.recordsSightings) {
    move(progress.report, "deferred", slice.wouldBe, ripe);
    return false;
  }
  const { ledger } = slice.database;
  const scan = { runId: slice.entry.id, at: slice.now };
  const coveredUpTo = approvedInstant(slice, progress, ripe, nested);
  const { covered, others, sample } = await ledger.ripe(slice.held, {
    ...scan,
    coveredUpTo,
    sample: HOLD_SAMPLE,
    quarantineMs: slice.settings.quarantineMs,
  });
  const findings = findingsOf(slice, progress, others, sample);
  raise(slice, findings);
  // What its approval does not cover, as it came later, holds anew: else it would stay, and nothing would say why.
  const outlivesApproval = nestedIsApproved && others.count > 0 && slice.coveredUpTo === null;
  if (nested && outlivesApproval) slice.holds.raise(finding("nested-store", NESTED_STORE));
  const isHeld = findings.length > 0 || nested || slice.coveredUpTo !== null;
  const mayPromote = slice.remover !== null && (!nested || nestedIsApproved);
  const promoteUpTo = mayPromote ? (isHeld ? coveredUpTo : slice.clock.now()) : null;
  const goes = promoteUpTo === null ? NOTHING : isHeld ? covered : ripe;
  const stays = { count: ripe.count - goes.count, bytes: ripe.bytes - goes.bytes };
  move(progress.report, "deferred", isHeld && slice.remover !== null ? { kept: "held" } : slice.wouldBe, stays);
  if (promoteUpTo !== null) progress.letThrough += covered.count;
  progress.place = { phase: "removing", held: isHeld } satisfies ScanPlace;
  await ledger.closeScan(slice.held, { ...scan, promoteUpTo });
  return isHeld;
}

const NOTHING = { count: 0, bytes: 0 };

function raise(slice: Slice, findings: readonly Finding[]): void {
  for (const cause of ["too-many-orphans", "over-count", "untyped-keys"] as const) {
    const found = findings.find((each) => each.cause === cause);
    if (found !== undefined) slice.holds.raise(found);
    else if (slice.holds.stands(cause, "orphaned-objects")) slice.holds.clear(cause, "orphaned-objects");
  }
}

/** Every rule that is crossed must have been approved; then what was seen by the earliest of those instants may go. */
function approvedInstant(slice: Slice, progress: SweepProgress, ripe: Tally, nested: boolean): Instant | null {
  const instants = findingsOf(slice, progress, ripe, []).map(
    ({ cause }) => slice.holds.approval(cause, "orphaned-objects")?.asOf ?? null,
  );
  if (slice.coveredUpTo !== null) instants.push(slice.coveredUpTo);
  if (nested) instants.push(slice.holds.approval("nested-store", null)?.asOf ?? null);
  return earliestApproval(instants);
}

function findingsOf(slice: Slice, progress: SweepProgress, ripe: Tally, sample: Finding["sample"]): Finding[] {
  const { settings } = slice;
  const findings: Finding[] = [];
  if (ripe.count === 0) return findings;
  const lately = slice.endedLately("orphaned-objects");
  const about = { sweep: "orphaned-objects" as const, count: ripe.count, bytes: ripe.bytes, sample };
  const listed = progress.report.seen.count;
  if (isTooMuch({ would: ripe.count, lately, base: listed }, settings.holdPercent, ORPHAN_HOLD_FLOOR)) {
    const recent = lately > 0 ? `, and ${lately} were removed in the last 24 hours` : "";
    const detail = `${ripe.count} of ${listed} objects are orphans${recent}: more than CLEANUP_HOLD_PERCENT allows (${settings.holdPercent} %)`;
    findings.push({ ...about, cause: "too-many-orphans", detail });
  }
  if (ripe.count > settings.holdCount) {
    const detail = `${ripe.count} orphans would be removed at once, more than CLEANUP_HOLD_COUNT allows (${settings.holdCount})`;
    findings.push({ ...about, cause: "over-count", detail });
  }
  if (slice.hasUntypedKeys) {
    const detail = "rows of the catalog hold a blob for a key: which objects they mean cannot be told";
    findings.push({ ...about, cause: "untyped-keys", detail });
  }
  return findings;
}

function toPlace(place: unknown): ScanPlace {
  if (typeof place !== "object" || place === null || !("phase" in place)) {
    return { phase: "listing", after: null, nested: false };
  }
  if (place.phase === "removing") return { phase: "removing", held: "held" in place && place.held === true };
  const nested = "nested" in place && place.nested === true;
  if (place.phase === "closing") return { phase: "closing", nested };
  return { phase: "listing", after: "after" in place && typeof place.after === "string" ? place.after : null, nested };
}
