import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildCommand, expectNoStack, sharingSite } from "./support/command.ts";

buildCommand();

describe("settings of filesweep run", () => {
  it.each<[string, Record<string, string>, string[], RegExp]>([
    [
      "a value that is not allowed",
      { CLEANUP_MODE: "delete" },
      [],
      /CLEANUP_MODE is "delete"; allowed: remove, plan|CLEANUP_MODE is "delete"/,
    ],
    ["a name that is none", { CLEANUP_MOD: "plan" }, [], /CLEANUP_MOD is not a setting; did you mean CLEANUP_MODE\?/],
    ["a store that lacks its credentials", { STORAGE_URL: "s3://bucket" }, [], /needs S3_ACCESS_KEY_ID/],
    ["a store of another runtime", { STORAGE_URL: "r2://FILES/" }, [], /s3:\/\//],
    [
      "all problems at once",
      { CLEANUP_MODE: "x", LOG_LEVEL: "y" },
      [],
      /2 settings are wrong:\n- .*CLEANUP_MODE[\s\S]*LOG_LEVEL|2 settings are wrong/,
    ],
    ["the database in the store", { DATABASE_URL: "file:data/uploads/x.db" }, [], /inside the folder of STORAGE_URL/],
    ["a file of settings that is not there", {}, ["--env-file", "nowhere.env"], /nowhere\.env cannot be read/],
    ["an unknown option", {}, ["--pln"], /unknown option '--pln'[\s\S]*Did you mean --plan\?/],
    ["an unknown sweep", {}, ["--sweep", "orphans"], /did you mean orphaned-objects\?/],
    ["--plan with --remove", {}, ["--plan", "--remove"], /cannot be used with/],
    ["--list with --json", {}, ["--list", "--json"], /cannot be used with/],
    ["an argument too many", {}, ["now"], /too many arguments|argument/],
  ])("%s is exit code 2, a sentence, and no change", async (_what, env, args, message) => {
    const site = await sharingSite();
    const before = await site.fingerprint();
    const ended = await site.filesweep(["run", ...args], env);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).toMatch(/^filesweep: /);
    expect(ended.code).toBe(2);
    expect(await site.fingerprint()).toBe(before);
    expectNoStack(ended);
  });

  it("finds the database in the store behind a symbolic link", async () => {
    const site = await sharingSite();
    symlinkSync(site.store, join(site.folder, "link"));
    const ended = await site.filesweep(["run"], { DATABASE_URL: "file:link/x.db" });
    expect(ended.stderr).toMatch(/DATABASE_URL names a file inside the folder of STORAGE_URL/);
    expect([ended.code, site.has("x.db")]).toEqual([2, false]);
  });

  it("come from --env-file, before or after the command; what the environment holds wins", async () => {
    const site = await sharingSite();
    writeFileSync(join(site.folder, "plan.env"), "CLEANUP_MODE=plan\nLOG_LEVEL=error\n");
    const after = await site.filesweep(["run", "--env-file", "plan.env"]);
    expect(after).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^Would remove/) });
    const before = await site.filesweep(["--env-file=plan.env", "run"], { CLEANUP_MODE: "remove" });
    expect(before).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^Removed/) });
  });

  it("are never echoed where they are secret", async () => {
    const site = await sharingSite();
    const ended = await site.filesweep(["run"], { S3_SECRET_ACCESS_KEY: "tr0ub4dor", ADMIN_TOKEN: "tr0ub4dor" });
    expect(ended.code).toBe(2);
    expect(ended.stdout + ended.stderr).not.toContain("tr0ub4dor");
  });
});
