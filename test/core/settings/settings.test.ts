import { describe, expect, it } from "vitest";
import { isSweepError } from "../../../src/core/errors.ts";
import { SWEEP_NAMES } from "../../../src/core/model.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/core/safety.ts";
import { DEFINITIONS, SETTING_NAMES, VARIABLE_NAMES } from "../../../src/core/settings/table.ts";
import {
  checkSettings,
  PRESETS,
  readSettings,
  type Settings,
  type SettingsContext,
  SettingsError,
} from "../../../src/core/settings.ts";

const NODE: SettingsContext = { runtime: "node" };
/** Reads what is not built yet as if it were. */
const ALL: SettingsContext = { runtime: "node" };
const WORKER: SettingsContext = { runtime: "workers" };
const WORKER_PLACES = { DATABASE_URL: "libsql://db.example.org", STORAGE_URL: "r2://FILES" };

type Env = Readonly<Record<string, unknown>>;

function problemsOf(env: Env, context: SettingsContext = NODE) {
  const checked = checkSettings(env, context);
  return "problems" in checked ? checked.problems : [];
}

function messagesOf(env: Env, context: SettingsContext = NODE): string[] {
  return problemsOf(env, context).map((problem) => problem.message);
}

describe("settings without an environment", () => {
  it("are the documented defaults", () => {
    const { shown, ...settings } = readSettings({}, NODE);
    expect(shown.map(({ name }) => name)).toEqual(SETTING_NAMES);
    expect(settings).toEqual({
      databaseUrl: { kind: "file", path: "./data/filesweep.db", raw: "file:./data/filesweep.db" },
      databaseAuthToken: null,
      storage: { kind: "file", path: "./data/uploads" },
      s3: null,
      catalog: {
        mapped: false,
        table: "files",
        where: null,
        columns: null,
        status: { live: ["active"], expired: "expired", deleted: [] },
        expiredAction: "mark",
        times: { form: "auto", zone: "UTC" },
        keyPrefix: "",
        references: [],
        derived: [],
      },
      mode: "remove",
      sweeps: SWEEP_NAMES,
      expiryGraceMs: 0,
      downloadGraceMs: 60 * MINUTE_MS,
      oldFilesMs: 7 * DAY_MS,
      oldFilesLive: "keep",
      expiredRecordMs: null,
      orphanGraceMs: 24 * HOUR_MS,
      quarantineMs: 24 * HOUR_MS,
      leftovers: "all",
      ignorePrefixes: [],
      uploadGraceMs: 168 * HOUR_MS,
      scanEveryMs: 24 * HOUR_MS,
      intervalMs: 60 * MINUTE_MS,
      gateMs: 10 * MINUTE_MS,
      holdPercent: 10,
      holdExpiredPercent: 50,
      holdCount: 100_000,
      firstRun: "hold",
      identityMarker: true,
      expiredAction: "mark",
      times: { form: "auto", zone: "UTC" },
      derived: [],
      allowCascade: false,
      historyMs: 90 * DAY_MS,
      maxRemovals: null,
      maxDurationMs: null,
      maxCalls: null,
      pageSize: 1000,
      concurrency: 8,
      enabled: true,
      schedule: { kind: "interval", everyMs: 60 * MINUTE_MS },
      staleAfterMs: 26 * HOUR_MS,
      adminTokens: [],
      metricsTokens: [],
      publicUrl: null,
      port: 8787,
      host: "127.0.0.1",
      instanceUrl: null,
      notifyWebhookUrl: null,
      logLevel: "info",
      logFormat: null,
    } satisfies Omit<Settings, "shown">);
  });

  it("every default of the table is a value that its own setting allows", () => {
    for (const { name, kind, default: standard } of DEFINITIONS) {
      if (standard === null) continue;
      const server = kind.parse({ text: standard }, { runtime: "node" });
      expect(server, name).toMatchObject({ ok: true });
    }
  });

  it("an empty string, undefined and null count as not set", () => {
    const empty = Object.fromEntries(VARIABLE_NAMES.map((name, index) => [name, ["", undefined, null][index % 3]]));
    expect(readSettings({ ...empty, CLEANUP_NONSENSE: "" }, NODE)).toEqual(readSettings({}, NODE));
  });

  it("no two settings share a variable", () => {
    expect(new Set(VARIABLE_NAMES).size).toBe(VARIABLE_NAMES.length);
  });
});

