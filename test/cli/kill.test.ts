import { describe, expect, it } from "vitest";
import { buildCommand, makeSite, start } from "./support/command.ts";

buildCommand();

/** The pages that are let through before the kill: early, and in the middle. */
const PAGES = [1, 9];

const FILES = 20_000;

describe("kill -9 in the middle of 20,000 files", () => {
  it.each(PAGES)("after page %i, the next run finishes: nothing live is lost, nothing due is left", async (pages) => {
    const site = await makeSite();
    const due = Array.from({ length: FILES }, (_, index) => `due/${String(index % 100)}/${String(index)}`);
    const live = Array.from({ length: 200 }, (_, index) => `live/${String(index)}`);
    for (const key of [...due, ...live]) site.put(key, "x");
    const insert = (expiresAt: string): string =>
      `INSERT INTO files (id, key, size_bytes, created_at, expires_at) SELECT value, value, 1, 1700000000000, ${expiresAt} FROM json_each(?)`;
    await site.query(insert("1700000001000"), [JSON.stringify(due)]);
    await site.query(insert("NULL"), [JSON.stringify(live)]);

    const env = { CLEANUP_FIRST_RUN: "remove", CLEANUP_HOLD_EXPIRED_PERCENT: "100", LOG_FORMAT: "json" };
    const { child, ended, saw } = start(site.folder, ["run", "--json"], env);
    await saw("batch.removed", pages);
    child.kill("SIGKILL");
    await ended;
    const left = due.filter((key) => site.has(key)).length;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(FILES);

    // The dead holder's lease has run out.
    await site.query("UPDATE filesweep_lease SET expires_at = 0");
    const run = JSON.parse((await site.filesweep(["run", "--json"], env)).stdout);
    expect(run).toMatchObject({ status: "completed", slices: 2 });
    expect(run.sweeps[0]).toMatchObject({ seen: { count: FILES }, removed: { count: FILES }, deferred: { count: 0 } });
    expect(due.filter((key) => site.has(key))).toEqual([]);
    expect(live.filter((key) => !site.has(key))).toEqual([]);
    expect(await site.query("SELECT state, count(*) AS count FROM filesweep_removals GROUP BY state")).toEqual([
      { state: "removed", count: FILES },
    ]);
    expect(await site.query("SELECT count(*) AS count FROM files WHERE status = 'expired'")).toEqual([
      { count: FILES },
    ]);
  });
});
