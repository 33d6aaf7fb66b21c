import type { TimeReading } from "./catalog-time.ts";
import { SweepError } from "./errors.ts";
import { type Mode, SWEEP_NAMES, type SweepName } from "./model.ts";
import type { CatalogColumns, CatalogReference, CatalogStatus, CatalogWhere } from "./settings/catalog-kinds.ts";
import { CATALOG } from "./settings/catalog-table.ts";
import { BUDGET, DECIDING, GUARDING, RUNNING } from "./settings/cleanup-table.ts";
import type { SettingsContext } from "./settings/definition.ts";
import { type DatabaseLocation, type StorageLocation, writtenInsideStore } from "./settings/locations.ts";
import { type Budget, PRESETS } from "./settings/presets.ts";
import { makeReader, type Reader, type SettingProblem, unknownSettings } from "./settings/reader.ts";
import { PLACES, S3, SERVICE } from "./settings/service-table.ts";
import { type ShownSetting, showSettings } from "./settings/shown.ts";

export {
  type CatalogColumns,
  type CatalogReference,
  type CatalogStatus,
  type CatalogWhere,
  COLUMN_FIELDS,
  type ColumnField,
  type StatusValue,
} from "./settings/catalog-kinds.ts";
export type { Runtime, SettingsContext } from "./settings/definition.ts";
export { type DatabaseLocation, databaseInsideStore, type StorageLocation } from "./settings/locations.ts";
export { type Budget, PRESETS, type PresetName } from "./settings/presets.ts";
export type { SettingProblem } from "./settings/reader.ts";
export { renderEnvExample, renderSettingsTable } from "./settings/render.ts";
export type { ShownSetting } from "./settings/shown.ts";
export { SETTING_NAMES, VARIABLE_NAMES } from "./settings/table.ts";

/** What the sweeps decide by. */
export interface SweepSettings {
  readonly expiryGraceMs: number;
  readonly downloadGraceMs: number;
  /** Null: off. */
  readonly oldFilesMs: number | null;
  readonly oldFilesLive: "keep" | "remove";
  /** Null: off. */
  readonly expiredRecordMs: number | null;
  readonly orphanGraceMs: number;
  readonly quarantineMs: number;
  readonly leftovers: "all" | "own";
  /** Raw beginnings of keys, never the empty one. */
  readonly ignorePrefixes: readonly string[];
  readonly uploadGraceMs: number;
  readonly historyMs: number;
  /** How the catalog writes its instants. */
  readonly times: TimeReading;
  /** Patterns such as `{key}.thumb.jpg`: objects that live and die with their file. */
  readonly derived: readonly string[];
}

/** What a run goes by. */
export interface RunSettings extends SweepSettings, Budget {
  readonly mode: Mode;
  /** In the order of `SWEEP_NAMES`. */
  readonly sweeps: readonly SweepName[];
  readonly gateMs: number;
  readonly scanEveryMs: number;
  /** How often the schedule runs, for telling a jump of the clock; for a cron expression the longest pause between its times. */
  readonly intervalMs: number;
  readonly holdPercent: number;
  readonly holdExpiredPercent: number;
  readonly holdCount: number;
  readonly firstRun: "hold" | "remove";
  readonly identityMarker: boolean;
  /** What becomes of a row whose end has come. */
  readonly expiredAction: "mark" | "delete";
  /** Rows may be deleted even where that cascades or fires triggers. */
  readonly allowCascade: boolean;
}

export type Schedule =
  | { readonly kind: "interval"; readonly everyMs: number }
  | { readonly kind: "cron"; readonly expression: string };

/** How an S3-compatible store is reached. Holds secrets: for the adapter alone. */
export interface S3Settings {
  /** Null: AWS itself. */
  readonly endpoint: string | null;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  readonly forcePathStyle: boolean;
}

/** How the application's table is read. */
export interface CatalogSettings {
  /** Whether a table of the application's own is described: `CATALOG_TABLE` or `CATALOG_COLUMNS` is set. */
  readonly mapped: boolean;
  readonly table: string;
  readonly where: CatalogWhere | null;
  /** Null: the default table's. */
  readonly columns: CatalogColumns | null;
  readonly status: CatalogStatus;
  readonly expiredAction: RunSettings["expiredAction"];
  readonly times: TimeReading;
  readonly keyPrefix: string;
  readonly references: readonly CatalogReference[];
  readonly derived: readonly string[];
}

/** Everything an operator chose, or did not, read once at the door. Durations are milliseconds. Holds secrets: not for logs. */
export interface Settings extends RunSettings {
  readonly databaseUrl: DatabaseLocation;
  readonly databaseAuthToken: string | null;
  readonly storage: StorageLocation;
  /** Null unless the store is `s3`. */
  readonly s3: S3Settings | null;
  readonly catalog: CatalogSettings;
  readonly enabled: boolean;
  readonly schedule: Schedule;
  readonly staleAfterMs: number;
  /** None, one, or two while one replaces the other. */
  readonly adminTokens: readonly string[];
  readonly metricsTokens: readonly string[];
  readonly publicUrl: string | null;
  readonly port: number;
  readonly host: string;
  readonly instanceUrl: string | null;
  readonly notifyWebhookUrl: string | null;
  /** All of this as an operator may see it, without secrets. */
  readonly shown: readonly ShownSetting[];
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Null: `pretty` on a terminal, else `json`. */
  readonly logFormat: "json" | "pretty" | null;
}

