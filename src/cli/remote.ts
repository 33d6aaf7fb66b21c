/** A sweeper that is somewhere else: what commands work with under `--url`, over the HTTP API. */
import { type Client, createClient, ProblemError } from "../client/client.ts";
import type { Diagnosis } from "../core/doctor.ts";
import type { ExplanationJson } from "../core/documents/explanation.ts";
import type { RemovalJson } from "../core/documents/removal.ts";
import type { HoldJson, RunJson, StandingHoldJson } from "../core/documents/run.ts";
import { isSweepError, SweepError } from "../core/errors.ts";
import type { Explanation } from "../core/explain.ts";
import type { Decision, Hold, Instant, RunReport } from "../core/model.ts";
import type { LeaseHolder, Removal } from "../core/ports.ts";
import type { RunOutcome } from "../core/run.ts";
import { SECOND_MS } from "../core/safety.ts";
import type { Settings } from "../core/settings.ts";
import type { RunOptions } from "../core/sweeper.ts";
import type { CommandSweeper } from "./command-sweeper.ts";

/** Seconds that one request waits for a run: what is left of a person's patience after Ctrl-C. */
const WAIT_SECONDS = 10;

/** Pause before a run that somebody else works on is asked for again, in milliseconds. */
const ASK_AGAIN_MS = 2 * SECOND_MS;

export interface RemoteSweeper extends CommandSweeper {
  /** What the instance's own doctor found, where it runs. */
  doctor(): Promise<Diagnosis>;
}

/** @throws SweepError `invalid` without ADMIN_TOKEN */
export function createRemoteSweeper(url: string, { adminTokens: [token] }: Settings): RemoteSweeper {
  if (token === undefined) {
    throw new SweepError("invalid", `set ADMIN_TOKEN to the token of the filesweep at ${url}`);
  }
  const client = createClient({ url, token });
  return {
    run: (options = {}) => runToItsEnd(client, options),
    doctor: () => client.doctor(),
    async status() {
      const stats = await client.stats();
      const { lastRun, nextRun, open, holds } = stats;
      return {
        stats,
        lastRun: lastRun === null ? null : fromRun(lastRun),
        nextRunAt: instantOrNull(nextRun),
        open,
        holds: holds.map(fromStandingHold),
      };
    },
    async explain(about) {
      try {
        return fromExplanation(await client.explain(about));
      } catch (error) {
        if (isSweepError(error, "not-found")) return null;
        throw error;
      }
    },
    async removals({ state, reason, runId, keyPrefix, after, limit }) {
      const { items, nextCursor } = await client.removals({
        limit,
        ...(state !== undefined && { state }),
        ...(reason !== undefined && { reason }),
        ...(runId !== undefined && { run: runId }),
        ...(keyPrefix !== undefined && { key: keyPrefix }),
        ...(after !== undefined && { cursor: after }),
      });
      return { items: items.map(fromRemoval), next: nextCursor };
    },
    async release(id) {
      await client.releaseRemoval(id).catch(naming(`removal ${id}`));
    },
    async retry(id) {
      await client.retryRemoval(id).catch(naming(`removal ${id}`));
    },
    approve: async (id) => fromStandingHold(await client.approveHold(id).catch(naming(`hold ${id}`))),
    async cancel(id) {
      try {
        await client.cancelHold(id);
        return "hold";
      } catch (error) {
        if (!isSweepError(error, "not-found")) throw error;
      }
      await client.cancelRun(id).catch(naming(`hold and no run ${id}`));
      return "run";
    },
  };
}

/** The service does not repeat what it was asked for. */
function naming(what: string): (error: unknown) => never {
  return (error) => {
    throw isSweepError(error, "not-found")
      ? new SweepError("not-found", `there is no ${what}`, { cause: error })
      : error;
  };
}

/** Slice by slice; where another holder goes on with the same run, by looking at it. */
async function runToItsEnd(client: Client, options: RunOptions): Promise<RunOutcome> {
  const { mode, sweeps, signal, onProgress } = options;
  let last: RunReport | null = null;
  for (;;) {
    try {
      const asked = { ...(mode !== undefined && { mode }), ...(sweeps !== undefined && { sweeps }) };
      const { run, ended, unreachable } = await client.cleanup({ ...asked, wait: WAIT_SECONDS });
      last = fromRun(run);
      onProgress?.(last);
      if (ended || signal?.aborted === true) return { kind: "ran", report: last, unreachable };
    } catch (error) {
      const holder = holderOf(error);
      if (holder === null) throw error;
      if (last === null) return { kind: "lease-held", holder };
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      last = fromRun(await client.run(last.id));
      onProgress?.(last);
      if (last.finishedAt !== null || signal?.aborted === true)
        return { kind: "ran", report: last, unreachable: false };
    }
  }
}

function holderOf(error: unknown): LeaseHolder | null {
  if (!(error instanceof ProblemError) || error.problem !== "lease-held") return null;
  const { holder, until } = error.details;
  return { holder: String(holder), expiresAt: instant(String(until)) };
}

// ---------------------------------------------------------------------------------------------- documents, read back

function instant(text: string): Instant {
  return Date.parse(text);
}

function instantOrNull(text: string | null): Instant | null {
  return text === null ? null : instant(text);
}

function fromRun(run: RunJson): RunReport {
  return {
    ...run,
    startedAt: instant(run.startedAt),
    finishedAt: instantOrNull(run.finishedAt),
    // A run shows its holds as they were raised.
    holds: run.holds.map((hold) =>
      fromHold(hold, { status: "open", openedAt: hold.asOf, run: run.id, approvedUntil: null }),
    ),
  };
}

function fromStandingHold(hold: StandingHoldJson): Hold {
  return fromHold(hold, hold);
}

function fromHold(
  { id, cause, sweep, asOf, detail, count, bytes, sample }: HoldJson,
  { status, openedAt, run, approvedUntil }: Pick<StandingHoldJson, "status" | "openedAt" | "run" | "approvedUntil">,
): Hold {
  return {
    id,
    cause,
    sweep: sweep ?? null,
    status,
    openedAt: instant(openedAt),
    asOf: instant(asOf),
    runId: run,
    detail,
    count,
    bytes,
    sample: sample.map((item) => ({ ...item, mayGoAt: instantOrNull(item.mayGoAt) })),
    approvedUntil: instantOrNull(approvedUntil),
  };
}

function fromRemoval({ run, bytes, ...removal }: RemovalJson): Removal {
  return {
    ...removal,
    runId: run,
    sizeBytes: bytes,
    createdAt: instant(removal.createdAt),
    firstSeenAt: instantOrNull(removal.firstSeenAt),
    nextAttemptAt: instantOrNull(removal.nextAttemptAt),
    finishedAt: instantOrNull(removal.finishedAt),
  };
}

function fromExplanation({ key, invalidKey, object, files, decisions, removals, gate }: ExplanationJson): Explanation {
  return {
    key,
    invalidKey,
    object:
      object === null
        ? null
        : { key, sizeBytes: object.bytes, modifiedAt: instantOrNull(object.modifiedAt), etag: object.etag },
    files: files.map((file) => ({ ...file, decisions: file.decisions.map(fromExplained) })),
    decisions: decisions.map(fromExplained),
    removals: removals.map(fromRemoval),
    gateUntil: gate === null ? undefined : instantOrNull(gate.until),
  };
}

function fromExplained({
  sweep,
  verdict,
  reason,
}: ExplanationJson["decisions"][number]): Explanation["decisions"][number] {
  // A reason stands with the verdict that it was given for: the service made the pair of one decision.
  return { sweep, decision: { verdict, reason } as Decision };
}
