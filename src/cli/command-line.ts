import type { Command } from "commander";
import type { Setup } from "../library/compose.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";

/** One invocation, as a command sees it. */
export interface CommandLine {
  readonly io: Io;
  /**
   * Reads the settings. `anywhere`: the command works on a deployed instance too, where `--url` or FILESWEEP_URL names
   * one; else it works here, and `--url` is an error.
   * @throws SettingsError
   */
  setup(where?: "here" | "anywhere"): Promise<Setup>;
  /** What the process is to exit with. */
  finish(code: ExitCode): void;
}

/** Adds one command to the program. */
export type AddCommand = (program: Command, cli: CommandLine) => void;
