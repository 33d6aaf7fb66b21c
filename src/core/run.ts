/**
 * A run: one pass over the sweeps and the remover, under the lease. It is worked off in slices; each slice is one call
 * of {@link runSlice}, from whichever door, and a run that is not finished goes on under its id.
 */
import { isSweepError, LeaseLostError } from "./errors.ts";
import type { Instant, Mode, RunReport, RunStatus, SweepName, Trigger } from "./model.ts";
import { openSlice, type SliceOpening } from "./open-slice.ts";
import type {
  Clock,
  Database,
  HeldLease,
  JournalEntry,
  LeaseHolder,
  Log,
  MakeId,
  Opening,
  ReadableStore,
  Store,
  SweepProgress,
} from "./ports.ts";
import { emptyProgress, emptyReport, reconcile, toReport } from "./report.ts";
import type { RunSettings } from "./settings.ts";
import { type DecisionRecord, progressOf, type Slice } from "./slice.ts";
import { steady } from "./steady-clock.ts";
import { SWEEPS } from "./sweeps/index.ts";
import { addCalls, totalsWith } from "./totals.ts";

/** What a run is made of. Nothing below knows where it runs. */
export interface RunParts {
  readonly database: Database;
  readonly store: Store;
  /** The same store without the ability to delete: what plans and sweeps see. */
  readonly planStore: ReadableStore;
  readonly storeCalls: () => number;
  readonly settings: RunSettings;
  readonly clock: Clock;
  readonly makeId: MakeId;
  readonly log: Log;
  /** Names this process to whoever finds the lease taken. */
  readonly holder: string;
}

export interface RunRequest {
  readonly mode: Mode;
  readonly sweeps: readonly SweepName[];
  readonly trigger: Trigger;
  /** Ends the slice after the batch in flight; the place is saved. */
  readonly signal?: AbortSignal;
  /** Called once the run stands in the journal under its id, which takes one round trip more. */
  readonly onStarted?: (report: RunReport) => void;
  readonly onDecision?: (record: DecisionRecord) => void;
  readonly onProgress?: (report: RunReport) => void;
}

export type RunOutcome =
  | { readonly kind: "ran"; readonly report: RunReport; readonly unreachable: boolean }
  | { readonly kind: "lease-held"; readonly holder: LeaseHolder };

/**
 * Works off one slice of a run: the unfinished one of this mode, or a new one.
 * @throws LeaseLostError when another holder took over on the way; everything written before that stands
 * @throws SweepError `unavailable` when the database cannot be reached
 */
export async function runSlice(parts: RunParts, request: RunRequest): Promise<RunOutcome> {
  const callsBefore = callsOf(parts);
  const held = await parts.database.leases.acquire(parts.holder);
  if (!isHeld(held)) return { kind: "lease-held", holder: held };
  try {
    // What is written of one slice goes by one clock, whatever becomes of the machine's: the next slice asks that anew.
    return await underLease({ ...parts, clock: steady(parts.clock) }, request, held, callsBefore);
  } catch (error) {
    if (error instanceof LeaseLostError) parts.log({ level: "error", event: "lease.lost", holder: parts.holder });
    throw error;
  }
}

function callsOf({ database, storeCalls }: RunParts): JournalEntry["calls"] {
  const rows = database.rows();
  return { database: database.calls(), storage: storeCalls(), ...(rows !== null && { rows }) };
}

function isHeld(answer: HeldLease | LeaseHolder): answer is HeldLease {
  return "timeLeftMs" in answer;
}

async function underLease(
  parts: RunParts,
  request: RunRequest,
  held: HeldLease,
  callsBefore: JournalEntry["calls"],
): Promise<RunOutcome> {
  const { database, clock } = parts;
  const startedMs = clock.monotonicMs();
  const now = clock.now();
  const opening = await database.journal.open(held, freshEntry(parts, request, now));
  const written = opening.resumed ? structuredClone(opening.entry) : null;
  const entry = goOn(opening, request, parts.settings, now);
  const before = { durationMs: entry.durationMs, calls: { ...entry.calls } };
  database.journal.follow(held, entry, () => totalsWith(opening.totals, written, entry));
  const calls = (): JournalEntry["calls"] => addCalls(callsOf(parts), callsBefore, -1);
  const callsSoFar = (): number => {
    const { database: asked, storage } = calls();
    return asked + storage;
  };
  const account = (): void => {
    entry.durationMs = before.durationMs + Math.round(clock.monotonicMs() - startedMs);
    entry.calls = addCalls(before.calls, calls(), 1);
  };
  const { id: run, mode, trigger } = entry;
  parts.log({ level: "info", event: "run.started", run, mode, trigger, slice: entry.slices });

  if (request.onStarted !== undefined) {
    await database.leases.renew(held);
    request.onStarted(toReport(entry));
  }
  const unreachable = await workOff(parts, request, { opening, held, now, account, callsSoFar });
  account();
  if (entry.status !== "cancelled") entry.status = statusOf(entry, unreachable);
  entry.finishedAt = entry.status === "paused" ? null : clock.now();
  // The journal's last entry goes with the release; its own round trip is the one more.
  entry.calls.database += 1;
  await database.leases.release(held);
  const { status, durationMs } = entry;
  const recovered = opening.lastStatus === "failed" && status !== "failed" && status !== "paused";
  parts.log({
    level: status === "failed" ? "error" : "info",
    event: "run.finished",
    run,
    status,
    durationMs,
    recovered,
  });
  return { kind: "ran", report: toReport(entry), unreachable };
}

