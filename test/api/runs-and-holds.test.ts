/** The history, and what a person says of runs and holds, from outside. */
import { describe, expect, it } from "vitest";
import { Hold, HoldPage, Run, RunPage, Stats } from "../../src/api/schemas.ts";
import { toRunJson } from "../../src/core/documents/run.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { due, heldSite, knownSite, names } from "../support/site.ts";
import { createWorld } from "../support/world.ts";
import { documentOf, problemOf, serve } from "./support.ts";

describe("GET /admin/runs", () => {
  it("pages through the runs, the newest first, each once, also where new ones come meanwhile", async () => {
    const world = await createWorld();
    const ids: string[] = [];
    for (let run = 0; run < 5; run += 1) ids.unshift((await world.plan()).id);
    const { get } = serve(world);
    const seen: string[] = [];
    for (let query = "limit=2"; query !== ""; ) {
      const page = await documentOf(await get(`/admin/runs?${query}`), RunPage);
      seen.push(...page.items.map(({ id }) => id));
      await world.plan();
      query = page.nextCursor === null ? "" : `limit=2&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(ids);
  });

  it("shows one as the command line does; of another id none", async () => {
    const world = await createWorld();
    const report = await world.run();
    const { get } = serve(world);
    expect(await documentOf(await get(`/admin/runs/${report.id}`), Run)).toEqual(toRunJson(report));
    for (const id of ["nothing", "%20", "..%2f", "a'b", "x".repeat(65)]) {
      expect(await problemOf(await get(`/admin/runs/${id}`))).toMatchObject({ status: 404 });
    }
  });
});

describe("POST /admin/runs/:id/cancel", () => {
  it("ends a run that waits; one that is over cannot be cancelled", async () => {
    const world = await heldSite();
    const { get, post } = serve(world);
    const [run] = (await documentOf(await get("/admin/runs"), RunPage)).items;
    const response = await post(`/admin/runs/${run?.id}/cancel`);
    expect(response.status).toBe(202);
    expect(await documentOf(response, Run)).toMatchObject({ id: run?.id, status: "cancelled" });
    world.clock.advance(1);
    expect(await problemOf(await post(`/admin/runs/${run?.id}/cancel`))).toMatchObject({
      status: 409,
      kind: "conflict",
    });
    expect(await problemOf(await post("/admin/runs/nothing/cancel"))).toMatchObject({ status: 404, kind: "not-found" });
  });

  it("takes no hold for a run, nor a run for a hold", async () => {
    const world = await heldSite();
    const { get, post } = serve(world);
    const [hold] = (await documentOf(await get("/admin/holds"), HoldPage)).items;
    expect((await post(`/admin/runs/${hold?.id}/cancel`)).status).toBe(404);
    expect((await post(`/admin/holds/${hold?.run}/cancel`)).status).toBe(404);
    expect((await post(`/admin/holds/${hold?.run}/approve`)).status).toBe(404);
    expect(await documentOf(await get(`/admin/holds/${hold?.id}`), Hold)).toMatchObject({ status: "open" });
  });
});

describe("a hold", () => {
  it("is shown with what it keeps back, and approved: its run goes on at once, under its id", async () => {
    const world = await heldSite();
    const { get, post, background } = serve(world);
    const { items, nextCursor } = await documentOf(await get("/admin/holds"), HoldPage);
    expect(nextCursor).toBeNull();
    expect(items).toMatchObject([{ cause: "too-many-expired", sweep: "expired-files", status: "open", count: 200 }]);
    const [hold] = items;
    const response = await post(`/admin/holds/${hold?.id}/approve`, {});
    expect([response.status, response.headers.get("Location")]).toEqual([202, `/admin/runs/${hold?.run}`]);
    expect(await documentOf(response, Hold)).toMatchObject({ id: hold?.id, status: "approved" });
    expect(background).toHaveLength(1);
    await Promise.all(background);
    expect(await documentOf(await get(`/admin/runs/${hold?.run}`), Run)).toMatchObject({ status: "completed" });
    expect(world.keys()).toEqual(names("live", 1));
    expect(await problemOf(await post(`/admin/holds/${hold?.id}/approve`))).toMatchObject({ status: 409 });
    expect((await documentOf(await get("/admin/holds?status=closed"), HoldPage)).items).toMatchObject([
      { id: hold?.id },
    ]);
    expect((await documentOf(await get("/admin/holds"), HoldPage)).items).toEqual([]);
  });

  it("is approved also while another holder has the lease: that run, or a later one, goes on with it", async () => {
    const world = await heldSite();
    const { get, post, background } = serve(world);
    const [hold] = (await documentOf(await get("/admin/holds"), HoldPage)).items;
    await world.parts.database.leases.acquire("another");
    expect((await post(`/admin/holds/${hold?.id}/approve`)).status).toBe(202);
    expect(background).toEqual([]);
    expect(await documentOf(await get(`/admin/holds/${hold?.id}`), Hold)).toMatchObject({ status: "approved" });
  });

  it("of a plan is approved without removing anything", async () => {
    const world = await knownSite(1);
    await world.insert(...due(200));
    world.put(names("due", 200));
    await world.plan();
    const { get, post, background } = serve(world, { settings: { mode: "plan" } });
    for (const { id } of (await documentOf(await get("/admin/holds"), HoldPage)).items) {
      expect((await post(`/admin/holds/${id}/approve`)).status).toBe(202);
    }
    await Promise.all(background);
    expect(world.keys()).toHaveLength(201);
  });

  it("is silenced", async () => {
    const world = await heldSite();
    const { get, post, background } = serve(world);
    const [hold] = (await documentOf(await get("/admin/holds"), HoldPage)).items;
    const response = await post(`/admin/holds/${hold?.id}/cancel`);
    expect(response.status).toBe(202);
    expect(await documentOf(response, Hold)).toMatchObject({ status: "cancelled" });
    expect(background).toEqual([]);
    expect(world.keys()).toHaveLength(201);
  });

  it("of an id that there is none of: 404", async () => {
    const { get, post } = serve(await createWorld());
    for (const response of [
      await get("/admin/holds/none"),
      await post("/admin/holds/none/approve"),
      await post("/admin/holds/none/cancel"),
    ]) {
      expect(await problemOf(response)).toMatchObject({ status: 404, kind: "not-found" });
    }
  });
});

describe("GET /admin/stats", () => {
  it("before the first run shows zeros, and null for what is not known", async () => {
    const stats = await documentOf(await serve(await createWorld()).get("/admin/stats"), Stats);
    expect(stats).toEqual({
      totalCycles: 0,
      expiredFilesRemoved: 0,
      orphanedFilesRemoved: 0,
      oldRecordsRemoved: 0,
      staleUploadsAborted: 0,
      missingObjects: null,
      bytesReclaimed: 0,
      lastRun: null,
      lastDurationMs: null,
      nextRun: null,
      open: Object.fromEntries(
        ["suspected", "due", "condemned", "failed", "abandoned"].map((state) => [state, { count: 0, bytes: 0 }]),
      ),
      holds: [],
    });
  });

  it("sums what runs did, and tells of what is open, held and next", async () => {
    const world = await knownSite(30);
    await world.insert(...due(2), { key: "lost", size_bytes: 5 });
    world.put([...names("due", 2), "orphan"]);
    world.clock.advance(48 * HOUR_MS);
    const report = await world.run();
    const nextRunAt = (): number => START + HOUR_MS;
    const stats = await documentOf(await serve(world, { sweeper: { nextRunAt } }).get("/admin/stats"), Stats);
    expect(stats).toMatchObject({
      totalCycles: 1,
      expiredFilesRemoved: 2,
      orphanedFilesRemoved: 0,
      missingObjects: 1,
      bytesReclaimed: 20,
      lastRun: { id: report.id },
      lastDurationMs: report.durationMs,
      nextRun: new Date(START + HOUR_MS).toISOString(),
      open: { suspected: { count: 1, bytes: 10 } },
    });
  });
});
