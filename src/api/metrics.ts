/** What all runs did, and how things stand, in Prometheus' text format 0.0.4. Pure. */
import { bytesReclaimed } from "../core/documents/stats.ts";
import { HOLD_STATUSES, type Instant, MODES, OPEN_STATES, REMOVAL_REASONS, SWEEP_NAMES } from "../core/model.ts";
import type { SweeperStatus } from "../core/sweeper.ts";
import { DURATION_BUCKETS_MS, type Totals } from "../core/totals.ts";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly suffix?: string;
  readonly labels?: Labels;
  readonly value: number;
}

interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Names end in their unit; counters in `_total`. Durations are seconds, instants seconds since 1970, sizes bytes. */
export function renderMetrics(status: SweeperStatus, nextRunAt: Instant | null): string {
  return families(status, nextRunAt).map(renderFamily).join("");
}

function families(status: SweeperStatus, nextRunAt: Instant | null): Family[] {
  const { totals, lastRun } = status;
  const instant = (at: Instant | null | undefined): Sample[] =>
    at === null || at === undefined ? [] : [{ value: at / 1000 }];
  return [
    ...runFamilies(totals),
    ...sweepFamilies(totals),
    counter(
      "filesweep_removed_objects_total",
      "Objects that went, by the reason of their removal.",
      REMOVAL_REASONS.map((reason) => ({ labels: { reason }, value: totals.gone?.[reason]?.count ?? 0 })),
    ),
    counter("filesweep_reclaimed_bytes_total", "Bytes of the objects that were removed.", [
      { value: bytesReclaimed(totals) },
    ]),
    counter("filesweep_calls_total", "Calls that runs made, by what they were made to.", [
      { labels: { to: "database" }, value: totals.calls.database },
      { labels: { to: "storage" }, value: totals.calls.storage },
    ]),
    counter(
      "filesweep_database_rows_total",
      "Rows that runs read and wrote, as a remote database counts them; one in a file does not tell.",
      Object.entries(totals.calls.rows ?? {}).map(([operation, value]) => ({ labels: { operation }, value })),
    ),
    ...openFamilies(status),
    gauge("filesweep_missing_objects", "Live rows without an object, as the last complete scan found them.", [
      ...(totals.missing === null ? [] : [{ value: totals.missing.count }]),
    ]),
    gauge(
      "filesweep_last_success_timestamp_seconds",
      "When a run last came to its end with no sweep failed or held.",
      MODES.flatMap((mode) => instant(totals.lastSuccessAt[mode]).map((one) => ({ ...one, labels: { mode } }))),
    ),
    gauge("filesweep_last_run_timestamp_seconds", "When the last run began.", instant(lastRun?.startedAt)),
    gauge(
      "filesweep_last_run_duration_seconds",
      "How long the last run has worked.",
      lastRun === null ? [] : [{ value: lastRun.durationMs / 1000 }],
    ),
    gauge("filesweep_next_run_timestamp_seconds", "When the schedule starts the next run.", instant(nextRunAt)),
  ];
}

function runFamilies({ cycles, ended, durations }: Totals): Family[] {
  let cumulated = 0;
  const buckets = durations.buckets.map((count, index): Sample => {
    cumulated += count;
    const bound = DURATION_BUCKETS_MS[index];
    return { suffix: "_bucket", labels: { le: bound === undefined ? "+Inf" : String(bound / 1000) }, value: cumulated };
  });
  return [
    counter("filesweep_cycles_total", "Runs that began.", [{ value: cycles }]),
    counter(
      "filesweep_runs_total",
      "Runs that ended, by mode and status. One that was held and went on ended twice.",
      MODES.flatMap((mode) =>
        Object.entries(ended[mode]).map(([status, value]) => ({ labels: { mode, status }, value })),
      ),
    ),
    {
      name: "filesweep_run_duration_seconds",
      type: "histogram",
      help: "How long runs worked until they ended.",
      samples: [...buckets, { suffix: "_sum", value: durations.sumMs / 1000 }, { suffix: "_count", value: cumulated }],
    },
  ];
}

/** Every sweep, also one that never did anything: a rate needs the zero that it begins at. */
function sweepFamilies({ sweeps }: Totals): Family[] {
  const by = (what: "seen" | "removed" | "failed"): Sample[] =>
    SWEEP_NAMES.map((sweep) => ({ labels: { sweep }, value: sweeps[sweep]?.[what].count ?? 0 }));
  return [
    counter("filesweep_seen_total", "Rows, objects or uploads that a sweep saw.", by("seen")),
    counter("filesweep_removed_total", "What went.", by("removed")),
    counter("filesweep_failed_total", "What could not be removed, each time.", by("failed")),
    counter(
      "filesweep_kept_total",
      "What stayed, by the reason.",
      SWEEP_NAMES.flatMap((sweep) =>
        Object.entries(sweeps[sweep]?.kept ?? {}).map(([reason, { count }]) => ({
          labels: { sweep, reason },
          value: count,
        })),
      ),
    ),
  ];
}

function openFamilies({ open, holds }: SweeperStatus): Family[] {
  const standing = HOLD_STATUSES.filter((status) => status !== "closed");
  return [
    gauge(
      "filesweep_open_removals",
      "Removals of the ledger that have not ended, by state.",
      OPEN_STATES.map((state) => ({ labels: { state }, value: open[state]?.count ?? 0 })),
    ),
    gauge(
      "filesweep_open_removals_bytes",
      "Bytes of the objects of removals that have not ended, by state.",
      OPEN_STATES.map((state) => ({ labels: { state }, value: open[state]?.bytes ?? 0 })),
    ),
    gauge(
      "filesweep_holds",
      "Holds that are not closed, by status.",
      standing.map((status) => ({ labels: { status }, value: holds.filter((hold) => hold.status === status).length })),
    ),
    gauge(
      "filesweep_hold_opened_timestamp_seconds",
      "When a hold that is not closed was opened.",
      holds.map(({ cause, sweep, status, openedAt }) => ({
        labels: { cause, sweep: sweep ?? "", status },
        value: openedAt / 1000,
      })),
    ),
  ];
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: "counter", help, samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: "gauge", help, samples };
}

function renderFamily({ name, type, help, samples }: Family): string {
  if (samples.length === 0) return "";
  const lines = samples.map(
    ({ suffix = "", labels = {}, value }) => `${name}${suffix}${renderLabels(labels)} ${value}`,
  );
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

/** The values are words of the vocabulary: nothing in them needs an escape. */
function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