describe("a duration", () => {
  it.each<[name: string, field: keyof Settings, given: unknown, ms: number]>([
    ["CLEANUP_EXPIRY_GRACE_MINUTES", "expiryGraceMs", "0", 0],
    ["CLEANUP_EXPIRY_GRACE_MINUTES", "expiryGraceMs", "0.5", 30 * SECOND_MS],
    ["CLEANUP_EXPIRY_GRACE_MINUTES", "expiryGraceMs", "0.0001", 6],
    ["CLEANUP_EXPIRY_GRACE_MINUTES", "expiryGraceMs", 15, 15 * MINUTE_MS],
    ["CLEANUP_EXPIRY_GRACE_MINUTES", "expiryGraceMs", "5256000", 3650 * DAY_MS],
    ["CLEANUP_DOWNLOAD_GRACE_MINUTES", "downloadGraceMs", " 7\n", 7 * MINUTE_MS],
    ["CLEANUP_ORPHAN_GRACE_HOURS", "orphanGraceMs", "1", HOUR_MS],
    ["CLEANUP_ORPHAN_GRACE_HOURS", "orphanGraceMs", 1.5, 90 * MINUTE_MS],
    ["CLEANUP_QUARANTINE_HOURS", "quarantineMs", "0", 0],
    ["CLEANUP_QUARANTINE_HOURS", "quarantineMs", 0, 0],
    ["CLEANUP_QUARANTINE_HOURS", "quarantineMs", "87600", 3650 * DAY_MS],
    ["CLEANUP_GATE_MINUTES", "gateMs", "5", 5 * MINUTE_MS],
    ["CLEANUP_MAX_SECONDS", "maxDurationMs", "1", SECOND_MS],
    ["CLEANUP_OLD_FILES_DAYS", "oldFilesMs", "0.5", 12 * HOUR_MS],
    ["CLEANUP_UPLOAD_GRACE_HOURS", "uploadGraceMs", "1", HOUR_MS],
    ["CLEANUP_SCAN_EVERY_HOURS", "scanEveryMs", "0", 0],
    ["CLEANUP_HISTORY_DAYS", "historyMs", "1", DAY_MS],
    ["CLEANUP_STALE_AFTER_HOURS", "staleAfterMs", "2", 2 * HOUR_MS],
  ])("%s (%s) of %j is %d ms", (name, field, given, ms) => {
    expect(readSettings({ [name]: given }, ALL)[field]).toBe(ms);
  });

  it.each(["-1", "+1", "NaN", "Infinity", "0x10", "1e9", "10m", "1,5", ".5", "5.", "007", "1_000", "1 0", "true", " "])(
    "%j is refused, with its unit and bounds",
    (given) => {
      expect(messagesOf({ CLEANUP_QUARANTINE_HOURS: given })).toEqual([
        `CLEANUP_QUARANTINE_HOURS is ${JSON.stringify(given)}; allowed: a number from 0 to 87600, in hours`,
      ]);
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e21, true, { hours: 1 }, [1]])("typed %j is refused", (given) => {
    expect(problemsOf({ CLEANUP_QUARANTINE_HOURS: given })).toMatchObject([{ variable: "CLEANUP_QUARANTINE_HOURS" }]);
  });

  it.each([
    ["CLEANUP_ORPHAN_GRACE_HOURS", "0.99"],
    ["CLEANUP_ORPHAN_GRACE_HOURS", "0"],
    ["CLEANUP_ORPHAN_GRACE_HOURS", "87600.1"],
    ["CLEANUP_GATE_MINUTES", "4.9"],
    ["CLEANUP_EXPIRY_GRACE_MINUTES", "5256001"],
    ["CLEANUP_EXPIRY_GRACE_MINUTES", "9".repeat(400)],
    ["CLEANUP_QUARANTINE_HOURS", "87601"],
    ["CLEANUP_MAX_SECONDS", "0"],
    ["CLEANUP_UPLOAD_GRACE_HOURS", "0.5"],
    ["CLEANUP_HISTORY_DAYS", "0"],
    ["CLEANUP_INTERVAL_MINUTES", "0.5"],
    ["CLEANUP_INTERVAL_MINUTES", "10081"],
  ])("%s of %s is beyond its bounds", (name, given) => {
    expect(problemsOf({ [name]: given }, ALL)).toMatchObject([{ variable: name, code: "invalid" }]);
  });
});

