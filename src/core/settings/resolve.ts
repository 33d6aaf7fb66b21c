/** From what was read, variable by variable, to what filesweep goes by: defaults that depend on others, and what cannot be set together. */
import { SWEEP_NAMES } from "../model.ts";
import type { CatalogSettings, RunSettings, S3Settings, Settings } from "../settings.ts";
import { CATALOG } from "./catalog-table.ts";
import { BUDGET, DECIDING, GUARDING, RUNNING } from "./cleanup-table.ts";
import { DATABASE_INSIDE_STORE, type StorageLocation, writtenInsideStore } from "./locations.ts";
import { type Budget, PRESETS } from "./presets.ts";
import type { Reader } from "./reader.ts";
import { PLACES, S3, SERVICE } from "./service-table.ts";

/** Never fails: what is wrong is noted with the reader. */
export function resolveSettings(reader: Reader): Omit<Settings, "shown"> {
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
