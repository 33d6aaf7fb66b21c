/** The commands on a remote database: the same as on a file, and errors that say what to set. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { startHranaServer } from "../support/hrana-server.ts";
import { BARE, buildCommand, ROOT, type Site, sharingSite } from "./support/command.ts";

buildCommand();

const TOKEN = "T0K3N-of-a-test";

/** A site whose database is reached over the wire; where its file would be by default, none is looked for. */
async function remoteSite(): Promise<{ site: Site; env: Record<string, string>; requests: () => number }> {
  const site = await sharingSite();
  const server = await startHranaServer({ fileAt: (path) => (path === "" ? site.database : null), token: TOKEN });
  onTestFinished(() => server.close());
  return { site, env: { DATABASE_URL: server.url, DATABASE_AUTH_TOKEN: TOKEN }, requests: server.requests };
}

describe("on a remote database", () => {
  it("run removes, reports its calls, and the questions and decisions answer", async () => {
    const { site, env, requests } = await remoteSite();
    const ran = await site.filesweep(["run", "--json"], env);
    expect(ran.code).toBe(0);
    const report = JSON.parse(ran.stdout);
    expect(["a.txt", "b/b.txt", "kept.txt", "orphan.txt"].map(site.has)).toEqual([false, false, true, true]);
    // The rest is what a command asks before a run: whether the tables are there, of which version, and shaped as expected.
    expect(requests() - report.calls.database).toBeLessThan(10);

    const status = await site.filesweep(["status", "--json"], env);
    expect(JSON.parse(status.stdout)).toMatchObject({ lastRun: { id: report.id }, open: { suspected: { count: 1 } } });
    const suspects = await site.filesweep(["removals", "--state", "suspected", "--json"], env);
    const [suspect] = JSON.parse(suspects.stdout).items;
    expect(suspect.key).toBe("orphan.txt");
    expect((await site.filesweep(["removals", "release", suspect.id], env)).code).toBe(0);
    expect((await site.filesweep(["explain", "kept.txt"], env)).code).toBe(0);
  });

  it("uninstall and migrate take the own tables away and make them again", async () => {
    const { site, env } = await remoteSite();
    await site.filesweep(["run"], env);
    const removed = await site.filesweep(["uninstall", "--yes"], env);
    expect(removed.stdout).toContain(`-- ${env["DATABASE_URL"]}: uninstalled by`);
    expect(await site.query("SELECT name FROM sqlite_master WHERE name LIKE 'filesweep%'")).toEqual([]);
    expect((await site.filesweep(["status"], env)).stdout).toContain("has no tables of filesweep");
    expect((await site.filesweep(["migrate", "--plan"], env)).stdout).toContain("from schema 0 to ");
    expect((await site.filesweep(["migrate"], env)).stdout).toContain("was brought from schema 0 to ");
    expect((await site.filesweep(["run"], env)).code).toBe(0);
  });

  it("needs no native code: Deno runs it with the network, the environment and files alone", async () => {
    const { site, env } = await remoteSite();
    const deno = join(ROOT, "node_modules/.bin/deno");
    const args = ["run", "--no-prompt", "--allow-net", "--allow-env", "--allow-read", "--allow-write"];
    const options = { cwd: site.folder, env: { ...BARE, ...env } };
    const { stdout } = await promisify(execFile)(
      deno,
      [...args, join(ROOT, "src/cli/main.ts"), "run", "--json"],
      options,
    );
    expect(JSON.parse(stdout)).toMatchObject({ status: "completed" });
    expect(["a.txt", "b/b.txt", "kept.txt"].map(site.has)).toEqual([false, false, true]);
  });

  it.each([
    { what: "a wrong token", change: { DATABASE_AUTH_TOKEN: "WR0NG" }, code: 5, says: /refused the token \(401\)/ },
    {
      what: "no token",
      change: { DATABASE_AUTH_TOKEN: "" },
      code: 5,
      says: /wants a token \(401\): set DATABASE_AUTH_TOKEN/,
    },
    { what: "no such database", change: {}, path: "/absent", code: 5, says: /there is no database at .*\(404\)/ },
    { what: "nobody there", change: { DATABASE_URL: "http://127.0.0.1:9" }, code: 5, says: /127\.0\.0\.1:9/ },
    {
      what: "a fall-back that differs",
      change: { TURSO_AUTH_TOKEN: "an0ther" },
      code: 2,
      says: /DATABASE_AUTH_TOKEN and TURSO_AUTH_TOKEN are both set, and differ/,
    },
    {
      what: "a token in the address",
      change: { DATABASE_URL: `libsql://${TOKEN}@db.example.org` },
      code: 2,
      says: /the token goes into DATABASE_AUTH_TOKEN/,
    },
  ])("$what ends a command with exit code $code, and shows no token", async ({ change, path = "", code, says }) => {
    const { site, env } = await remoteSite();
    const before = await site.fingerprint();
    for (const command of code === 2 ? ["run"] : ["run", "status"]) {
      const ended = await site.filesweep([command], {
        ...env,
        DATABASE_URL: `${env["DATABASE_URL"]}${path}`,
        LOG_LEVEL: "debug",
        ...change,
      });
      expect(ended.stderr).toMatch(says);
      expect(ended.code).toBe(code);
      expect(ended.stdout + ended.stderr).not.toMatch(/T0K3N|WR0NG|an0ther/);
    }
    expect(await site.fingerprint()).toBe(before);
  });
});
