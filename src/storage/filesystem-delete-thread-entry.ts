/** What runs in the thread of `filesystem-delete-thread.ts`. A failure that is no outcome ends the thread, and its orders with it. */
import { parentPort } from "node:worker_threads";
import { SYNC_CALLS } from "./filesystem-calls.ts";
import { deleteFromFolder } from "./filesystem-delete.ts";
import type { DeleteOrder, FromThread } from "./filesystem-delete-thread.ts";

parentPort?.on("message", async ({ id, folder, requests, givenUp }: DeleteOrder) => {
  const signal = {
    get aborted() {
      return Atomics.load(givenUp, 0) !== 0;
    },
  };
  const outcomes = await deleteFromFolder(SYNC_CALLS, folder, requests, signal);
  const errors = new Map<number, string>();
  for (const [index, { error }] of outcomes.entries()) if (error !== undefined) errors.set(index, error);
  answer({ id, became: outcomes.map(({ outcome }) => outcome), errors });
});
answer("ready");

function answer(message: FromThread): void {
  parentPort?.postMessage(message);
}
