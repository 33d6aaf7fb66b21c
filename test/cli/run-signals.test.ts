import { describe, expect, it } from "vitest";
import { buildCommand, makeSite, type Site, start } from "./support/command.ts";

buildCommand();

describe("a signal during filesweep run", () => {
  const SLOWLY = { CLEANUP_PAGE_SIZE: "1", LOG_FORMAT: "json", CLEANUP_HOLD_EXPIRED_PERCENT: "100" };

  async function longRun(): Promise<Site> {
    const site = await makeSite();
    const rows = JSON.stringify(Array.from({ length: 400 }, (_, index) => `row-${String(index)}`));
    await site.query(
      "INSERT INTO files (id, key, created_at, expires_at) SELECT value, value, 1700000000000, 1700000001000 FROM json_each(?)",
      [rows],
    );
    return site;
  }

  it.each(["SIGINT", "SIGTERM"] as const)("%s saves the place and releases the lease: exit code 6", async (signal) => {
    const site = await longRun();
    const { child, ended, saw } = start(site.folder, ["run", "--json"], SLOWLY);
    await saw("batch.removed");
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    expect(stderr).toContain(`filesweep: ${signal}: stopping after what is in flight`);
    expect(code).toBe(6);
    const run = JSON.parse(stdout);
    expect(run.status).toBe("paused");
    expect(run.sweeps[0].removed.count).toBeGreaterThan(0);
    const next = JSON.parse((await site.filesweep(["run", "--json"], { CLEANUP_HOLD_EXPIRED_PERCENT: "100" })).stdout);
    expect(next).toMatchObject({ id: run.id, status: "completed", slices: 2 });
    expect(next.sweeps[0].removed.count).toBe(400);
  });

  it("ends it at once when it is the second", async () => {
    const site = await longRun();
    const { child, ended, saw } = start(site.folder, ["run"], SLOWLY);
    await saw("batch.removed");
    // A write transaction of somebody else keeps the run from ending by itself.
    const { createClient } = await import("@libsql/client/sqlite3");
    const other = createClient({ url: `file:${site.database}`, timeout: 5000 });
    const transaction = await other.transaction("write");
    child.kill("SIGINT");
    await saw("a second signal stops at once");
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
    transaction.close();
    other.close();
  });
});
