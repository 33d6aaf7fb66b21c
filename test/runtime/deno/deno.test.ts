/** The Deno door: a real process, its cron handler called as Deno calls it. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { MINUTE_MS } from "../../../src/core/safety.ts";
import { cronExpression } from "../../../src/cron/deno-schedule.ts";
import { checkRoutes, checkWithoutDatabase, checkWithoutStore } from "../../api/route-cases.ts";
import { problemOf } from "../../api/support.ts";
import { AWAY, startHranaServer } from "../../support/hrana-server.ts";
import { makeFolderSite } from "../folder-site.ts";
import { httpDoor, playScenario, TOKEN } from "../play-scenario.ts";
import { startDeno } from "./start-deno.ts";

it.each(["embedded", "remote"] as const)(
  "a Deno process with its database %s tells of the scenario what is checked in, and ends on SIGTERM",
  async (kind) => {
    const site = await makeFolderSite();
    const remote = kind === "remote" ? await startHranaServer({ fileAt: () => site.database }) : null;
    onTestFinished(() => remote?.close());
    const deno = await startDeno(site, remote === null ? {} : { DATABASE_URL: remote.url });
    expect(deno.registered).toBe("filesweep 17 * * * *");
    await playScenario({
      ...httpDoor(deno.request),
      tick: async () => expect(await deno.tick()).toBe("tick ok"),
      keys: site.keys,
    });
    await checkRoutes(deno.request, TOKEN);
    expect(deno.stderr()).toContain('"event":"hold.waiting"');
    expect(await deno.end()).toBe(0);
    expect(deno.stderr()).toContain('"event":"service.stopped"');
    expect(deno.stderr()).not.toContain(TOKEN);
  },
);

it("without a database whatever needs it says so", async () => {
  const site = await makeFolderSite();
  const remote = await startHranaServer({ fileAt: () => site.database });
  onTestFinished(() => remote.close());
  remote.disturb(() => AWAY);
  const deno = await startDeno(site, { DATABASE_URL: remote.url });
  await checkWithoutDatabase(deno.request, TOKEN);
});

it("without a store whatever needs it says so", async () => {
  const site = await makeFolderSite();
  const deno = await startDeno(site);
  await rename(join(site.folder, "uploads"), join(site.folder, "unmounted"));
  await checkWithoutStore(deno.request, TOKEN);
});

it("tells which permission is missing, and goes on without the database", async () => {
  const site = await makeFolderSite();
  const deno = await startDeno(site, {}, (flag) => !flag.startsWith("--allow-ffi"));
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const problem = await problemOf(await deno.request("/admin/stats", { method: "GET", headers }));
  expect(problem).toMatchObject({ status: 503, kind: "unavailable", detail: expect.stringContaining("--allow-ffi") });
  expect((await deno.request("/healthz")).status).toBe(200);
});

it("sweeps on no timeline but production's", async () => {
  const site = await makeFolderSite();
  const before = await site.keys();
  const deno = await startDeno(site, { DENO_TIMELINE: "git-branch/preview", CLEANUP_FIRST_RUN: "remove" });
  expect(await deno.tick()).toBe("tick ok");
  expect(deno.stderr()).toContain('"event":"schedule.disabled"');
  expect(await site.keys()).toEqual(before);
});

it("does nothing until its settings are right: the first request and the first tick tell all that is wrong", async () => {
  const site = await makeFolderSite();
  const deno = await startDeno(site, { CLEANUP_PAGE_SIZE: "0", CLEANUP_MODES: "plan" });
  const problem = await problemOf(await deno.request("/admin/stats"));
  expect(problem).toMatchObject({ status: 503, kind: "not-configured" });
  expect(await deno.tick()).toBe("tick exception");
  for (const name of ["CLEANUP_PAGE_SIZE", "CLEANUP_MODES"]) {
    expect(problem.detail).toContain(name);
    expect(deno.stderr()).toContain(name);
  }
});

describe("the schedule of Deno.cron", () => {
  it.each([
    [1, "* * * * *"],
    [5, "2-59/5 * * * *"],
    [30, "17-59/30 * * * *"],
    [60, "17 * * * *"],
    [360, "17 */6 * * *"],
    [1440, "17 3 * * *"],
    [10080, "17 3 * * SUN"],
    [7, null],
    [90, null],
    [1.5, null],
  ])("every %d minutes is %s", (minutes, expected) => {
    expect(cronExpression({ kind: "interval", everyMs: minutes * MINUTE_MS })).toBe(expected);
  });

  it("an expression stays as it is", () => {
    expect(cronExpression({ kind: "cron", expression: "30 3 * * MON-FRI" })).toBe("30 3 * * MON-FRI");
  });
});
