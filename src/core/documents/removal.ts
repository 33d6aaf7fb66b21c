/** A removal as programs are shown it. Pure. */
import type { RemovalReason, RemovalState, SweepName } from "../model.ts";
import type { Removal } from "../ports.ts";
import { iso, isoOrNull } from "./run.ts";

export interface RemovalJson {
  readonly id: string;
  readonly key: string;
  readonly state: RemovalState;
  readonly reason: RemovalReason;
  readonly sweep: SweepName;
  readonly run: string;
  readonly bytes: number;
  readonly createdAt: string;
  readonly firstSeenAt: string | null;
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
  readonly error: string | null;
  readonly releasedBy: string | null;
  readonly finishedAt: string | null;
}

export function toRemovalJson(removal: Removal): RemovalJson {
  const { id, key, state, reason, sweep, runId, sizeBytes, attempts, error, releasedBy } = removal;
  return {
    id,
    key,
    state,
    reason,
    sweep,
    run: runId,
    bytes: sizeBytes,
    createdAt: iso(removal.createdAt),
    firstSeenAt: isoOrNull(removal.firstSeenAt),
    attempts,
    nextAttemptAt: isoOrNull(removal.nextAttemptAt),
    error,
    releasedBy,
    finishedAt: isoOrNull(removal.finishedAt),
  };
}
