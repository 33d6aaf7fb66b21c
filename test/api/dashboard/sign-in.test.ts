/** Who gets into the dashboard, for how long, and over which connections. */
import { Hono } from "hono";
import { describe, expect, it, test } from "vitest";
import { SESSION_MS } from "../../../src/api/dashboard/session.ts";
import { createWorld } from "../../support/world.ts";
import { serve, TOKEN } from "../support.ts";
import { createVisitor, signedIn } from "./visitor.ts";

const OTHER = "c".repeat(32);
const PAGES = [
  "",
  "/holds",
  "/holds/x",
  "/runs",
  "/runs/x",
  "/removals",
  "/removals.csv",
  "/explain",
  "/doctor",
  "/settings",
  "/nothing",
];
const FORMS = [
  "/runs",
  "/runs/x/go-on",
  "/runs/x/cancel",
  "/holds/x/approve",
  "/holds/x/cancel",
  "/removals/x/release",
  "/removals/x/retry",
  "/sign-out",
];

describe("who is not signed in", () => {
  it.each(PAGES)("is asked to, and then brought to /dashboard%s", async (path) => {
    const visitor = createVisitor(serve(await createWorld()).app);
    const response = await visitor.get(`/dashboard${path}`);
    expect(response.status).toBe(303);
    const wanted = encodeURIComponent(`/dashboard${path}`);
    expect(response.headers.get("Location")).toBe(`/dashboard/sign-in?next=${wanted}`);
    expect(await response.text()).toBe("");
    await visitor.page(response);
    const entered = await visitor.post("/dashboard/sign-in", { token: TOKEN, next: `/dashboard${path}` });
    expect(entered.headers.get("Location")).toBe(`/dashboard${path}`);
  });

  it.each(FORMS)("can send no form to %s", async (path) => {
    const world = await createWorld();
    const visitor = createVisitor(serve(world).app);
    await visitor.page("/dashboard/sign-in");
    const response = await visitor.post(`/dashboard${path}`);
    expect([response.status, response.headers.get("Location")]).toEqual([303, "/dashboard/sign-in"]);
  });

  it("gets in with no header of the API", async () => {
    const { app } = serve(await createWorld());
    const response = await app.request("/dashboard", { headers: { Authorization: `Bearer ${TOKEN}` } });
    expect(response.status).toBe(303);
  });

  it.each(["style.css", "script.js", "icon.svg"])("is given %s, which tells nothing", async (name) => {
    const response = await serve(await createWorld()).app.request(`/dashboard/${name}`);
    expect([response.status, response.headers.get("Cache-Control")]).toEqual([200, "public, max-age=300"]);
  });

  it("and comes by a link from another site, is sent here once more: only then does a browser show a strict cookie", async () => {
    const { app } = serve(await createWorld());
    const from = { "Sec-Fetch-Site": "cross-site" };
    const response = await createVisitor(app).get("/dashboard/holds?status=open", from);
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining(`content="0;url=/dashboard/holds?status=open"`),
    ]);
  });
});

describe("the token", () => {
  it.each([
    ["a wrong one", OTHER],
    ["none", ""],
    ["a beginning", TOKEN.slice(0, -1)],
    ["more than it", `${TOKEN}x`],
  ])("%s is refused, told, and nowhere repeated", async (_, token) => {
    const visitor = createVisitor(serve(await createWorld()).app);
    await visitor.page("/dashboard/sign-in");
    const response = await visitor.post("/dashboard/sign-in", { token, next: "" });
    expect(response.status).toBe(401);
    const text = await response.text();
    expect(text).toContain("That is not the token");
    if (token !== "") expect(text).not.toContain(token);
    expect((await visitor.get("/dashboard")).status).toBe(303);
  });

  it("each of two is taken while one replaces the other; a session ends with the token that it was begun with", async () => {
    const world = await createWorld();
    const both = serve(world, { settings: { adminTokens: [TOKEN, OTHER] } });
    const early = await signedIn(both.app, undefined, TOKEN);
    const late = await signedIn(both.app, undefined, OTHER);
    for (const visitor of [early, late]) expect((await visitor.get("/dashboard")).status).toBe(200);
    const after = serve(world, { settings: { adminTokens: [OTHER] } });
    const status = async (cookies: ReadonlyMap<string, string>): Promise<number> => {
      const visitor = createVisitor(after.app);
      for (const [name, value] of cookies) visitor.cookies.set(name, value);
      return (await visitor.get("/dashboard")).status;
    };
    expect([await status(early.cookies), await status(late.cookies)]).toEqual([303, 200]);
  });

  it("that nobody configured: 503 on every page, and how to configure one", async () => {
    const visitor = createVisitor(serve(await createWorld(), { settings: { adminTokens: [] } }).app);
    for (const path of ["/dashboard", "/dashboard/sign-in", "/dashboard/runs"]) {
      const response = await visitor.get(path);
      expect([response.status, response.headers.get("Content-Type")]).toEqual([503, "text/html; charset=UTF-8"]);
      expect(await response.text()).toContain("set ADMIN_TOKEN to at least 32 random characters");
    }
  });
});