describe("a number, a word, a truth", () => {
  it.each<[name: string, field: keyof Settings, given: unknown, value: unknown]>([
    ["CLEANUP_PAGE_SIZE", "pageSize", "1", 1],
    ["CLEANUP_PAGE_SIZE", "pageSize", 1000, 1000],
    ["CLEANUP_CONCURRENCY", "concurrency", "64", 64],
    ["CLEANUP_MAX_REMOVALS", "maxRemovals", "1", 1],
    ["CLEANUP_MAX_REMOVALS", "maxRemovals", "none", null],
    ["CLEANUP_MAX_CALLS", "maxCalls", "20", 20],
    ["CLEANUP_MODE", "mode", "plan", "plan"],
    ["CLEANUP_LEFTOVERS", "leftovers", "own", "own"],
    ["LOG_LEVEL", "logLevel", "error", "error"],
    ["LOG_FORMAT", "logFormat", "pretty", "pretty"],
    ["CLEANUP_HOLD_PERCENT", "holdPercent", "0", 0],
    ["CLEANUP_HOLD_PERCENT", "holdPercent", "2.5", 2.5],
    ["CLEANUP_HOLD_EXPIRED_PERCENT", "holdExpiredPercent", "100", 100],
    ["CLEANUP_HOLD_COUNT", "holdCount", "0", 0],
    ["CLEANUP_OLD_FILES_LIVE", "oldFilesLive", "remove", "remove"],
    ["CLEANUP_EXPIRED_RECORD_DAYS", "expiredRecordMs", "30", 30 * DAY_MS],
    ["CLEANUP_EXPIRED_RECORD_DAYS", "expiredRecordMs", "off", null],
    ["CLEANUP_FIRST_RUN", "firstRun", "remove", "remove"],
    ["CLEANUP_IDENTITY_MARKER", "identityMarker", "false", false],
    ["CLEANUP_ENABLED", "enabled", false, false],
    ["PORT", "port", 0, 0],
    ["PORT", "port", "65535", 65535],
    ["HOST", "host", "::1", "::1"],
    ["HOST", "host", "0.0.0.0", "0.0.0.0"],
    ["PUBLIC_URL", "publicUrl", "https://files.example.org/sweep", "https://files.example.org/sweep"],
    ["FILESWEEP_URL", "instanceUrl", "http://localhost:8787", "http://localhost:8787"],
    ["NOTIFY_WEBHOOK_URL", "notifyWebhookUrl", "https://hooks.example.org/a?b=c", "https://hooks.example.org/a?b=c"],
  ])("%s (%s) may be %j", (name, field, given, value) => {
    expect(readSettings({ [name]: given }, ALL)[field]).toEqual(value);
  });

  it.each([
    ["CLEANUP_PAGE_SIZE", "0"],
    ["CLEANUP_PAGE_SIZE", "1001"],
    ["CLEANUP_PAGE_SIZE", "10.5"],
    ["CLEANUP_PAGE_SIZE", "none"],
    ["CLEANUP_CONCURRENCY", "0"],
    ["CLEANUP_CONCURRENCY", "65"],
    ["CLEANUP_MAX_REMOVALS", "0"],
    ["CLEANUP_MAX_CALLS", "19"],
    ["CLEANUP_MODE", "Plan"],
    ["CLEANUP_MODE", true],
    ["CLEANUP_LEFTOVERS", "none"],
    ["CLEANUP_PRESET", "worker"],
    ["LOG_LEVEL", "trace"],
    ["LOG_FORMAT", "text"],
    ["CLEANUP_HOLD_PERCENT", "100.1"],
    ["CLEANUP_ENABLED", "1"],
    ["CLEANUP_ENABLED", "yes"],
    ["CLEANUP_EXPIRED_RECORD_DAYS", "none"],
    ["PORT", "65536"],
    ["HOST", "http://localhost"],
    ["PUBLIC_URL", "files.example.org"],
    ["PUBLIC_URL", "https://files.example.org/?a=b"],
    ["PUBLIC_URL", "https://user:secret@files.example.org/"],
    ["NOTIFY_WEBHOOK_URL", "ftp://hooks.example.org"],
  ])("%s may not be %j", (name, given) => {
    expect(problemsOf({ [name]: given }, ALL)).toMatchObject([{ variable: name, code: "invalid" }]);
  });
});