/** The settings are wrong. `message` lists every problem, for a person; `problems` is the same for programs. */
export class SettingsError extends SweepError {
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    const title = problems.length === 1 ? "a setting is wrong" : `${problems.length} settings are wrong`;
    super("invalid", [`${title}:`, ...problems.map((problem) => `- ${problem.message}`)].join("\n"), {
      details: { problems: problems.length },
    });
    this.problems = problems;
  }
}

/**
 * The settings in `env` (strings, and a Worker's numbers, booleans and objects), or everything that is wrong with them.
 * An empty string counts as not set. Pure; never throws.
 */
export function checkSettings(
  env: Readonly<Record<string, unknown>>,
  context: SettingsContext,
): { readonly settings: Settings } | { readonly problems: readonly SettingProblem[] } {
  const reader = makeReader(env, context);
  const settings = { ...resolve(reader), shown: showSettings(env, context) };
  const unknown = context.listable === false ? [] : unknownSettings(env);
  const problems = [...reader.problems, ...unknown];
  return problems.length > 0 ? { problems } : { settings };
}

/**
 * As {@link checkSettings}, for who cannot go on without.
 * @throws SettingsError, kind `invalid`, with all problems at once.
 */
export function readSettings(env: Readonly<Record<string, unknown>>, context: SettingsContext): Settings {
  const checked = checkSettings(env, context);
  if ("problems" in checked) throw new SettingsError(checked.problems);
  return checked.settings;
}

function resolve(reader: Reader): Omit<Settings, "shown"> {
  const places = resolvePlaces(reader);
  const catalog = resolveCatalog(reader);
  const run = resolveRun(reader, catalog, places.storage);
  return {
    ...places,
    catalog,
    ...run,
    ...resolveService(reader, run.intervalMs),
  };
}

type Places = Pick<Settings, "databaseUrl" | "databaseAuthToken" | "storage" | "s3">;

function resolvePlaces(reader: Reader): Places {
  const databaseUrl = reader.read(PLACES.databaseUrl);
  const databaseAuthToken = reader.read(PLACES.databaseAuthToken);
  const storage = reader.read(PLACES.storage);
  const inside =
    databaseUrl.kind === "file" && storage.kind === "file" && writtenInsideStore(databaseUrl.path, storage.path);
  if (inside) reader.conflict(PLACES.databaseUrl, DATABASE_INSIDE_STORE);
  return { databaseUrl, databaseAuthToken, storage, s3: resolveS3(reader, storage.kind === "s3") };
}

/** Goes on after the variable's name; also for the door that compares the resolved paths. */
export const DATABASE_INSIDE_STORE =
  "names a file inside the folder of STORAGE_URL, where it would look like an orphan and be removed; keep them apart";

function resolveS3(reader: Reader, needed: boolean): S3Settings | null {
  // Credentials go together: a session token of another tool's never joins a key that was set here.
  const ownKeys = [S3.accessKeyId, S3.secretAccessKey, S3.sessionToken].some((one) => reader.isSet(one));
  const ambientKeys = { ambient: needed && !ownKeys };
  const endpoint = reader.read(S3.endpoint, { ambient: needed });
  const region = reader.read(S3.region, { ambient: needed });
  const accessKeyId = reader.read(S3.accessKeyId, ambientKeys);
  const secretAccessKey = reader.read(S3.secretAccessKey, ambientKeys);
  const sessionToken = reader.read(S3.sessionToken, ambientKeys);
  const forcePathStyle = reader.read(S3.forcePathStyle) ?? endpoint !== null;
  if (!needed) return null;
  if (accessKeyId === null || secretAccessKey === null) {
    reader.conflict(PLACES.storage, "is an s3: store, which needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY");
    return null;
  }
  return { endpoint, region, accessKeyId, secretAccessKey, sessionToken, forcePathStyle };
}

function resolveCatalog(reader: Reader): CatalogSettings {
  const columns = reader.read(CATALOG.columns);
  const expiredAction = reader.read(CATALOG.expiredAction);
  if (columns !== null && columns.status === undefined && expiredAction !== "delete") {
    reader.conflict(
      CATALOG.columns,
      "maps no status column; expired rows can only be deleted: set CATALOG_EXPIRED_ACTION=delete",
    );
  }
  return {
    mapped: reader.isSet(CATALOG.table) || columns !== null,
    table: reader.read(CATALOG.table),
    where: reader.read(CATALOG.where),
    columns,
    status: reader.read(CATALOG.status),
    expiredAction,
    times: { form: reader.read(CATALOG.time), zone: reader.read(CATALOG.timezone) },
    keyPrefix: reader.read(CATALOG.keyPrefix) ?? "",
    references: reader.read(CATALOG.references) ?? [],
    derived: reader.read(CATALOG.derived) ?? [],
  };
}

