/** The client, against the app that it is for. */
import { describe, expect, it } from "vitest";
import { createClient, ProblemError } from "../../src/client/client.ts";
import { isSweepError, SweepError } from "../../src/core/errors.ts";
import { serve, TOKEN } from "../api/support.ts";
import { due, knownSite, names } from "../support/site.ts";
import { createWorld, type World } from "../support/world.ts";

function clientOf(world: World, options: Parameters<typeof serve>[1] = {}) {
  const { app, background } = serve(world, options);
  const send: typeof fetch = async (input, init) =>
    app.request(String(input).replace("https://sweep.example", ""), init);
  return { client: createClient({ url: "https://sweep.example/", token: TOKEN, fetch: send }), background };
}

describe("the client", () => {
  it("starts runs, waits for them, decides about holds, and lists", async () => {
    const world = await knownSite(1);
    await world.insert(...due(200));
    world.put(names("due", 200));
    const { client, background } = clientOf(world);
    const plan = await client.cleanup({ mode: "plan", sweeps: ["expired-files"], wait: 25 });
    expect(plan).toMatchObject({ ended: true, unreachable: false, run: { mode: "plan" } });
    const held = await client.cleanup({ wait: 25 });
    expect(held.run.status).toBe("held");
    const { items } = await client.holds({ status: "open" });
    const id = items.find(({ run }) => run === held.run.id)?.id ?? "";
    expect(await client.hold(id)).toMatchObject({ id, status: "open" });
    expect(await client.cancelHold(id)).toMatchObject({ status: "cancelled" });
    expect(await client.approveHold(id)).toMatchObject({ status: "approved" });
    await Promise.all(background);
    expect(await client.run(held.run.id)).toMatchObject({ status: "completed" });
    expect((await client.runs({ limit: 1 })).items).toMatchObject([{ id: held.run.id }]);
    expect(await client.stats()).toMatchObject({ totalCycles: 2, expiredFilesRemoved: 200 });
    const begun = await client.cleanup();
    expect([begun.ended, begun.run.status]).toEqual([false, "running"]);
    await Promise.all(background);
    const removed: string[] = [];
    for await (const { key } of client.eachRemoval({ state: "removed", reason: "expired" })) removed.push(key);
    expect(removed.sort()).toEqual(names("due", 200));
    const { items: found, nextCursor } = await client.removals({ key: "due/0000", limit: 4 });
    expect([found.length, nextCursor === null]).toEqual([4, false]);
    expect(await client.removal(found[0]?.id ?? "")).toEqual(found[0]);
    expect(await client.explain({ key: "live/00000" })).toMatchObject({ known: true });
    expect(await client.settings()).toEqual([]);
  });

  it("pages through more than one page", async () => {
    const world = await createWorld();
    await world.execute(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
        INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at)
        SELECT printf('%06d', i), 'k' || i, 'removed', 'expired', 'expired-files', 'run-1', 5 FROM n`,
    );
    let count = 0;
    for await (const _ of clientOf(world).client.eachRemoval()) count += 1;
    expect(count).toBe(1001);
  });

  it("throws what the service said: kind, detail, and the request's id", async () => {
    const world = await createWorld();
    await world.parts.database.leases.acquire("host-7");
    const { client } = clientOf(world);
    const held = await client.cleanup().catch((error: unknown) => error);
    expect(held).toBeInstanceOf(ProblemError);
    expect(held).toMatchObject({ kind: "conflict", problem: "lease-held", details: { status: 409, holder: "host-7" } });
    const none = await client.run("none").catch((error: unknown) => error);
    expect(none).toMatchObject({ kind: "not-found", details: { requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) } });
    const wrong = clientOf(world, { settings: { adminTokens: ["x".repeat(32)] } }).client;
    await expect(wrong.stats()).rejects.toMatchObject({ kind: "unauthorized" });
  });

  it.each<[string, typeof fetch]>([
    ["nothing listens", () => Promise.reject(new TypeError("fetch failed"))],
    ["something else answers", async () => new Response("<html>", { status: 200 })],
    ["something else refuses", async () => Response.json({ error: "no" }, { status: 403 })],
    ["a proxy fails", async () => new Response("Bad Gateway", { status: 502 })],
  ])("says that it is unavailable where %s, and never the token", async (_, send) => {
    const client = createClient({ url: "https://sweep.example", token: TOKEN, fetch: send });
    const error = await client.stats().catch((thrown: unknown) => thrown);
    expect(isSweepError(error, "unavailable")).toBe(true);
    expect(String(error)).toContain("https://sweep.example");
    expect(String(error)).not.toContain(TOKEN);
  });

  it("follows no redirect, which would carry the token elsewhere", async () => {
    let asked: RequestInit | undefined;
    const send: typeof fetch = async (_, init) => {
      asked = init;
      throw new SweepError("unavailable", "enough");
    };
    await createClient({ url: "https://a", token: TOKEN, fetch: send })
      .stats()
      .catch(() => {});
    expect(asked?.redirect).toBe("error");
  });
});
