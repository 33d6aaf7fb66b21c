/**
 * Two days in the life of the demo's site. Yesterday filesweep looks for the first time, and waits for a person; people
 * go on; today it plans, the person approves, it removes, and looks once more. It is the real run over a real folder and a real database; yesterday alone is played,
 * with the clocks of the process and of the database turned back.
 */
import { v7 } from "uuid";
import { SweepError } from "../../core/errors.ts";
import type { Hold, Instant, Mode, RunReport } from "../../core/model.ts";
import type { Clock } from "../../core/ports.ts";
import type { RunParts } from "../../core/run.ts";
import { HOUR_MS } from "../../core/safety.ts";
import { readSettings } from "../../core/settings.ts";
import type { DecisionRecord } from "../../core/slice.ts";
import { createSweeperOf } from "../../core/sweeper.ts";
import type { SqlClient } from "../../database/client.ts";
import { DEFAULT_MAPPING } from "../../database/mapping.ts";
import { createDatabase } from "../../database/open.ts";
import { migrate } from "../../database/schema.ts";
import { DATABASE_NOW } from "../../database/sql.ts";
import { composeRun, type Setup, type Surroundings, withClient } from "../../library/compose.ts";
import { resolveSetup } from "../../library/process.ts";
import { type Check, checkDemo, type DemoRuns } from "./checks.ts";
import { type FateGroup, groupFates } from "./fates.ts";
import { claimFolder, type DemoFolder, type FileSize, filesIn } from "./folder.ts";
import { makeSample, type SampleObject } from "./sample.ts";
import { activeKeys, buildSite, liveOn } from "./site.ts";

/** How long ago yesterday's run was: the quarantine of a day, and an hour for whoever looks at a clock. */
const YESTERDAY_MS = 25 * HOUR_MS;

export interface DemoResult {
  readonly folder: DemoFolder;
  readonly sample: readonly SampleObject[];
  readonly rows: number;
  /** What changed between yesterday's run and today's. */
  readonly since: { readonly uploaded: number; readonly extended: number; readonly claimed: number };
  readonly runs: DemoRuns;
  /** The hold of the first contact, as the person of the story approved it. */
  readonly approved: Hold;
  /** What the plan decided. */
  readonly groups: readonly FateGroup[];
  /** The folder itself, around the removal. */
  readonly before: ReadonlyMap<string, FileSize>;
  readonly after: ReadonlyMap<string, FileSize>;
  readonly checks: readonly Check[];
}

/**
 * Makes the site, sweeps it, and checks what became of it.
 * @throws SweepError `invalid` where the folder is not the demo's to use
 */
export async function playDemo(folder: DemoFolder, context: Surroundings): Promise<DemoResult> {
  const now = context.clock.now();
  const sample = makeSample(now);
  const keys = sample.map(({ key }) => key);
  await claimFolder(folder, keys);
  const setup = await demoSetup(folder, context);
  return withClient(setup, "create", async (client) => {
    const yesterday = await playYesterday(setup, client, sample, now - YESTERDAY_MS);
    await liveOn(folder.uploads, client, sample, now - YESTERDAY_MS);
    await migrate(client, DATABASE_NOW);
    const parts = composeRun(setup, client, DEFAULT_MAPPING);

    const before = await filesIn(folder.uploads);
    const planned: DecisionRecord[] = [];
    const plan = await runOnce(parts, "plan", (decision) => void planned.push(decision));
    const approved = await approveFirstContact(parts);
    const removal = await runOnce(parts, "remove");
    const after = await filesIn(folder.uploads);
    const again = await runOnce(parts, "remove");

    const runs: DemoRuns = { yesterday, plan, removal, again };
    const groups = groupFates(sample, planned);
    const afterAgain = await filesIn(folder.uploads);
    const active = await activeKeys(client);
    const checks = await checkDemo({ folder, sample, groups, before, after, afterAgain, active, runs });
    return {
      folder,
      sample,
      rows: sample.flatMap(({ rows }) => rows).length,
      since: sinceOf(sample, now),
      runs,
      approved,
      groups,
      before,
      after,
      checks,
    };
  });
}

/** The settings that the other commands have on the same folder, with nothing else set. */
function demoSetup(folder: DemoFolder, context: Surroundings): Promise<Setup> {
  const places = { DATABASE_URL: `file:${folder.database}`, STORAGE_URL: `file:${folder.uploads}` };
  const settings = readSettings(places, { runtime: "node" });
  return resolveSetup(settings, context);
}

/** The first look at the site as it was at `at`. A plan: it removes nothing, and remembers what it suspects. */
async function playYesterday(
  setup: Setup,
  client: SqlClient,
  sample: readonly SampleObject[],
  at: Instant,
): Promise<RunReport> {
  const backMs = setup.clock.now() - at;
  const clock: Clock = { ...setup.clock, now: () => setup.clock.now() - backMs };
  const databaseNow = `(${DATABASE_NOW} - ${backMs})`;
  await migrate(client, databaseNow);
  await buildSite(setup.store.name, client, sample, at);
  const parts = composeRun({ ...setup, clock }, client, DEFAULT_MAPPING);
  const database = createDatabase({ client, clock, gateMs: setup.settings.gateMs, databaseNow });
  return runOnce({ ...parts, database, makeId: () => v7({ msecs: clock.now() }) }, "plan");
}

/** Says what a person says who has looked at the plan: these two belong together. */
async function approveFirstContact(parts: RunParts): Promise<Hold> {
  const sweeper = createSweeperOf(parts);
  const { holds } = await sweeper.status();
  const [hold] = holds;
  if (hold === undefined || holds.length > 1 || hold.cause !== "first-contact") {
    const causes = holds.map(({ cause }) => cause).join(", ");
    throw new SweepError("bug", `the demo expected one hold, of the first contact, and found: ${causes || "none"}`);
  }
  return sweeper.approve(hold.id);
}

/** A run to its end: without a limit, one slice is all it takes. */
async function runOnce(
  parts: RunParts,
  mode: Mode,
  onDecision: (decision: DecisionRecord) => void = () => {},
): Promise<RunReport> {
  const outcome = await createSweeperOf(parts).run({ mode, trigger: "cli", onDecision });
  if (outcome.kind === "ran") return outcome.report;
  throw new SweepError(
    "conflict",
    `${outcome.holder.holder} is at work on the demo's database; try again when it ended`,
  );
}

function sinceOf(sample: readonly SampleObject[], now: Instant): DemoResult["since"] {
  const ofKind = (wanted: SampleObject["kind"]): number => sample.filter(({ kind }) => kind === wanted).length;
  return {
    uploaded: sample.filter(({ modifiedAt }) => modifiedAt > now - YESTERDAY_MS).length,
    extended: ofKind("extended"),
    claimed: ofKind("claimed"),
  };
}
