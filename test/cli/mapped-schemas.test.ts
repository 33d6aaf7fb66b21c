/**
 * Six applications as people have them: each schema by its own DDL, mapped by settings alone, swept by the real command.
 * After it every row and every file is looked at.
 */
import { describe, expect, test } from "vitest";
import type { Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { buildCommand, makeSite, type Site } from "./support/command.ts";

buildCommand();

const NOW = Date.now();
const AGO = NOW - HOUR_MS;
const AHEAD = NOW + HOUR_MS;
const LONG_AGO = NOW - 100 * DAY_MS;

/** `Y-m-d H:i:s`, as the clocks of a zone show it. */
function local(instant: number, timeZone: string): string {
  return new Date(instant).toLocaleString("sv-SE", { timeZone });
}

interface Application {
  readonly name: string;
  readonly ddl: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly rows: Readonly<Record<string, readonly (readonly Value[])[]>>;
  /** Every object of the store, all of them old. */
  readonly objects: readonly string[];
  /** The objects that are gone after. */
  readonly gone: readonly string[];
  /** What every table holds after; of the application's own nothing else may have changed. */
  readonly after: Readonly<Record<string, readonly (readonly Value[])[]>>;
}

const FLASK: Application = {
  name: "a Flask application that came from TinyDB",
  ddl: [
    `CREATE TABLE uploads (
      id TEXT PRIMARY KEY, original_name TEXT, path TEXT, created_at TEXT, downloaded_at TEXT, expiry_at TEXT,
      status TEXT DEFAULT 'active', downloads INTEGER DEFAULT 0, max_downloads INTEGER DEFAULT 1)`,
  ],
  env: {
    CATALOG_TABLE: "uploads",
    CATALOG_COLUMNS:
      '{"id":"id","key":"path","status":"status","createdAt":"created_at","downloadedAt":"downloaded_at","expiresAt":"expiry_at","downloads":"downloads","maxDownloads":"max_downloads"}',
    CATALOG_KEY_PREFIX: "uploads/",
    CATALOG_TIMEZONE: "America/New_York",
  },
  rows: {
    uploads: [
      [
        "e",
        "e.pdf",
        "uploads/e",
        `${local(LONG_AGO, "America/New_York").replace(" ", "T")}.123456`,
        null,
        `${local(AGO, "America/New_York").replace(" ", "T")}.654321`,
        "active",
        0,
        1,
      ],
      [
        "l",
        "l.pdf",
        "uploads/l",
        local(LONG_AGO, "America/New_York"),
        null,
        `${local(AHEAD, "America/New_York").replace(" ", "T")}.000001`,
        "active",
        0,
        1,
      ],
      [
        "u",
        "u.pdf",
        "uploads/u",
        local(LONG_AGO, "America/New_York"),
        local(NOW - 2 * HOUR_MS, "America/New_York"),
        null,
        "active",
        1,
        1,
      ],
      [
        "d",
        "d.pdf",
        "uploads/d",
        local(LONG_AGO, "America/New_York"),
        local(NOW - HOUR_MS / 2, "America/New_York"),
        null,
        "active",
        1,
        1,
      ],
      ["x", "x.pdf", "uploads/x", "whenever", null, "soon", "active", 0, 1],
      [
        "p",
        "p.pdf",
        "/srv/other/p",
        local(LONG_AGO, "America/New_York"),
        null,
        local(AGO, "America/New_York"),
        "active",
        0,
        1,
      ],
      ["q", "q.pdf", "q", local(LONG_AGO, "America/New_York"), null, local(AGO, "America/New_York"), "active", 0, 1],
    ],
  },
  objects: ["e", "l", "u", "d", "x", "p", "q", "orphan"],
  gone: ["e", "u", "p", "orphan"],
  after: {
    uploads: [
      ["e", "expired"],
      ["l", "active"],
      ["u", "expired"],
      ["d", "active"],
      ["x", "active"],
      ["p", "active"],
      ["q", "active"],
    ],
  },
};

const LARAVEL: Application = {
  name: "a Laravel application with soft deletes, in local time",
  ddl: [
    `CREATE TABLE "attachments" ("id" integer primary key autoincrement not null, "user_id" integer, "disk" varchar not null,
      "path" varchar not null, "size" integer, "state" integer not null default 1, "expires_at" datetime,
      "created_at" datetime, "updated_at" datetime, "deleted_at" datetime)`,
    `CREATE INDEX attachments_expires_at_index ON attachments (expires_at)`,
    `CREATE TABLE users (id integer primary key, avatar varchar)`,
  ],
  env: {
    CATALOG_TABLE: "attachments",
    CATALOG_COLUMNS:
      '{"id":"id","key":"path","status":"state","expiresAt":"expires_at","createdAt":"created_at","deletedAt":"deleted_at","size":"size"}',
    CATALOG_STATUS: '{"live":[1],"expired":9}',
    CATALOG_WHERE: '{"disk":"s3"}',
    CATALOG_TIME: "iso",
    CATALOG_TIMEZONE: "Europe/Berlin",
    CATALOG_REFERENCES: '[{"table":"users","column":"avatar","stripPrefix":"/storage/"}]',
    CLEANUP_LEFTOVERS: "all",
  },
  rows: {
    attachments: [
      [1, 7, "s3", "a/expired.txt", 10, 1, local(AGO, "Europe/Berlin"), local(LONG_AGO, "Europe/Berlin"), null, null],
      [2, 7, "s3", "a/live.txt", 10, 1, local(AHEAD, "Europe/Berlin"), local(LONG_AGO, "Europe/Berlin"), null, null],
      [
        3,
        7,
        "s3",
        "a/soft-deleted.txt",
        10,
        1,
        null,
        local(LONG_AGO, "Europe/Berlin"),
        null,
        local(AGO, "Europe/Berlin"),
      ],
      [
        4,
        7,
        "local",
        "a/other-disk.txt",
        10,
        1,
        local(AGO, "Europe/Berlin"),
        local(LONG_AGO, "Europe/Berlin"),
        null,
        null,
      ],
      [5, 7, "s3", "a/avatar.png", 10, 1, local(AGO, "Europe/Berlin"), local(LONG_AGO, "Europe/Berlin"), null, null],
      [6, 7, "s3", "a/uploading.txt", 10, 0, local(AGO, "Europe/Berlin"), local(LONG_AGO, "Europe/Berlin"), null, null],
    ],
    users: [[7, "/storage/a/avatar.png"]],
  },
  objects: ["a/expired.txt", "a/live.txt", "a/soft-deleted.txt", "a/other-disk.txt", "a/avatar.png", "a/uploading.txt"],
  gone: ["a/expired.txt", "a/soft-deleted.txt", "a/other-disk.txt"],
  after: {
    attachments: [
      [1, 9],
      [2, 1],
      [3, 1],
      [4, 1],
      [5, 9],
      [6, 0],
    ],
    users: [[7, "/storage/a/avatar.png"]],
  },
};

const PRISMA: Application = {
  name: "a Prisma application, camelCase and in epoch milliseconds",
  ddl: [
    `CREATE TABLE "User" ("id" TEXT NOT NULL PRIMARY KEY)`,
    `CREATE TABLE "SharedFile" ("id" TEXT NOT NULL PRIMARY KEY, "storageKey" TEXT NOT NULL, "ownerId" TEXT NOT NULL,
      "sizeBytes" BIGINT NOT NULL, "isActive" BOOLEAN NOT NULL DEFAULT true, "downloadCount" INTEGER NOT NULL DEFAULT 0,
      "downloadLimit" INTEGER, "expiresAt" DATETIME, "createdAt" DATETIME NOT NULL,
      CONSTRAINT "SharedFile_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User" ("id") ON DELETE CASCADE)`,
    `CREATE UNIQUE INDEX "SharedFile_storageKey_key" ON "SharedFile"("storageKey")`,
    `CREATE INDEX "SharedFile_isActive_expiresAt_idx" ON "SharedFile"("isActive", "expiresAt")`,
  ],
  env: {
    CATALOG_TABLE: "SharedFile",
    CATALOG_COLUMNS:
      '{"id":"id","key":"storageKey","status":"isActive","size":"sizeBytes","downloads":"downloadCount","maxDownloads":"downloadLimit","expiresAt":"expiresAt","createdAt":"createdAt"}',
    CATALOG_STATUS: '{"live":[true],"expired":false}',
    CATALOG_TIME: "epoch-ms",
    CATALOG_DERIVED: '["{key}.thumb.jpg","previews/{key}"]',
  },
  rows: {
    User: [["o"]],
    SharedFile: [
      ["e", "e.jpg", "o", 10, 1, 0, null, AGO, LONG_AGO],
      ["l", "l.jpg", "o", 10, 1, 0, null, AHEAD, LONG_AGO],
      ["u", "u.jpg", "o", 10, 1, 3, 3, null, LONG_AGO],
      ["z", "z.jpg", "o", 10, 1, 3, 0, null, LONG_AGO],
    ],
  },
  objects: [
    "e.jpg",
    "e.jpg.thumb.jpg",
    "previews/e.jpg",
    "l.jpg",
    "l.jpg.thumb.jpg",
    "previews/l.jpg",
    "u.jpg",
    "z.jpg",
    "gone.jpg.thumb.jpg",
    "previews/z.png",
  ],
  gone: ["e.jpg", "e.jpg.thumb.jpg", "previews/e.jpg", "u.jpg", "gone.jpg.thumb.jpg", "previews/z.png"],
  after: {
    User: [["o"]],
    SharedFile: [
      ["e", 0],
      ["l", 1],
      ["u", 0],
      ["z", 1],
    ],
  },
};

const RAILS: Application = {
  name: "a Rails application with ActiveStorage",
  ddl: [
    `CREATE TABLE "active_storage_blobs" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "key" varchar NOT NULL,
      "filename" varchar NOT NULL, "byte_size" bigint NOT NULL, "created_at" datetime(6) NOT NULL)`,
    `CREATE UNIQUE INDEX "index_active_storage_blobs_on_key" ON "active_storage_blobs" ("key")`,
    `CREATE TABLE "active_storage_attachments" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar NOT NULL,
      "record_type" varchar NOT NULL, "record_id" bigint NOT NULL, "blob_id" bigint NOT NULL,
      CONSTRAINT "fk_rails_c3b3935057" FOREIGN KEY ("blob_id") REFERENCES "active_storage_blobs" ("id"))`,
    `CREATE TABLE "active_storage_variant_records" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "blob_id" bigint NOT NULL,
      "variation_digest" varchar NOT NULL, CONSTRAINT "fk_rails_993965df05" FOREIGN KEY ("blob_id") REFERENCES "active_storage_blobs" ("id"))`,
  ],
  // Nothing expires here: what is looked for are objects that no blob names, and blobs without an object.
  env: {
    CATALOG_TABLE: "active_storage_blobs",
    CATALOG_COLUMNS: '{"id":"id","key":"key","size":"byte_size","createdAt":"created_at"}',
    CATALOG_EXPIRED_ACTION: "delete",
    CATALOG_DERIVED: '["variants/{key}"]',
  },
  rows: {
    active_storage_blobs: [
      [1, "xtapjjcjiudrlk3tmwyjgpuobabd", "a.jpg", 10, "2026-01-01 10:00:00.123456"],
      [2, "blobwithoutanobject000000000", "b.jpg", 10, "2026-01-01 10:00:00.123456"],
    ],
    active_storage_attachments: [[1, "image", "Post", 1, 1]],
    active_storage_variant_records: [[1, 1, "digest"]],
  },
  objects: [
    "xtapjjcjiudrlk3tmwyjgpuobabd",
    "variants/xtapjjcjiudrlk3tmwyjgpuobabd",
    "purgedlongago000000000000000",
    "variants/purgedlongago000000000000000",
  ],
  gone: ["purgedlongago000000000000000", "variants/purgedlongago000000000000000"],
  after: {
    active_storage_blobs: [
      [1, "xtapjjcjiudrlk3tmwyjgpuobabd"],
      [2, "blobwithoutanobject000000000"],
    ],
    active_storage_attachments: [[1, "image"]],
    active_storage_variant_records: [[1, 1]],
  },
};

const HASHES: Application = {
  name: "a table keyed by content hash, which many rows share",
  ddl: [
    `CREATE TABLE shares (sha256 TEXT NOT NULL, owner INTEGER NOT NULL, expires INTEGER, PRIMARY KEY (owner, sha256)) WITHOUT ROWID`,
    `CREATE TABLE albums (name TEXT PRIMARY KEY, pictures TEXT)`,
  ],
  env: {
    CATALOG_TABLE: "shares",
    CATALOG_COLUMNS: '{"id":"owner","key":"sha256","expiresAt":"expires"}',
    CATALOG_EXPIRED_ACTION: "delete",
    CATALOG_TIME: "epoch-s",
    CATALOG_REFERENCES: '[{"table":"albums","column":"pictures","format":"json-array"}]',
  },
  rows: {
    shares: [
      ["aa", 1, Math.floor(AGO / 1000)],
      ["aa", 2, Math.floor(AHEAD / 1000)],
      ["bb", 1, Math.floor(AGO / 1000)],
      ["bb", 2, Math.floor(AGO / 1000)],
      ["cc", 1, Math.floor(AGO / 1000)],
      ["dd", 3, null],
    ],
    albums: [
      ["summer", '["cc", {"path": "ee"}]'],
      ["broken", "ff"],
      ["empty", null],
    ],
  },
  objects: ["aa", "bb", "cc", "dd", "ee", "ff", "gg"],
  gone: ["bb", "gg"],
  after: {
    shares: [
      ["aa", 2],
      ["dd", 3],
    ],
    albums: [
      ["broken", "ff"],
      ["empty", null],
      ["summer", '["cc", {"path": "ee"}]'],
    ],
  },
};

const DRIZZLE: Application = {
  name: "a Drizzle starter with ISO texts in UTC",
  ddl: [
    "CREATE TABLE `files_table` (`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `name` text NOT NULL, `r2_key` text NOT NULL, `status` text DEFAULT 'ready' NOT NULL, `on_hold` integer DEFAULT false NOT NULL, `expires_at` text, `last_download` text, `created_at` text DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) NOT NULL)",
    "CREATE INDEX `expires_idx` ON `files_table` (`status`, `expires_at`)",
  ],
  env: {
    CATALOG_TABLE: "files_table",
    CATALOG_COLUMNS:
      '{"id":"id","key":"r2_key","status":"status","hold":"on_hold","expiresAt":"expires_at","downloadedAt":"last_download","createdAt":"created_at"}',
    CATALOG_STATUS: '{"live":["ready","shared"],"expired":"archived","deleted":["trashed"]}',
    CLEANUP_OLD_FILES_DAYS: "30",
    CLEANUP_LEFTOVERS: "all",
  },
  rows: {
    files_table: [
      [1, "n", "k/1", "ready", 0, new Date(AGO).toISOString(), null, new Date(LONG_AGO).toISOString()],
      [2, "n", "k/2", "shared", 0, new Date(AGO).toISOString(), null, new Date(LONG_AGO).toISOString()],
      [3, "n", "k/3", "ready", 1, new Date(AGO).toISOString(), null, new Date(LONG_AGO).toISOString()],
      [4, "n", "k/4", "trashed", 0, null, null, new Date(LONG_AGO).toISOString()],
      [
        5,
        "n",
        "k/5",
        "archived",
        0,
        new Date(LONG_AGO).toISOString(),
        new Date(LONG_AGO).toISOString(),
        new Date(LONG_AGO).toISOString(),
      ],
      [
        6,
        "n",
        "k/6",
        "ready",
        0,
        new Date(AHEAD).toISOString(),
        new Date(LONG_AGO).toISOString(),
        new Date(LONG_AGO).toISOString(),
      ],
    ],
  },
  objects: ["k/1", "k/2", "k/3", "k/4", "k/6"],
  gone: ["k/1", "k/2", "k/4"],
  after: {
    files_table: [
      [1, "archived"],
      [2, "archived"],
      [3, "ready"],
      [4, "trashed"],
      [6, "ready"],
    ],
  },
};

/** For each table the two columns that are looked at: what names a row, and what may change. */
const SHOWN: Readonly<Record<string, string>> = {
  uploads: "id, status",
  attachments: "id, state",
  users: "id, avatar",
  User: "id",
  SharedFile: "id, isActive",
  active_storage_blobs: "id, key",
  active_storage_attachments: "id, name",
  active_storage_variant_records: "id, blob_id",
  shares: "sha256, owner",
  albums: "name, pictures",
  files_table: "id, status",
};

async function settled({ ddl, rows, objects }: Application): Promise<Site> {
  const site = await makeSite({ prepared: false });
  for (const key of objects) site.put(key);
  for (const sql of ddl) await site.query(sql);
  for (const [table, values] of Object.entries(rows)) {
    for (const row of values) {
      await site.query(`INSERT INTO "${table}" VALUES (${row.map(() => "?").join(", ")})`, row);
    }
  }
  return site;
}

/** Every row of the application, whole, with the types of what it holds. */
async function whole(site: Site, tables: readonly string[]): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const table of tables) {
    const columns = await site.query(`SELECT name FROM pragma_table_info('${table}')`);
    const named = columns.map(({ name }) => `quote("${String(name)}") AS "${String(name)}"`).join(", ");
    found[table] = await site.query(`SELECT ${named} FROM "${table}" ORDER BY 1`);
  }
  return found;
}

