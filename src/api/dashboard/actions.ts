/** What a person decides: each a form of one of our pages, and a page after it. */
import type { Context, Hono } from "hono";
import * as v from "valibot";
import { iso } from "../../core/documents/run.ts";
import { SweepError } from "../../core/errors.ts";
import { MODES, type Mode } from "../../core/model.ts";
import type { ApiParts } from "../parts.ts";
import { Problem } from "../problem.ts";
import { leaseHeld } from "../routes/cleanup.ts";
import { existingHold, goOn } from "../routes/holds.ts";
import { existingRun } from "../routes/runs.ts";
import type { SignedIn } from "./dashboard.ts";
import { inside, readForm } from "./guard.ts";
import { to, type View } from "./view.ts";

type Call = Context<SignedIn, "/:id">;

export function addActions(app: Hono<SignedIn>, parts: ApiParts): void {
  const { sweeper, settings, runner } = parts;

  /** The run goes on as long as its page is looked at, where nothing else works it off. */
  const watch = (c: Context, view: View, id: string): Response => c.redirect(to(view, `/runs/${id}`, { go: "1" }), 303);

  async function start(c: Context, view: View, mode: Mode): Promise<Response> {
    const started = await runner.start(c, { mode, sweeps: settings.sweeps, waitMs: null });
    if (started.kind === "lease-held") throw leaseHeld(started.holder);
    return watch(c, view, started.report.id);
  }

  app.post("/runs", async (c) => {
    const { mode } = await readForm(c, c.var.view);
    if (!v.is(v.picklist(MODES), mode)) throw new Problem(400, "invalid", `mode has to be ${MODES.join(" or ")}`);
    return start(c, c.var.view, mode);
  });
  app.post("/runs/:id/go-on", async (c) => {
    await readForm(c, c.var.view);
    const run = await existingRun(sweeper, c.req.param("id"));
    if (run.finishedAt !== null) return watch(c, c.var.view, run.id);
    return start(c, c.var.view, run.mode);
  });
  app.post("/runs/:id/cancel", async (c) => {
    await readForm(c, c.var.view);
    const { id } = await existingRun(sweeper, c.req.param("id"));
    await sweeper.cancel(id);
    return c.redirect(to(c.var.view, `/runs/${id}`), 303);
  });

  app.post("/holds/:id/approve", async (c) => {
    const { asOf } = await readForm(c, c.var.view);
    const hold = await existingHold(sweeper, c.req.param("id"));
    // An approval lets through what the hold shows: that has to be what this person saw.
    if (iso(hold.asOf) !== asOf) {
      throw new SweepError(
        "conflict",
        "a run looked again since this page was made, and the hold may show more now: look at it again",
      );
    }
    await goOn(c, parts, await sweeper.approve(hold.id));
    return watch(c, c.var.view, hold.runId);
  });
  app.post("/holds/:id/cancel", async (c) => {
    await readForm(c, c.var.view);
    const { id } = await existingHold(sweeper, c.req.param("id"));
    await sweeper.cancel(id);
    return c.redirect(to(c.var.view, `/holds/${id}`), 303);
  });

  const decide = (change: (id: string) => Promise<void>) => async (c: Call) => {
    const { back } = await readForm(c, c.var.view);
    await change(c.req.param("id"));
    return c.redirect(inside(c.var.view.base, back), 303);
  };
  app.post("/removals/:id/release", decide(sweeper.release));
  app.post("/removals/:id/retry", decide(sweeper.retry));
}
