import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HOUR_MS } from "../../src/core/safety.ts";
import { buildCommand, expectNoStack, makeSite, type Site } from "./support/command.ts";

buildCommand();

/** A local time without a zone, as Python's `datetime.now().isoformat()` has it; here the zone is UTC. */
const python = (at: number): string => new Date(at).toISOString().replace("Z", "123");

interface Fields {
  readonly id: string;
  readonly expiry?: unknown;
  readonly downloaded?: number;
  readonly more?: Record<string, unknown>;
}

function document({ id, expiry = python(Date.now() + HOUR_MS), downloaded, more }: Fields): Record<string, unknown> {
  return {
    id,
    original_name: `${id}.txt`,
    path: `uploads/${id}`,
    created_at: python(Date.now() - 48 * HOUR_MS),
    downloaded_at: downloaded === undefined ? null : python(downloaded),
    uploaded_by: "ann",
    expiry_at: expiry,
    status: "active",
    decryption_success: true,
    type: "file",
    shared_with: null,
    downloaded_by_ip: null,
    ...more,
  };
}

/** A Buzzdrop with its database and its folder `data/uploads`, before filesweep. */
async function buzzdrop(documents: readonly Record<string, unknown>[]): Promise<Site> {
  const site = await makeSite({ prepared: false });
  mkdirSync(site.store, { recursive: true });
  const numbered = Object.fromEntries(documents.map((one, index) => [String(index + 1), one]));
  writeFileSync(join(site.folder, "db.json"), JSON.stringify({ _default: numbered }));
  return site;
}

const rows = (site: Site) => site.query("SELECT * FROM files ORDER BY id");

describe("filesweep import-tinydb", () => {
  it("makes the table and a row for each document, and a run then sweeps by them", async () => {
    const site = await buzzdrop([
      document({ id: "live" }),
      document({ id: "expired", expiry: python(Date.now() - HOUR_MS) }),
      document({ id: "fetched", downloaded: Date.now() - 2 * HOUR_MS }),
      document({ id: "unreadable", expiry: "soon" }),
    ]);
    for (const id of ["live", "expired", "fetched", "unreadable"]) site.put(id);
    const imported = await site.filesweep(["import-tinydb", "db.json"]);
    expect(imported).toMatchObject({ code: 0, stdout: "Imported 4 files.\n" });
    expect(imported.stderr).toContain('document 4 of _default: expiry_at "soon" is no time that can be read');
    expect(await rows(site)).toMatchObject([
      {
        id: "expired",
        key: "expired",
        original_name: "expired.txt",
        uploaded_by: "ann",
        max_downloads: 1,
        downloads: 0,
      },
      { id: "fetched", downloads: 1, max_downloads: 1, downloaded_at: expect.any(Number) },
      { id: "live", status: "active", expires_at: expect.any(Number), downloaded_at: null },
      { id: "unreadable", expires_at: "soon" },
    ]);
    expect((await site.filesweep(["run"])).code).toBe(0);
    expect(["live", "expired", "fetched", "unreadable"].map(site.has)).toEqual([true, false, false, true]);
  });

  it("reads times without a zone in CATALOG_TIMEZONE", async () => {
    const site = await buzzdrop([document({ id: "a", expiry: "2026-07-01T12:00:00.000001" })]);
    await site.filesweep(["import-tinydb", "db.json"], { CATALOG_TIMEZONE: "America/New_York" });
    expect(await rows(site)).toMatchObject([{ expires_at: Date.UTC(2026, 6, 1, 16, 0, 0, 1) }]);
  });

  it("may be repeated: what is there stays as it is, and what differs is told", async () => {
    const site = await buzzdrop([document({ id: "a" }), document({ id: "b" })]);
    await site.filesweep(["import-tinydb", "db.json"]);
    const before = await rows(site);
    const again = await site.filesweep(["import-tinydb", "db.json"]);
    expect(again).toMatchObject({
      code: 0,
      stdout: "Imported 0 files; 2 rows were there already and stayed as they are.\n",
    });
    expect(await rows(site)).toEqual(before);
    await site.query("UPDATE files SET expires_at = expires_at + 1 WHERE id = 'b'");
    await site.query("DELETE FROM files WHERE id = 'a'");
    const third = await site.filesweep(["import-tinydb", "db.json", "--json"]);
    expect(JSON.parse(third.stdout)).toEqual({
      imported: 1,
      present: 1,
      differing: ["b"],
      warnings: expect.any(Array),
      problems: [],
    });
  });

  it("does not revive what filesweep has ended", async () => {
    const site = await buzzdrop([document({ id: "a", expiry: python(Date.now() - HOUR_MS) })]);
    site.put("a");
    await site.filesweep(["import-tinydb", "db.json"]);
    await site.filesweep(["run"]);
    await site.filesweep(["import-tinydb", "db.json"]);
    expect(await rows(site)).toMatchObject([{ id: "a", status: "expired" }]);
  });

  it("imports nothing where a document names no file, exits with 1, and names each by its number", async () => {
    const site = await buzzdrop([
      document({ id: "a" }),
      document({ id: "b", more: { path: null } }),
      document({ id: "c", more: { id: "" } }),
    ]);
    const { code, stdout, stderr } = await site.filesweep(["import-tinydb", "db.json"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/document 2 of _default has no path/);
    expect(stderr).toMatch(/document 3 of _default has no id/);
    expect(existsSync(site.database)).toBe(false);
  });

  it("tells of a field that it does not know, and exits with 0", async () => {
    const site = await buzzdrop([document({ id: "a", more: { colour: "red" } })]);
    const { code, stderr } = await site.filesweep(["import-tinydb", "db.json"]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('the field "colour" is not known')]);
  });

  it("writes keys with CATALOG_KEY_PREFIX in front, as the column is read", async () => {
    const site = await buzzdrop([document({ id: "a" })]);
    site.put("a");
    const env = { CATALOG_KEY_PREFIX: "uploads/" };
    await site.filesweep(["import-tinydb", "db.json"], env);
    expect(await rows(site)).toMatchObject([{ key: "uploads/a" }]);
    expect((await site.filesweep(["doctor"], env)).stdout).toContain("1 live rows and 1 objects: all meet");
  });

  it.each([
    ["a file that is not there", ["none.json"], {}, /^filesweep: none\.json cannot be read \(ENOENT\)/],
    [
      "a file that is no database of TinyDB's",
      ["bad.json"],
      {},
      /^filesweep: bad\.json cannot be imported: it is no JSON/,
    ],
    [
      "a mapped table",
      ["db.json"],
      { CATALOG_TABLE: "files" },
      /CATALOG_TABLE or CATALOG_COLUMNS describes another one/,
    ],
  ])("refuses %s with 2", async (_, args, env, says) => {
    const site = await buzzdrop([document({ id: "a" })]);
    writeFileSync(join(site.folder, "bad.json"), "{");
    const ended = await site.filesweep(["import-tinydb", ...args], env);
    expectNoStack(ended);
    expect([ended.code, ended.stdout]).toEqual([2, ""]);
    expect(ended.stderr).toMatch(says);
  });
});
