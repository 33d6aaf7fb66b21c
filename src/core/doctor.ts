/**
 * The doctor: everything that a first run depends on, in order, each with what was found, what is needed and the line
 * that mends it. It looks, and judges what it saw by pure functions; but for an object of its own that it puts and takes
 * away again, it writes nothing.
 */
import { CHECK_NAMES, type Check, type CheckName, type CheckStatus, ok, problem, unknown } from "./doctor/check.ts";
import { examineKeys, type StoreLook } from "./doctor/examine-keys.ts";
import {
  judgeGate,
  judgeIndexes,
  judgeMapping,
  judgeTable,
  judgeTimes,
  type TimeEvidence,
} from "./doctor/judge-catalog.ts";
import { judgeCost, judgePair, judgeQuarantine } from "./doctor/judge-pair.ts";
import {
  judgeBucket,
  judgeClocks,
  judgeDatabase,
  judgePaths,
  judgePermissions,
  judgeStore,
  notLookedAt,
  type Places,
} from "./doctor/judge-places.ts";
import { isSweepError, SweepError } from "./errors.ts";
import { isIgnored } from "./keys.ts";
import { lookAtStore } from "./opening.ts";
import type { Clock, Store, Survey } from "./ports.ts";
import type { SettingProblem, Settings } from "./settings.ts";

export type { Check, CheckName, CheckStatus, ProblemKind } from "./doctor/check.ts";
export { CHECK_NAMES, CHECK_STATUSES, PROBLEM_KINDS } from "./doctor/check.ts";

export interface Diagnosis {
  /** The worst of them, unknowns aside. */
  readonly status: Exclude<CheckStatus, "unknown">;
  /** All of them, in the order of {@link CHECK_NAMES}. */
  readonly checks: readonly Check[];
}

export interface DoctorParts {
  readonly settings: Settings;
  readonly places: Places;
  readonly clock: Clock;
  /** Opens the database as it is. @throws SweepError where it cannot be used */
  readonly openSurvey: () => Promise<{ readonly survey: Survey; readonly close: () => void }>;
  readonly store: Store;
  /** What to tell a person where the store is plainly not there, else null. */
  readonly storeAbsence: () => Promise<string | null>;
  /** As the sweeps read the table's times. */
  readonly times: Pick<TimeEvidence, "readTime" | "columns">;
  readonly isMapped: boolean;
}

/** What can be said where the settings themselves are wrong. */
export function diagnoseSettings(problems: readonly SettingProblem[]): Diagnosis {
  const found = problems.map(({ message }) => message).join("; ");
  const rest = CHECK_NAMES.filter((name) => name !== "settings");
  return toDiagnosis([
    problem("settings", "settings", found, { needed: "settings without a problem", mend: "see .env.example" }),
    ...notLookedAt(rest, "the settings are wrong"),
  ]);
}

/** Looks at everything. Never throws for what it finds; what cannot be looked at is `unknown`. */
export async function examine(parts: DoctorParts): Promise<Diagnosis> {
  const store = await examineStore(parts);
  const catalog = await examineDatabase(parts, store.look);
  const { settings } = parts;
  const checks = [
    ok("settings", "all settings are valid"),
    judgePaths(parts.places),
    ...store.checks,
    ...catalog,
    judgeQuarantine(settings),
  ];
  return toDiagnosis(CHECK_NAMES.flatMap((name) => checks.find((check) => check.name === name) ?? []));
}

const OF_THE_MAPPING: readonly CheckName[] = ["table", "times", "keys"];

/**
 * What looks like a wrong mapping, for who is about to approve a first contact. Reads alone: not even the probe is put.
 * Never throws for what it finds.
 */
export async function examineMapping(parts: DoctorParts): Promise<readonly Check[]> {
  const look = await lookAround(parts);
  const checks = await examineDatabase(parts, look instanceof SweepError ? null : look);
  return checks.filter(
    ({ name, status }) => OF_THE_MAPPING.includes(name) && (status === "warning" || status === "problem"),
  );
}

function toDiagnosis(checks: readonly Check[]): Diagnosis {
  const has = (status: CheckStatus): boolean => checks.some((check) => check.status === status);
  return { status: has("problem") ? "problem" : has("warning") ? "warning" : "ok", checks };
}

// ---------------------------------------------------------------------------------------------------------- store

/** Objects of the first page that are compared with the table. */
const OBJECTS = 1000;

function lookAround({ settings, store, storeAbsence }: DoctorParts): Promise<StoreLook | SweepError> {
  return attempt(async () => {
    const absent = await storeAbsence();
    if (absent !== null) throw new SweepError("unavailable", absent);
    const view = await lookAtStore(store);
    const { objects } = await store.list({ after: null, limit: OBJECTS });
    return { view, objects: objects.filter(({ key }) => !isIgnored(key, settings.ignorePrefixes)) };
  });
}

