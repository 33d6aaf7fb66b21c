import type { TimeReading } from "./catalog-time.ts";
import { SweepError } from "./errors.ts";
import type { Mode, SweepName } from "./model.ts";
import type { CatalogColumns, CatalogReference, CatalogStatus, CatalogWhere } from "./settings/catalog-kinds.ts";
import type { SettingsContext } from "./settings/definition.ts";
import type { DatabaseLocation, StorageLocation } from "./settings/locations.ts";
import type { Budget } from "./settings/presets.ts";
import { makeReader, type SettingProblem, unknownSettings } from "./settings/reader.ts";
import { resolveSettings } from "./settings/resolve.ts";
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
export {
  DATABASE_INSIDE_STORE,
  type DatabaseLocation,
  databaseInsideStore,
  type StorageLocation,
} from "./settings/locations.ts";
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
  const settings = { ...resolveSettings(reader), shown: showSettings(env, context) };
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
