/** What a sweep over rows is made of, and when what it would do is not plausible. */
import { SweepError } from "../errors.ts";
import { earliestApproval, enoughFor, type Finding, isTooMuch } from "../holds.ts";
import type { Decision, HoldCause, Instant, SweepName, Tally } from "../model.ts";
import type { AttemptContext, CatalogCursor, Claim, ClaimAnswer, DuePage, FileRow } from "../ports.ts";
import type { Bucket } from "../report.ts";
import { HOLD_SAMPLE, ROW_HOLD_FLOOR } from "../safety.ts";
import type { Slice } from "../slice.ts";

/** Which page of rows: by which instant their end has come. */
export interface PageAsk {
  readonly after: CatalogCursor | null;
  readonly limit: number;
  readonly now: Instant;
}

/** What is particular to one sweep over rows. */
export interface RowSweep {
  readonly name: SweepName;
  readonly tooMany: HoldCause;
  /** Why a hold of `tooMany` is one, with what was counted. */
  describe(due: Tally, lately: number, live: number): string;
  decide(slice: Slice, file: FileRow, now: Instant): Decision;
  page(slice: Slice, ask: PageAsk): Promise<DuePage>;
  /** With `madeBy`, rows made later do not count. */
  count(
    slice: Slice,
    now: Instant,
    sample: number,
    madeBy?: Instant,
  ): Promise<{ due: Tally; files: readonly FileRow[] }>;
  /** Ends rows, and in the same round trip reads the next page, where one is asked for. */
  end(slice: Slice, claims: readonly Claim[], run: AttemptContext, next: PageAsk | null): Promise<ClaimAnswer>;
  /** For plans: keys of the page that something would still protect. */
  stillProtected(
    slice: Slice,
    claims: readonly Claim[],
    now: Instant,
    last: CatalogCursor,
  ): Promise<ReadonlySet<string>>;
  /** Whether the row protects its key until it ends. */
  takesAlong(file: FileRow): boolean;
  /** What a row counts as whose object stays although the row ended. */
  readonly withoutObject: Bucket;
}

/** Every rule that is crossed must have been approved; then what was due at the earliest of those instants goes. */
function approvedInstant(sweep: RowSweep, slice: Slice, findings: readonly Finding[]): Instant | null {
  const instants = findings.map(({ cause }) => slice.holds.approval(cause, sweep.name)?.asOf ?? null);
  if (slice.coveredUpTo !== null) instants.push(slice.coveredUpTo);
  return earliestApproval(instants);
}

/**
 * The instant of an approval that still covers no more than it showed. Where more rows were due by then than the hold
 * counted, somebody changed their ends since: a person has to look again.
 */
export async function coveredInstant(
  sweep: RowSweep,
  slice: Slice,
  findings: readonly Finding[],
): Promise<Instant | null> {
  const asOf = approvedInstant(sweep, slice, findings);
  if (asOf === null || findings.length === 0) return asOf;
  const approvals = findings.flatMap(({ cause }) => slice.holds.approval(cause, sweep.name) ?? []);
  const { due } = await sweep.count(slice, asOf, 1, asOf);
  if (approvals.every(({ count }) => due.count <= count)) return asOf;
  for (const approval of approvals) slice.holds.fulfil(approval);
  return null;
}

export function raiseRowHolds(sweep: RowSweep, slice: Slice, findings: readonly Finding[]): void {
  for (const cause of [sweep.tooMany, "over-count"] as const) {
    const found = findings.find((each) => each.cause === cause);
    if (found === undefined) slice.holds.clear(cause, sweep.name);
    else slice.holds.raise(found);
  }
}

export async function findingsOf(sweep: RowSweep, slice: Slice): Promise<Finding[]> {
  const { settings } = slice;
  const { due, files } = await sweep.count(slice, slice.now, HOLD_SAMPLE);
  const lately = slice.endedLately(sweep.name);
  const findings: Finding[] = [];
  const about = {
    sweep: sweep.name,
    count: due.count,
    bytes: due.bytes,
    sample: files.map((file) => toSample(sweep, slice, file)),
  };
  if (due.count > 0 && due.count + lately > ROW_HOLD_FLOOR) {
    const enough = enoughFor({ would: due.count, lately }, settings.holdExpiredPercent);
    const live = await slice.database.catalog.countLive(slice.held, enough);
    if (isTooMuch({ would: due.count, lately, base: live }, settings.holdExpiredPercent, ROW_HOLD_FLOOR)) {
      findings.push({ ...about, cause: sweep.tooMany, detail: sweep.describe(due, lately, live) });
    }
  }
  if (due.count > settings.holdCount) {
    const detail = `${due.count} rows would be ended at once, more than CLEANUP_HOLD_COUNT allows (${settings.holdCount})`;
    findings.push({ ...about, cause: "over-count", detail });
  }
  return findings;
}

function toSample(sweep: RowSweep, slice: Slice, file: FileRow): Finding["sample"][number] {
  const decision = sweep.decide(slice, file, slice.now);
  return { key: String(file.key), bytes: file.sizeBytes, reason: decision.reason, mayGoAt: null };
}

/**
 * Before rows are deleted.
 * @throws SweepError `invalid` where deleting a row changes more of the application than that row
 */
export async function refuseToReachFurther({ settings, database, held }: Slice, sweep: SweepName): Promise<void> {
  if (settings.allowCascade) return;
  const reach = await database.catalog.deletionReach(held);
  if (reach.length === 0) return;
  throw new SweepError(
    "invalid",
    `deleting a row would also change ${reach.join(", ")}: set CATALOG_ALLOW_CASCADE=true if that is right, or leave ${sweep} out of CLEANUP_SWEEPS`,
  );
}
