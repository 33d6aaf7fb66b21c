/**
 * Pages for people, over the same sweeper as the API, and with nothing of their own to decide. All of it works without
 * JavaScript; with it, times are in the reader's zone and what goes on is seen going on.
 */
import type { Context, Hono } from "hono";
import { requireConfigured } from "../auth.ts";
import type { ApiParts } from "../parts.ts";
import { Problem, requestIdOf, toLoggedProblem } from "../problem.ts";
import { createRouter } from "../router.ts";
import { addActions } from "./actions.ts";
import { ICON, SCRIPT, STYLE } from "./assets.ts";
import { inside, placeOf, readForm, secureHeaders } from "./guard.ts";
import { problemPage } from "./pages/problem.ts";
import { notSecurePage, onceMorePage, signInPage } from "./pages/sign-in.ts";
import { createTickets, type Tickets } from "./session.ts";
import { addPages } from "./show.ts";
import { to, type View } from "./view.ts";

/** What a handler behind the sign-in finds. */
export interface SignedIn {
  readonly Variables: { readonly view: View };
}

/** The app of the dashboard, to be mounted at `/dashboard`. */
export function createDashboard(parts: ApiParts): Hono<SignedIn> {
  const app = createRouter<SignedIn>();
  const tickets = createTickets(parts, (c) => placeOf(c, parts).scope);
  app.onError((error, c) => {
    const problem = toLoggedProblem(error, c, parts.log);
    for (const [name, value] of Object.entries(problem.headers)) c.header(name, value);
    return c.html(problemPage(placeOf(c, parts), problem, requestIdOf(c)), problem.status);
  });
  app.use(secureHeaders);
  addAssets(app);
  app.use(async (_, next) => {
    requireConfigured(parts.admin);
    return next();
  });
  addSignIn(app, parts, tickets);
  app.use(async (c, next) => {
    const ticket = await tickets.read(c, "session");
    const { base } = placeOf(c, parts);
    if (ticket === null) return challenge(c, base);
    c.set("view", { base, csrf: ticket.csrf, now: parts.now() });
    return next();
  });
  app.post("/sign-out", async (c) => {
    const { view } = c.var;
    await readForm(c, view);
    tickets.drop(c, "session");
    return c.redirect(to(view, "/sign-in"), 303);
  });
  addPages(app, parts);
  addActions(app, parts);
  app.all("*", (c) => {
    if (c.req.path.endsWith("/")) return c.redirect(to(c.var.view), 303);
    throw new Problem(404, "not-found", "there is no such page");
  });
  return app;
}

/** How long a browser keeps what the pages load, in seconds: a new version is seen after that. */
const ASSET_SECONDS = 300;

function addAssets(app: Hono<SignedIn>): void {
  const assets = [
    ["/style.css", "text/css", STYLE],
    ["/script.js", "text/javascript", SCRIPT],
    ["/icon.svg", "image/svg+xml", ICON],
  ] as const;
  for (const [path, type, text] of assets) {
    app.get(path, (c) =>
      c.body(text, 200, {
        "Content-Type": `${type}; charset=utf-8`,
        "Cache-Control": `public, max-age=${ASSET_SECONDS}`,
      }),
    );
  }
}

function addSignIn(app: Hono<SignedIn>, parts: ApiParts, tickets: Tickets): void {
  /** A cookie of the form's own: who is not signed in has a ticket for signing in, and for nothing else. */
  async function form(c: Context, next: string, wasWrong: boolean): Promise<Response> {
    const { base } = placeOf(c, parts);
    const [token] = parts.settings.adminTokens;
    const ticket = (await tickets.read(c, "signIn")) ?? (await tickets.give(c, "signIn", token ?? ""));
    const view = { base, csrf: ticket.csrf, now: parts.now() };
    return c.html(signInPage(view, { next, wasWrong }), wasWrong ? 401 : 200);
  }

  app.on(["GET", "POST"], "/sign-in", async (c, next) => {
    const place = placeOf(c, parts);
    if (!place.mayType) return c.html(notSecurePage(place), 403);
    return next();
  });
  app.get("/sign-in", async (c) => {
    const { base } = placeOf(c, parts);
    const next = inside(base, c.req.query("next"));
    return (await tickets.read(c, "session")) === null ? form(c, next, false) : c.redirect(next, 303);
  });
  app.post("/sign-in", async (c) => {
    const { base } = placeOf(c, parts);
    const ticket = await tickets.read(c, "signIn");
    if (ticket === null) return c.redirect(to({ base }, "/sign-in"), 303);
    const { token = "", next } = await readForm(c, ticket);
    if (!(await parts.admin.check.accepts(token))) return form(c, inside(base, next), true);
    tickets.drop(c, "signIn");
    await tickets.give(c, "session", token);
    return c.redirect(inside(base, next), 303);
  });
}

/**
 * Who is not signed in is asked to. A browser leaves a strict cookie away where the way here began on another site, in a
 * chat for example: asked again from a page of ours, it sends it.
 */
function challenge(c: Context, base: string): Response | Promise<Response> {
  const { path } = c.req;
  const here = `${base}${path.slice(path.lastIndexOf("/dashboard"))}${new URL(c.req.url).search}`;
  if (c.req.method !== "GET") return c.redirect(to({ base }, "/sign-in"), 303);
  if (c.req.header("Sec-Fetch-Site") === "cross-site") return c.html(onceMorePage(here));
  return c.redirect(to({ base }, "/sign-in", { next: here }), 303);
}
