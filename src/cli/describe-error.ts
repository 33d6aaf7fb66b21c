/** Errors, as a command ends with them. */
import { SweepError } from "../core/errors.ts";
import { describeError } from "../library/describe-error.ts";

/** What a person reads when a command ends with `error`. */
export function errorText(error: unknown, options: { readonly withStack: boolean }): string {
  const { message, kind } = describeError(error);
  const lines = [`filesweep: ${message}`];
  if (kind === "bug") {
    const how = options.withStack ? "" : "; LOG_LEVEL=debug shows where it happened";
    lines.push(`This is a bug in filesweep: please report it${how}.`);
  }
  if (options.withStack) lines.push(...stacks(error));
  return `${lines.join("\n")}\n`;
}

/** Where the error and its causes happened, without their messages. */
function stacks(error: unknown): string[] {
  const lines: string[] = [];
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    lines.push(one === error ? `  ${one.name}` : `  caused by ${one.name}`);
    lines.push(...(one.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)));
  }
  return lines;
}

/** A wrong use of the command line. */
export function usageError(message: string): SweepError {
  return new SweepError("invalid", message);
}
