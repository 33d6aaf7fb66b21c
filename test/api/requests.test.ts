/** What every request meets before its route: the token, the body, the query, the method, and how errors are told. */
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { MAX_BODY_BYTES } from "../../src/api/app.ts";
import { LeaseLostError, SweepError } from "../../src/core/errors.ts";
import type { LogEvent } from "../../src/core/ports.ts";
import { createWorld } from "../support/world.ts";
import { problemOf, serve, TOKEN } from "./support.ts";

const OTHER = "c".repeat(32);

describe("a token", () => {
  it.each([
    ["none", {}, "send the token as Authorization: Bearer TOKEN", 'Bearer realm="filesweep"'],
    ["another scheme", { Authorization: `Basic ${TOKEN}` }, "another scheme", 'Bearer realm="filesweep"'],
    ["a scheme alone", { Authorization: "Bearer" }, "another scheme", 'Bearer realm="filesweep"'],
    ["a wrong one", { Authorization: `Bearer ${OTHER}` }, "not the right one", 'error="invalid_token"'],
    ["a beginning", { Authorization: `Bearer ${TOKEN.slice(0, -1)}` }, "not the right one", 'error="invalid_token"'],
    ["more than it", { Authorization: `Bearer ${TOKEN}x` }, "not the right one", 'error="invalid_token"'],
    ["two of them", { Authorization: `Bearer ${TOKEN},${TOKEN}` }, "not the right one", 'error="invalid_token"'],
  ])("%s is refused with 401, and how to send one", async (_, headers, detail, challenge) => {
    const { app } = serve(await createWorld());
    for (const path of ["/admin/stats", "/admin/nothing/here"]) {
      const response = await app.request(path, { headers: headers as Record<string, string> });
      expect(response.status).toBe(401);
      expect(response.headers.get("WWW-Authenticate")).toContain(challenge);
      const problem = await problemOf(response);
      expect(problem).toMatchObject({ kind: "unauthorized", title: "A token is needed" });
      expect(problem.detail).toContain(detail);
    }
  });

  it.each(["Bearer", "bearer", "BEARER"])("is taken with the scheme written %s", async (scheme) => {
    const { get } = serve(await createWorld());
    expect((await get("/admin/stats", { Authorization: `${scheme}  ${TOKEN} ` })).status).toBe(200);
  });

  it("each of two is taken while one replaces the other", async () => {
    const { get } = serve(await createWorld(), { settings: { adminTokens: [TOKEN, OTHER] } });
    for (const token of [TOKEN, OTHER]) {
      expect((await get("/admin/stats", { Authorization: `Bearer ${token}` })).status).toBe(200);
    }
  });

  it("that nobody configured: 503, and how to configure one", async () => {
    const { get } = serve(await createWorld(), { settings: { adminTokens: [] } });
    const problem = await problemOf(await get("/admin/stats"));
    expect(problem).toMatchObject({ status: 503, kind: "not-configured" });
    expect(problem.detail).toContain("set ADMIN_TOKEN to at least 32 random characters");
  });
});

