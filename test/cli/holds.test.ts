import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { buildCommand, expectNoStack, expired, live, type Site, sharingSite } from "./support/command.ts";

buildCommand();

/** A first run is held, as it is where nothing else is set. */
const ASK = { CLEANUP_FIRST_RUN: "hold", LOG_LEVEL: "error" };

async function heldSite(): Promise<{ site: Site; hold: string; run: string }> {
  const site = await sharingSite();
  const { stdout } = await site.filesweep(["run", "--json"], ASK);
  const { id, holds } = JSON.parse(stdout);
  return { site, hold: holds[0].id, run: id };
}

describe("a run that is held", () => {
  it("exits with 3, removes nothing, and says what it saw and the two commands that end it", async () => {
    const site = await sharingSite();
    const before = await site.fingerprint();
    const { code, stdout } = await site.filesweep(["run"], ASK);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^Held for a person\. Would remove 2 expired files \(20 B\); held; 1 suspect/);
    const id = /filesweep approve ([\w-]+)/.exec(stdout)?.[1] ?? "";
    expect(stdout).toContain("Held (first-contact): this database and this store have not met before");
    expect(stdout).toContain("2 items (20 B), such as");
    expect(stdout).toContain(`filesweep cancel ${id}`);
    expect(await site.fingerprint()).toBe(before);
  });

  it("shows some of each kind, and what looks like a wrong mapping before it is approved", async () => {
    const site = await sharingSite();
    for (let index = 0; index < 90; index += 1) await site.insert(expired(`e${index}`, `zz/${index}`));
    const seen = await site.filesweep(["run"], ASK);
    expect(seen.stdout).toMatch(/a\.txt \(10 B\): expired, may go once approved/);
    expect(seen.stdout).toMatch(/orphan\.txt \(10 B\): unreferenced, may go not before 20/);
    await site.query("UPDATE files SET key = 'uploads/' || key");
    const before = await site.fingerprint();
    const { code, stdout } = await site.filesweep(["run", "--plan"], ASK);
    expect([code, await site.fingerprint()]).toEqual([3, before]);
    expect(stdout).toMatch(/Looks wrong \(keys\): a prefix has to be stripped.*\n +mend: CATALOG_KEY_PREFIX=uploads\//);
    expect(stdout.indexOf("Looks wrong")).toBeLessThan(stdout.indexOf("filesweep approve"));
    const json = await site.filesweep(["run", "--plan", "--json"], ASK);
    expect(JSON.parse(json.stdout).holds).toMatchObject([{ cause: "first-contact" }]);
    expect(json.stderr).toContain("filesweep: looks wrong: a prefix has to be stripped");
  });

  it("tells a program the same, with instants in ISO 8601", async () => {
    const site = await sharingSite();
    const { code, stdout } = await site.filesweep(["run", "--json"], ASK);
    const run = JSON.parse(stdout);
    expect([code, run.status]).toEqual([3, "held"]);
    expect(run.holds).toEqual([
      {
        id: expect.any(String),
        cause: "first-contact",
        asOf: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        detail: expect.stringContaining("have not met before"),
        count: expect.any(Number),
        bytes: expect.any(Number),
        sample: expect.any(Array),
      },
    ]);
    expect(run.sweeps[0]).toMatchObject({ status: "held", removed: { count: 0 }, kept: { held: { count: 2 } } });
  });

  it("approved, goes on under its id and exits with 0", async () => {
    const { site, hold, run } = await heldSite();
    const approved = await site.filesweep(["approve", hold], ASK);
    expect(approved).toMatchObject({ code: 0, stderr: "" });
    expect(approved.stdout).toMatch(/^Approved first-contact until 20.* UTC: what it showed at 20/);
    const status = await site.filesweep(["status"], ASK);
    expect(status.stdout).toMatch(/^Approved \(first-contact\) until /m);
    const next = await site.filesweep(["run", "--json"], ASK);
    expect(next.code).toBe(0);
    expect(JSON.parse(next.stdout)).toMatchObject({ id: run, status: "completed", slices: 2, holds: [] });
    expect(["a.txt", "b/b.txt", "kept.txt"].map(site.has)).toEqual([false, false, true]);
    expect((await site.filesweep(["run"], ASK)).code).toBe(0);
  });

  it("cancelled, is silent and still exits with 3", async () => {
    const { site, hold } = await heldSite();
    expect(await site.filesweep(["cancel", hold], ASK)).toMatchObject({
      code: 0,
      stdout: `Silenced: what hold ${hold} holds stays held.\n`,
    });
    const next = await site.filesweep(["run"], ASK);
    expect([next.code, site.has("a.txt")]).toEqual([3, true]);
    expect(next.stdout).toContain("Held (first-contact, silenced)");
    expect(next.stdout).not.toContain(`filesweep cancel ${hold}`);
    const { holds } = JSON.parse((await site.filesweep(["status", "--json"], ASK)).stdout);
    expect(holds).toMatchObject([{ id: hold, status: "cancelled" }]);
    expect((await site.filesweep(["approve", hold, "--json"], ASK)).code).toBe(0);
    expect((await site.filesweep(["run"], ASK)).code).toBe(0);
  });

  it("is told of at NOTIFY_WEBHOOK_URL, once when it opens and once when it closes", async () => {
    const told: { event: string; hold: string; text: string }[] = [];
    const server = createServer(async (request, response) => {
      let text = "";
      for await (const chunk of request) text += String(chunk);
      told.push(JSON.parse(text));
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const env = { ...ASK, LOG_LEVEL: "debug", NOTIFY_WEBHOOK_URL: `http://127.0.0.1:${port}/T0K3N` };
      const site = await sharingSite();
      const runs = [await site.filesweep(["run"], env), await site.filesweep(["run", "--json"], env)];
      const [{ id }] = JSON.parse(runs[1]?.stdout ?? "").holds;
      await site.filesweep(["approve", id], env);
      runs.push(await site.filesweep(["run"], env));
      expect(runs.map(({ code }) => code)).toEqual([3, 3, 0]);
      expect(told.map(({ event, hold }) => [event, hold])).toEqual([
        ["hold.opened", id],
        ["hold.closed", id],
      ]);
      expect(told[0]?.text).toContain(`${site.store}): held for a person (first-contact): this database`);
      expect(runs.map(({ stdout, stderr }) => stdout + stderr).join("")).not.toContain("T0K3N");
    } finally {
      server.close();
    }
  });

  it("may be cancelled itself; the next one begins anew", async () => {
    const { site, run } = await heldSite();
    const cancelled = await site.filesweep(["cancel", run, "--json"], ASK);
    expect(JSON.parse(cancelled.stdout)).toEqual({ cancelled: { run } });
    const next = await site.filesweep(["run", "--json"], ASK);
    expect(next.code).toBe(3);
    expect(JSON.parse(next.stdout).id).not.toBe(run);
  });

  it("for one sweep shows its counts and a sample, and lets the others go on", async () => {
    const site = await sharingSite();
    const env = { CLEANUP_HOLD_COUNT: "1", LOG_LEVEL: "error" };
    await site.query("UPDATE files SET status = 'expired', downloaded_at = 1700000000000 WHERE id = '2'");
    site.put("c.txt");
    await site.insert({ ...live("4", "c.txt"), expires_at: 1_700_000_000_000 });
    const { code, stdout } = await site.filesweep(["run"], env);
    expect(code).toBe(3);
    expect(stdout).toMatch(
      /^Held for a person\. Removed 1 old record.*; would remove 2 expired files \(20 B\); held; .*nothing failed\.\n/,
    );
    expect(stdout).toMatch(/^Held \(over-count, expired-files\): 2 rows would be ended at once/m);
    expect(stdout).toMatch(
      /^ {2}Seen 20.* UTC: 2 items \(20 B\), such as\n {4}[ac]\.txt \(10 B\): expired, may go once approved$/m,
    );
    const run = JSON.parse((await site.filesweep(["run", "--json"], env)).stdout);
    expect(run.holds).toMatchObject([{ cause: "over-count", sweep: "expired-files", count: 2, bytes: 20 }]);
    expect(run.holds[0].sample).toContainEqual({ key: "a.txt", bytes: 10, reason: "expired", mayGoAt: null });
  });
});

describe("a decision", () => {
  it.each([["approve"], ["cancel"]])("%s of what there is none exits with 2", async (command) => {
    const { site } = await heldSite();
    const ended = await site.filesweep([command, "nothing", "--json"], ASK);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^filesweep: there is no hold .*nothing/);
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { kind: "not-found" } });
    expectNoStack(ended);
  });

  it.each([["approve"], ["cancel"]])("%s of what is closed exits with 1", async (command) => {
    const { site, hold } = await heldSite();
    await site.filesweep(["approve", hold], ASK);
    await site.filesweep(["run"], ASK);
    const ended = await site.filesweep([command, hold], ASK);
    expect([ended.code, ended.stdout]).toEqual([1, ""]);
    expect(ended.stderr).toMatch(/is closed/);
  });

  it("about a database without tables exits with 2, and makes none", async () => {
    const site = await sharingSite();
    await site.filesweep(["uninstall", "--yes"]);
    for (const args of [["approve", "x"], ["cancel", "x"], ["removals"], ["explain", "a.txt"]]) {
      const { code, stderr } = await site.filesweep(args);
      expect(stderr).toMatch(/has no tables of filesweep/);
      expect(code).toBe(2);
    }
    expect(await site.query("SELECT name FROM sqlite_master WHERE name LIKE 'filesweep%'")).toEqual([]);
  });
});
