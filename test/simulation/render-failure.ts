import type { Failure } from "./try.ts";

/** A broken promise as a person reads it: which, the seed that leads there, and what happened, line by line. */
export function renderFailure({ seed, path, violation, history, story }: Failure): string {
  return [
    `BROKEN: ${violation.rule}`,
    `  ${violation.detail}`,
    `seed ${seed}, path ${path}`,
    `site: ${JSON.stringify(history.site)}`,
    ...history.steps.map((step) => `  ${JSON.stringify(step)}`),
    "what happened:",
    ...story.map((line) => `  ${line}`),
    "violations: 1",
  ].join("\n");
}