describe("what was sent", () => {
  const MARK = "MARK";

  it.each<[string, string, RequestInit, number, string]>([
    ["no JSON", "/admin/cleanup", { body: `{${MARK}` }, 400, "the body is not JSON"],
    ["a list", "/admin/cleanup", { body: `["${MARK}"]` }, 400, "the body has to be an object"],
    ["an empty list", "/admin/cleanup", { body: "[]" }, 400, "the body has to be an object"],
    ["a text", "/admin/cleanup", { body: `"${MARK}"` }, 400, "the body has to be an object"],
    ["an unknown field", "/admin/cleanup", { body: `{"${MARK}":1}` }, 400, "unknown field; there are mode, sweeps"],
    ["a wrong mode", "/admin/cleanup", { body: `{"mode":"${MARK}"}` }, 400, "mode is wrong; allowed: remove, plan"],
    ["a wrong sweep", "/admin/cleanup", { body: `{"sweeps":["${MARK}"]}` }, 400, "sweeps is wrong"],
    ["no sweeps", "/admin/cleanup", { body: '{"sweeps":[]}' }, 400, "sweeps is wrong"],
    ["a field where there are none", "/admin/holds/h/approve", { body: `{"${MARK}":1}` }, 400, "there are none"],
    [
      "a form",
      "/admin/cleanup",
      { body: "mode=plan", headers: { "Content-Type": "application/x-www-form-urlencoded" } },
      415,
      "JSON",
    ],
    ["text", "/admin/cleanup", { body: "{}", headers: { "Content-Type": "text/plain" } }, 415, "JSON"],
    ["nearly JSON", "/admin/cleanup", { body: "{}", headers: { "Content-Type": "application/jsonp" } }, 415, "JSON"],
    ["more than 64 KiB", "/admin/cleanup", { body: " ".repeat(MAX_BODY_BYTES + 1) }, 413, "larger than 65536 bytes"],
  ])("%s is refused, and not echoed", async (_, path, init, status, detail) => {
    const { app, background } = serve(await createWorld());
    const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json", ...init.headers };
    const response = await app.request(path, { method: "POST", ...init, headers });
    const text = await response.clone().text();
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status, kind: "invalid" });
    expect(problem.detail).toContain(detail);
    expect(text).not.toContain(MARK);
    expect(background).toEqual([]);
  });

  it("exactly 64 KiB are taken, also where nobody said how many", async () => {
    const { post, background } = serve(await createWorld());
    const body = `{"mode":"plan"}${" ".repeat(MAX_BODY_BYTES - 15)}`;
    for (const headers of [{}, { "Transfer-Encoding": "chunked" }]) {
      expect((await post("/admin/cleanup", body, headers)).status).toBe(202);
      expect((await post("/admin/cleanup", `${body} `, headers)).status).toBe(413);
      await Promise.all(background);
    }
  });

  it.each(["application/json", "Application/JSON; charset=utf-8"])("JSON is taken as %s", async (type) => {
    const { post, background } = serve(await createWorld());
    expect((await post("/admin/cleanup", { mode: "plan" }, { "Content-Type": type })).status).toBe(202);
    await Promise.all(background);
  });

  it.each([
    ["limit=0", "limit"],
    ["limit=501", "limit"],
    ["limit=-1", "limit"],
    ["limit=1e2", "limit"],
    ["limit=", "limit"],
    ["limit=5&limit=6", "limit"],
    ["cursor=", "cursor"],
    ["cursor=MARK", "cursor"],
    ["cursor=MARK!", "cursor"],
    [`cursor=${btoa("holds:id-1").replaceAll("=", "")}`, "cursor"],
    [`cursor=${btoa("runs:MARK'--").replaceAll("=", "")}`, "cursor"],
    ["MARK=1", null],
  ])("of a list, ?%s is refused", async (query, field) => {
    const response = await serve(await createWorld()).get(`/admin/runs?${query}`);
    const problem = await problemOf(response.clone());
    expect(problem).toMatchObject({ status: 400, kind: "invalid", errors: [{ in: "query", field }] });
    expect(await response.text()).not.toContain(MARK);
  });

  it.each([1, 500])("of a list, a limit of %i is taken", async (limit) => {
    expect((await serve(await createWorld()).get(`/admin/runs?limit=${limit}`)).status).toBe(200);
  });

  it("a query where there is none is refused, but not by those that anybody may ask", async () => {
    const { get } = serve(await createWorld());
    expect((await get("/admin/stats?pretty=1")).status).toBe(400);
    expect((await get("/healthz?ts=1")).status).toBe(200);
  });
});