describe("a session", () => {
  test("lasts 12 hours, and not a moment longer", async () => {
    const world = await createWorld();
    const visitor = await signedIn(serve(world).app);
    world.clock.advance(SESSION_MS - 1);
    expect((await visitor.get("/dashboard")).status).toBe(200);
    world.clock.advance(1);
    expect((await visitor.get("/dashboard")).status).toBe(303);
  });

  test("ends with signing out, in this browser", async () => {
    const visitor = await signedIn(serve(await createWorld()).app);
    await visitor.page("/dashboard");
    const response = await visitor.post("/dashboard/sign-out");
    expect([response.status, response.headers.get("Location")]).toEqual([303, "/dashboard/sign-in"]);
    expect((await visitor.get("/dashboard")).status).toBe(303);
  });

  test.each([
    ["changed", (value: string) => value.replace(/^\d/, (digit) => String((Number(digit) + 1) % 10))],
    ["without its signature", (value: string) => value.split(".").slice(0, 2).join(".")],
    ["empty", () => "x"],
  ])("is not one whose cookie is %s", async (_, change) => {
    const visitor = await signedIn(serve(await createWorld()).app);
    visitor.cookies.set("filesweep_session", change(visitor.cookies.get("filesweep_session") ?? ""));
    expect((await visitor.get("/dashboard")).status).toBe(303);
  });

  test("is not what the form to sign in was given, whatever cookie that is put in", async () => {
    const visitor = createVisitor(serve(await createWorld()).app);
    await visitor.page("/dashboard/sign-in");
    visitor.cookies.set("filesweep_session", visitor.cookies.get("filesweep_sign_in") ?? "");
    expect((await visitor.get("/dashboard")).status).toBe(303);
  });

  test.each([
    ["https://files.example.com", {}, "Path=/dashboard", true],
    ["http://localhost:8787", {}, "Path=/dashboard", false],
    ["http://127.0.0.1:8787", {}, "Path=/dashboard", false],
    ["http://[::1]:8787", {}, "Path=/dashboard", false],
    ["http://inside:8787", { publicUrl: "https://files.example.com/sweep" }, "Path=/sweep/dashboard", true],
  ])("at %s %o has a cookie that scripts and other sites do not get", async (origin, settings, path, secure) => {
    const visitor = createVisitor(serve(await createWorld(), { settings }).app, origin);
    await visitor.page("/dashboard/sign-in");
    const response = await visitor.post("/dashboard/sign-in", { token: TOKEN, next: "" });
    const cookie = response.headers.getSetCookie().find((one) => one.startsWith("filesweep_session=")) ?? "";
    const parts = cookie.split("; ");
    expect(parts).toEqual(expect.arrayContaining(["Max-Age=43200", path, "HttpOnly", "SameSite=Strict"]));
    expect(parts.includes("Secure")).toBe(secure);
    expect(cookie).not.toContain(TOKEN);
  });

  test.each([
    ["http://files.example.com", {}],
    ["http://10.0.0.1", {}],
    ["http://localhost.example.com", {}],
    ["http://localhost", { publicUrl: "http://files.example.com" }],
  ])("is not begun over plain http from another machine: %s %o, and the page says why", async (origin, settings) => {
    const visitor = createVisitor(serve(await createWorld(), { settings }).app, origin);
    for (const response of [
      await visitor.get("/dashboard/sign-in"),
      await visitor.post("/dashboard/sign-in", { token: TOKEN }),
    ]) {
      expect(response.status).toBe(403);
      const text = await response.text();
      expect(text).toContain("Whoever is on the way could read the token");
      expect(text).toContain("PUBLIC_URL");
      expect(text).not.toContain("<form");
      expect(response.headers.getSetCookie()).toEqual([]);
    }
  });
});

describe("after signing in nobody is led elsewhere", () => {
  test.each([
    "https://evil.example/dashboard",
    "//evil.example/dashboard",
    "/\\evil.example/dashboard",
    "javascript:alert(1)",
    "/admin/stats",
    "/dashboardx",
    "/dashboard/../admin/stats",
    "http://[",
  ])("by %s", async (next) => {
    const visitor = createVisitor(serve(await createWorld()).app);
    await visitor.page(`/dashboard/sign-in?next=${encodeURIComponent(next)}`);
    const response = await visitor.post("/dashboard/sign-in", { token: TOKEN, next });
    expect([response.status, response.headers.get("Location")]).toEqual([303, "/dashboard"]);
  });
});

describe("where the app is mounted in another, or lies behind a proxy", () => {
  test("every link, form and cookie stays under its path", async () => {
    const outer = new Hono().route("/tools/sweep", serve(await createWorld()).app);
    const visitor = createVisitor(outer);
    const start = await visitor.get("/tools/sweep/dashboard");
    expect(start.headers.get("Location")).toBe("/tools/sweep/dashboard/sign-in?next=%2Ftools%2Fsweep%2Fdashboard");
    await visitor.page(start);
    const text = await visitor.page(await visitor.post("/tools/sweep/dashboard/sign-in", { token: TOKEN, next: "" }));
    expect(text).toContain("<h1>Overview</h1>");
    const links = [...text.matchAll(/(?:href|action|src)="([^"]+)"/g)].map(([, link = ""]) => link);
    expect(links.length).toBeGreaterThan(10);
    for (const link of links.filter((one) => one !== "#main")) expect(link).toMatch(/^\/tools\/sweep\/dashboard/);
  });

  test.each([
    ["takes the path away", "/dashboard/runs"],
    ["leaves the path as it is", "/sweep/dashboard/runs"],
  ])("a proxy that %s is known by PUBLIC_URL", async (_, path) => {
    const settings = { publicUrl: "https://files.example.com/sweep/" };
    const { app } = serve(await createWorld(), { settings });
    const response = await createVisitor(app, "http://inside").get(path);
    expect(response.headers.get("Location")).toBe("/sweep/dashboard/sign-in?next=%2Fsweep%2Fdashboard%2Fruns");
    expect((await app.request(path.replace("/dashboard/runs", "/healthz"))).status).toBe(200);
    expect((await app.request("/sweeper/healthz")).status).toBe(404);
  });
});
