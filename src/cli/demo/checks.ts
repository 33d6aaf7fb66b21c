/** What the demo checks for itself: from the folder and the catalog, not from what a run says of itself. */

import { amount, counted } from "../../core/documents/numbers.ts";
import type { RunReport } from "../../core/model.ts";
import { isIntact } from "./content.ts";
import type { FateGroup } from "./fates.ts";
import type { DemoFolder, FileSize } from "./folder.ts";
import { KIND_NAMES, KINDS } from "./kinds.ts";
import type { SampleObject } from "./sample.ts";

export interface DemoRuns {
  readonly yesterday: RunReport;
  readonly plan: RunReport;
  readonly removal: RunReport;
  /** A second removal right after the first. */
  readonly again: RunReport;
}

export interface Check {
  readonly name: "live-files-intact" | "as-the-rules-say" | "as-planned" | "nothing-left-to-do";
  readonly passed: boolean;
  /** What was found, in one line. */
  readonly detail: string;
}

export interface Evidence {
  readonly folder: DemoFolder;
  readonly sample: readonly SampleObject[];
  readonly groups: readonly FateGroup[];
  readonly before: ReadonlyMap<string, FileSize>;
  readonly after: ReadonlyMap<string, FileSize>;
  /** After the second removal. */
  readonly afterAgain: ReadonlyMap<string, FileSize>;
  /** Keys that active rows of the catalog name. */
  readonly active: readonly string[];
  readonly runs: DemoRuns;
}

export async function checkDemo(evidence: Evidence): Promise<Check[]> {
  return [await liveFilesIntact(evidence), asTheRulesSay(evidence), asPlanned(evidence), nothingLeftToDo(evidence)];
}

/** Every file that the catalog calls active is read, whole. So is every other one that the rules keep. */
export async function liveFilesIntact({
  folder,
  sample,
  active,
}: Pick<Evidence, "folder" | "sample" | "active">): Promise<Check> {
  const live = new Set(active);
  const known = new Set(sample.map(({ key }) => key));
  const staying = sample.filter(({ key, kind }) => live.has(key) || KINDS[kind].fate !== "goes");
  const damaged = await damagedOf(folder, staying);
  const broken = [...active.filter((key) => !known.has(key)), ...damaged];
  return {
    name: "live-files-intact",
    passed: broken.length === 0 && live.size > 0,
    detail:
      broken.length === 0
        ? `all ${amount(live.size)} live files still have their bytes, each read from the first to the last`
        : `lost or damaged: ${someOf(broken)}`,
  };
}

/** How many files are read at once. */
const AT_ONCE = 4;

async function damagedOf(folder: DemoFolder, objects: readonly SampleObject[]): Promise<string[]> {
  const damaged: string[] = [];
  for (let start = 0; start < objects.length; start += AT_ONCE) {
    const read = objects.slice(start, start + AT_ONCE).map(async (object) => {
      if (!(await isIntact(folder.uploads, object))) damaged.push(object.key);
    });
    await Promise.all(read);
  }
  return damaged.sort();
}

/** The plan decided of each kind what the rules say, and the folder shows it. */
function asTheRulesSay({ sample, groups, after }: Evidence): Check {
  const astray = groups.filter(({ expected }) => !expected).flatMap(({ objects }) => objects.map(({ key }) => key));
  const wrong = sample
    .filter(({ kind, key }) => after.has(key) === (KINDS[kind].fate === "goes"))
    .map(({ key }) => key);
  const keys = [...new Set([...astray, ...wrong])];
  return {
    name: "as-the-rules-say",
    passed: keys.length === 0,
    detail:
      keys.length === 0
        ? `all ${KIND_NAMES.length} kinds of files ended where the rules say`
        : `not where the rules say: ${someOf(keys)}`,
  };
}

function asPlanned({ groups, before, after }: Evidence): Check {
  const planned = new Set(
    groups.flatMap(({ fate, objects }) => (fate === "goes" ? objects.map(({ key }) => key) : [])),
  );
  const gone = [...before.keys()].filter((key) => !after.has(key));
  const unplanned = gone.filter((key) => !planned.has(key));
  const left = [...planned].filter((key) => after.has(key));
  const passed = unplanned.length + left.length === 0 && gone.length === planned.size;
  return {
    name: "as-planned",
    passed,
    detail: passed
      ? `the ${amount(gone.length)} files that are gone are those that the plan named, and no others`
      : `planned and still there: ${someOf(left)}; gone without a plan: ${someOf(unplanned)}`,
  };
}

function nothingLeftToDo({ after, afterAgain, runs }: Evidence): Check {
  const did = runs.again.sweeps.reduce(
    (sum, { removed, failed, carriedOver }) => sum + removed.count + failed.count + carriedOver.count,
    0,
  );
  const passed = did === 0 && afterAgain.size === after.size && isClean(runs.removal) && isClean(runs.again);
  return {
    name: "nothing-left-to-do",
    passed,
    detail: passed
      ? "a second run found nothing more to remove"
      : `the runs ended ${runs.removal.status} and ${runs.again.status}; the second removed ${counted(did, "thing")}`,
  };
}

function isClean({ status }: RunReport): boolean {
  return status === "completed";
}

function someOf(keys: readonly string[]): string {
  if (keys.length === 0) return "none";
  const more = keys.length > 3 ? ` and ${amount(keys.length - 3)} more` : "";
  return `${keys.slice(0, 3).join(", ")}${more}`;
}