describe("a route", () => {
  it.each(["/admin/nothing", "/nothing", "/admin/runs/x/y"])("that is not there, %s: 404", async (path) => {
    expect(await problemOf(await serve(await createWorld()).get(path))).toMatchObject({
      status: 404,
      kind: "not-found",
    });
  });

  it.each([
    ["/admin/cleanup", "GET", "POST"],
    ["/admin/stats", "POST", "HEAD, GET"],
    ["/admin/runs/x", "DELETE", "HEAD, GET"],
    ["/healthz", "PUT", "HEAD, GET"],
  ])("%s with the method %s: 405, and those that are allowed", async (path, method, allowed) => {
    const { app } = serve(await createWorld());
    const response = await app.request(path, { method, headers: { Authorization: `Bearer ${TOKEN}` } });
    expect(response.headers.get("Allow")).toBe(allowed);
    expect(await problemOf(response)).toMatchObject({ status: 405, kind: "invalid" });
  });

  it("works under any path of another app, errors included", async () => {
    const world = await createWorld();
    const { app, background } = serve(world);
    const host = new Hono().route("/tools/filesweep", app);
    const headers = { Authorization: `Bearer ${TOKEN}` };
    expect((await host.request("/tools/filesweep/admin/stats", { headers })).status).toBe(200);
    expect(await problemOf(await host.request("/tools/filesweep/admin/stats"))).toMatchObject({ status: 401 });
    expect(await problemOf(await host.request("/tools/filesweep/admin/no", { headers }))).toMatchObject({
      status: 404,
    });
    const started = await host.request("/tools/filesweep/admin/cleanup", { method: "POST", headers });
    const { id } = (await started.json()) as { id: string };
    expect(started.headers.get("Location")).toBe(`/tools/filesweep/admin/runs/${id}`);
    await Promise.all(background);
  });

  it("behind a proxy is told of by its public address", async () => {
    const { post, background } = serve(await createWorld(), { settings: { publicUrl: "https://example.org/sweep/" } });
    const started = await post("/admin/cleanup");
    const { id } = (await started.json()) as { id: string };
    expect(started.headers.get("Location")).toBe(`https://example.org/sweep/admin/runs/${id}`);
    await Promise.all(background);
  });
});

describe("an error", () => {
  const SECRET = "SELECT secret FROM files";

  it.each<[string, unknown, number, string]>([
    ["invalid", new SweepError("invalid", "it is not allowed"), 400, "it is not allowed"],
    ["not-found", new SweepError("not-found", "there is no hold MARK"), 404, "nothing has that id"],
    ["conflict", new SweepError("conflict", "hold 1 is closed"), 409, "hold 1 is closed"],
    ["conflict", new LeaseLostError(), 409, "another holder took over the lease on the way"],
    ["unavailable", new SweepError("unavailable", "the database is locked"), 503, "the database is locked"],
    ["unauthorized", new SweepError("unauthorized", "bad token"), 503, "refuses filesweep's credentials"],
    ["corrupt", new SweepError("corrupt", "it makes no sense"), 500, "it makes no sense"],
    ["bug", new SweepError("bug", SECRET), 500, "this request id"],
    ["bug", new TypeError(SECRET), 500, "this request id"],
    ["bug", SECRET, 500, "this request id"],
  ])("of kind %s is told without stack, SQL or what was asked for", async (kind, error, status, detail) => {
    const logs: LogEvent[] = [];
    const { get } = serve(await createWorld(), {
      sweeper: { status: () => Promise.reject(error) },
      log: (event) => void logs.push(event),
      makeRequestId: () => "request-1",
    });
    const response = await get("/admin/stats");
    const text = await response.clone().text();
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status, kind, requestId: "request-1", type: `urn:filesweep:problem:${kind}` });
    expect(problem.detail).toContain(detail);
    expect(text).not.toMatch(/SELECT|MARK|\bat .*\.ts/);
    expect(response.headers.get("Retry-After")).toBe(kind === "unavailable" ? "10" : null);
    expect(logs.map(({ event, request }) => [event, request])).toEqual(
      status >= 500 ? [["request.failed", "request-1"]] : [],
    );
  });

  it("carries an id that is ours, whatever the client sent", async () => {
    const { get } = serve(await createWorld());
    const response = await get("/admin/stats", { "X-Request-Id": "MARK" });
    expect(response.headers.get("X-Request-Id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
  });
});
