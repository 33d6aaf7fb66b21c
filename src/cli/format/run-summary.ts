/** A run as a person reads it: one sentence, then a table, then what needs attention. Pure. */
import type { Check } from "../../core/doctor.ts";
import type { RunReport, SweepName, SweepReport, Tally } from "../../core/model.ts";
import { holdText } from "./hold-text.ts";
import { amount, counted, duration, quotedKey, size, tallyText } from "./numbers.ts";
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

// ------------------------------------------------------------------------------------------------------- sentence

function doubtLines({ name, found, mend }: Check, paint: Paint): string[] {
  return [paint.red(`Looks wrong (${name}): ${found}`), ...(mend === null ? [] : [`  ${paint.dim("mend:")} ${mend}`])];
}

/** What the run did, in one sentence. */
export function runSentence(report: RunReport): string {
  const parts = [
    removedText(report),
    ...heldText(report),
    ...suspectsText(report),
    ...missingText(report),
    ...leftText(report),
    failedText(report),
  ];
  return `${openingText(report)}${parts.join("; ")}.`;
}

function openingText({ status }: RunReport): string {
  if (status === "held") return "Held for a person. ";
  if (status === "paused") return "Stopped early; the next run goes on. ";
  if (status === "running") return "Under way, or interrupted; the next run goes on. ";
  if (status === "cancelled") return "Cancelled. ";
  return status === "failed" ? "The run failed. " : "";
}

function removedText(report: RunReport): string {
  const isPlan = report.mode === "plan";
  const phrases = phrasesOf(report, ({ removed }) => removed);
  const earlier = total(report, ({ carriedOver }) => carriedOver);
  if (earlier.count > 0) phrases.push(`${amount(earlier.count)} left over from earlier runs`);
  if (phrases.length > 0) {
    const bytes = earlier.bytes + total(report, ({ removed }) => removed).bytes;
    return `${isPlan ? "Would remove" : "Removed"} ${listed(phrases)} (${size(bytes)})`;
  }
  if (total(report, heldOf).count > 0) return `Would remove ${wouldGo(report)}; held`;
  return isPlan || report.holds.length > 0 ? "Nothing would be removed" : "Nothing was removed";
}

/** What was held beside what was removed. */
function heldText(report: RunReport): string[] {
  const didRemove = total(report, ({ removed }) => removed).count + total(report, (one) => one.carriedOver).count > 0;
  return didRemove && total(report, heldOf).count > 0 ? [`would remove ${wouldGo(report)}; held`] : [];
}

/** What is held back, in words; empty where that is nothing. */
function wouldGo(report: RunReport): string {
  const phrases = phrasesOf(report, heldOf);
  return phrases.length === 0 ? "" : `${listed(phrases)} (${size(total(report, heldOf).bytes)})`;
}

function heldOf({ kept }: SweepReport): Tally {
  return kept.held ?? { count: 0, bytes: 0 };
}

function phrasesOf({ sweeps }: RunReport, pick: (sweep: SweepReport) => Tally): string[] {
  return sweeps.flatMap((sweep) => {
    const { count } = pick(sweep);
    return count === 0 ? [] : [counted(count, ...NOUNS[sweep.name])];
  });
}

function missingText({ sweeps }: RunReport): string[] {
  const missing = sweeps.reduce((sum, { kept }) => sum + (kept["missing-object"]?.count ?? 0), 0);
  return missing === 0 ? [] : [`${counted(missing, "live file")} ${missing === 1 ? "has" : "have"} no object`];
}

/** What a sweep removes: the unit of its counts. */
const NOUNS: Readonly<Record<SweepName, readonly [singular: string, plural: string]>> = {
  "expired-files": ["expired file", "expired files"],
  "old-records": ["old record", "old records"],
  "orphaned-objects": ["orphaned object", "orphaned objects"],
  "missing-objects": ["row without an object", "rows without an object"],
  "stale-uploads": ["stale upload", "stale uploads"],
  history: ["entry of the history", "entries of the history"],
};

function suspectsText(report: RunReport): string[] {
  const suspected = total(report, (sweep) => sweep.suspected);
  if (suspected.count === 0) return [];
  const noun = counted(suspected.count, "suspect");
  return [`${noun} (${size(suspected.bytes)}) ${suspected.count === 1 ? "waits" : "wait"} in quarantine`];
}

function leftText(report: RunReport): string[] {
  const { count } = total(report, ({ deferred }) => deferred);
  return count === 0 ? [] : [`${amount(count)} ${count === 1 ? "is" : "are"} left for the next run`];
}

function failedText(report: RunReport): string {
  const { count } = total(report, ({ failed }) => failed);
  const broken = report.sweeps.filter(({ status }) => status === "failed").map(({ name }) => name);
  const parts = count === 0 ? [] : [`${amount(count)} failed`];
  if (broken.length > 0) parts.push(`${listed(broken)} did not get through`);
  if (parts.length > 0) return parts.join(" and ");
  return report.status === "completed-with-failures" ? "some of what earlier runs left failed again" : "nothing failed";
}

function total({ sweeps }: RunReport, pick: (sweep: SweepReport) => Tally): Tally {
  const sum = { count: 0, bytes: 0 };
  for (const { count, bytes } of sweeps.map(pick)) {
    sum.count += count;
    sum.bytes += bytes;
  }
  return sum;
}

function listed(items: readonly string[]): string {
  const last = items.at(-1) ?? "";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}

// ---------------------------------------------------------------------------------------------- table and the rest

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