async function examineStore(parts: DoctorParts): Promise<{
  readonly checks: readonly Check[];
  readonly look: StoreLook | null;
}> {
  const { settings, places, store } = parts;
  const look = await lookAround(parts);
  if (look instanceof SweepError) {
    return {
      checks: [judgeStore(places.store, look), ...notLookedAt(["permissions", "bucket"], "the store cannot be read")],
      look: null,
    };
  }
  const trial = settings.identityMarker ? await attempt(() => store.tryOut()) : "no-marker";
  const versioning = await attempt(() => store.versioning());
  return {
    checks: [
      judgeStore(places.store, look.view),
      judgePermissions({ trial, mode: settings.mode }),
      judgeBucket(versioning),
    ],
    look,
  };
}

/** A failure of what is looked at is a finding, and none of the doctor's. */
async function attempt<Answer>(work: () => Promise<Answer>): Promise<Answer | SweepError> {
  try {
    return await work();
  } catch (error) {
    if (isSweepError(error)) return error;
    throw error;
  }
}

// ------------------------------------------------------------------------------------------------------- database

const OF_THE_DATABASE: readonly CheckName[] = [
  "clocks",
  "table",
  "times",
  "keys",
  "indexes",
  "gate",
  "identity",
  "cost",
];

async function examineDatabase(parts: DoctorParts, look: StoreLook | null): Promise<Check[]> {
  const { clock, places, openSurvey } = parts;
  const startedMs = clock.monotonicMs();
  const opened = await attempt(openSurvey);
  if (opened instanceof SweepError) return withoutDatabase(places, opened);
  const { survey, close } = opened;
  try {
    const askedAt = clock.now();
    const greeting = await attempt(() => survey.greet());
    if (greeting instanceof SweepError) return withoutDatabase(places, greeting);
    const answeredAt = clock.now();
    const storeSkewMs = look?.view.clockSkewMs ?? null;
    return [
      judgeDatabase(places.database, null, clock.monotonicMs() - startedMs),
      judgeClocks({ askedAt, answeredAt, databaseAt: greeting.databaseAt, storeSkewMs }),
      ...(await examineCatalog(parts, survey, look)),
    ];
  } finally {
    close();
  }
}

function withoutDatabase({ database }: Places, failure: SweepError): Check[] {
  return [judgeDatabase(database, failure, 0), ...notLookedAt(OF_THE_DATABASE, "the database cannot be used")];
}

async function examineCatalog(parts: DoctorParts, survey: Survey, look: StoreLook | null): Promise<Check[]> {
  const schema = await attempt(() => survey.schema());
  if (schema instanceof SweepError) {
    return [
      judgeMapping(schema),
      ...notLookedAt(["times", "keys", "indexes", "gate", "identity", "cost"], "the table is not as the settings say"),
    ];
  }
  // Order: the cheap ones first. Where calls are few, as in a Worker, they may run out on the others.
  const pair = await examinePair(parts, survey, look);
  return [...pair, ...(await examineTable(parts, survey, look, schema))];
}

async function examineTable(
  parts: DoctorParts,
  survey: Survey,
  look: StoreLook | null,
  schema: Awaited<ReturnType<Survey["schema"]>>,
): Promise<Check[]> {
  const table = { table: schema.table, hasTable: schema.hasTable, rows: 0, countLimit: COUNT_LIMIT, liveRows: 0 };
  const sample = schema.hasTable ? await attempt(() => survey.sample(ROWS, COUNT_LIMIT)) : null;
  if (sample === null) {
    return [judgeTable(table), ...notLookedAt(["times", "keys", "indexes", "gate"], "there is no table yet")];
  }
  if (sample instanceof SweepError) return notLookedAt(["table", "times", "keys", "indexes", "gate"], sample.message);
  const { files, rows } = sample;
  return [
    judgeTable({ ...table, rows, liveRows: files.length }),
    judgeTimes({ files, ...parts.times }),
    await checked("gate", async () =>
      judgeGate(await survey.gate(), { isMapped: parts.isMapped, isPrepared: schema.version > 0 }),
    ),
    await checked("keys", async () =>
      look === null
        ? unknown("keys", "not looked at: the store cannot be read")
        : examineKeys(parts, survey, look, files),
    ),
    await checked("indexes", async () => judgeIndexes(await survey.plans(), await survey.missingIndexes())),
  ];
}

async function examinePair({ settings }: DoctorParts, survey: Survey, look: StoreLook | null): Promise<Check[]> {
  const memory = await attempt(() => survey.memory());
  if (memory instanceof SweepError) return notLookedAt(["identity", "cost"], memory.message);
  const cost = judgeCost({ settings, objects: memory.scanned });
  if (look === null) return [...notLookedAt(["identity"], "the store cannot be read"), cost];
  const { marker, isEmpty: storeIsEmpty } = look.view;
  const usesMarker = settings.identityMarker;
  return [judgePair({ marker, twin: memory.twin, storeIsEmpty, usesMarker }, settings.firstRun), cost];
}

/** One thing that cannot be looked at stops no other. */
async function checked(name: CheckName, work: () => Promise<Check>): Promise<Check> {
  const check = await attempt(work);
  return check instanceof SweepError ? unknown(name, `could not be looked at: ${check.message}`) : check;
}

/** Live rows whose times are read; and rows of the table that are counted. */
const ROWS = 1000;
const COUNT_LIMIT = 1_000_000;
