/** Commands against a deployed instance: the same answers, and the same exit codes, as on its machine. */
import { describe, expect, it } from "vitest";
import { buildCommand, expectNoStack, expired, live, makeSite, type Site } from "./support/command.ts";
import { startService, TOKEN } from "./support/service.ts";

buildCommand();

interface Deployed {
  readonly site: Site;
  /** On another machine: in a folder that has nothing. */
  remote(args: readonly string[], env?: Record<string, string>): ReturnType<Site["filesweep"]>;
  readonly url: string;
}

async function deploy(env: Record<string, string> = {}): Promise<Deployed> {
  const site = await makeSite();
  for (const key of ["a.txt", "b.txt", "kept.txt", "orphan.txt"]) site.put(key);
  await site.insert(expired("1", "a.txt"), expired("2", "b.txt"), live("3", "kept.txt"));
  const { url } = await startService(site, { CLEANUP_ENABLED: "false", ...env });
  const elsewhere = await makeSite({ prepared: false });
  return {
    site,
    url,
    remote: (args, more) =>
      elsewhere.filesweep([...args, "--url", url], { ADMIN_TOKEN: TOKEN, CLEANUP_FIRST_RUN: "", ...more }),
  };
}

const json = ({ stdout }: { stdout: string }) => JSON.parse(stdout);

describe("filesweep … --url", () => {
  it("runs, is held, approves, runs to the end, and shows the same as on the machine itself", async () => {
    const { site, remote, url } = await deploy({ CLEANUP_FIRST_RUN: "hold" });
    const plan = await remote(["run", "--plan", "--json"]);
    expect([plan.code, json(plan).mode, json(plan).trigger]).toEqual([3, "plan", "http"]);
    const held = await remote(["run", "--json"]);
    expect([held.code, json(held).status]).toEqual([3, "held"]);
    expect(site.has("a.txt")).toBe(true);

    const hold = json(held).holds[0].id;
    const shown = await remote(["run"]);
    expect([shown.code, shown.stdout]).toEqual([3, expect.stringContaining(`filesweep approve ${hold}`)]);
    const approved = await remote(["approve", hold]);
    expect([approved.code, approved.stdout]).toEqual([
      0,
      expect.stringMatching(/^Approved first-contact until .*\. The run goes on\n$/),
    ]);
    const run = await remote(["run", "--json"]);
    expect([run.code, json(run).status]).toEqual([0, "completed"]);
    expect([site.has("a.txt"), site.has("kept.txt")]).toEqual([false, true]);

    for (const args of [
      ["status", "--json"],
      ["removals", "--json"],
      ["removals", "--state", "removed"],
      ["explain", "kept.txt", "--json"],
      ["explain", "3"],
      ["explain", "nothing"],
    ]) {
      const there = await remote(args);
      const here = await site.filesweep(args);
      expect([args, there.code, there.stdout]).toEqual([args, here.code, here.stdout]);
    }
    const named = await site.filesweep(["status"], { FILESWEEP_URL: url, ADMIN_TOKEN: TOKEN });
    expect(named).toMatchObject({ code: 0, stdout: expect.stringContaining("Last run: completed") });
    const doctor = json(await remote(["doctor", "--json"]));
    expect(doctor.checks.map(({ name }: { name: string }) => name)).toContain("database");
  });

  it("releases and retries removals, and cancels, with the same words for what there is none of", async () => {
    const { site, remote } = await deploy();
    expect((await remote(["run"])).code).toBe(0);
    const [suspect] = json(await remote(["removals", "--state", "suspected", "--json"])).items;
    const released = await remote(["removals", "release", suspect.id]);
    expect([released.code, released.stdout]).toEqual([0, `Released: 1 removal (${suspect.id})\n`]);
    for (const args of [
      ["removals", "retry", suspect.id],
      ["removals", "release", "none"],
      ["cancel", "none"],
      ["approve", "none"],
    ]) {
      const [there, here] = [await remote(args), await site.filesweep(args)];
      expect([args, there.code, there.stderr]).toEqual([args, here.code, here.stderr]);
    }
  });

  it("while another holder has the lease ends with 4, and says who", async () => {
    const { site, remote } = await deploy();
    await site.filesweep(["run", "--plan"]);
    await site.query(
      "UPDATE filesweep_lease SET holder = 'host-7', expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + 60000",
    );
    const { code, stderr, stdout } = await remote(["run", "--json"]);
    expect([code, JSON.parse(stdout).error]).toEqual([
      4,
      expect.objectContaining({ kind: "lease-held", holder: "host-7" }),
    ]);
    expect(stderr).toContain("host-7 holds the lease");
  });

  it.each<[string, number, readonly string[], Record<string, string>, string]>([
    ["with a wrong token", 5, ["status"], { ADMIN_TOKEN: "x".repeat(32) }, "the token is not the right one"],
    ["without a token", 2, ["status"], { ADMIN_TOKEN: "" }, "set ADMIN_TOKEN to the token of the filesweep at"],
    ["with a list of decisions", 2, ["run", "--list"], {}, "works on this machine"],
    ["for a command of this machine alone", 2, ["migrate", "--plan"], {}, "works on this machine"],
    ["for what a doctor does", 2, ["doctor", "--install-gate", "--yes"], {}, "works on this machine"],
  ])("%s ends with %i", async (_, code, args, env, message) => {
    const { remote } = await deploy();
    const ended = await remote(args, env);
    expect([ended.code, ended.stdout]).toEqual([code, ""]);
    expect(ended.stderr).toContain(message);
    expectNoStack(ended);
  });

  it("where nothing answers ends with 5", async () => {
    const site = await makeSite({ prepared: false });
    const ended = await site.filesweep(["run", "--url", "http://127.0.0.1:9"], { ADMIN_TOKEN: TOKEN });
    expect(ended).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("filesweep at http://127.0.0.1:9 does not answer"),
    });
  });
});
