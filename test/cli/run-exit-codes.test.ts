import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildCommand, expectNoStack, expired, live, makeSite, type Site, sharingSite } from "./support/command.ts";

buildCommand();

describe("the exit code of filesweep run", () => {
  it("is 1 where the store refused a delete, and the others are gone", async () => {
    const site = await sharingSite();
    site.put("folder/inside.txt");
    await site.insert(expired("4", "folder"), live("5", "folder/inside.txt"));
    const { code, stdout } = await site.filesweep(["run", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: "completed-with-failures" });
    expect(JSON.parse(stdout).sweeps[0]).toMatchObject({ removed: { count: 2 }, failed: { count: 1 } });
    expect(["a.txt", "folder/inside.txt"].map(site.has)).toEqual([false, true]);
  });

  it("is 3 where the gate is gone: nothing is removed, and the gate is not put back", async () => {
    const site = await sharingSite();
    await site.query("DROP TRIGGER filesweep_gate_files_insert");
    const before = await site.fingerprint();
    for (const _ of [1, 2]) {
      const { code, stdout } = await site.filesweep(["run"]);
      expect(stdout).toMatch(/^Held for a person\. Would remove 2 expired files/);
      expect(stdout).toContain("Held (gate-lost): ");
      expect(code).toBe(3);
    }
    expect(await site.fingerprint()).toBe(before);
    expect((await site.filesweep(["migrate"])).code).toBe(0);
    expect((await site.filesweep(["run"])).code).toBe(0);
  });

  it("is 4 where another holder has the lease, and says who and until when", async () => {
    const site = await sharingSite();
    const until = Date.now() + 3_600_000;
    await site.query("INSERT INTO filesweep_lease (id, holder, fence, expires_at) VALUES (1, 'elsewhere', 7, ?)", [
      until,
    ]);
    const before = await site.fingerprint();
    const { code, stdout, stderr } = await site.filesweep(["run", "--json"]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/elsewhere holds the lease until \d{4}-\d\d-\d\d [\d:]+ UTC/);
    expect(JSON.parse(stdout).error).toMatchObject({
      kind: "lease-held",
      holder: "elsewhere",
      until: new Date(until).toISOString(),
    });
    expect(await site.fingerprint()).toBe(before);
  });

  it("is 5 where the store's folder is gone: not a row is ended", async () => {
    const site = await sharingSite();
    const before = JSON.stringify(await site.query("SELECT * FROM files"));
    rmSync(site.store, { recursive: true });
    const ended = await site.filesweep(["run"]);
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain(`there is no folder ${site.store}. Set STORAGE_URL=file:DIR`);
    expect(ended.stdout).toMatch(/^The run failed\. Nothing was removed/);
    expectNoStack(ended);
    const document = await site.filesweep(["run", "--json"]);
    expect(JSON.parse(document.stdout)).toMatchObject({ status: "failed" });
    expect(document.stderr).toMatch(/^filesweep: .*uploads/m);
    expect(document.code).toBe(5);
    expect(JSON.stringify(await site.query("SELECT * FROM files"))).toBe(before);
  });

  it("is 5 where neither database nor store exist, and nothing is made", async () => {
    const site = await makeSite({ prepared: false });
    const ended = await site.filesweep(["run", "--json"]);
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain(`there is no folder ${site.store}. Set STORAGE_URL=file:DIR`);
    expect(JSON.parse(ended.stdout)).toEqual({ error: { kind: "unavailable", message: expect.any(String) } });
    expectNoStack(ended);
    expect((await site.filesweep(["status"])).stderr).toContain(`there is no database at ${site.database}`);
  });

  it.each([
    ["is a folder", (site: Site) => mkdirSync(join(site.folder, "odd.db"))],
    ["is no database", (site: Site) => writeFileSync(join(site.folder, "odd.db"), "not a database, ".repeat(1000))],
    ["lies below a file", (site: Site) => writeFileSync(join(site.folder, "file"), ""), "file:file/odd.db"],
    ["lies where no folder can be made", () => {}, "file:/proc/none/odd.db"],
  ])("is 5 where the database %s", async (_what, make, url = "file:odd.db") => {
    const site = await sharingSite();
    make(site);
    const ended = await site.filesweep(["run"], { DATABASE_URL: url });
    expect([ended.code, ended.stdout]).toEqual([5, ""]);
    expect(ended.stderr).toMatch(/^filesweep: .*(odd\.db|\/file|\/none)/);
    expectNoStack(ended);
  });

  it("is 6 where its budget ended; the next run goes on under the same id", async () => {
    const site = await sharingSite();
    const first = await site.filesweep(["run", "--json"], { CLEANUP_MAX_REMOVALS: "1" });
    const second = await site.filesweep(["run", "--json"]);
    expect([first.code, second.code]).toEqual([6, 0]);
    const [paused, completed] = [first, second].map(({ stdout }) => JSON.parse(stdout));
    expect(paused).toMatchObject({ status: "paused", finishedAt: null });
    expect(completed).toMatchObject({ status: "completed", slices: 2, id: paused.id });
    expect(completed.sweeps[0].removed).toEqual({ count: 2, bytes: 20 });
  });

  it("is 2 where the database was prepared by newer code", async () => {
    const site = await sharingSite();
    await site.query("UPDATE filesweep_meta SET value = '999' WHERE name = 'schema_version'");
    const ended = await site.filesweep(["run"]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^filesweep: .*newer filesweep/);
  });

  it("is 2 where the table files is another one, which stays as it is", async () => {
    const site = await makeSite({ prepared: false });
    mkdirSync(site.store, { recursive: true });
    await site.query("CREATE TABLE files (path TEXT)");
    const ended = await site.filesweep(["run"]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/the table "files" has another shape[\s\S]*\nCATALOG_COLUMNS=/);
    expect(await site.query("SELECT name FROM sqlite_master")).toEqual([{ name: "files" }]);
  });
});
