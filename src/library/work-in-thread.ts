/**
 * Runs in a thread of their own. The driver of an embedded database is synchronous: in one thread with it, requests
 * would wait for the pages of a run, and the run for the answers.
 *
 * Questions and decisions stay where they are, on a connection of their own. To them a run in another thread is what one
 * in another process is: the database keeps the two apart, and the lease keeps runs apart.
 */
import { Worker } from "node:worker_threads";
import { SweepError } from "../core/errors.ts";
import type { Log } from "../core/ports.ts";
import type { RunOutcome } from "../core/run.ts";
import { fromSentError } from "../core/sent-error.ts";
import type { Settings } from "../core/settings.ts";
import type { RunOptions } from "../core/sweeper.ts";
import type { Surroundings } from "./compose.ts";
import type { WorkRun } from "./create-sweeper.ts";
import { describeError } from "./describe-error.ts";
import { type FromThread, LISTENERS, type ThreadData, type ToThread } from "./thread-messages.ts";

/** Built, or from the sources where the runtime takes those. */
const ENTRY = new URL(import.meta.url.endsWith(".ts") ? "./run-thread.ts" : "./run-thread.js", import.meta.url);

/**
 * What works runs, in a thread that is there while one is under way, and gone when its promise is kept. Where no thread
 * can be had (sources that the runtime takes from its first thread alone, a bundle, no memory) a run is worked here, and
 * a warning logged. A thread that breaks down takes its runs along as a process would: they fail here, and the next one
 * goes on with them once their lease has run out.
 *
 * The thread goes by the system's clock.
 * @param entry for tests
 */
export function workInThread(settings: Settings, { log, host, holder }: Surroundings, entry: URL = ENTRY): WorkRun {
  let current: RunThread | null = null;

  function standing(): RunThread | Error {
    if (current !== null && current.broken() === null) return current;
    try {
      current = startThread(entry, { settings, host, holder }, log);
      return current;
    } catch (error) {
      return asError(error);
    }
  }

  async function workIn(thread: RunThread, options: RunOptions): Promise<RunOutcome | Error> {
    thread.users += 1;
    try {
      return (await thread.absence) ?? (await thread.run(options));
    } finally {
      thread.users -= 1;
      if (thread.users === 0) {
        // Order: forgotten before it ends. A run that comes meanwhile has a thread of its own.
        if (current === thread) current = null;
        await thread.end();
      }
    }
  }

  return async (sweeper, options) => {
    const thread = standing();
    const outcome = thread instanceof Error ? thread : await workIn(thread, options);
    if (!(outcome instanceof Error)) return outcome;
    log({ level: "warn", event: "thread.unavailable", error: describeError(outcome) });
    return sweeper.run(options);
  };
}

interface RunThread {
  /** How many wait for it. */
  users: number;
  /** Why it never stood, so that nothing was begun in it; null once it stands. */
  readonly absence: Promise<Error | null>;
  /** Why it is no more; null while it is there. */
  broken(): Error | null;
  run(options: RunOptions): Promise<RunOutcome>;
  /** Closes what it has open, and ends it. No run may be under way. */
  end(): Promise<void>;
}

/** Who waits for a run of the thread. */
interface Call {
  readonly options: RunOptions;
  readonly ran: (outcome: RunOutcome) => void;
  readonly failed: (error: Error) => void;
}

function startThread(entry: URL, workerData: ThreadData, log: Log): RunThread {
  const worker = new Worker(entry, { workerData, name: "filesweep" });
  const calls = new Map<number, Call>();
  let lastCall = 0;
  let broken: Error | null = null;
  const gone = endOf(worker).then((reason) => {
    broken = reason;
    for (const { failed } of calls.values()) failed(lostRun(reason));
    return reason;
  });
  const stands = new Promise<null>((resolve) => {
    worker.on("message", (message: FromThread) => {
      if (message.kind === "ready") resolve(null);
      else if (message.kind === "log") log(message.event);
      else if (message.kind !== "ended") hear(calls.get(message.call), message);
    });
  });
  const post = (message: ToThread): void => worker.postMessage(message);
  return {
    users: 0,
    absence: Promise.race([stands, gone]),
    broken: () => broken,
    async run(options) {
      if (broken !== null) throw lostRun(broken);
      lastCall += 1;
      const call = lastCall;
      const { signal, onStarted, onDecision, onProgress, ...sent } = options;
      const stop = (): void => post({ kind: "stop", call });
      const listeners = LISTENERS.filter((name) => options[name] !== undefined);
      try {
        return await new Promise<RunOutcome>((ran, failed) => {
          calls.set(call, { options, ran, failed });
          post({ kind: "run", call, options: sent, listeners });
          if (signal?.aborted) stop();
          else signal?.addEventListener("abort", stop);
        });
      } finally {
        signal?.removeEventListener("abort", stop);
        calls.delete(call);
      }
    },
    async end() {
      if (broken === null) post({ kind: "end" });
      await gone;
    },
  };
}

/** Why a thread is gone, once it is. */
function endOf(worker: Worker): Promise<Error> {
  return new Promise((resolve) => {
    const end = (reason: unknown): void => resolve(asError(reason));
    worker.on("error", end);
    worker.on("exit", (code) => end(`it ended by itself, with ${code}`));
    worker.on("message", ({ kind }: FromThread) => {
      // Deno tells of no exit of a thread that was ended from here.
      if (kind === "ended") void worker.terminate().then(() => end("it was ended"));
    });
  });
}

function lostRun(cause: Error): SweepError {
  return new SweepError("bug", "the thread that worked this run broke down", { cause });
}

function hear(call: Call | undefined, message: Extract<FromThread, { readonly call: number }>): void {
  if (message.kind === "ran") call?.ran(message.outcome);
  else if (message.kind === "failed") call?.failed(fromSentError(message.error));
  // What is told to a listener is of the type that it hears.
  else call?.options[message.listener]?.(message.value as never);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
