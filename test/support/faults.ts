/**
 * Faults at any call that filesweep makes: a batch of the database or a request of the store. Both ports of an instance
 * go through one function, which may count, fail, wait or look around.
 */
import { SweepError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import type { SqlClient } from "../../src/database/client.ts";
import type { InstanceOptions } from "./world.ts";

/** Every call goes through this. `name` says which. */
export type Passage = <Answer>(name: CallName, work: () => Promise<Answer>) => Promise<Answer>;
export type CallName =
  | "database"
  | "list"
  | "head"
  | "readMarker"
  | "writeMarker"
  | "delete"
  | "listUploads"
  | "abortUpload"
  | "versioning"
  | "tryOut";

/** Leads both ports of an instance through one passage. */
export function through(passage: Passage): Required<Pick<InstanceOptions, "wrapClient" | "wrapStore">> {
  return {
    wrapClient: (client): SqlClient => ({
      ...client,
      batch: (statements, mode, options) => passage("database", () => client.batch(statements, mode, options)),
    }),
    wrapStore: (store): Store => ({
      name: store.name,
      invalidKey: (key) => store.invalidKey(key),
      // What waits below is on its way all the same: others go on beside it.
      list: (ask) => {
        ask.sent?.();
        return passage("list", () => store.list(ask));
      },
      head: (key, signal) => passage("head", () => store.head(key, signal)),
      readMarker: (signal) => passage("readMarker", () => store.readMarker(signal)),
      writeMarker: (text, signal) => passage("writeMarker", () => store.writeMarker(text, signal)),
      delete: (requests, signal, sent) => {
        sent?.();
        return passage("delete", () => store.delete(requests, signal));
      },
      listUploads: (options) => passage("listUploads", () => store.listUploads(options)),
      abortUpload: (upload, signal) => passage("abortUpload", () => store.abortUpload(upload, signal)),
      tryOut: (signal) => passage("tryOut", () => store.tryOut(signal)),
      versioning: (signal) => passage("versioning", () => store.versioning(signal)),
      clockSkewMs: () => store.clockSkewMs(),
    }),
  };
}

/** What every call of a process that is no more answers. */
export class CrashError extends Error {
  override readonly name = "CrashError";

  constructor() {
    super("the process is no more");
  }
}

export const FAULTS = ["crash-before", "crash-after", "answer-lost", "no-effect"] as const;
/**
 * - `crash-before`: the process ends before the call has any effect
 * - `crash-after`: the call has its effect, then the process ends
 * - `answer-lost`: the call has its effect, its answer does not arrive
 * - `no-effect`: the call fails without an effect
 */
export type Fault = (typeof FAULTS)[number];

export interface FaultyPorts extends Required<Pick<InstanceOptions, "wrapClient" | "wrapStore">> {
  /** Calls so far. */
  readonly calls: () => number;
  readonly crashed: () => boolean;
}

/**
 * Ports that fail at the call `at` (from 1), once.
 * @param look is called after every call that had an effect
 */
export function faultyPorts(plan: { at: number; fault: Fault } | null, look: () => void): FaultyPorts {
  let calls = 0;
  let crashed = false;
  const crash = (): never => {
    crashed = true;
    throw new CrashError();
  };
  const ports = through(async (_name, work) => {
    if (crashed) throw new CrashError();
    calls += 1;
    const fault = plan?.at === calls ? plan.fault : null;
    if (fault === "crash-before") return crash();
    if (fault === "no-effect") throw new SweepError("unavailable", "injected: the call failed");
    const answer = await work();
    look();
    if (fault === "crash-after") return crash();
    if (fault === "answer-lost") throw new SweepError("unavailable", "injected: the answer was lost");
    return answer;
  });
  return { ...ports, calls: () => calls, crashed: () => crashed };
}

/** A generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whatever waits at a gate goes on, one at a time, in an order drawn from `random`. */
export function createScheduler(random: () => number): {
  readonly turn: () => Promise<void>;
  readonly drive: (work: Promise<unknown>) => Promise<void>;
} {
  const waiting: (() => void)[] = [];
  let done = false;
  return {
    turn: () => new Promise((resolve) => void waiting.push(resolve)),
    async drive(work) {
      const end = work.then(
        () => {
          done = true;
        },
        () => {
          done = true;
        },
      );
      while (!done) {
        // Lets everything that can go on without a turn come to its next wait.
        await new Promise((resolve) => setImmediate(resolve));
        const [next] = waiting.splice(Math.floor(random() * waiting.length), 1);
        next?.();
      }
      await end;
    },
  };
}
