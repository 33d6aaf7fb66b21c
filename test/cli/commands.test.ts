import { existsSync, readFileSync, rmSync } from "node:fs";
import { createClient } from "@libsql/client/sqlite3";
import { describe, expect, it } from "vitest";
import { buildCommand, expectNoStack, expired, makeSite } from "./support/command.ts";

buildCommand();

const MANIFEST: { version: string } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

describe("filesweep", () => {
  it("--version prints the version of the package", async () => {
    const site = await makeSite({ prepared: false });
    expect(await site.filesweep(["--version"])).toEqual({ code: 0, stdout: `${MANIFEST.version}\n`, stderr: "" });
  });

  it.each([
    [[], ["run", "status", "migrate", "uninstall", "--env-file <file>", "Exit codes:"]],
    [["run"], ["--plan", "--remove", "--list", "--sweep <name>", "--json", "--env-file <file>"]],
    [["status"], ["--json", "--env-file <file>"]],
    [["migrate"], ["--plan", "--json", "--env-file <file>"]],
    [["uninstall"], ["--yes", "--json", "--env-file <file>"]],
  ])("%j --help tells of everything there is, without reading a setting", async (command, mentioned) => {
    const site = await makeSite({ prepared: false });
    const { code, stdout, stderr } = await site.filesweep([...command, "--help"], { CLEANUP_MODE: "nonsense" });
    expect([code, stderr]).toEqual([0, ""]);
    for (const text of mentioned) expect(stdout).toContain(text);
  });

  it("without a command shows the help on stderr and exits with 2", async () => {
    const site = await makeSite({ prepared: false });
    const { code, stdout, stderr } = await site.filesweep([]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Usage: filesweep");
  });

  it.each([
    ["statsu", "status"],
    ["RUN", "run"],
    ["delete-everything", ""],
  ])("refuses the unknown command %s, and names the nearest", async (command, nearest) => {
    const site = await makeSite({ prepared: false });
    const { code, stdout, stderr } = await site.filesweep([command]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(new RegExp(`^filesweep: there is no command "${command}"; did you mean ${nearest}`));
  });

  it("refuses an unknown global option", async () => {
    const site = await makeSite({ prepared: false });
    expect(await site.filesweep(["--verbose", "run"])).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("filesweep status", () => {
  it("shows the last run and what is open", async () => {
    const site = await makeSite();
    site.put("a.txt");
    site.put("orphan.txt");
    await site.insert(expired("1", "a.txt"));
    const run = JSON.parse((await site.filesweep(["run", "--json"])).stdout);
    const { code, stdout } = await site.filesweep(["status"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Last run: completed, \d{4}-\d\d-\d\d [\d:]+ UTC \(remove, [\w-]+\)\n {10}Removed 1 expired file/,
    );
    expect(stdout).toMatch(/^Open: {5}1 \(10 B\) suspected$/m);
    const document = JSON.parse((await site.filesweep(["status", "--json"])).stdout);
    expect(document).toEqual({
      totalCycles: 1,
      expiredFilesRemoved: 1,
      orphanedFilesRemoved: 0,
      oldRecordsRemoved: 0,
      staleUploadsAborted: 0,
      missingObjects: 0,
      bytesReclaimed: 10,
      lastRun: run,
      lastDurationMs: run.durationMs,
      nextRun: null,
      open: {
        suspected: { count: 1, bytes: 10 },
        due: { count: 0, bytes: 0 },
        condemned: { count: 0, bytes: 0 },
        failed: { count: 0, bytes: 0 },
        abandoned: { count: 0, bytes: 0 },
      },
      holds: [],
    });
  });

  it("of a database without filesweep's tables says so, and makes none", async () => {
    const site = await makeSite();
    await site.filesweep(["uninstall", "--yes"]);
    const { code, stdout } = await site.filesweep(["status"]);
    expect(stdout).toBe(`No run yet. ${site.database} has no tables of filesweep; the first run makes them.\n`);
    expect(JSON.parse((await site.filesweep(["status", "--json"])).stdout)).toMatchObject({ lastRun: null });
    expect(await site.query("SELECT name FROM sqlite_master WHERE name LIKE 'filesweep%'")).toEqual([]);
    expect(code).toBe(0);
  });

  it("of a database before its first run says that", async () => {
    const site = await makeSite();
    const { code, stdout } = await site.filesweep(["status"]);
    expect([code, stdout.split("\n")[0]]).toEqual([0, "No run yet."]);
  });

  it("of a database that is not there exits with 5, and makes none", async () => {
    const site = await makeSite({ prepared: false });
    const { code, stdout, stderr } = await site.filesweep(["status"]);
    expect([code, stdout]).toEqual([5, ""]);
    expect(stderr).toMatch(/^filesweep: there is no database at .*set DATABASE_URL/);
    expect(existsSync(site.database)).toBe(false);
  });
});

describe("filesweep migrate", () => {
  it("--plan prints SQL that a database takes as it is, and executes nothing", async () => {
    const site = await makeSite({ prepared: false });
    const { code, stdout } = await site.filesweep(["migrate", "--plan"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^-- .*filesweep\.db: from schema 0 to \d+\n/);
    expect(existsSync(site.database)).toBe(false);
    const planned = createClient({ url: ":memory:" });
    await planned.executeMultiple(stdout);
    const made = await makeSite();
    const master = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name";
    expect((await planned.execute(master)).rows.map((row) => ({ ...row }))).toEqual(await made.query(master));
    planned.close();
  });

  it("makes the tables once, and puts a lost gate back", async () => {
    const site = await makeSite({ prepared: false });
    expect((await site.filesweep(["migrate"])).stdout).toMatch(/was brought from schema 0 to \d+/);
    expect((await site.filesweep(["migrate"])).stdout).toMatch(/is up to date/);
    expect((await site.filesweep(["migrate", "--plan"])).stdout).toMatch(/^-- .*: up to date \(schema \d+\)\n$/);
    await site.query("DROP TRIGGER filesweep_gate_files_update");
    const again = await site.filesweep(["migrate", "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ applied: true, statements: expect.arrayContaining([]) });
    expect(JSON.parse((await site.filesweep(["migrate", "--plan", "--json"])).stdout)).toMatchObject({
      applied: false,
      statements: [],
    });
  });
});

describe("filesweep uninstall", () => {
  it("prints its SQL and changes nothing, until it is told --yes", async () => {
    const site = await makeSite();
    await site.insert(expired("1", "a.txt"));
    const master = "SELECT type, name FROM sqlite_master WHERE name LIKE 'filesweep%'";
    const before = await site.query(master);
    const shown = await site.filesweep(["uninstall"]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('DROP TABLE IF EXISTS "filesweep_removals";');
    expect(shown.stdout.indexOf("DROP TABLE")).toBeGreaterThan(shown.stdout.lastIndexOf("DROP TRIGGER"));
    expect(shown.stderr).toMatch(/run again with --yes/);
    expect(await site.query(master)).toEqual(before);

    const done = await site.filesweep(["uninstall", "--yes", "--json"]);
    expect(done.code).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ applied: true });
    expect(await site.query(master)).toEqual([]);
    expect(await site.query("SELECT id, status FROM files")).toEqual([{ id: "1", status: "active" }]);
    expect((await site.filesweep(["uninstall", "--yes"])).stdout).toMatch(/^Nothing of filesweep is in /);
  });

  it("refuses while an object is being removed, and leaves the lease free", async () => {
    const site = await makeSite();
    await site.query(`INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
      VALUES ('r', 'k', 'condemned', 'expired', 'expired-files', 'x', 1)`);
    for (const args of [["uninstall"], ["uninstall", "--yes"]]) {
      const { code, stdout, stderr } = await site.filesweep(args);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/condemned/);
    }
    expect(await site.query("SELECT count(*) AS n FROM filesweep_removals")).toEqual([{ n: 1 }]);
    expect((await site.filesweep(["run"])).code).not.toBe(4);
  });

  it("waits for nobody: while a run has the lease it exits with 4", async () => {
    const site = await makeSite();
    await site.query("INSERT INTO filesweep_lease (id, holder, fence, expires_at) VALUES (1, 'a run', 1, ?)", [
      Date.now() + 3_600_000,
    ]);
    const { code, stderr } = await site.filesweep(["uninstall", "--yes"]);
    expect(stderr).toMatch(/a run holds the lease until/);
    expect(code).toBe(4);
    expect(await site.query("SELECT holder FROM filesweep_lease")).toEqual([{ holder: "a run" }]);
  });

  it("says what is left to do where the store cannot be reached for its marker", async () => {
    const site = await makeSite();
    rmSync(site.store, { recursive: true, force: true });
    const ended = await site.filesweep(["uninstall", "--yes"]);
    expect(ended).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/out of the database, but its marker may still/),
    });
    expectNoStack(ended);
    expect(await site.query("SELECT name FROM sqlite_master WHERE name LIKE 'filesweep%'")).toEqual([]);
  });

  it("of a database that is not there exits with 5", async () => {
    const site = await makeSite({ prepared: false });
    expect(await site.filesweep(["uninstall"])).toMatchObject({ code: 5, stdout: "" });
  });
});
