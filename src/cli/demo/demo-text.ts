/** The demo as a person reads it. Pure. */

import { amount, counted, duration, size } from "../../core/documents/numbers.ts";
import { runSentence } from "../../core/documents/run-sentence.ts";
import type { Tally } from "../../core/model.ts";
import { sum } from "../../core/report.ts";
import type { Paint } from "../format/paint.ts";
import { table } from "../format/table.ts";
import { type FateGroup, tallyOf } from "./fates.ts";
import { FATES, type Fate, KINDS } from "./kinds.ts";
import type { DemoResult } from "./story.ts";

/** Where the demo is, as it is shown. */
export interface DemoPlace {
  /** The folder, as short as it can be named. */
  readonly directory: string;
  /** Commands that work on it when they are pasted, and what each shows. */
  readonly commands: readonly { readonly shows: string; readonly command: string }[];
}

/** The widest line of the demo. */
export const WIDTH = 100;

/** Everything, ending in a newline. */
export function demoText(result: DemoResult, place: DemoPlace, paint: Paint): string {
  const sections = [
    introduction(result, place),
    [paint.bold("Yesterday, a first look"), ...yesterday(result)],
    [paint.bold("Today, the plan"), planTable(result.groups, paint)],
    [paint.bold("Some of them by name"), ...examples(result.groups, paint)],
    [paint.bold("Today, your word, and the removal"), ...removal(result)],
    [paint.bold("Counted in the folder itself, not taken from the report"), ...proof(result, paint)],
    [paint.bold("Your turn: the site stays for you to try the other commands on"), ...farewell(place, paint)],
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

// -------------------------------------------------------------------------------------------------------- the story

function introduction({ sample, rows, before }: DemoResult, { directory }: DemoPlace): string[] {
  const { bytes } = tallyOf(sample);
  const onDisk = [...before.values()].reduce((sum, { onDiskBytes }) => sum + onDiskBytes, 0);
  const hollow = onDisk < bytes / 2 ? ` The files are hollow inside: they take ${size(onDisk)} of your disk.` : "";
  return wrapped(
    `A file-sharing site that nobody has cleaned up after for half a year: ${counted(sample.length, "file")}, ${size(bytes)}, and a catalog of ${counted(rows, "row")}, all in ${directory}.${hollow}`,
  );
}

function yesterday({ runs, since }: DemoResult): string[] {
  const suspects = runs.yesterday.sweeps.reduce((sum, { suspected }) => sum + suspected.count, 0);
  return [
    ...wrapped(
      `filesweep saw the site for the first time. It removed nothing, and waits for a person to say that this database and this store belong together. It noted ${counted(suspects, "suspect")}: old files that no live row names. Such a file goes only when a second look, at least 24 hours later, finds it unchanged. (So that you need not wait a day, the demo turned the clocks back by 25 hours for this run.)`,
    ),
    ...wrapped(
      `Since then people uploaded ${counted(since.uploaded, "file")}, extended ${amount(since.extended)} that were due, and shared ${amount(since.claimed)} of the suspects again.`,
    ),
  ];
}

function removal({ runs, groups, approved }: DemoResult): string[] {
  const { calls, durationMs } = runs.removal;
  const named = groups.flatMap(({ fate, kind, tally }) =>
    fate === "goes" ? [`${amount(tally.count)} ${KINDS[kind].label}`] : [],
  );
  const work = `${counted(calls.database, "database call")} and ${counted(calls.storage, "store call")}`;
  const approval = `The plan looked right, so the demo approved the hold in your name: filesweep approve ${approved.id}`;
  const removed = wrapped(
    `${runSentence(runs.removal)} (The plan had named ${named.join(", ")}.) It took ${duration(durationMs)}, with ${work}.`,
  );
  return [...wrapped(approval), ...removed];
}

// --------------------------------------------------------------------------------------------------------- the plan

const FATE_TITLES: Readonly<Record<Fate, string>> = {
  goes: "GOES",
  waits: "WAITS",
  stays: "STAYS",
};

function planTable(groups: readonly FateGroup[], paint: Paint): string {
  const rows = FATES.flatMap((fate) => {
    const own = groups.filter((group) => group.fate === fate);
    if (own.length === 0) return [];
    const total = sum(own.map(({ tally }) => tally));
    const head = [FATE_TITLES[fate], ...tallyCells(total), ""].map((cell) => (cell === "" ? "" : paint.bold(cell)));
    return [head, ...own.map(groupRow)];
  });
  return indented(table(["", paint.dim(" files"), paint.dim("     size"), ""], rows), 2);
}

function groupRow({ kind, tally, reason, expected }: FateGroup): string[] {
  const why = expected ? KINDS[kind].why : `filesweep says: ${reason ?? "nothing"}`;
  return [`  ${KINDS[kind].label}`, ...tallyCells(tally), why];
}

function tallyCells({ count, bytes }: Tally): [string, string] {
  return [amount(count).padStart(6), size(bytes).padStart(9)];
}

/** How many of a kind are shown by name. */
const EXAMPLES = 2;

function examples(groups: readonly FateGroup[], paint: Paint): string[] {
  const lines = groups.flatMap(({ kind, fate, objects }, place) => {
    const shownFate = groups[place - 1]?.fate === fate ? "" : fate;
    return objects.slice(0, EXAMPLES).map(({ key, note }, index) => {
      const label = index === 0 ? `${shownFate.padEnd(5)}  ${KINDS[kind].label}` : "";
      return { label, key, note };
    });
  });
  const width = (pick: (line: (typeof lines)[number]) => string): number =>
    Math.max(...lines.map((line) => pick(line).length));
  const [labelWidth, keyWidth] = [width(({ label }) => label), width(({ key }) => key)];
  return lines.map(
    ({ label, key, note }) => `  ${paint.dim(label.padEnd(labelWidth))}  ${key.padEnd(keyWidth)}  ${paint.dim(note)}`,
  );
}

// -------------------------------------------------------------------------------------------------------- the proof

function proof({ before, after, checks }: DemoResult, paint: Paint): string[] {
  const was = tallyOf(before.values());
  const is = tallyOf(after.values());
  const gone = { count: was.count - is.count, bytes: was.bytes - is.bytes };
  return [
    tallyLine("before", was),
    tallyLine("after", is),
    tallyLine("gone", gone),
    "",
    ...checks.map(({ passed, detail }) => (passed ? `  ✓ ${detail}` : paint.red(`  ✗ ${detail}`))),
  ];
}

function tallyLine(label: string, tally: Tally): string {
  const [count, bytes] = tallyCells(tally);
  return `  ${label.padEnd(6)} ${count} files ${bytes}`;
}

function farewell({ commands }: DemoPlace, paint: Paint): string[] {
  return commands.flatMap(({ shows, command }) => [`  ${paint.dim(`# ${shows}`)}`, indented(command, 2)]);
}

/** Words in lines of at most {@link WIDTH}. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

/** A line's end is kept: pasted, a command goes on behind a backslash. */
function indented(text: string, columns: number): string {
  return text
    .split("\n")
    .map((line) => (line === "" ? "" : `${" ".repeat(columns)}${line}`))
    .join("\n");
}
