import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { describe, expect, it } from "vitest";
import { settingsOf } from "../../src/database/drizzle-table.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { createSweeper, SettingsError } from "../../src/index.ts";
import { plain, temporaryFolder } from "../support/database.ts";

const files = sqliteTable("shared_files", {
  id: integer("file_id").primaryKey(),
  objectKey: text("object_key").notNull(),
  isLive: integer("is_live", { mode: "boolean" }).notNull(),
  endsAt: integer("ends_at", { mode: "timestamp" }),
  madeAt: integer("made_at", { mode: "timestamp" }),
  seenAt: text("seen_at"),
});

const COLUMNS = { id: "id", key: "objectKey", status: "isLive", expiresAt: "endsAt", createdAt: "madeAt" } as const;

describe("a drizzle table", () => {
  it("is mapped by the names of the code, and says how it keeps its instants", () => {
    expect(settingsOf({ table: files, columns: COLUMNS })).toEqual({
      CATALOG_TABLE: "shared_files",
      CATALOG_COLUMNS: {
        id: "file_id",
        key: "object_key",
        status: "is_live",
        expiresAt: "ends_at",
        createdAt: "made_at",
      },
      CATALOG_TIME: "epoch-s",
    });
  });

  it("declares no form where its instants have several, or numbers of which nobody knows the unit", () => {
    const mixed = settingsOf({ table: files, columns: { ...COLUMNS, downloadedAt: "seenAt" } });
    expect(mixed).not.toHaveProperty("CATALOG_TIME");
    expect(settingsOf({ table: files, columns: { id: "id", key: "objectKey", expiresAt: "id" } })).not.toHaveProperty(
      "CATALOG_TIME",
    );
    expect(settingsOf({ table: files, columns: { id: "id", key: "objectKey", expiresAt: "seenAt" } })).toMatchObject({
      CATALOG_TIME: "iso",
    });
  });

  it("has its columns checked by the compiler", () => {
    // @ts-expect-error there is no such column in the code, though there is one in the database
    expect(settingsOf({ table: files, columns: { id: "id", key: "object_key" } })).toBeDefined();
    // @ts-expect-error the key must be mapped
    expect(settingsOf({ table: files, columns: { id: "id" } })).toBeDefined();
  });

  it("is swept by the library", async () => {
    const folder = temporaryFolder();
    const [uploads, database] = [join(folder, "uploads"), join(folder, "app.db")];
    mkdirSync(uploads);
    const client = await openFileClient(database);
    await client.batch(
      [
        plain(
          "CREATE TABLE shared_files (file_id INTEGER PRIMARY KEY, object_key TEXT NOT NULL, is_live INTEGER NOT NULL, ends_at INTEGER, made_at INTEGER, seen_at TEXT)",
        ),
        plain(
          "INSERT INTO shared_files VALUES (1, 'over', 1, 1700000000, 1600000000, NULL), (2, 'live', 1, NULL, 1600000000, NULL)",
        ),
      ],
      "write",
    );
    for (const key of ["over", "live"]) {
      writeFileSync(join(uploads, key), key);
      utimesSync(join(uploads, key), 1_600_000_000, 1_600_000_000);
    }
    const options = {
      env: { DATABASE_URL: `file:${database}`, STORAGE_URL: `file:${uploads}`, CLEANUP_FIRST_RUN: "remove" },
      settings: { CATALOG_STATUS: { live: [true], expired: false } },
      log: () => {},
    };
    const sweeper = createSweeper({ ...options, catalog: { table: files, columns: COLUMNS } });
    await sweeper.run();
    await sweeper.close();
    const [rows] = await client.batch([plain("SELECT file_id AS id, is_live AS live FROM shared_files")], "read");
    client.close();
    expect(rows).toEqual([
      { id: 1, live: 0 },
      { id: 2, live: 1 },
    ]);
    expect(["over", "live"].map((key) => existsSync(join(uploads, key)))).toEqual([false, true]);
  });

  it("is refused where the rest of the mapping does not go with it", () => {
    const columns = { id: "id", key: "objectKey" } as const;
    expect(() => createSweeper({ env: {}, catalog: { table: files, columns } })).toThrow(SettingsError);
  });
});
