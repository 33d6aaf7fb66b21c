/** `POST /admin/cleanup`: a run from outside. */
import { describe, expect, it } from "vitest";
import { Run } from "../../src/api/schemas.ts";
import { SweepError } from "../../src/core/errors.ts";
import type { LogEvent } from "../../src/core/ports.ts";
import { LEASE_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { due, knownSite, names } from "../support/site.ts";
import { createWorld, type World, type WorldOptions } from "../support/world.ts";
import { documentOf, problemOf, serve } from "./support.ts";

async function siteWithDue(count: number, options: WorldOptions = {}): Promise<World> {
  const world = await knownSite(count, options);
  await world.insert(...due(count));
  world.put(names("due", count));
  return world;
}

describe("POST /admin/cleanup", () => {
  it("answers 202 with the run and where it is, and goes on in the background to its end", async () => {
    const world = await siteWithDue(2);
    const { post, get, background } = serve(world);
    const response = await post("/admin/cleanup");
    expect(response.status).toBe(202);
    const run = await documentOf(response, Run);
    expect(run).toMatchObject({ mode: "remove", status: "running", trigger: "http", finishedAt: null });
    const location = response.headers.get("Location") ?? "";
    expect(location).toBe(`/admin/runs/${run.id}`);
    expect((await get(location)).status).toBe(200);
    expect(background).toHaveLength(1);
    await Promise.all(background);
    expect(await documentOf(await get(location), Run)).toMatchObject({ id: run.id, status: "completed" });
    expect(world.keys()).toEqual(names("live", 2));
  });

  it.each([
    ["the mode that is asked for", { mode: "plan" }, "remove", "plan"],
    ["else that of the settings", {}, "plan", "plan"],
    ["remove also where the settings plan, if it is told to", { mode: "remove" }, "plan", "remove"],
  ] as const)("takes %s", async (_, body, mode, expected) => {
    const { post, background } = serve(await createWorld(), { settings: { mode } });
    expect(await (await post("/admin/cleanup", body)).json()).toMatchObject({ mode: expected });
    await Promise.all(background);
  });

  it("runs the sweeps that are asked for, and no other", async () => {
    const { post } = serve(await siteWithDue(1));
    const response = await post("/admin/cleanup", { sweeps: ["old-records"] }, { Prefer: "wait=25" });
    const { sweeps } = await documentOf(response, Run);
    expect(sweeps.filter(({ status }) => status !== "skipped").map(({ name }) => name)).toEqual(["old-records"]);
  });

  it.each([
    ["wait=25", 25_000],
    ["wait=1", 1000],
    ["respond-async, wait=10", 10_000],
    ['wait="7"; foo=bar', 7000],
    ["WAIT = 600", 25_000],
  ])("Prefer: %s works a slice of up to that long, and answers 200 when the run ended", async (prefer, waitMs) => {
    const waits: number[] = [];
    const abortAfter = (ms: number): AbortSignal => {
      waits.push(ms);
      return new AbortController().signal;
    };
    const { post, background } = serve(await siteWithDue(1), { abortAfter });
    const response = await post("/admin/cleanup", {}, { Prefer: prefer });
    expect([response.status, waits, background]).toEqual([200, [waitMs], []]);
    expect(response.headers.get("Preference-Applied")).toBe(`wait=${waitMs / 1000}`);
    expect(await documentOf(response, Run)).toMatchObject({ status: "completed" });
  });

  it.each(["wait=0", "wait", "waiting=9", "handling=lenient", "wait=-1"])(
    "Prefer: %s waits for nothing",
    async (prefer) => {
      const { post, background } = serve(await createWorld());
      const response = await post("/admin/cleanup", {}, { Prefer: prefer });
      expect([response.status, response.headers.get("Preference-Applied")]).toEqual([202, null]);
      await Promise.all(background);
    },
  );

  it("answers 202 when the time was over before the run was; the next call goes on under the same id", async () => {
    const world = await siteWithDue(3, { settings: { pageSize: 1 } });
    const { post } = serve(world, { abortAfter: () => AbortSignal.abort() });
    const first = await post("/admin/cleanup", {}, { Prefer: "wait=25" });
    expect(first.status).toBe(202);
    const paused = await documentOf(first, Run);
    expect(paused.status).toBe("paused");
    const then = await serve(world).post("/admin/cleanup", {}, { Prefer: "wait=25" });
    expect(await documentOf(then, Run)).toMatchObject({ id: paused.id, status: "completed", slices: 2 });
  });

  it("works a slice while the request waits, where nothing goes on behind an answer", async () => {
    const { post } = serve(await siteWithDue(1), { background: null });
    const response = await post("/admin/cleanup");
    expect(response.status).toBe(200);
    expect(await documentOf(response, Run)).toMatchObject({ status: "completed" });
  });

  it("where the runtime has waitUntil, hands the work to it, and ends it in time", async () => {
    const world = await siteWithDue(1);
    const handed: Promise<unknown>[] = [];
    const limits: number[] = [];
    const { app } = serve(world, {
      background: undefined as never,
      backgroundMs: undefined as never,
      abortAfter: (ms) => {
        limits.push(ms);
        return new AbortController().signal;
      },
    });
    const context = {
      waitUntil: (work: Promise<unknown>) => void handed.push(work),
      passThroughOnException() {},
      props: {},
    };
    const headers = { Authorization: `Bearer ${"a".repeat(16)}${"b".repeat(16)}` };
    const response = await app.request("/admin/cleanup", { method: "POST", headers }, {}, context);
    expect([response.status, limits, handed.length]).toEqual([202, [25_000], 1]);
    await Promise.all(handed);
    expect(world.keys()).toEqual(names("live", 1));
  });

  it("while another holder has the lease: 409 with the holder, and until when", async () => {
    const world = await createWorld();
    await world.parts.database.leases.acquire("host-7, process 42");
    for (const headers of [{}, { Prefer: "wait=5" }]) {
      const response = await serve(world).post("/admin/cleanup", {}, headers);
      expect(await problemOf(response)).toMatchObject({
        status: 409,
        kind: "lease-held",
        holder: "host-7, process 42",
        until: new Date(START + LEASE_MS).toISOString(),
      });
    }
  });

  it("tells of a store that cannot be reached, and of a database that cannot: 503", async () => {
    const world = await createWorld();
    const noStore = await world.createInstance({
      wrapStore: (store) => ({ ...store, list: () => Promise.reject(new SweepError("unavailable", "no store")) }),
    });
    const response = await serve(world, { on: noStore }).post("/admin/cleanup", {}, { Prefer: "wait=5" });
    expect([response.status, response.headers.get("Filesweep-Unreachable")]).toEqual([200, "true"]);
    expect(await documentOf(response, Run)).toMatchObject({ status: "failed" });
    const noDatabase = await world.createInstance({
      wrapClient: (client) => ({
        ...client,
        batch: () => Promise.reject(new SweepError("unavailable", "no database")),
      }),
    });
    for (const headers of [{}, { Prefer: "wait=5" }]) {
      const refused = await serve(world, { on: noDatabase }).post("/admin/cleanup", {}, headers);
      expect(await problemOf(refused)).toMatchObject({ status: 503, kind: "unavailable", detail: "no database" });
    }
  });

  it("what goes wrong behind the answer is logged", async () => {
    const world = await siteWithDue(2);
    let fails = false;
    const on = await world.createInstance({
      wrapClient: (client) => ({
        ...client,
        batch: (statements, mode) =>
          fails ? Promise.reject(new SweepError("unavailable", "gone")) : client.batch(statements, mode),
      }),
    });
    const logs: LogEvent[] = [];
    const { post, background } = serve(world, { on, log: (event) => void logs.push(event) });
    const answering = post("/admin/cleanup");
    const { status } = await answering;
    fails = true;
    await Promise.all(background);
    expect(status).toBe(202);
    expect(logs.map(({ event, level }) => [event, level])).toEqual([["run.failed", "error"]]);
  });
});