describe("CLEANUP_PRESET", () => {
  it("is server on Node and Deno, workers-free in a Worker", () => {
    expect(readSettings({}, { runtime: "deno" })).toMatchObject(PRESETS.server);
    expect(readSettings(WORKER_PLACES, WORKER)).toMatchObject(PRESETS["workers-free"]);
  });

  it("gives the five numbers, and each that is set wins over it, no limit included", () => {
    const env = { CLEANUP_PRESET: "workers-paid", CLEANUP_PAGE_SIZE: "10", CLEANUP_MAX_CALLS: "none" };
    expect(readSettings(env, NODE)).toMatchObject({ ...PRESETS["workers-paid"], pageSize: 10, maxCalls: null });
  });

  it("workers-free stays within 50 subrequests with a reserve", () => {
    expect(PRESETS["workers-free"].maxCalls).toBeLessThanOrEqual(50 - 10);
  });

  it("workers-paid stays within 1,000 calls to R2 with a reserve", () => {
    expect(PRESETS["workers-paid"].maxCalls).toBeLessThanOrEqual(1000 - 100);
  });
});

describe("CLEANUP_SWEEPS", () => {
  it.each<[unknown, readonly string[]]>([
    ["orphaned-objects", ["orphaned-objects"]],
    ["orphaned-objects, expired-files", ["expired-files", "orphaned-objects"]],
    ["expired-files,expired-files", ["expired-files"]],
    [["orphaned-objects"], ["orphaned-objects"]],
  ])("%j means %j: in the fixed order, each once", (given, sweeps) => {
    expect(readSettings({ CLEANUP_SWEEPS: given }, NODE).sweeps).toEqual(sweeps);
  });

  it("refuses an unknown sweep with the nearest name", () => {
    expect(messagesOf({ CLEANUP_SWEEPS: "orphans" })[0]).toContain(
      'there is no sweep "orphans"; did you mean orphaned-objects?',
    );
  });

  it.each(["expired-files,", ",", [[]], [""], 7])("refuses %j", (given) => {
    expect(problemsOf({ CLEANUP_SWEEPS: given })).toHaveLength(1);
  });

  it("by default runs all there are", () => {
    expect(readSettings({}, ALL).sweeps).toEqual(SWEEP_NAMES);
  });
});

