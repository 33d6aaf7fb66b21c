/** A run as JSON, for programs: instants in ISO 8601, sizes in bytes, durations in milliseconds. */
import type { Hold, HoldCause, HoldStatus, Instant, RunReport, SweepName, SweepReport, Tally } from "../model.ts";

/** The contract's form of a run. `error` is there only where a sweep failed, `sample` only where rows miss their object. */
export type RunJson = Omit<RunReport, "startedAt" | "finishedAt" | "sweeps" | "holds"> & {
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly sweeps: readonly SweepJson[];
  readonly holds: readonly HoldJson[];
};

/** A hold as a run shows it. */
export interface HoldJson {
  readonly id: string;
  readonly cause: HoldCause;
  /** Only where one sweep is held, and not the run. */
  readonly sweep?: SweepName;
  readonly asOf: string;
  readonly detail: string;
  readonly count: number;
  readonly bytes: number;
  readonly sample: readonly {
    readonly key: string;
    readonly bytes: number;
    readonly reason: string;
    /** Null: once a person approves, at once. */
    readonly mayGoAt: string | null;
  }[];
}

/** The same, with what a person said of it. */
export interface StandingHoldJson extends HoldJson {
  readonly status: HoldStatus;
  readonly openedAt: string;
  readonly run: string;
  readonly approvedUntil: string | null;
}

type SweepJson = Readonly<SweepReport> & { readonly kept: Readonly<Record<string, Tally>> };

export function toRunJson(report: RunReport): RunJson {
  const { id, mode, status, trigger, startedAt, finishedAt, durationMs, slices, sweeps, holds, calls } = report;
  return {
    id,
    mode,
    status,
    trigger,
    startedAt: iso(startedAt),
    finishedAt: isoOrNull(finishedAt),
    durationMs,
    slices,
    sweeps: sweeps.map(toSweepJson),
    holds: holds.map(toHoldJson),
    calls,
  };
}

export function toHoldJson({ id, cause, sweep, asOf, detail, count, bytes, sample }: Hold): HoldJson {
  return {
    id,
    cause,
    ...(sweep !== null && { sweep }),
    asOf: iso(asOf),
    detail,
    count,
    bytes,
    sample: sample.map((item) => ({ ...item, mayGoAt: isoOrNull(item.mayGoAt) })),
  };
}

export function toStandingHoldJson(hold: Hold): StandingHoldJson {
  const { status, openedAt, runId, approvedUntil } = hold;
  return {
    ...toHoldJson(hold),
    status,
    openedAt: iso(openedAt),
    run: runId,
    approvedUntil: isoOrNull(approvedUntil),
  };
}

function toSweepJson(sweep: SweepReport): SweepJson {
  const { name, status, seen, removed, suspected, deferred, failed, carriedOver, kept, sample, error } = sweep;
  const json = { name, status, seen, removed, suspected, deferred, failed, carriedOver, kept };
  return { ...json, ...(sample !== undefined && { sample }), ...(error !== undefined && { error }) };
}

export function iso(at: Instant): string {
  return new Date(at).toISOString();
}

export function isoOrNull(at: Instant | null): string | null {
  return at === null ? null : iso(at);
}