function resolveRun(
  reader: Reader,
  { mapped, expiredAction, times, derived }: CatalogSettings,
  storage: StorageLocation,
): RunSettings {
  const oldFilesMs = reader.read(DECIDING.oldFilesMs);
  return {
    mode: reader.read(RUNNING.mode),
    sweeps: reader.read(RUNNING.sweeps) ?? SWEEP_NAMES,
    expiryGraceMs: reader.read(DECIDING.expiryGraceMs),
    downloadGraceMs: reader.read(DECIDING.downloadGraceMs),
    oldFilesMs: mapped && !reader.isSet(DECIDING.oldFilesMs) ? null : oldFilesMs,
    oldFilesLive: reader.read(DECIDING.oldFilesLive),
    expiredRecordMs: reader.read(DECIDING.expiredRecordMs),
    orphanGraceMs: reader.read(DECIDING.orphanGraceMs),
    quarantineMs: reader.read(DECIDING.quarantineMs),
    leftovers: reader.read(DECIDING.leftovers) ?? (mapped ? "own" : "all"),
    ignorePrefixes: resolveIgnorePrefixes(reader, storage),
    uploadGraceMs: reader.read(DECIDING.uploadGraceMs),
    scanEveryMs: reader.read(DECIDING.scanEveryMs),
    intervalMs: reader.read(RUNNING.intervalMs),
    gateMs: reader.read(GUARDING.gateMs),
    holdPercent: reader.read(GUARDING.holdPercent),
    holdExpiredPercent: reader.read(GUARDING.holdExpiredPercent),
    holdCount: reader.read(GUARDING.holdCount),
    firstRun: reader.read(RUNNING.firstRun),
    identityMarker: reader.read(RUNNING.identityMarker),
    expiredAction,
    times,
    derived,
    allowCascade: reader.read(CATALOG.allowCascade),
    historyMs: reader.read(GUARDING.historyMs),
    ...resolveBudget(reader),
  };
}

function resolveIgnorePrefixes(reader: Reader, storage: StorageLocation): readonly string[] {
  const prefixes = reader.read(DECIDING.ignorePrefixes) ?? [];
  // A prefix that no key of a folder can begin with protects nothing, and whoever wrote it believes it does.
  const idle = storage.kind === "file" && prefixes.some((prefix) => /^\/|^\.{1,2}\/|\\|\/\/|\/\.{1,2}\//.test(prefix));
  if (idle) {
    reader.conflict(
      DECIDING.ignorePrefixes,
      "holds a prefix that no key of a folder begins with; keys are relative to it and separated by single slashes: tmp/, not /tmp/ or ./tmp/",
    );
  }
  return prefixes;
}

function resolveBudget(reader: Reader): Budget {
  const preset =
    PRESETS[reader.read(BUDGET.preset) ?? (reader.context.runtime === "workers" ? "workers-free" : "server")];
  const maxRemovals = reader.read(BUDGET.maxRemovals);
  const maxDuration = reader.read(BUDGET.maxDurationMs);
  const maxCalls = reader.read(BUDGET.maxCalls);
  return {
    maxRemovals: maxRemovals === null ? preset.maxRemovals : maxRemovals.limit,
    maxDurationMs: maxDuration === null ? preset.maxDurationMs : maxDuration.limit,
    maxCalls: maxCalls === null ? preset.maxCalls : maxCalls.limit,
    pageSize: reader.read(BUDGET.pageSize) ?? preset.pageSize,
    concurrency: reader.read(BUDGET.concurrency) ?? preset.concurrency,
  };
}

type Service = Omit<Settings, keyof RunSettings | keyof Places | "catalog" | "shown">;

function resolveService(reader: Reader, everyMs: number): Service {
  const cron = reader.read(RUNNING.cron);
  if (cron !== null && reader.isSet(RUNNING.intervalMs)) {
    reader.conflict(RUNNING.cron, "and CLEANUP_INTERVAL_MINUTES are both set; remove one of them");
  }
  if (cron !== null && reader.context.runtime === "workers") {
    reader.conflict(
      RUNNING.cron,
      "says nothing to a Worker; its times are the crons under [triggers] in wrangler.toml",
    );
  }
  const adminTokens = reader.read(SERVICE.adminTokens) ?? [];
  return {
    enabled: reader.read(RUNNING.enabled),
    schedule: cron === null ? { kind: "interval", everyMs } : { kind: "cron", expression: cron },
    staleAfterMs: reader.read(GUARDING.staleAfterMs),
    adminTokens,
    metricsTokens: reader.read(SERVICE.metricsTokens) ?? adminTokens,
    publicUrl: reader.read(SERVICE.publicUrl),
    port: reader.read(SERVICE.port),
    host: reader.read(SERVICE.host),
    instanceUrl: reader.read(SERVICE.instanceUrl),
    notifyWebhookUrl: reader.read(SERVICE.notifyWebhookUrl),
    logLevel: reader.read(SERVICE.logLevel),
    logFormat: reader.read(SERVICE.logFormat),
  };
}
