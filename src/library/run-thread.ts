/**
 * What a thread for runs executes: a sweeper of its own, over a connection and a store of its own, which works the runs
 * that `work-in-thread.ts` asks for. Nobody imports this file: it is a thread's first.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { LogEvent } from "../core/ports.ts";
import { toSentError } from "../core/sent-error.ts";
import { SYSTEM_CLOCK } from "./compose.ts";
import { createSweeperFrom } from "./create-sweeper.ts";
import { describeError } from "./describe-error.ts";
import type { FromThread, ThreadData, ToThread } from "./thread-messages.ts";

// Whoever starts the thread hands in this.
const { settings, host, holder }: ThreadData = workerData;
const sweeper = createSweeperFrom(settings, {
  clock: SYSTEM_CLOCK,
  log: (event) => post({ kind: "log", event: withoutErrors(event) }),
  host,
  holder,
});
const stops = new Map<number, AbortController>();

parentPort?.on("message", (message: ToThread) => {
  if (message.kind === "run") void work(message);
  else if (message.kind === "stop") stops.get(message.call)?.abort();
  else void sweeper.close().finally(() => post({ kind: "ended" }));
});
post({ kind: "ready" });

function post(message: FromThread): void {
  parentPort?.postMessage(message);
}

async function work({ call, options, listeners }: Extract<ToThread, { readonly kind: "run" }>): Promise<void> {
  const stop = new AbortController();
  stops.set(call, stop);
  const telling = listeners.map((listener) => [
    listener,
    (value: unknown) => post({ kind: "told", call, listener, value }),
  ]);
  try {
    const outcome = await sweeper.run({ ...options, ...Object.fromEntries(telling), signal: stop.signal });
    post({ kind: "ran", call, outcome });
  } catch (error) {
    post({ kind: "failed", call, error: toSentError(error) });
  } finally {
    stops.delete(call);
  }
}

/** An error in a log is what may be told of it: copied, it would lose its kind. */
function withoutErrors({ level, event, ...fields }: LogEvent): LogEvent {
  const told = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Error ? describeError(value) : value,
  ]);
  return { level, event, ...Object.fromEntries(told) };
}
