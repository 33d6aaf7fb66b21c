/**
 * A thread that deletes from folders: with the code of `filesystem-delete.ts`, like everybody, but beside the database's
 * work, which keeps a process with an embedded database busy. Its own calls are answered one after the other, which
 * takes a third of the time.
 */
import { Worker } from "node:worker_threads";
import { SweepError } from "../core/errors.ts";
import type { DeleteOutcome, DeleteRequest } from "../core/ports.ts";
import type { Folder } from "./filesystem-delete.ts";

export interface DeleteThread {
  /**
   * Whether a batch of so many goes to the thread. Not a small one; and none before the thread stands ready: the first
   * large batch begins to make it. Where no thread can be made, as in a bundle without its file, none ever does.
   */
  takes(requests: number): boolean;
  /**
   * As `deleteFromFolder`, whose outcomes it answers.
   * @throws SweepError `unavailable` when the thread ended before it answered: nothing is known of any key
   */
  delete(folder: Folder, requests: readonly DeleteRequest[], signal?: AbortSignal): Promise<DeleteOutcome[]>;
}

/** What is sent to the thread. */
export interface DeleteOrder {
  readonly id: number;
  readonly folder: Folder;
  readonly requests: readonly DeleteRequest[];
  /** Not 0 once the call is given up. Shared: a thread that is busy receives no messages. */
  readonly givenUp: Int32Array<SharedArrayBuffer>;
}

/** What comes back: first that the thread is ready; then for each order what became of its keys, by their places, and why. */
export type FromThread = "ready" | DeleteAnswer;

export interface DeleteAnswer {
  readonly id: number;
  readonly became: readonly DeleteOutcome["outcome"][];
  readonly errors: ReadonlyMap<number, string>;
}

export interface DeleteThreadOptions {
  /** From how many keys on a batch is worth it: below, the thread would cost more than it saves. */
  readonly from?: number;
  /** How long the thread is kept without work, in milliseconds. */
  readonly idleMs?: number;
  /** For tests: another file to run. */
  readonly entry?: URL;
}

const DEFAULT_FROM = 500;
const DEFAULT_IDLE_MS = 2000;

/** Under the name that it has where this file is: translated, or as it was written. */
const ENTRY = new URL(
  import.meta.url.endsWith(".ts") ? "./filesystem-delete-thread-entry.ts" : "./filesystem-delete-thread-entry.js",
  import.meta.url,
);

/** It handles one batch at a time, so little is enough. In MiB. */
const MEMORY = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
  isReady: boolean;
  idle?: ReturnType<typeof setTimeout>;
}

interface Waiting {
  readonly requests: readonly DeleteRequest[];
  readonly resolve: (outcomes: DeleteOutcome[]) => void;
  readonly reject: (error: SweepError) => void;
}

/** Makes no thread yet. One that has nothing to do keeps no process from ending, and goes after a while. */
export function createDeleteThread(options: DeleteThreadOptions = {}): DeleteThread {
  const { from = DEFAULT_FROM, idleMs = DEFAULT_IDLE_MS, entry = ENTRY } = options;
  let thread: Thread | null = null;
  /** A thread that failed once is not made again: its work is done as well without. */
  let isUsable = true;
  let orders = 0;

  function begin(): Thread | null {
    try {
      // The settings, the secrets among them, and what the process was started with are no concern of the thread.
      const worker = new Worker(entry, { name: "deletes", env: {}, execArgv: [], resourceLimits: MEMORY });
      const begun: Thread = { worker, waiting: new Map(), isReady: false };
      worker.unref();
      worker.on("message", (message: FromThread) => hear(begun, message));
      worker.on("error", (error) => end(begun, error));
      worker.on("exit", () => end(begun, undefined));
      return begun;
    } catch {
      isUsable = false;
      return null;
    }
  }

  function hear(from: Thread, message: FromThread): void {
    if (message === "ready") {
      from.isReady = true;
      rest(from);
      return;
    }
    const waiting = from.waiting.get(message.id);
    from.waiting.delete(message.id);
    if (from.waiting.size === 0) rest(from);
    if (waiting !== undefined)
      waiting.resolve(waiting.requests.map(({ key }, index) => outcomeOf(key, index, message)));
  }

  /** Without work, it does not keep the process from ending, and goes itself after a while. */
  function rest(resting: Thread): void {
    resting.worker.unref();
    resting.idle = setTimeout(() => {
      if (thread === resting) thread = null;
      void resting.worker.terminate();
    }, idleMs);
    resting.idle.unref?.();
  }

  function end(ended: Thread, cause: unknown): void {
    clearTimeout(ended.idle);
    if (thread !== ended) return;
    thread = null;
    isUsable = false;
    const error = new SweepError("unavailable", "the thread that deletes ended before it answered", { cause });
    for (const { reject } of ended.waiting.values()) reject(error);
    ended.waiting.clear();
  }

  return {
    takes(requests) {
      if (requests < from || !isUsable) return false;
      thread ??= begin();
      return thread?.isReady === true;
    },
    delete(folder, requests, signal) {
      const working = thread;
      if (working === null) throw new SweepError("bug", "a batch was handed to a thread that did not take it");
      const givenUp = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
      const giveUp = (): void => void Atomics.store(givenUp, 0, 1);
      if (signal?.aborted) giveUp();
      signal?.addEventListener("abort", giveUp);
      orders += 1;
      const id = orders;
      clearTimeout(working.idle);
      working.worker.ref();
      return new Promise<DeleteOutcome[]>((resolve, reject) => {
        working.waiting.set(id, { requests, resolve, reject });
        working.worker.postMessage({ id, folder, requests, givenUp } satisfies DeleteOrder);
      }).finally(() => signal?.removeEventListener("abort", giveUp));
    },
  };
}

function outcomeOf(key: string, index: number, { became, errors }: DeleteAnswer): DeleteOutcome {
  // What the answer does not name was not answered.
  const outcome = became[index] ?? "unknown";
  const error = errors.get(index);
  return error === undefined ? { key, outcome } : { key, outcome, error };
}
