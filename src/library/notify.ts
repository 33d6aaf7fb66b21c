/**
 * Notifications: what somebody should hear of without looking, posted as JSON to NOTIFY_WEBHOOK_URL. The log is what
 * they are made from; they go out after the run, and whatever becomes of them, the run is what it was.
 */
import { isSweepError, LeaseLostError } from "../core/errors.ts";
import type { RunReport } from "../core/model.ts";
import type { Log, LogEvent } from "../core/ports.ts";
import type { Sweeper } from "../core/sweeper.ts";
import { describeError } from "./describe-error.ts";

/** How long one notification waits for its answer, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** What is posted. Slack shows `text`; the other fields are for programs. */
export interface Notification {
  readonly text: string;
  readonly event: "hold.opened" | "hold.closed" | "run.failed" | "run.recovered";
  /** Host and store: which filesweep this is. */
  readonly instance: string;
  /** ISO 8601. */
  readonly at: string;
  readonly run?: string;
  readonly hold?: string;
  readonly cause?: string;
  readonly sweep?: string;
  readonly detail?: string;
}

export interface NotifierOptions {
  /** A secret: it is in no log and no error. */
  readonly url: string;
  readonly instance: string;
  readonly log: Log;
  readonly now: () => number;
  /** For tests alone. */
  readonly timeoutMs?: number;
}

export interface Notifier {
  /** Writes to the log it was given, and remembers what is to be told. */
  readonly log: Log;
  /** A run ended without a report. */
  failed(error: unknown): void;
  /** Posts what was remembered. Never throws: what cannot be delivered is logged, and not tried again. */
  flush(report?: RunReport): Promise<void>;
}

type Told = Omit<Notification, "instance" | "at" | "text"> & { readonly sentence: string; readonly at: number };

export function createNotifier({ url, instance, log, now, timeoutMs = TIMEOUT_MS }: NotifierOptions): Notifier {
  let waiting: Told[] = [];

  async function post({ sentence, at, ...fields }: Told): Promise<void> {
    const text = escaped(`filesweep (${instance}): ${sentence}`);
    const body: Notification = { text, ...fields, instance, at: new Date(at).toISOString() };
    const problem = await problemOf(url, body, timeoutMs);
    if (problem !== null) log({ level: "warn", event: "notification.failed", about: fields.event, reason: problem });
  }

  return {
    log(event) {
      log(event);
      const told = toldOf(event, now());
      if (told !== null) waiting.push(told);
    },
    failed(error) {
      const detail = describeError(error).message;
      waiting.push({ event: "run.failed", sentence: `a run failed: ${detail}`, detail, at: now() });
    },
    async flush(report) {
      const posted = waiting.map((told) => (report === undefined ? told : withReasons(told, report)));
      waiting = [];
      await Promise.all(posted.map(post));
    },
  };
}

/** The sweeper, with its runs told of. Each run waits until that is done, for at most the time-out. */
export function notifying(sweeper: Sweeper, notifier: Notifier): Sweeper {
  const run: Sweeper["run"] = async (options) => {
    try {
      const outcome = await sweeper.run(options);
      await notifier.flush(outcome.kind === "ran" ? outcome.report : undefined);
      return outcome;
    } catch (error) {
      // Another holder goes on with the run; wrong input is told to whoever gave it.
      const isNews = !(error instanceof LeaseLostError) && !isSweepError(error, "invalid");
      if (isNews) notifier.failed(error);
      await notifier.flush();
      throw error;
    }
  };
  return { ...sweeper, run, plan: (options) => run({ ...options, mode: "plan" }) };
}

// ------------------------------------------------------------------------------------------------------ what is told

function toldOf({ event, ...fields }: LogEvent, at: number): Told | null {
  if (event === "hold.opened" || event === "hold.closed") return holdTold(event, fields, at);
  if (event !== "run.finished") return null;
  const run = String(fields["run"]);
  const status = String(fields["status"]);
  if (status === "failed") return { event: "run.failed", run, sentence: `run ${run} failed`, at };
  if (fields["recovered"] !== true) return null;
  return { event: "run.recovered", run, sentence: `run ${run} got through again: ${status}.`, at };
}

function holdTold(event: "hold.opened" | "hold.closed", fields: Readonly<Record<string, unknown>>, at: number): Told {
  const [hold, cause] = [String(fields["hold"]), String(fields["cause"])];
  const sweep = typeof fields["sweep"] === "string" ? fields["sweep"] : null;
  const name = sweep === null ? cause : `${cause}, ${sweep}`;
  const about = { event, hold, cause, ...(sweep !== null && { sweep }), at };
  if (event === "hold.closed") return { ...about, sentence: `no longer held (${name}).` };
  const detail = String(fields["detail"]);
  const commands = `filesweep approve ${hold} lets through what it shows, filesweep cancel ${hold} silences it.`;
  return { ...about, detail, sentence: `held for a person (${name}): ${detail}. ${commands}` };
}

/** Why a run failed stands in its report. */
function withReasons(told: Told, report: RunReport): Told {
  if (told.event !== "run.failed" || told.run !== report.id) return told;
  const reasons = [...new Set(report.sweeps.flatMap(({ error }) => (error === undefined ? [] : [error])))];
  if (reasons.length === 0) return told;
  const detail = reasons.join("; ");
  return { ...told, detail, sentence: `${told.sentence}: ${detail}` };
}

/** Slack reads these three as markup. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

// ----------------------------------------------------------------------------------------------------------- posting

/** What went wrong, or null. Never the address, nor what came from there. */
async function problemOf(url: string, body: Notification, timeoutMs: number): Promise<string | null> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      // Elsewhere is not where the secret was made for.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    return response.ok ? null : `the webhook answered ${response.status}`;
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    return `the webhook cannot be reached${code}`;
  }
}
