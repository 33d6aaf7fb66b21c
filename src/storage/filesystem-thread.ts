/**
 * A thread for a folder's calls in bulk: it deletes with the code of `filesystem-delete.ts` and looks with that of
 * `filesystem-look.ts`, like everybody, but beside the database's work, which keeps a process with an embedded database
 * busy. Its own calls are answered one after the other, which takes a third of the time; and where a file system hangs,
 * it is the thread that hangs, and no time-out with it.
 */
import { Worker } from "node:worker_threads";
import { SweepError } from "../core/errors.ts";
import type { DeleteOutcome, DeleteRequest } from "../core/ports.ts";
import { fromSentError, type SentError } from "../core/sent-error.ts";
import type { Path } from "./filesystem-calls.ts";
import type { Folder } from "./filesystem-delete.ts";
import type { Looks } from "./filesystem-look.ts";

export interface FolderThread {
  /**
   * Whether so many keys or entries go to the thread. Not a few; and none before the thread stands ready: the first
   * large batch begins to make it. Where no thread can be made, as in a bundle without its file, none ever does.
   */
  takes(items: number): boolean;
  /**
   * As `deleteFromFolder`, whose outcomes it answers.
   * @throws SweepError `unavailable` when the thread ended before it answered: nothing is known of any key
   */
  delete(folder: Folder, requests: readonly DeleteRequest[], signal?: AbortSignal): Promise<DeleteOutcome[]>;
  /**
   * As `lookAt`, whose looks it answers, and which it fails like.
   * @throws SweepError `unavailable` when the thread ended before it answered, too
   */
  look(paths: readonly Path[], concurrency: number, signal?: AbortSignal): Promise<Looks>;
}

/** What the thread does: of each kind of order what is asked for, and what is answered. */
export interface Orders {
  readonly delete: {
    readonly asked: { readonly folder: Folder; readonly requests: readonly DeleteRequest[] };
    /** What became of the keys, by their places, and why. */
    readonly answered: {
      readonly became: readonly DeleteOutcome["outcome"][];
      readonly errors: ReadonlyMap<number, string>;
    };
  };
  readonly look: {
    /** A path in bytes arrives without Node's class around it. */
    readonly asked: { readonly paths: readonly (string | Uint8Array)[]; readonly concurrency: number };
    readonly answered: Looks;
  };
}

export type OrderKind = keyof Orders;

/** What is sent to the thread. */
export interface Order<Kind extends OrderKind = OrderKind> {
  readonly id: number;
  readonly kind: Kind;
  readonly asked: Orders[Kind]["asked"];
  /** Not 0 once the call is given up. Shared: a thread that is busy receives no messages. */
  readonly givenUp: Int32Array<SharedArrayBuffer>;
}

/** What comes back: first that the thread is ready; then for each order its answer, or the error of ours that it failed with. */
export type FromThread = "ready" | Answer;

export type Answer = { readonly id: number } & (
  | { readonly answered: Orders[OrderKind]["answered"] }
  | { readonly failure: SentError }
);

export interface FolderThreadOptions {
  /** From how many keys or entries on a batch is worth it: below, the thread would cost more than it saves. */
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
  import.meta.url.endsWith(".ts") ? "./filesystem-thread-entry.ts" : "./filesystem-thread-entry.js",
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
  readonly resolve: (answered: Orders[OrderKind]["answered"]) => void;
  readonly reject: (error: Error) => void;
}

/** Makes no thread yet. One that has nothing to do keeps no process from ending, and goes after a while. */
export function createFolderThread(options: FolderThreadOptions = {}): FolderThread {
  const { from = DEFAULT_FROM, idleMs = DEFAULT_IDLE_MS, entry = ENTRY } = options;
  let thread: Thread | null = null;
  /** A thread that failed once is not made again: its work is done as well without. */
  let isUsable = true;
  let orders = 0;

  function begin(): Thread | null {
    try {
      // The settings, the secrets among them, and what the process was started with are no concern of the thread.
      const worker = new Worker(entry, { name: "folder", env: {}, execArgv: [], resourceLimits: MEMORY });
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
    if ("failure" in message) waiting?.reject(fromSentError(message.failure));
    else waiting?.resolve(message.answered);
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
    const error = new SweepError("unavailable", "the thread for the folder ended before it answered", { cause });
    for (const { reject } of ended.waiting.values()) reject(error);
    ended.waiting.clear();
  }

  async function order<Kind extends OrderKind>(
    kind: Kind,
    asked: Orders[Kind]["asked"],
    signal: AbortSignal | undefined,
  ): Promise<Orders[Kind]["answered"]> {
    const working = thread;
    if (working === null) throw new SweepError("bug", "a batch was handed to a thread that did not take it");
    const givenUp = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const giveUp = (): void => void Atomics.store(givenUp, 0, 1);
    if (signal?.aborted) giveUp();
    signal?.addEventListener("abort", giveUp);
    orders += 1;
    const id = orders;
    return new Promise<Orders[Kind]["answered"]>((resolve, reject) => {
      // Order: sent first. What cannot be sent is waited for by nobody.
      working.worker.postMessage({ id, kind, asked, givenUp } satisfies Order<Kind>);
      clearTimeout(working.idle);
      working.worker.ref();
      // An order is answered as its kind is: `id` says which one it was.
      working.waiting.set(id, { resolve: (answered) => resolve(answered as Orders[Kind]["answered"]), reject });
    }).finally(() => signal?.removeEventListener("abort", giveUp));
  }

  return {
    takes(items) {
      if (items < from || !isUsable) return false;
      thread ??= begin();
      return thread?.isReady === true;
    },
    async delete(folder, requests, signal) {
      const answered = await order("delete", { folder, requests }, signal);
      return requests.map(({ key }, index) => outcomeOf(key, index, answered));
    },
    look: (paths, concurrency, signal) => order("look", { paths, concurrency }, signal),
  };
}

function outcomeOf(key: string, index: number, { became, errors }: Orders["delete"]["answered"]): DeleteOutcome {
  // What the answer does not name was not answered.
  const outcome = became[index] ?? "unknown";
  const error = errors.get(index);
  return error === undefined ? { key, outcome } : { key, outcome, error };
}
