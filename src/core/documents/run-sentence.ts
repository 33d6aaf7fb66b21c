/** What a run did, in one sentence for people. Pure. */
import type { RunReport, SweepName, SweepReport, Tally } from "../model.ts";
import { sum } from "../report.ts";
import { amount, counted, size } from "./numbers.ts";

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
export function wouldGo(report: RunReport): string {
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
  return sum(sweeps.map(pick));
}

function listed(items: readonly string[]): string {
  const last = items.at(-1) ?? "";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}
