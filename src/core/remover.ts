/**
 * The remover: the single place in the code that deletes an object. It deletes what is condemned, in batches, outside
 * any transaction, and notes what became of each key; the notes are written with the next round trip.
 */
import { LeaseLostError } from "./errors.ts";
import type { Tally } from "./model.ts";
import type { Condemned, DeleteOutcome, DeleteRequest, Settlement, Store, SweepProgress } from "./ports.ts";
import { carry, move } from "./report.ts";
import {
  CALL_TIMEOUT_MS,
  MAX_ATTEMPTS,
  MAX_DELETE_BATCH,
  QUICK_BATCH_MS,
  retryDelayMs,
  SLOW_BATCH_MS,
} from "./safety.ts";
import { keepLease, progressOf, type Slice, type SweepEnd } from "./slice.ts";
import { untilSent } from "./until-sent.ts";

export interface Remover {
  /**
   * Begins to delete the objects of condemned removals, and comes back while the last batches are under way, once they
   * are asked for.
   * @throws SweepError when a batch got no answer: what was asked for stays condemned, behind the gate
   */
  remove(slice: Slice, condemned: readonly Condemned[]): Promise<void>;
  /** Waits for the batches under way. @throws SweepError as {@link Remover.remove} */
  settled(): Promise<void>;
  /** Works off the ledger: whatever waits for its first attempt, or for another one. */
  drain(slice: Slice): Promise<SweepEnd>;
}

/** The only function that is given a store which can delete. */
export function createRemover(store: Store): Remover {
  let batchSize = MAX_DELETE_BATCH;
  /** How many batches may be under way at once: more, as long as the store answers quickly. */
  let width = 1;
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;

  function adapt(tookMs: number, concurrency: number): void {
    const slow = tookMs > SLOW_BATCH_MS;
    batchSize = slow ? Math.max(1, Math.floor(batchSize / 2)) : Math.min(MAX_DELETE_BATCH, batchSize * 2);
    if (slow) width = 1;
    else if (tookMs < QUICK_BATCH_MS) width = Math.min(concurrency, width + 1);
  }

  /** Never rejects: what went wrong is kept for whoever waits. */
  async function deleteBatch(slice: Slice, batch: readonly Condemned[], sent: () => void): Promise<void> {
    const startedAt = slice.clock.monotonicMs();
    const requests = batch.map(({ key, expected }): DeleteRequest => (expected === null ? { key } : { key, expected }));
    try {
      // No signal: a batch in flight is waited for, so that its answers are not lost.
      settle(slice, batch, await store.delete(requests, undefined, sent));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      settle(
        slice,
        batch,
        batch.map(({ key }) => ({ key, outcome: "unknown", error: reason })),
      );
      failure ??= { error };
    } finally {
      adapt(slice.clock.monotonicMs() - startedAt, slice.settings.concurrency);
    }
  }

  function throwFailure(): void {
    if (failure === null) return;
    const { error } = failure;
    failure = null;
    throw error;
  }

  /** Waits until one more batch may be begun. @throws LeaseLostError, or what an earlier batch failed with */
  async function mayBegin(slice: Slice): Promise<void> {
    while (underWay.size >= width) await Promise.race(underWay);
    throwFailure();
    await keepLease(slice);
    // A delete that could outlive the lease would run beside those of the next holder.
    if (slice.held.timeLeftMs() <= CALL_TIMEOUT_MS) throw new LeaseLostError();
  }

  const remover: Remover = {
    async remove(slice, condemned) {
      for (let start = 0; start < condemned.length; ) {
        await mayBegin(slice);
        const batch = condemned.slice(start, start + batchSize);
        start += batch.length;
        await untilSent((sent) => {
          const deleting: Promise<void> = deleteBatch(slice, batch, sent).finally(() => underWay.delete(deleting));
          underWay.add(deleting);
          return deleting;
        });
      }
    },
    async settled() {
      await Promise.all(underWay);
      throwFailure();
    },
    async drain(slice) {
      for (;;) {
        const limit = slice.budget.pageSize();
        if (limit === 0 || slice.budget.spent()) return "deferred";
        await keepLease(slice);
        const { ignorePrefixes } = slice.settings;
        const ask = { limit, ignorePrefixes, runId: slice.entry.id, now: slice.now };
        const { condemned, released } = await slice.database.ledger.condemn(slice.held, ask);
        for (const removal of released) note(slice, removal, "protected");
        slice.budget.take(condemned.length);
        await remover.remove(slice, condemned);
        slice.progressed();
        if (condemned.length + released.length === 0) return "completed";
      }
    },
  };
  return remover;
}

