/** Where a command writes: results to `stdout`, logs, progress and errors to `stderr`. */
import process from "node:process";
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
}

/** The streams of this process. A reader that went away (`filesweep run --list | head`) ends the output, not the run. */
export function processIo(): Io {
  return { stdout: toOutput(process.stdout), stderr: toOutput(process.stderr) };
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
