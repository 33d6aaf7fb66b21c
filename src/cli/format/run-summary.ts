/** A run as a person reads it: one sentence, then a table, then what needs attention. Pure. */
import type { Check } from "../../core/doctor.ts";
import { amount, counted, duration, quotedKey, tallyText } from "../../core/documents/numbers.ts";
import { runSentence, wouldGo } from "../../core/documents/run-sentence.ts";
import type { RunReport, SweepReport, Tally } from "../../core/model.ts";
import { holdText } from "./hold-text.ts";
import type { Paint } from "./paint.ts";
import { table } from "./table.ts";

/**
 * The whole summary, ending in a newline.
 * @param doubts what looks like a wrong mapping: it stands in front of what a person could approve
 */
export function runSummary(report: RunReport, paint: Paint, doubts: readonly Check[] = []): string {
  const parts = [
    paint.bold(runSentence(report)),
    doubts.flatMap((doubt) => doubtLines(doubt, paint)).join("\n"),
    ...report.holds.map((hold) => holdText(hold, wouldGo(report), paint)),
    attention(report, paint).join("\n"),
    sweepTable(report, paint),
    paint.dim(footer(report)),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function doubtLines({ name, found, mend }: Check, paint: Paint): string[] {
  return [paint.red(`Looks wrong (${name}): ${found}`), ...(mend === null ? [] : [`  ${paint.dim("mend:")} ${mend}`])];
}

/** What a person is to look at, and why a sweep failed; each reason once. */
function attention({ sweeps }: RunReport, paint: Paint): string[] {
  const missing = sweeps.flatMap(({ sample = [] }) =>
    sample.length === 0 ? [] : [paint.yellow(`Without an object, for example: ${someOf(sample)}`)],
  );
  const reasons = new Set(sweeps.flatMap(({ error }) => (error === undefined ? [] : [error])));
  return [...missing, ...[...reasons].map((reason) => paint.red(`Failed: ${reason}`))];
}

/** How many keys are shown. */
const SHOWN = 3;

/** Keys as they cannot pass for anything else. */
function someOf(keys: readonly string[]): string {
  return keys.slice(0, SHOWN).map(quotedKey).join(", ");
}

interface Column {
  readonly title: string;
  readonly cell: (sweep: SweepReport) => string;
  /** Left out where every cell is empty. */
  readonly optional?: true;
}

function columns(report: RunReport): readonly Column[] {
  const tally = (pick: (sweep: SweepReport) => Tally) => (sweep: SweepReport) => tallyCell(pick(sweep));
  return [
    { title: "seen", cell: tally(({ seen }) => seen) },
    { title: report.mode === "plan" ? "would remove" : "removed", cell: tally(({ removed }) => removed) },
    { title: "from before", cell: tally(({ carriedOver }) => carriedOver), optional: true },
    { title: "suspected", cell: tally(({ suspected }) => suspected) },
    { title: "kept", cell: keptCell },
    { title: "left", cell: tally(({ deferred }) => deferred), optional: true },
    { title: "failed", cell: tally(({ failed }) => failed) },
  ];
}

function sweepTable(report: RunReport, paint: Paint): string {
  const worked = report.sweeps.filter(({ status }) => status !== "skipped" && status !== "not-supported");
  const note = [aside(report, "skipped", "Skipped"), aside(report, "not-supported", "Not supported here")]
    .flat()
    .map(paint.dim)
    .join("\n");
  if (worked.length === 0) return note;
  const shown = columns(report).filter(
    ({ optional, cell }) => !optional || worked.some((sweep) => cell(sweep) !== NONE),
  );
  // Where the whole run is held, the sentence above says so.
  const allHeld = worked.every(({ status }) => status === "held");
  const text = table(
    ["sweep", ...shown.map(({ title }) => title)].map(paint.dim),
    worked.map((sweep) => [allHeld ? sweep.name : nameCell(sweep, paint), ...shown.map(({ cell }) => cell(sweep))]),
  );
  return note === "" ? text : `${text}\n${note}`;
}

/** Sweeps without a line in the table. */
function aside({ sweeps }: RunReport, status: SweepReport["status"], title: string): string[] {
  const names = sweeps.filter((sweep) => sweep.status === status).map(({ name }) => name);
  return names.length === 0 ? [] : [`${title}: ${names.join(", ")}`];
}

const NONE = "–";

function nameCell({ name, status }: SweepReport, paint: Paint): string {
  if (status === "completed") return name;
  return `${name}\n${status === "failed" ? paint.red(status) : paint.yellow(status)}`;
}

function tallyCell(tally: Tally): string {
  return tally.count === 0 && tally.bytes === 0 ? NONE : tallyText(tally);
}

function keptCell({ kept }: SweepReport): string {
  const lines = Object.entries(kept)
    .filter(([, { count, bytes }]) => count > 0 || bytes > 0)
    .sort(([, a], [, b]) => b.count - a.count)
    .map(([reason, tally]) => `${tallyText(tally)} ${reason}`);
  return lines.length === 0 ? NONE : lines.join("\n");
}

function footer({ id, mode, slices, durationMs, calls }: RunReport): string {
  const worked = slices > 1 ? `${amount(slices)} slices` : "1 slice";
  const asked = `${counted(calls.database, "database call")}, ${counted(calls.storage, "store call")}`;
  return `Run ${id}: ${mode}, ${worked}, ${duration(durationMs)}, ${asked}`;
}