/** Notes the answers of one batch: in the ledger, in the report, in the log. */
function settle(slice: Slice, batch: readonly Condemned[], outcomes: readonly DeleteOutcome[]): void {
  const answers = new Map(outcomes.map((outcome) => [outcome.key, outcome]));
  const at = slice.clock.now();
  const settlements = batch.map((removal): Settlement => {
    // A key that the store says nothing of was not answered.
    const answer = answers.get(removal.key) ?? {
      outcome: "unknown",
      error: "the store's answer does not name this key",
    };
    const retry = answer.outcome === "refused" && removal.attempts < MAX_ATTEMPTS;
    return {
      removal,
      outcome: answer.outcome,
      error: answer.error ?? null,
      at,
      nextAttemptAt: retry ? at + retryDelayMs(removal.attempts) : null,
    };
  });
  slice.database.ledger.settle(slice.held, settlements);
  const removed: Tally = { count: 0, bytes: 0 };
  for (const settlement of settlements) {
    note(slice, settlement.removal, settlement.outcome);
    if (settlement.outcome === "gone") {
      removed.count += 1;
      removed.bytes += settlement.removal.sizeBytes;
    } else {
      logFailure(slice, settlement);
    }
  }
  slice.log({
    level: "info",
    event: "batch.removed",
    run: slice.entry.id,
    objects: removed.count,
    bytes: removed.bytes,
  });
}

/** Puts an answer into the report of the sweep that nominated the object, in this run or in an earlier one. */
function note(slice: Slice, removal: Condemned, outcome: DeleteOutcome["outcome"] | "protected"): void {
  const progress = progressOf(slice.entry, removal.sweep);
  if (outcome === "gone") countGone(progress, removal);
  const tally = { count: removal.items, bytes: removal.sizeBytes };
  const counted = removal.from === "failed" ? "failed" : "deferred";
  // What a report that was begun anew does not count as open was nominated before it was.
  if (removal.runId !== slice.entry.id || progress.report[counted].count < tally.count) {
    if (outcome === "gone") carry(progress.report, tally);
    if (outcome === "refused") progress.carriedFailed += 1;
    return;
  }
  if (outcome === "gone") move(progress.report, counted, "removed", tally);
  else if (outcome === "refused") move(progress.report, counted, "failed", tally);
  else if (outcome === "changed") move(progress.report, counted, { kept: "changed-meanwhile" }, tally);
  else if (outcome === "protected") move(progress.report, counted, { kept: "still-protected" }, tally);
  else move(progress.report, counted, "deferred", tally);
}

function countGone(progress: SweepProgress, { reason, sizeBytes }: Condemned): void {
  progress.gone ??= {};
  progress.gone[reason] ??= { count: 0, bytes: 0 };
  const tally = progress.gone[reason];
  tally.count += 1;
  tally.bytes += sizeBytes;
}

function logFailure(slice: Slice, { removal, outcome, error }: Settlement): void {
  const { id, key, attempts } = removal;
  slice.log({
    level: "warn",
    event: "removal.failed",
    run: slice.entry.id,
    removal: id,
    key,
    outcome,
    attempts,
    reason: error,
  });
}
