/** What `status` shows. Pure. */

import { instantText, tallyText } from "../../core/documents/numbers.ts";
import { runSentence } from "../../core/documents/run-sentence.ts";
import { type Hold, OPEN_STATES, type RunReport } from "../../core/model.ts";
import type { CommandStatus } from "../command-sweeper.ts";
import { endings, holdTitle } from "./hold-text.ts";
import type { Paint } from "./paint.ts";

/** How things stand, where it was asked. */
export interface Status extends CommandStatus {
  /** The database, or the instance, for people. */
  readonly database: string;
  /** Whether filesweep's own tables are there. */
  readonly prepared: boolean;
}

/** How things stand, for people, ending in a newline. */
export function statusText(status: Status, paint: Paint): string {
  if (!status.prepared) {
    return `${paint.bold("No run yet.")} ${status.database} has no tables of filesweep; the first run makes them.\n`;
  }
  const { lastRun, nextRunAt, open, holds } = status;
  const lines = lastRun === null ? [paint.bold("No run yet.")] : lastRunLines(lastRun, paint);
  const waiting = OPEN_STATES.flatMap((state) => {
    const tally = open[state];
    return tally === undefined || tally.count === 0 ? [] : [`${tallyText(tally)} ${state}`];
  });
  return `${[
    ...lines,
    `Next run: ${nextRunAt === null ? paint.dim("whenever filesweep is started: no schedule is known here") : instantText(nextRunAt)}`,
    `Open:     ${waiting.length === 0 ? "nothing" : waiting.join(", ")}`,
    ...holds.flatMap((hold) => holdLines(hold, paint)),
  ].join("\n")}\n`;
}

function holdLines(hold: Hold, paint: Paint): string[] {
  const { detail, openedAt, approvedUntil } = hold;
  const until = approvedUntil === null ? "" : ` until ${instantText(approvedUntil)}`;
  return [
    paint.yellow(`${holdTitle(hold)}${until}, since ${instantText(openedAt)}: ${detail}.`),
    ...endings(hold, paint).map((line) => `          ${line}`),
  ];
}

function lastRunLines(run: RunReport, paint: Paint): string[] {
  const when = run.finishedAt === null ? `began ${instantText(run.startedAt)}` : instantText(run.finishedAt);
  return [
    `Last run: ${paint.bold(run.status)}, ${when} ${paint.dim(`(${run.mode}, ${run.id})`)}`,
    `          ${runSentence(run)}`,
  ];
}
