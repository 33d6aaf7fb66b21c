/** SIGINT and SIGTERM while a run is under way. */
import { constants } from "node:os";
import process from "node:process";
import type { Output } from "./io.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export interface Interrupt {
  /** Aborted by the first signal: the batch in flight ends, the place is saved, the lease released. */
  readonly signal: AbortSignal;
  /** Leaves the signals to the process again. */
  release(): void;
}

/** Listens for the signals. A second one ends the process at once: what it left is picked up when the lease runs out. */
export function catchInterrupts(stderr: Output): Interrupt {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
    stderr.write(`filesweep: ${signal}: stopping after what is in flight; a second signal stops at once\n`);
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
