/**
 * What runs in the thread of `filesystem-thread.ts`. An error of ours is the answer to its order; any other ends the
 * thread, and its orders with it.
 */
import { Buffer } from "node:buffer";
import { parentPort } from "node:worker_threads";
import { SweepError } from "../core/errors.ts";
import { toSentError } from "../core/sent-error.ts";
import { type GivenUp, NODE_CALLS, SYNC_CALLS, whileQuick } from "./filesystem-calls.ts";
import { deleteFromFolder } from "./filesystem-delete.ts";
import { lookAt } from "./filesystem-look.ts";
import type { Answer, FromThread, Order, OrderKind, Orders } from "./filesystem-thread.ts";

type Work = {
  readonly [Kind in OrderKind]: (asked: Orders[Kind]["asked"], signal: GivenUp) => Promise<Orders[Kind]["answered"]>;
};

const WORK: Work = {
  async delete({ folder, requests }, signal) {
    const outcomes = await deleteFromFolder(SYNC_CALLS, folder, requests, signal);
    const errors = new Map<number, string>();
    for (const [index, { error }] of outcomes.entries()) if (error !== undefined) errors.set(index, error);
    return { became: outcomes.map(({ outcome }) => outcome), errors };
  },
  look({ paths, concurrency }, signal) {
    const lstat = whileQuick(SYNC_CALLS.lstat, NODE_CALLS.lstat, () => performance.now());
    const whole = paths.map((path) => (typeof path === "string" ? path : Buffer.from(path)));
    return lookAt({ lstat }, whole, concurrency, signal);
  },
};

async function workOn<Kind extends OrderKind>({ id, kind, asked, givenUp }: Order<Kind>): Promise<Answer> {
  const signal = {
    get aborted() {
      return Atomics.load(givenUp, 0) !== 0;
    },
  };
  try {
    return { id, answered: await WORK[kind](asked, signal) };
  } catch (error) {
    if (!(error instanceof SweepError)) throw error;
    return { id, failure: toSentError(error) };
  }
}

parentPort?.on("message", async (order: Order) => tell(await workOn(order)));
tell("ready");

function tell(message: FromThread): void {
  parentPort?.postMessage(message);
}