describe("CLEANUP_IGNORE_PREFIXES", () => {
  it.each<[unknown, readonly string[]]>([
    ["tmp/", ["tmp/"]],
    ["images", ["images"]],
    ["tmp/, cache/a b", ["tmp/", "cache/a b"]],
    ['["a,b/"," c"]', ["a,b/", " c"]],
    [["a,b/"], ["a,b/"]],
    ["[draft]", ["[draft]"]],
    [2024, ["2024"]],
    [".../", [".../"]],
  ])("%j means the raw prefixes %j", (given, prefixes) => {
    expect(readSettings({ CLEANUP_IGNORE_PREFIXES: given }, NODE).ignorePrefixes).toEqual(prefixes);
  });

  it.each([",", "tmp/,", '[""]', [""], [7]])("refuses %j: an empty prefix would ignore everything", (given) => {
    expect(problemsOf({ CLEANUP_IGNORE_PREFIXES: given })).toMatchObject([{ code: "invalid" }]);
  });

  it.each(["/tmp/", "./tmp/", "../x/", "a\\b", "a//b", "a/./b"])(
    "refuses %j on a folder, where no key begins so and it would protect nothing",
    (given) => {
      expect(messagesOf({ CLEANUP_IGNORE_PREFIXES: given })[0]).toContain("no key of a folder begins with");
      const s3 = { STORAGE_URL: "s3://bucket", S3_ACCESS_KEY_ID: "id", S3_SECRET_ACCESS_KEY: "key" };
      expect(problemsOf({ ...s3, CLEANUP_IGNORE_PREFIXES: given }, ALL)).toEqual([]);
    },
  );
});

describe("another tool's variables", () => {
  it("are no error by being there", () => {
    expect(problemsOf({ AWS_REGION: "eu-west-1", AWS_ACCESS_KEY_ID: "id", AWS_SESSION_TOKEN: "t" })).toEqual([]);
  });
});

describe("the problems", () => {
  const env = {
    CLEANUP_MODE: "delete",
    CLEANUP_PAGE_SIZE: "0",
    PORT: "65536",
    DATABASE_URL: "postgres://u:p@h/db",
    CLEANUP_EXPIRY_GRACE: "5",
  };

  it("are reported all at once, in one error of kind invalid", () => {
    let caught: unknown;
    try {
      readSettings(env, NODE);
    } catch (error) {
      caught = error;
    }
    expect(isSweepError(caught, "invalid")).toBe(true);
    expect(caught).toBeInstanceOf(SettingsError);
    expect(caught).toMatchObject({
      details: { problems: 5 },
      message: [
        "5 settings are wrong:",
        '- DATABASE_URL is "postgres:…"; allowed: file:PATH, relative to the working directory or absolute; libsql://HOST, https://HOST or http://HOST',
        '- CLEANUP_MODE is "delete"; allowed: remove, plan',
        '- CLEANUP_PAGE_SIZE is "0"; allowed: a whole number from 1 to 1000',
        '- PORT is "65536"; allowed: a whole number from 0 to 65535',
        "- CLEANUP_EXPIRY_GRACE is not a setting; did you mean CLEANUP_EXPIRY_GRACE_MINUTES?",
      ].join("\n"),
    });
  });

  it("are the same as a list, each with the variable, what was given and what is allowed", () => {
    expect(problemsOf(env)).toMatchObject([
      { variable: "DATABASE_URL", code: "invalid", given: '"postgres:…"' },
      { variable: "CLEANUP_MODE", code: "invalid", given: '"delete"', allowed: "remove, plan" },
      { variable: "CLEANUP_PAGE_SIZE", code: "invalid", given: '"0"' },
      { variable: "PORT", code: "invalid", given: '"65536"' },
      { variable: "CLEANUP_EXPIRY_GRACE", code: "unknown", given: null, allowed: "CLEANUP_EXPIRY_GRACE_MINUTES" },
    ]);
  });

  it("show what was given in one short line", () => {
    const [message = ""] = messagesOf({ CLEANUP_MODE: `a\n\u001b[31m${"x".repeat(5000)}` });
    expect(message).toContain('CLEANUP_MODE is "a\\n\\u001b[31mxxx');
    expect(message.length).toBeLessThan(200);
  });
});

