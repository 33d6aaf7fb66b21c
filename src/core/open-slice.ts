/** The opening of a slice: what is looked at, what holds, and with what the sweeps then work. */
import { createBudget } from "./budget.ts";
import { LeaseLostError } from "./errors.ts";
import { openHoldBook } from "./holds.ts";
import { renderMarker } from "./identity.ts";
import type { HoldSample, Instant, SweepName } from "./model.ts";
import {
  isDoubtful,
  judgeOpening,
  lookAtStore,
  mayBeOlderCopy,
  nextTwin,
  type OpeningVerdict,
  raiseFindings,
  type StoreView,
} from "./opening.ts";
import type { HeldLease, JournalEntry, Opening } from "./ports.ts";
import { createRemover } from "./remover.ts";
import { toReport } from "./report.ts";
import type { RunParts, RunRequest } from "./run.ts";
import { CALL_TIMEOUT_MS, HOLD_SAMPLE, KIND_SAMPLE } from "./safety.ts";
import { progressOf, type Slice } from "./slice.ts";
import { SWEEPS } from "./sweeps/index.ts";
import { createUploadAborter } from "./upload-aborter.ts";

export interface SliceOpening {
  readonly opening: Opening;
  readonly held: HeldLease;
  readonly now: Instant;
  readonly account: () => void;
  /** Calls of this slice so far, to database and store. */
  readonly callsSoFar: () => number;
}

/**
 * Two calls to the store, and in a run that removes two more calls: the raised epoch, to the database and to the store.
 * @throws SweepError when the store cannot be read: nothing was touched
 */
export async function openSlice(parts: RunParts, request: RunRequest, opened: SliceOpening): Promise<Slice> {
  const { database, settings, clock, makeId, log } = parts;
  const { opening, held, now } = opened;
  const { entry } = opening;
  const view = await lookAtStore(parts.planStore);
  const holds = openHoldBook({ database, held, run: entry, now, clock, makeId, log, standing: opening.holds });
  const verdict = judgeOpening({
    opening,
    view,
    now,
    clockSkewMs: held.clockSkewMs,
    intervalMs: settings.intervalMs,
    usesMarker: settings.identityMarker,
    firstRun: settings.firstRun,
  });
  const { adopt, fulfilled } = raiseFindings(holds, verdict, holds.stands("nested-store", null));
  const isHeld = holds.raised().length > 0;
  rememberInstants(parts, opened, verdict, holds);
  const removes = entry.mode === "remove" && !isHeld;
  if (removes) {
    await meet(parts, opened, view, adopt);
    for (const approval of fulfilled) holds.fulfil(approval);
  }
  return {
    entry,
    held,
    database,
    store: parts.planStore,
    remover: removes ? createRemover(parts.store) : null,
    uploadAborter: removes ? createUploadAborter(parts.store) : null,
    settings,
    holds,
    wouldBe: entry.mode === "plan" ? "removed" : { kept: "held" },
    coveredUpTo: removes ? coveredUpTo(holds, verdict) : null,
    recordsSightings: !holds.raised().some(({ cause }) => isDoubtful(cause)),
    hasUntypedKeys: opening.hasUntypedKeys,
    restored: opening.restored,
    endedLately: (sweep: SweepName) => opening.endedLately.get(sweep) ?? 0,
    now,
    clock,
    makeId,
    budget: createBudget(settings, clock, opened.callsSoFar, () => isStopped(entry, request)),
    log,
    ...watchDecisions(parts, request, opened),
    progressed: () => {
      opened.account();
      request.onProgress?.(toReport(entry));
    },
  };
}

/** By the door, or by a person who cancelled the run. */
function isStopped({ status }: JournalEntry, { signal }: RunRequest): boolean {
  return signal?.aborted === true || status === "cancelled";
}

/** Passes decisions on, and keeps the first of what would go for a hold of the whole run to show. */
function watchDecisions(
  { settings }: RunParts,
  request: RunRequest,
  { opening: { entry }, now }: SliceOpening,
): Pick<Slice, "decided" | "heldBack"> {
  const sample: HoldSample[] = [];
  const ofKind = new Map<string, number>();
  return {
    decided(record) {
      request.onDecision?.(record);
      if (record.verdict === "keep" || record.key === null || sample.length >= HOLD_SAMPLE) return;
      const before = ofKind.get(record.reason) ?? 0;
      if (before >= KIND_SAMPLE) return;
      ofKind.set(record.reason, before + 1);
      const mayGoAt = record.verdict === "suspect" ? now + settings.quarantineMs : null;
      sample.push({ key: record.key, bytes: record.bytes, reason: record.reason, mayGoAt });
    },
    heldBack() {
      const sum = { count: 0, bytes: 0, sample };
      for (const { report } of entry.sweeps) {
        const tally = entry.mode === "plan" ? report.removed : report.kept.held;
        sum.count += tally?.count ?? 0;
        sum.bytes += tally?.bytes ?? 0;
      }
      return sum;
    },
  };
}

/** An approval of a whole run covers what was there when its hold was last refreshed; one of the identity adopts the pair for good. */
function coveredUpTo(holds: Slice["holds"], verdict: OpeningVerdict): Instant | null {
  const instants = verdict.findings.flatMap(({ cause }) => holds.approval(cause, null)?.asOf ?? []);
  return instants.length === 0 ? null : Math.min(...instants);
}

/**
 * A clock that is in doubt is not what the next one is measured by; one that jumped is, once a person said so. Nor is a
 * run over what may be an older copy of the database the last one: by when that was used last it is told which rows are
 * lost.
 */
function rememberInstants(
  parts: RunParts,
  { opening, held, now }: SliceOpening,
  verdict: OpeningVerdict,
  holds: Slice["holds"],
): void {
  const skewed = verdict.findings.some(({ cause }) => cause === "clock-skew");
  const isInDoubt = holds.raised().some(({ cause }) => cause === "clock-jump" || mayBeOlderCopy(cause));
  const lastRunAt = skewed || isInDoubt ? {} : { lastRunAt: now };
  const lastScanAt = opening.entry.mode === "remove" && startsScan(opening.entry) ? { lastScanAt: now } : {};
  parts.database.journal.remember(held, { ...lastRunAt, ...lastScanAt });
}

function startsScan(entry: JournalEntry): boolean {
  return SWEEPS.some(({ name, scans }) => {
    const { done, place } = progressOf(entry, name);
    return scans && !done && place === null;
  });
}

/**
 * Raises the epoch. Order: the database first. A crash in between leaves the store behind, which is harmless; the other
 * way round its own database would look like an old copy.
 */
async function meet(parts: RunParts, { opening, held }: SliceOpening, view: StoreView, adopt: boolean): Promise<void> {
  const { database, settings, store, makeId } = parts;
  const twin = nextTwin(opening, view, adopt, makeId);
  database.journal.remember(held, { twin: settings.identityMarker ? twin : { ...twin, confirmed: true } });
  await database.leases.renew(held);
  if (!settings.identityMarker) return;
  // The renewal's answer may have come late. Like a delete, no put starts that could outlive the lease.
  if (held.timeLeftMs() <= CALL_TIMEOUT_MS) throw new LeaseLostError();
  await store.writeMarker(renderMarker(twin));
  if (!twin.confirmed) database.journal.remember(held, { twin: { ...twin, confirmed: true } });
}
