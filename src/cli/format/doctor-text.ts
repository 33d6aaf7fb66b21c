/** A diagnosis as a person reads it: first what matters most, then everything in order. Pure. */
import type { Check, CheckStatus, Diagnosis } from "../../core/doctor.ts";
import { counted } from "../../core/documents/numbers.ts";
import type { Paint } from "./paint.ts";

/** The whole diagnosis, ending in a newline. */
export function diagnosisText({ status, checks }: Diagnosis, paint: Paint): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap((check) => checkLines(check, width, paint));
  return `${[headline(status, checks, paint), "", ...lines].join("\n")}\n`;
}

/** The first problem, or else the first warning: what comes after it may well come from it. */
function headline(status: Diagnosis["status"], checks: readonly Check[], paint: Paint): string {
  const worst = checks.filter((check) => check.status === status);
  const [first] = worst;
  if (status === "ok" || first === undefined) return paint.bold("Nothing is wrong.");
  const more = worst.length > 1 ? ` (and ${counted(worst.length - 1, `more ${status}`)})` : "";
  return COLOURS[status](paint)(
    `${status === "problem" ? "Problem" : "Warning"} (${first.name}): ${first.found}${more}`,
  );
}

const COLOURS: Readonly<Record<CheckStatus, (paint: Paint) => (text: string) => string>> = {
  ok: (paint) => paint.dim,
  unknown: (paint) => paint.dim,
  warning: (paint) => paint.yellow,
  problem: (paint) => paint.red,
};

const STATUS_WIDTH = "problem".length;

function checkLines({ name, status, found, needed, mend }: Check, width: number, paint: Paint): string[] {
  const indent = " ".repeat(STATUS_WIDTH + width + 4);
  return [
    `${COLOURS[status](paint)(status.padEnd(STATUS_WIDTH))}  ${name.padEnd(width)}  ${found}`,
    ...(needed === null ? [] : [`${indent}${paint.dim("needed:")} ${needed}`]),
    // What there is to paste stands on lines of its own, without anything in front.
    ...(mend === null ? [] : [`${indent}${paint.dim("mend:")}   ${mend.includes("\n") ? `\n${mend}` : mend}`]),
  ];
}
