/** Progress of a run, for a person at a terminal. */
import process from "node:process";
import { amount, counted } from "../core/documents/numbers.ts";
import type { RunReport } from "../core/model.ts";
import type { Output } from "./io.ts";

export interface Progress {
  show(report: RunReport): void;
  end(): void;
}

const SILENT: Progress = { show() {}, end() {} };

/** A line on stderr that says how far the run is; nothing where nobody is looking. */
export async function startProgress(stderr: Output, mode: RunReport["mode"]): Promise<Progress> {
  // A terminal may be zero columns wide (a container's, a recorder's): ora 9 counts the lines of its text by that, and
  // never comes to an end.
  if (!stderr.isTerminal || !(process.stderr.columns > 0)) return SILENT;
  const ora = await loadOra();
  if (ora === null) return SILENT;
  // The cursor stays, and stdin is left alone: to restore either, the library would take the signals away from us.
  const spinner = ora({
    text: mode === "plan" ? "Planning" : "Sweeping",
    stream: process.stderr,
    hideCursor: false,
    discardStdin: false,
  }).start();
  return {
    show(report) {
      spinner.text = progressText(report);
    },
    end() {
      spinner.stop();
    },
  };
}

/** Null where it cannot be loaded: it reads the environment, which Deno may not allow. No reason not to run. */
async function loadOra(): Promise<typeof import("ora").default | null> {
  try {
    return (await import("ora")).default;
  } catch {
    return null;
  }
}

/** How far a run is: its sweep in work, and what came of it until now. */
export function progressText({ mode, sweeps }: RunReport): string {
  const current = sweeps.find(({ status }) => status === "deferred") ?? sweeps.at(-1);
  if (current === undefined) return "Finishing what is open";
  const removed = mode === "plan" ? "to remove" : "removed";
  const parts = [`${amount(current.seen.count)} seen`, `${amount(current.removed.count)} ${removed}`];
  if (current.suspected.count > 0) parts.push(counted(current.suspected.count, "suspect"));
  if (current.failed.count > 0) parts.push(`${amount(current.failed.count)} failed`);
  return `${current.name}: ${parts.join(", ")}`;
}
