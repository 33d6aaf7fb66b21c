/** The environment of this process: the only place that reads it. */
import process from "node:process";
import { VARIABLE_NAMES } from "../core/settings.ts";

export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Whether all names that there are could be listed. */
  readonly listable: boolean;
}

export function runtime(): "node" | "deno" {
  return "deno" in process.versions ? "deno" : "node";
}

/** The environment; under a Deno that may read some names alone, those. */
export function environment(): Environment {
  try {
    return { variables: { ...process.env }, listable: true };
  } catch {
    return { variables: Object.fromEntries(VARIABLE_NAMES.map((name) => [name, readVariable(name)])), listable: false };
  }
}

/** One variable; undefined where it is not set, or may not be read. */
export function readVariable(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}
