/** What `status` shows. Pure. */
import {
  type Hold,
  OPEN_STATES,
  type OpenState,
  type RemovalState,
  type RunReport,
  type Tally,
} from "../../core/model.ts";
import { endings, holdTitle } from "./hold-text.ts";
import { instantText, tallyText } from "./numbers.ts";
import type { Paint } from "./paint.ts";
import { type RunJson, type StandingHoldJson, toRunJson, toStandingHoldJson } from "./run-json.ts";
import { runSentence } from "./run-summary.ts";

export interface Status {
  /** The database, for people. */
  readonly database: string;
  /** Whether filesweep's own tables are there. */
  readonly prepared: boolean;
  readonly lastRun: RunReport | null;
  readonly open: Readonly<Partial<Record<RemovalState, Tally>>>;
  /** Those that are not closed. */
  readonly holds: readonly Hold[];
}

/** `status --json`: named as `GET /admin/stats` names them. */
export interface StatusJson {
  readonly lastRun: RunJson | null;
  /** Null: unknown. A command is not told who starts the next one. */
  readonly nextRun: null;
  /** Every open state, also where nothing is in it. */
  readonly open: Readonly<Record<OpenState, Tally>>;
  /** What waits for a person, and what one said of it. */
  readonly holds: readonly StandingHoldJson[];
}

export function toStatusJson({ lastRun, open, holds }: Status): StatusJson {
  const of = (state: OpenState): Tally => open[state] ?? { count: 0, bytes: 0 };
  return {
    lastRun: lastRun === null ? null : toRunJson(lastRun),
    nextRun: null,
    open: {
      suspected: of("suspected"),
      due: of("due"),
      condemned: of("condemned"),
      failed: of("failed"),
      abandoned: of("abandoned"),
    },
    holds: holds.map(toStandingHoldJson),
  };
}

/** The same for people, ending in a newline. */
export function statusText(status: Status, paint: Paint): string {
  if (!status.prepared) {
    return `${paint.bold("No run yet.")} ${status.database} has no tables of filesweep; the first run makes them.\n`;
  }
  const { lastRun, open, holds } = status;
  const lines = lastRun === null ? [paint.bold("No run yet.")] : lastRunLines(lastRun, paint);
  const waiting = OPEN_STATES.flatMap((state) => {
    const tally = open[state];
    return tally === undefined || tally.count === 0 ? [] : [`${tallyText(tally)} ${state}`];
  });
  return `${[
    ...lines,
    `Next run: ${paint.dim("whenever filesweep is started; it keeps no schedule of its own here")}`,
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
