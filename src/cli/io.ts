/** Where a command writes: results to `stdout`, logs, progress and errors to `stderr`. */
import process from "node:process";
import { createInterface } from "node:readline/promises";
import type { WriteStream } from "node:tty";

/** One of the two streams of a command. */
export interface Output {
  write(text: string): void;
  /** Whether a person is looking, as far as one can tell. */
  readonly isTerminal: boolean;
  /** Whether colours may be used: a terminal that has them, and no `NO_COLOR`. */
  readonly hasColors: boolean;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Asks the person at the terminal a question to be answered with yes or no. Not there where nobody can be asked. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

/** The streams of this process. A reader that went away (`filesweep run --list | head`) ends the output, not the run. */
export function processIo(): Io {
  const streams = { stdout: toOutput(process.stdout), stderr: toOutput(process.stderr) };
  return process.stdin.isTTY && process.stderr.isTTY ? { ...streams, confirm } : streams;
}

/** Anything but a clear yes is a no. */
async function confirm(question: string): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^\s*y(es)?\s*$/i.test(await asking.question(`${question} [y/N] `));
  } finally {
    asking.close();
  }
}

function toOutput(stream: WriteStream): Output {
  let gone = false;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    gone = true;
  });
  return {
    write(text) {
      if (!gone) stream.write(text);
    },
    isTerminal: stream.isTTY === true,
    hasColors: stream.isTTY === true && stream.hasColors(),
  };
}
