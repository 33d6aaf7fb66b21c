import { setting } from "./definition.ts";
import { anyText, choice, credential, hostName, httpUrl, tokens, truth, wholeNumber } from "./kinds.ts";
import { databaseLocation, storageLocation } from "./locations.ts";

/** What is cleaned. */
export const PLACES = {
  databaseUrl: setting("DATABASE_URL", {
    kind: databaseLocation,
    default: "file:./data/filesweep.db",
    requiredOnWorkers: true,
    help: "The database with the catalog. A path is taken literally; it may not lie in the store.",
    mayHoldSecret: true,
    fallbacks: ["TURSO_DATABASE_URL"],
  }),
  databaseAuthToken: setting("DATABASE_AUTH_TOKEN", {
    kind: credential,
    default: null,
    help: "The token of a remote database, which may read and write.",
    secret: true,
    fallbacks: ["TURSO_AUTH_TOKEN"],
  }),
  storage: setting("STORAGE_URL", {
    kind: storageLocation,
    default: "file:./data/uploads",
    requiredOnWorkers: true,
    help: "The store with the objects. The path is taken literally.",
    mayHoldSecret: true,
  }),
};

/** How an S3-compatible store is reached. */
export const S3 = {
  endpoint: setting("S3_ENDPOINT", {
    kind: httpUrl(false),
    default: null,
    help: "The server of an S3-compatible store; without one, AWS.",
    mayHoldSecret: true,
    fallbacks: ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
    ambientFallbacks: true,
  }),
  region: setting("S3_REGION", {
    kind: anyText,
    default: "auto",
    help: "The region that requests are signed for.",
    fallbacks: ["AWS_REGION", "AWS_DEFAULT_REGION"],
    ambientFallbacks: true,
  }),
  accessKeyId: setting("S3_ACCESS_KEY_ID", {
    kind: credential,
    default: null,
    help: "The public half of the credentials.",
    secret: true,
    fallbacks: ["AWS_ACCESS_KEY_ID"],
    ambientFallbacks: true,
  }),
  secretAccessKey: setting("S3_SECRET_ACCESS_KEY", {
    kind: credential,
    default: null,
    help: "The secret half of the credentials.",
    secret: true,
    fallbacks: ["AWS_SECRET_ACCESS_KEY"],
    ambientFallbacks: true,
  }),
  sessionToken: setting("S3_SESSION_TOKEN", {
    kind: credential,
    default: null,
    help: "Goes with temporary credentials.",
    secret: true,
    fallbacks: ["AWS_SESSION_TOKEN"],
    ambientFallbacks: true,
  }),
  forcePathStyle: setting("S3_FORCE_PATH_STYLE", {
    kind: truth,
    default: null,
    defaultNote: "true with S3_ENDPOINT, else false",
    help: "true: the bucket is in the path of a request, not in the host.",
  }),
};

/** The HTTP service, and who hears of what happened. */
export const SERVICE = {
  adminTokens: setting("ADMIN_TOKEN", {
    kind: tokens,
    default: null,
    help: "Who shows it may use the admin API and the dashboard; without one both answer 503.",
    secret: true,
  }),
  metricsTokens: setting("METRICS_TOKEN", {
    kind: tokens,
    default: null,
    defaultNote: "ADMIN_TOKEN",
    help: "Who shows it may read /metrics.",
    secret: true,
  }),
  publicUrl: setting("PUBLIC_URL", {
    kind: httpUrl(false),
    default: null,
    mayHoldSecret: true,
    help: "Origin and base path of the service behind a proxy.",
  }),
  port: setting("PORT", {
    kind: wholeNumber(0, 65535),
    default: "8787",
    help: "The port that serve listens on; 0: any free one.",
  }),
  host: setting("HOST", {
    kind: hostName,
    default: "127.0.0.1",
    help: "The address that serve listens on.",
  }),
  instanceUrl: setting("FILESWEEP_URL", {
    kind: httpUrl(false),
    default: null,
    mayHoldSecret: true,
    help: "Commands work against this deployed instance, with ADMIN_TOKEN, as with --url.",
  }),
  notifyWebhookUrl: setting("NOTIFY_WEBHOOK_URL", {
    kind: httpUrl(true),
    default: null,
    secret: true,
    help: "Hears of holds opened and closed, runs failed and recovered, as JSON with a Slack-readable text.",
  }),
  logLevel: setting("LOG_LEVEL", {
    kind: choice(["debug", "info", "warn", "error"]),
    default: "info",
    help: "The least important log line that is written.",
  }),
  logFormat: setting("LOG_FORMAT", {
    kind: choice(["json", "pretty"]),
    default: null,
    defaultNote: "json; pretty on a terminal",
    help: "json: one object a line, for machines. pretty: for people.",
  }),
};