function freshEntry(parts: RunParts, request: RunRequest, now: Instant): JournalEntry {
  return {
    id: parts.makeId(),
    mode: request.mode,
    trigger: request.trigger,
    startedAt: now,
    status: "running",
    finishedAt: null,
    durationMs: 0,
    slices: 0,
    calls: { database: 0, storage: 0 },
    holds: [],
    sweeps: SWEEPS.map(({ name }) => ({
      ...emptyProgress(name),
      report: { ...emptyReport(name), status: "skipped" },
      done: true,
    })),
  };
}

/** Takes an entry up: adds the sweeps that were asked for and are not part of it yet, and sets its sums right. */
function goOn(opening: Opening, request: RunRequest, settings: RunSettings, now: Instant): JournalEntry {
  const { entry, lastScanAt } = opening;
  entry.status = "running";
  entry.slices += 1;
  const scanIsDue = request.trigger !== "schedule" || lastScanAt === null || now - lastScanAt >= settings.scanEveryMs;
  for (const { name, scans, nominates, withoutRemoval } of SWEEPS) {
    const progress = progressOf(entry, name);
    if (progress.report.status === "skipped" && request.sweeps.includes(name) && (scanIsDue || !scans)) {
      progress.report.status = "deferred";
      progress.done = false;
    }
    if (opening.resumed && entry.mode === "remove" && nominates(progress.place)) {
      reconcile(progress, opening.ledger, withoutRemoval);
    }
  }
  return entry;
}

/** A store that refuses the credentials, or whose bucket is not there, is as little in reach as one that does not answer. */
const OUT_OF_REACH = ["unavailable", "unauthorized", "not-found"] as const;

/** Looks before it touches, finishes what is open, then goes through the sweeps. Answers whether database or store could not be reached. */
async function workOff(parts: RunParts, request: RunRequest, opened: SliceOpening): Promise<boolean> {
  const { entry } = opened.opening;
  let unreachable = false;
  /** One bad part never stops the others. */
  const attempt: Attempt = async (work, failed) => {
    try {
      await work();
    } catch (error) {
      if (error instanceof LeaseLostError) throw error;
      unreachable ||= OUT_OF_REACH.some((kind) => isSweepError(error, kind));
      failed(error instanceof Error ? error.message : String(error));
    }
  };

  let slice: Slice | null = null;
  await attempt(
    async () => {
      slice = await openSlice(parts, request, opened);
    },
    (reason) => {
      for (const progress of entry.sweeps) if (!progress.done) fail(progress, reason);
    },
  );
  if (slice === null) return unreachable;
  const open: Slice = slice;

  let drained = true;
  await attempt(
    async () => {
      if (open.remover === null) return;
      drained = (await open.remover.drain(open)) === "completed";
      await open.remover.settled();
    },
    (reason) => parts.log({ level: "error", event: "remover.failed", run: entry.id, reason }),
  );
  if (drained) await sweepAll(parts, open, attempt);
  showHolds(open);
  return unreachable;
}

type Attempt = (work: () => Promise<void>, failed: (reason: string) => void) => Promise<void>;

async function sweepAll(parts: RunParts, slice: Slice, attempt: Attempt): Promise<void> {
  const { entry } = slice;
  for (const sweep of SWEEPS) {
    const progress = progressOf(entry, sweep.name);
    // Even a sweep that has nothing to do asks for that.
    if (progress.done || slice.budget.spent()) continue;
    await attempt(
      async () => {
        // Also after a failure: what was begun is answered before anything else happens.
        const end = await sweep.work(slice).finally(() => slice.remover?.settled());
        const isHeld = end === "completed" && entry.mode === "remove" && slice.remover === null;
        progress.report.status = isHeld ? "held" : end;
        progress.done = end !== "deferred";
      },
      (reason) => fail(progress, reason),
    );
    parts.log({ level: "info", event: "sweep.finished", run: entry.id, ...progress.report });
  }
}

/** The holds of the run, as they are at the end of a slice, however early that came. */
function showHolds({ entry, holds, heldBack }: Slice): void {
  for (const hold of holds.raised()) {
    if (hold.sweep === null && holds.stands(hold.cause, null)) holds.raise({ ...hold, ...heldBack() });
  }
  // Of those that earlier slices raised, what a person approved or what is over does not hold any more.
  const raised = holds.raised();
  const before = entry.holds.filter(({ id }) => raised.every((hold) => hold.id !== id));
  entry.holds = [...before.filter(({ cause, sweep }) => holds.stands(cause, sweep)), ...raised];
}

function fail(progress: SweepProgress, reason: string): void {
  progress.report.status = "failed";
  progress.report.error = reason;
  progress.done = true;
}

function statusOf(entry: JournalEntry, unreachable: boolean): RunStatus {
  const asked = entry.sweeps.filter(({ report }) => report.status !== "skipped");
  if (asked.length > 0 && asked.every(({ report }) => report.status === "failed")) return "failed";
  if (entry.sweeps.some(({ done }) => !done)) return "paused";
  if (asked.some(({ report }) => report.status === "held")) return "held";
  const failures = entry.sweeps.some(
    ({ report, carriedFailed }) => report.status === "failed" || report.failed.count > 0 || carriedFailed > 0,
  );
  return failures || unreachable ? "completed-with-failures" : "completed";
}
