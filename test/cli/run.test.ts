import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { toRunJson } from "../../src/core/documents/run.ts";
import { emptyReport } from "../../src/core/report.ts";
import { buildCommand, makeSite, sharingSite, start } from "./support/command.ts";

buildCommand();

/** Everything is ripe at first sight, and nothing waits. */
const NOW = { CLEANUP_QUARANTINE_HOURS: "0" };

describe("filesweep run", () => {
  it("removes what is due, keeps the rest, says so first, and exits with 0", async () => {
    const site = await sharingSite();
    const { code, stdout, stderr } = await site.filesweep(["run"]);
    expect(stderr).not.toMatch(/"level":"(warn|error)"/);
    expect(stdout.split("\n")[0]).toBe(
      "Removed 2 expired files (20 B); 1 suspect (10 B) waits in quarantine; nothing failed.",
    );
    expect(stdout).toMatch(/^expired-files\s+2 \(20 B\)\s+2 \(20 B\)/m);
    expect(code).toBe(0);
    expect(["a.txt", "b/b.txt", "kept.txt", "orphan.txt"].map(site.has)).toEqual([false, false, true, true]);
  });

  it("--plan says what would go, and changes neither a row nor a file", async () => {
    const site = await sharingSite();
    const before = await site.fingerprint();
    const { code, stdout } = await site.filesweep(["run", "--plan"], NOW);
    expect(stdout).toMatch(/^Would remove 2 expired files and 1 orphaned object \(30 B\); nothing failed\.\n/);
    expect(code).toBe(0);
    expect(await site.fingerprint()).toBe(before);
  });

  it("plans under CLEANUP_MODE=plan, unless told to remove", async () => {
    const site = await sharingSite();
    const before = await site.fingerprint();
    const planned = await site.filesweep(["run"], { CLEANUP_MODE: "plan" });
    expect(planned.stdout).toMatch(/^Would remove/);
    expect(await site.fingerprint()).toBe(before);
    const removed = await site.filesweep(["run", "--remove"], { CLEANUP_MODE: "plan" });
    expect(removed.stdout).toMatch(/^Removed/);
    expect(site.has("a.txt")).toBe(false);
  });

  it("--sweep runs the named sweeps alone", async () => {
    const site = await sharingSite();
    const { stdout, code } = await site.filesweep(["run", "--sweep", "orphaned-objects", "--json"], NOW);
    const run = JSON.parse(stdout);
    expect(run.sweeps.map((sweep: { name: string; status: string }) => [sweep.name, sweep.status])).toEqual([
      ["expired-files", "skipped"],
      ["old-records", "skipped"],
      ["orphaned-objects", "completed"],
      ["missing-objects", "skipped"],
      ["stale-uploads", "skipped"],
      ["history", "skipped"],
    ]);
    expect([code, site.has("a.txt"), site.has("orphan.txt")]).toEqual([0, true, false]);
  });

  it("makes folder and database of a first run, and the tables in it", async () => {
    const site = await makeSite({ prepared: false });
    mkdirSync(join(site.folder, "files"));
    const env = { STORAGE_URL: "file:files", DATABASE_URL: "file:new/folder/catalog.db" };
    const { code, stdout } = await site.filesweep(["run"], env);
    expect([code, stdout.split("\n")[0]]).toEqual([0, "Nothing was removed; nothing failed."]);
    expect((await site.filesweep(["status"], env)).stdout).toMatch(/^Last run: completed/);
  });
});

describe("filesweep run --json", () => {
  it("prints the run as one document, logs aside", async () => {
    const site = await sharingSite();
    const { code, stdout, stderr } = await site.filesweep(["run", "--json"]);
    const run = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(Object.keys(run)).toEqual(
      "id mode status trigger startedAt finishedAt durationMs slices sweeps holds calls".split(" "),
    );
    expect(run).toMatchObject({ mode: "remove", status: "completed", trigger: "cli", slices: 1, holds: [] });
    expect(run.startedAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(Date.parse(run.finishedAt)).toBeGreaterThanOrEqual(Date.parse(run.startedAt));
    expect(Object.keys(run.sweeps[0])).toEqual(
      "name status seen removed suspected deferred failed carriedOver kept".split(" "),
    );
    expect(run.sweeps[0]).toMatchObject({ name: "expired-files", removed: { count: 2, bytes: 20 } });
    expect(run.sweeps[2]).toMatchObject({ kept: { "still-protected": { count: 1, bytes: 10 } } });
    expect(run.calls).toEqual({ database: expect.any(Number), storage: expect.any(Number) });
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event);
    expect(events.at(0)).toBe("run.started");
    expect(events.at(-1)).toBe("run.finished");
  });

  it("says why a sweep failed, and only then", () => {
    const [well, ill] = toRunJson({
      id: "r",
      mode: "plan",
      status: "completed-with-failures",
      trigger: "cli",
      startedAt: 0,
      finishedAt: null,
      durationMs: 0,
      slices: 1,
      sweeps: [emptyReport("expired-files"), { ...emptyReport("orphaned-objects"), error: "no answer" }],
      holds: [],
      calls: { database: 0, storage: 0 },
    }).sweeps;
    expect(well).not.toHaveProperty("error");
    expect(ill).toHaveProperty("error", "no answer");
  });
});

describe("filesweep run --list", () => {
  it("writes every decision to stdout as NDJSON, and the summary to stderr", async () => {
    const site = await sharingSite();
    const { code, stdout, stderr } = await site.filesweep(["run", "--plan", "--list"], { LOG_LEVEL: "error" });
    const records = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(records).toContainEqual({
      sweep: "expired-files",
      key: "a.txt",
      file: "1",
      verdict: "remove",
      reason: "expired",
      bytes: 10,
    });
    expect(records).toContainEqual({
      sweep: "orphaned-objects",
      key: "orphan.txt",
      verdict: "suspect",
      reason: "unreferenced",
      bytes: 10,
    });
    expect(stderr).toMatch(/^Would remove 2 expired files/);
    expect(code).toBe(0);
  });

  it("goes on to the end when its reader goes away, and says nothing of it", async () => {
    const site = await sharingSite();
    const { child, ended } = start(site.folder, ["run", "--list"], { LOG_LEVEL: "warn" });
    child.stdout?.destroy();
    const { code, stderr } = await ended;
    expect(stderr).toMatch(/^Removed 2 expired files/);
    expect(stderr).not.toContain("EPIPE");
    expect([code, site.has("a.txt")]).toEqual([0, false]);
  });
});