describe("an unknown name", () => {
  it.each([
    ["CLEANUP_EXPIRY_GRACE", "CLEANUP_EXPIRY_GRACE_MINUTES"],
    ["CLEANUP_ORPHAN_GRACE_MINUTES", "CLEANUP_ORPHAN_GRACE_HOURS"],
    ["CLEANUP_MODES", "CLEANUP_MODE"],
    ["CLEANUP_PAGESIZE", "CLEANUP_PAGE_SIZE"],
    ["cleanup_mode", "CLEANUP_MODE"],
    ["CATALOG_COLUMN", "CATALOG_COLUMNS"],
    ["CATALOG_TIME_ZONE", "CATALOG_TIMEZONE"],
  ])("%s is an error that names %s, and shows no value", (name, meant) => {
    expect(problemsOf({ [name]: "s3cr3t" })).toEqual([
      {
        variable: name,
        code: "unknown",
        given: null,
        allowed: meant,
        message: `${name} is not a setting; did you mean ${meant}?`,
      },
    ]);
  });

  it("is not looked for where the environment cannot be listed", () => {
    expect(problemsOf({ CLEANUP_MODES: "plan" }, { runtime: "deno", listable: false })).toEqual([]);
  });

  it("outside CLEANUP_ and CATALOG_ is somebody else's, and so is a Worker's binding", () => {
    class Queue {}
    const env = { ...WORKER_PLACES, PATH: "/bin", CLEANUPS: "1", MY_CLEANUP_MODE: "x", CLEANUP_QUEUE: new Queue() };
    expect(problemsOf(env, WORKER)).toEqual([]);
  });

  it("may be as long as it likes", () => {
    expect(problemsOf({ [`CLEANUP_${"A".repeat(100_000)}`]: "1" })).toHaveLength(1);
  });
});

