/** Whether the process is up, and whether it is ready. */
import { describe, expect, it } from "vitest";
import { Health, Readiness } from "../../src/api/schemas.ts";
import { SweepError } from "../../src/core/errors.ts";
import type { LogEvent } from "../../src/core/ports.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import { due, knownSite } from "../support/site.ts";
import { createWorld } from "../support/world.ts";
import { documentOf, problemOf, serve } from "./support.ts";

const gone = (): Promise<never> => Promise.reject(new SweepError("unavailable", "/srv/secret/path is gone"));

describe("GET /healthz", () => {
  it("answers whoever asks, whatever is wrong with database and store", async () => {
    const { app } = serve(await createWorld(), { settings: { adminTokens: [] }, sweeper: { status: gone } });
    expect(await documentOf(await app.request("/healthz"), Health)).toEqual({ status: "up" });
  });
});

describe("GET /readyz", () => {
  it("is ready before the first run, and where a run waits for its first approval", async () => {
    const world = await createWorld();
    const { app } = serve(world);
    const fresh = await documentOf(await app.request("/readyz"), Readiness);
    expect(fresh).toMatchObject({ status: "ready", checks: { lastSuccess: "none" }, lastSuccessAt: null });
  });

  it.each([
    { ageMs: 26 * HOUR_MS, status: 200, lastSuccess: "ok" },
    { ageMs: 26 * HOUR_MS + 1, status: 503, lastSuccess: "stale" },
  ])("a last success $ageMs ms ago: $status", async ({ ageMs, status, lastSuccess }) => {
    const world = await createWorld();
    await world.run();
    world.clock.advance(ageMs);
    const response = await serve(world).app.request("/readyz");
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ checks: { database: "ok", store: "ok", lastSuccess } });
  });

  it.each([
    { ageMs: 26 * HOUR_MS, status: 200 },
    { ageMs: 26 * HOUR_MS + 1, status: 503 },
  ])("runs that never succeed, the first $ageMs ms ago: $status", async ({ ageMs, status }) => {
    const world = await knownSite(1);
    await world.insert(...due(200));
    await world.run();
    world.clock.advance(ageMs);
    expect((await serve(world).app.request("/readyz")).status).toBe(status);
  });

  it("a plan is no success where runs are to remove, and one where they are to plan", async () => {
    const world = await createWorld();
    await world.plan();
    world.clock.advance(27 * HOUR_MS);
    await world.plan();
    expect((await serve(world).app.request("/readyz")).status).toBe(503);
    expect((await serve(world, { settings: { mode: "plan" } }).app.request("/readyz")).status).toBe(200);
  });

  it("does not ask for a success where the schedule is off", async () => {
    const world = await createWorld();
    await world.run();
    world.clock.advance(1000 * HOUR_MS);
    const response = await serve(world, { settings: { enabled: false } }).app.request("/readyz");
    expect(await documentOf(response, Readiness)).toMatchObject({ checks: { lastSuccess: "disabled" } });
  });

  it.each([
    ["the database", { status: gone }, { database: "failed", store: "ok", lastSuccess: "unknown" }],
    ["the store", { probeStore: gone }, { database: "ok", store: "failed", lastSuccess: "none" }],
  ])("without %s: 503, and not a word of why", async (_, sweeper, checks) => {
    const logs: LogEvent[] = [];
    const served = serve(await createWorld(), { sweeper, log: (event) => void logs.push(event) });
    const response = await served.app.request("/readyz");
    // To whoever reads the log it is no bug of this program.
    expect(logs).toMatchObject([{ event: "request.failed", error: { kind: "unavailable" } }]);
    expect(await response.clone().text()).not.toContain("secret");
    expect(await problemOf(response)).toMatchObject({ status: 503, kind: "unavailable", checks });
  });

  it("asks at most every 15 s, and never twice at once", async () => {
    const world = await createWorld();
    let asked = 0;
    const sweeper = serve(world).sweeper;
    const { app } = serve(world, {
      sweeper: {
        probeStore: () => {
          asked += 1;
          return sweeper.probeStore();
        },
      },
    });
    await Promise.all([app.request("/readyz"), app.request("/readyz")]);
    world.clock.advance(14_999);
    await app.request("/readyz");
    expect(asked).toBe(1);
    world.clock.advance(1);
    await app.request("/readyz");
    expect(asked).toBe(2);
  });
});
