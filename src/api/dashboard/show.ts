/** What pages show. Nothing here changes anything. */
import type { Context, Hono } from "hono";
import { SweepError } from "../../core/errors.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { CSV, type ExportForm, exportRemovals, NDJSON } from "../export.ts";
import { valid } from "../operation.ts";
import type { ApiParts } from "../parts.ts";
import { existingHold } from "../routes/holds.ts";
import { filterOf } from "../routes/removals.ts";
import { existingRun } from "../routes/runs.ts";
import { ExplainQuery, ExportQuery, HoldQuery, RemovalQuery, RunQuery } from "../schemas.ts";
import type { SignedIn } from "./dashboard.ts";
import { doctorPage } from "./pages/doctor.ts";
import { explainPage } from "./pages/explain.ts";
import { holdPage, holdsPage } from "./pages/holds.ts";
import { overviewPage } from "./pages/overview.ts";
import { removalsPage } from "./pages/removals.ts";
import { runPage, runsPage } from "./pages/runs.ts";
import { settingsPage } from "./pages/settings.ts";

export function addPages(app: Hono<SignedIn>, { sweeper, settings }: ApiParts): void {
  app.get("/", async (c) => {
    const [status, activity] = await Promise.all([sweeper.status(), sweeper.activity()]);
    const nextRunAt = sweeper.nextRunAt?.() ?? null;
    return c.html(overviewPage(c.var.view, { status, activity, settings, nextRunAt }));
  });

  app.get("/holds", async (c) => {
    const { limit, cursor, status } = valid(HoldQuery, asked(c), "query");
    const which = status === undefined ? {} : { status };
    const { items, next } = await sweeper.holds({ limit, ...which, ...decodeCursor("holds", cursor) });
    return c.html(holdsPage(c.var.view, { items, status, cursor: encodeCursor("holds", next) }));
  });
  app.get("/holds/:id", async (c) => c.html(holdPage(c.var.view, await existingHold(sweeper, c.req.param("id")))));

  app.get("/runs", async (c) => {
    const { limit, cursor } = valid(RunQuery, asked(c), "query");
    const { items, next } = await sweeper.runs({ limit, ...decodeCursor("runs", cursor) });
    return c.html(runsPage(c.var.view, items, encodeCursor("runs", next)));
  });
  app.get("/runs/:id", async (c) => {
    const run = await existingRun(sweeper, c.req.param("id"));
    return c.html(runPage(c.var.view, run, c.req.query("go") !== undefined));
  });

  app.get("/removals", async (c) => {
    const { limit, cursor, ...search } = valid(RemovalQuery, asked(c), "query");
    const found = await sweeper.removals({ ...filterOf(search), limit, ...decodeCursor("removals", cursor) });
    const page = { search, items: found.items, cursor: encodeCursor("removals", found.next) };
    return c.html(removalsPage(c.var.view, page));
  });
  const download = (form: ExportForm) => async (c: Context<SignedIn>) => {
    const filter = filterOf(valid(ExportQuery, asked(c), "query"));
    return c.body(await exportRemovals((page) => sweeper.removals(page), filter, form), 200, {
      "Content-Type": form.contentType,
      "Content-Disposition": `attachment; filename="${form.fileName}"`,
    });
  };
  app.get("/removals.csv", download(CSV));
  app.get("/removals.ndjson", download(NDJSON));

  app.get("/explain", async (c) => {
    const { key = "", id = "" } = valid(ExplainQuery, asked(c), "query");
    const about = key !== "" ? { key } : { id };
    const answer = key === "" && id === "" ? undefined : await sweeper.explain(about);
    return c.html(explainPage(c.var.view, { key, id, answer }));
  });
  app.get("/doctor", async (c) => {
    if (sweeper.doctor === undefined) throw new SweepError("not-found", "this instance has no doctor");
    return c.html(doctorPage(c.var.view, await sweeper.doctor()));
  });
  app.get("/settings", (c) => c.html(settingsPage(c.var.view, settings.shown)));
}

/** A form sends along what was left empty. */
function asked(c: Context): Record<string, string> {
  return Object.fromEntries(Object.entries(c.req.query()).filter(([, value]) => value !== ""));
}
