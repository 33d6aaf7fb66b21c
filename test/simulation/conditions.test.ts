/**
 * What the promises need of their surroundings, each with the shortest history that breaks one where it is missing. The
 * simulation found and shrank them; docs/safety.md tells them to operators. With the condition the same history is safe.
 */
import { expect, test } from "vitest";
import { MINUTE_MS } from "../../src/core/safety.ts";
import { ALL_CONDITIONS, type Conditions, type History, type Site, type Step } from "./history.ts";
import { play } from "./play.ts";
import { RULES } from "./rules.ts";

const SITE: Site = {
  catalog: "files",
  folder: false,
  leftovers: "all",
  storeSkewMs: null,
  quarantineMs: 0,
  pageSize: 100,
  maxCalls: null,
  maxRemovals: null,
  compares: true,
  oldFilesLive: "keep",
  firstRun: "remove",
  identityMarker: true,
  garbage: true,
  databaseSkewMs: 0,
};

const wait = (minutes: number): Step => ({ do: "wait", ms: minutes * MINUTE_MS });
const run = (process: number): Step => ({ do: "run", process, mode: "remove" });
const begin: Step = { do: "start", process: 0, mode: "remove", scheduled: false };
const beforeDelete: Step = { do: "go-to", n: 0, call: "delete", answered: false };
const goOn: Step = { do: "go", n: 0, turns: 100 };
const insertRow: Step = { do: "row-first", key: 0, ttlMs: null, max: null };
const putObject: Step = { do: "object-first", key: 0 };
const finishUpload: Step = { do: "finish-upload", n: 0, ttlMs: null };

interface Break {
  readonly without: Partial<Conditions>;
  readonly what: string;
  readonly rule: string;
  readonly steps: readonly Step[];
  readonly garbage?: boolean;
}

const BREAKS: readonly Break[] = [
  {
    without: { namedInTime: false },
    what: "an object that is named only after it went as an orphan, when its key had left the gate",
    rule: RULES.reachable,
    garbage: false,
    steps: [putObject, wait(120), run(0), wait(11), finishUpload],
  },
  {
    without: { namedInTime: false, freshKeys: true },
    what: "the same with a key of its own: the grace was over",
    rule: RULES.reachable,
    garbage: false,
    steps: [putObject, wait(120), run(0), wait(11), finishUpload],
  },
  {
    without: { namedInTime: false },
    what: "bytes that were seen, and went before they were named",
    rule: RULES.reachable,
    steps: [{ do: "look-first", key: 0, revive: false }, run(0), wait(11), finishUpload],
  },
  {
    without: { gate: false },
    what: "a row that comes between the check and the delete, past triggers that somebody dropped meanwhile",
    rule: RULES.protected,
    steps: [begin, beforeDelete, { do: "gate", stands: false }, insertRow, goOn],
  },
  {
    without: { lateDeletesEnd: false },
    what: "a delete that was given up, and takes effect after its key left the gate",
    rule: RULES.protected,
    steps: [
      { do: "strike", process: 0, call: "delete", how: "late" },
      wait(1),
      run(1),
      wait(11),
      insertRow,
      finishUpload,
      { do: "deliver", n: 0 },
    ],
  },
  {
    without: { stoppedForRestore: false },
    what: "a run in the middle of a delete while the database is put back",
    rule: RULES.protected,
    steps: [{ do: "backup" }, begin, beforeDelete, { do: "restore" }, goOn],
  },
  {
    without: { namedInTime: false, freshKeys: true },
    what: "the object of a multipart upload, which is as old as the upload: when it was completed the grace was over",
    rule: RULES.reachable,
    garbage: false,
    steps: [
      { do: "multipart", key: 0, begun: "long ago" },
      { do: "complete-upload", n: 0 },
      run(0),
      wait(11),
      finishUpload,
    ],
  },
  {
    without: { toldFirst: false },
    what: "a run between the restore and the telling of it, where nothing shows that the database is an older one",
    rule: RULES.backup,
    garbage: false,
    steps: [
      { do: "backup" },
      insertRow,
      finishUpload,
      wait(50),
      { do: "restore" },
      run(0),
      wait(6),
      { do: "tell-restored" },
    ],
  },
];

test.each(BREAKS)("without $without a promise breaks: $what", async ({ without, rule, steps, garbage = true }) => {
  const history: History = { site: { ...SITE, garbage }, steps };
  const broken = await play(history, { ...ALL_CONDITIONS, ...without });
  expect(broken.violations.map((violation) => violation.rule)).toContain(rule);
});

// Where the gate stands, nobody drops it.
const withCondition = BREAKS.filter(({ without }) => without.gate === undefined);

test.each(withCondition)(
  "with the condition the same history is safe: $what",
  async ({ steps, without, garbage = true }) => {
    const history: History = { site: { ...SITE, garbage }, steps };
    const conditions = { ...ALL_CONDITIONS, freshKeys: without.freshKeys ?? false };
    expect((await play(history, conditions)).violations).toEqual([]);
  },
);