function sorted<Row>(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

describe.each([FLASK, LARAVEL, PRISMA, RAILS, HASHES, DRIZZLE])("$name", (application) => {
  const { env, objects, gone, after, rows } = application;
  const settings = { ...env, CLEANUP_QUARANTINE_HOURS: "0", CLEANUP_HOLD_PERCENT: "100" };

  test("a plan says what would go, and leaves every row and every file alone", async () => {
    const site = await settled(application);
    const before = await whole(site, Object.keys(rows));
    const { code, stdout, stderr } = await site.filesweep(["run", "--plan", "--json"], settings);
    expect([code, stderr.includes("settings are wrong")]).toEqual([0, false]);
    const removed = JSON.parse(stdout).sweeps.reduce(
      (sum: number, sweep: { removed: { count: number } }) => sum + sweep.removed.count,
      0,
    );
    expect(removed).toBeGreaterThan(0);
    expect(await whole(site, Object.keys(rows))).toEqual(before);
    expect(objects.filter((key) => !site.has(key))).toEqual([]);
  });

  test("a run ends what has come to its end, row by row, and removes what nothing protects", async () => {
    const site = await settled(application);
    const before = await whole(site, Object.keys(rows));
    const { code, stderr } = await site.filesweep(["run"], settings);
    expect([code, stderr.match(/settings? (is|are) wrong.*/s)?.[0]]).toEqual([0, undefined]);
    for (const [table, wanted] of Object.entries(after)) {
      const columns = (SHOWN[table] ?? "").split(", ");
      const found = await site.query(`SELECT ${SHOWN[table]} FROM "${table}"`);
      const shown = found.map((row) => columns.map((name) => row[name] ?? null));
      expect(sorted(shown)).toEqual(sorted(wanted));
    }
    expect(objects.filter((key) => !site.has(key)).sort()).toEqual([...gone].sort());
    // Of each row that is left only the status may have changed, and that keeps its type.
    const status = JSON.parse(env["CATALOG_COLUMNS"] ?? "{}").status;
    const left = await whole(site, Object.keys(rows));
    for (const [table, kept] of Object.entries(left)) {
      const earlier = (before[table] as Record<string, string>[]).map(({ [status]: _, ...row }) => JSON.stringify(row));
      for (const { [status]: now, ...row } of kept as Record<string, string>[]) {
        expect(earlier).toContain(JSON.stringify(row));
        if (now !== undefined && typeof now === "string") expect(now).not.toMatch(/^'?\d+\.0'?$/);
      }
    }

    const again = await site.filesweep(["run", "--json"], settings);
    expect(again.code).toBe(0);
    for (const { removed } of JSON.parse(again.stdout).sweeps) expect(removed.count).toBe(0);
    expect(await whole(site, Object.keys(rows))).toEqual(left);
  });
});

test("a table whose rows take others along is not swept by deleting rows, until that is allowed", async () => {
  const site = await makeSite({ prepared: false });
  site.put("k");
  await site.query("CREATE TABLE uploads (id INTEGER PRIMARY KEY, key TEXT, ends INTEGER)");
  await site.query("CREATE TABLE comments (upload INTEGER REFERENCES uploads (id) ON DELETE CASCADE)");
  await site.query("INSERT INTO uploads VALUES (1, 'k', ?), (2, 'l', NULL)", [AGO]);
  const env = {
    CATALOG_TABLE: "uploads",
    CATALOG_COLUMNS: '{"id":"id","key":"key","expiresAt":"ends"}',
    CATALOG_EXPIRED_ACTION: "delete",
  };
  const refused = await site.filesweep(["run", "--sweep", "expired-files"], env);
  expect([refused.code, site.has("k")]).toEqual([1, true]);
  expect(refused.stdout + refused.stderr).toContain("CATALOG_ALLOW_CASCADE=true");
  const allowed = await site.filesweep(["run", "--sweep", "expired-files"], { ...env, CATALOG_ALLOW_CASCADE: "true" });
  expect([allowed.code, site.has("k")]).toEqual([0, false]);
});

test("a table `files` of another shape: exit 2, and the line that is shown makes it work", async () => {
  const site = await makeSite({ prepared: false });
  site.put("k");
  await site.query("CREATE TABLE files (uuid TEXT PRIMARY KEY, objectKey TEXT, expiresAt INTEGER)");
  await site.query("INSERT INTO files VALUES ('1', 'k', ?), ('2', 'l', NULL)", [AGO]);
  const refused = await site.filesweep(["run"]);
  expect(refused.code).toBe(2);
  const lines = [...refused.stderr.matchAll(/^(CATALOG_\w+)='?(.*?)'?$/gm)];
  const env = Object.fromEntries(lines.map(([, name = "", value = ""]) => [name, value]));
  expect(Object.keys(env)).toEqual(["CATALOG_COLUMNS", "CATALOG_EXPIRED_ACTION"]);
  expect((await site.filesweep(["run"], env)).code).toBe(0);
  expect([await site.query("SELECT uuid FROM files"), site.has("k")]).toEqual([[{ uuid: "2" }], false]);
});