describe("CLEANUP_INTERVAL_MINUTES and CLEANUP_CRON", () => {
  it("in a Worker the cron expression is refused: its times stand in its configuration", () => {
    const env = { DATABASE_URL: "libsql://db.example", STORAGE_URL: "r2://FILES/", CLEANUP_CRON: "7 * * * *" };
    expect(messagesOf(env, { runtime: "workers" })).toEqual([
      "CLEANUP_CRON says nothing to a Worker; its times are the crons under [triggers] in wrangler.toml",
    ]);
    expect(messagesOf({ CLEANUP_CRON: "7 * * * *" }, ALL)).toEqual([]);
  });

  it.each(["0 * * * *", "*/15 0-6,22 1 1-12/3 SUN,TUE-THU", "30 3 * * mon-fri"])("a schedule may be %j", (cron) => {
    expect(readSettings({ CLEANUP_CRON: cron }, ALL).schedule).toEqual({ kind: "cron", expression: cron });
  });

  it.each(["* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "5-1 * * * *", "*/0 * * * *", "@daily"])(
    "a schedule may not be %j",
    (cron) => {
      expect(problemsOf({ CLEANUP_CRON: cron }, ALL)).toMatchObject([{ variable: "CLEANUP_CRON" }]);
    },
  );

  it("weekdays are given by name: their numbers mean other days on other platforms", () => {
    expect(messagesOf({ CLEANUP_CRON: "0 0 * * 1" }, ALL)[0]).toContain("weekdays are given by name");
  });

  it("exclude each other", () => {
    expect(messagesOf({ CLEANUP_CRON: "0 * * * *", CLEANUP_INTERVAL_MINUTES: "60" }, ALL)).toEqual([
      "CLEANUP_CRON and CLEANUP_INTERVAL_MINUTES are both set; remove one of them",
    ]);
  });
});

describe("tokens and other secrets", () => {
  const token = "0123456789abcdef0123456789abcdef";

  it("ADMIN_TOKEN has at least 32 characters; two separated by a comma serve a rotation; METRICS_TOKEN falls back to it", () => {
    const settings = readSettings({ ADMIN_TOKEN: `${token}, ${token}2` }, ALL);
    expect(settings.adminTokens).toEqual([token, `${token}2`]);
    expect(settings.metricsTokens).toEqual(settings.adminTokens);
    expect(readSettings({ METRICS_TOKEN: token }, ALL)).toMatchObject({ adminTokens: [], metricsTokens: [token] });
  });

  it.each([token.slice(1), `${token},`, `${token},short`, `${token},${token},${token}`, `${token} x`, `${token}é`])(
    "ADMIN_TOKEN may not be %j, and the message does not show it",
    (given) => {
      const [message = "", ...others] = messagesOf({ ADMIN_TOKEN: given }, ALL);
      expect(others).toEqual([]);
      expect(message).toMatch(/^ADMIN_TOKEN is not usable \(its value is not shown\): .+; allowed: at least 32 /);
      for (const part of given.split(/[, ]/)) if (part !== "") expect(message).not.toContain(part);
    },
  );

  it.each(DEFINITIONS.filter((one) => one.secret || one.mayHoldSecret).map((one) => one.name))(
    "%s is never echoed, whatever is wrong with it, built or not",
    (name) => {
      for (const given of [
        `x://user:HIDDEN@host/HIDDEN`,
        `HIDDEN `,
        `https://h/HIDDEN?a=HIDDEN`,
        ["HIDDEN"],
        { HIDDEN: 1 },
      ]) {
        for (const context of [NODE, ALL, WORKER]) {
          expect(JSON.stringify(problemsOf({ ...WORKER_PLACES, [name]: given }, context))).not.toContain("HIDDEN");
        }
      }
    },
  );
});

describe("fall-back names", () => {
  it("TURSO_DATABASE_URL is read where DATABASE_URL is not set, and named in messages", () => {
    expect(readSettings({ TURSO_DATABASE_URL: "file:a.db" }, NODE).databaseUrl).toMatchObject({ path: "a.db" });
    expect(problemsOf({ DATABASE_URL: "", TURSO_DATABASE_URL: "wss://db" })[0]).toMatchObject({
      variable: "TURSO_DATABASE_URL",
      code: "invalid",
    });
    const turso = { TURSO_DATABASE_URL: "libsql://db", TURSO_AUTH_TOKEN: "T0K3N" };
    expect(readSettings(turso, NODE)).toMatchObject({
      databaseUrl: { kind: "remote", url: "libsql://db" },
      databaseAuthToken: "T0K3N",
    });
  });

  it("both set and the same is fine; both set and different is an error that shows neither", () => {
    expect(problemsOf({ DATABASE_URL: "file:a.db", TURSO_DATABASE_URL: "file:a.db" })).toEqual([]);
    expect(messagesOf({ DATABASE_URL: "file:a.db", TURSO_DATABASE_URL: "file:b.db" })).toEqual([
      "DATABASE_URL and TURSO_DATABASE_URL are both set, and differ; remove one of them",
    ]);
    expect(messagesOf({ DATABASE_AUTH_TOKEN: "T0K3N-A", TURSO_AUTH_TOKEN: "T0K3N-B" })).toEqual([
      "DATABASE_AUTH_TOKEN and TURSO_AUTH_TOKEN are both set, and differ; remove one of them",
    ]);
  });

  const aws = {
    AWS_REGION: "eu-west-1",
    AWS_ENDPOINT_URL: "https://s3.example.org",
    AWS_ACCESS_KEY_ID: "aws-id",
    AWS_SECRET_ACCESS_KEY: "aws-key",
    AWS_SESSION_TOKEN: "aws-session",
  };

  it("AWS_… stand in for S3_… where the store is s3, and are nobody's business elsewhere", () => {
    expect(readSettings({ STORAGE_URL: "s3://bucket", ...aws }, ALL).s3).toEqual({
      endpoint: "https://s3.example.org",
      region: "eu-west-1",
      accessKeyId: "aws-id",
      secretAccessKey: "aws-key",
      sessionToken: "aws-session",
      forcePathStyle: true,
    });
    expect(readSettings({ ...aws, AWS_ENDPOINT_URL: "nonsense" }, ALL).s3).toBeNull();
  });

  it("S3_… win without a word, and credentials of two origins are never mixed", () => {
    const own = { S3_ACCESS_KEY_ID: "id", S3_SECRET_ACCESS_KEY: "key", S3_FORCE_PATH_STYLE: "false" };
    expect(readSettings({ STORAGE_URL: "s3://bucket", ...aws, ...own }, ALL).s3).toMatchObject({
      region: "eu-west-1",
      accessKeyId: "id",
      secretAccessKey: "key",
      sessionToken: null,
      forcePathStyle: false,
    });
    expect(messagesOf({ STORAGE_URL: "s3://bucket", ...aws, S3_ACCESS_KEY_ID: "id" }, ALL)).toEqual([
      "STORAGE_URL is an s3: store, which needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY",
    ]);
  });
});

describe("a Worker", () => {
  it("has no default for the database and the store", () => {
    expect(problemsOf({}, WORKER)).toMatchObject([
      { variable: "DATABASE_URL", code: "missing" },
      { variable: "STORAGE_URL", code: "missing" },
    ]);
  });

  it("takes numbers, booleans, lists and tables as its typed variables give them", () => {
    const env = {
      ...WORKER_PLACES,
      CLEANUP_ORPHAN_GRACE_HOURS: 7,
      CLEANUP_ENABLED: false,
      CLEANUP_SWEEPS: ["history"],
      CATALOG_STATUS: { live: ["ready"], expired: "gone" },
      CATALOG_DERIVED: ["{key}.thumb"],
    };
    expect(readSettings(env, WORKER)).toMatchObject({
      orphanGraceMs: 7 * HOUR_MS,
      enabled: false,
      sweeps: ["history"],
      catalog: { status: { live: ["ready"], expired: "gone", deleted: [] }, derived: ["{key}.thumb"] },
    });
  });
});

describe("the table of settings", () => {
  it("holds every name of the contract", () => {
    expect([...SETTING_NAMES].sort()).toEqual(
      `ADMIN_TOKEN CATALOG_ALLOW_CASCADE CATALOG_COLUMNS CATALOG_DERIVED CATALOG_EXPIRED_ACTION CATALOG_KEY_PREFIX
       CATALOG_REFERENCES CATALOG_STATUS CATALOG_TABLE CATALOG_TIME CATALOG_TIMEZONE CATALOG_WHERE CLEANUP_CONCURRENCY
       CLEANUP_CRON CLEANUP_DOWNLOAD_GRACE_MINUTES CLEANUP_ENABLED CLEANUP_EXPIRED_RECORD_DAYS
       CLEANUP_EXPIRY_GRACE_MINUTES CLEANUP_FIRST_RUN CLEANUP_GATE_MINUTES CLEANUP_HISTORY_DAYS CLEANUP_HOLD_COUNT
       CLEANUP_HOLD_EXPIRED_PERCENT CLEANUP_HOLD_PERCENT CLEANUP_IDENTITY_MARKER CLEANUP_IGNORE_PREFIXES
       CLEANUP_INTERVAL_MINUTES CLEANUP_LEFTOVERS CLEANUP_MAX_CALLS CLEANUP_MAX_REMOVALS CLEANUP_MAX_SECONDS
       CLEANUP_MODE CLEANUP_OLD_FILES_DAYS CLEANUP_OLD_FILES_LIVE CLEANUP_ORPHAN_GRACE_HOURS CLEANUP_PAGE_SIZE
       CLEANUP_PRESET CLEANUP_QUARANTINE_HOURS CLEANUP_SCAN_EVERY_HOURS CLEANUP_STALE_AFTER_HOURS CLEANUP_SWEEPS
       CLEANUP_UPLOAD_GRACE_HOURS DATABASE_AUTH_TOKEN DATABASE_URL FILESWEEP_URL HOST LOG_FORMAT LOG_LEVEL
       METRICS_TOKEN NOTIFY_WEBHOOK_URL PORT PUBLIC_URL S3_ACCESS_KEY_ID S3_ENDPOINT S3_FORCE_PATH_STYLE S3_REGION
       S3_SECRET_ACCESS_KEY S3_SESSION_TOKEN STORAGE_URL`.split(/\s+/),
    );
  });
});
