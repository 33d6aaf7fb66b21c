/** `/admin/holds`: what waits for a person, and what one says of it. */
import type { Context } from "hono";
import { toStandingHoldJson } from "../../core/documents/run.ts";
import { SweepError } from "../../core/errors.ts";
import type { Hold as HoldModel } from "../../core/model.ts";
import type { Sweeper } from "../../core/sweeper.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { json, operation } from "../operation.ts";
import type { ApiParts } from "../parts.ts";
import { ById, Hold, HoldPage, HoldQuery } from "../schemas.ts";

const LIST = "holds";

export const listHolds = operation(
  "GET /admin/holds",
  {
    id: "listHolds",
    tag: "holds",
    summary: "The holds of one status, or all that are not closed, the newest first",
    query: HoldQuery,
    answers: { 200: { description: "A page of holds.", content: { "application/json": HoldPage } } },
  },
  async ({ query: { limit, cursor, status } }, { sweeper }, c) => {
    const which = status === undefined ? {} : { status };
    const { items, next } = await sweeper.holds({ limit, ...which, ...decodeCursor(LIST, cursor) });
    return json(c, { items: items.map(toStandingHoldJson), nextCursor: encodeCursor(LIST, next) });
  },
);

export const showHold = operation(
  "GET /admin/holds/:id",
  {
    id: "showHold",
    tag: "holds",
    summary: "One hold",
    params: ById,
    answers: { 200: { description: "The hold.", content: { "application/json": Hold } } },
    problems: [404],
  },
  async ({ params }, { sweeper }, c) => json(c, toStandingHoldJson(await existingHold(sweeper, params.id))),
);

export const approveHold = operation(
  "POST /admin/holds/:id/approve",
  {
    id: "approveHold",
    tag: "holds",
    summary: "Let through what a hold showed when it was last refreshed, for 7 days; the run then goes on",
    params: ById,
    answers: {
      202: {
        description: "The hold. The run that it held goes on now; what is left of it, with the next run.",
        content: { "application/json": Hold },
        headers: { Location: "Where to ask for the run that goes on." },
      },
    },
    problems: [404, 409],
  },
  async ({ params }, parts, c) => {
    const hold = await parts.sweeper.approve(params.id);
    await goOn(c, parts, hold);
    return json(c, toStandingHoldJson(hold), 202, { Location: parts.href(c, `/admin/runs/${hold.runId}`) });
  },
);

export const cancelHold = operation(
  "POST /admin/holds/:id/cancel",
  {
    id: "cancelHold",
    tag: "holds",
    summary: "Silence a hold: what it holds stays held until it is back under its limit",
    params: ById,
    answers: { 202: { description: "The hold.", content: { "application/json": Hold } } },
    problems: [404, 409],
  },
  async ({ params }, { sweeper }, c) => {
    // An id of a run would be cancelled too: here it names nothing.
    await existingHold(sweeper, params.id);
    await sweeper.cancel(params.id);
    return json(c, toStandingHoldJson(await existingHold(sweeper, params.id)), 202);
  },
);

/** Goes on with the run that a hold stopped, where that removes. Whoever has the lease now goes on with it otherwise. */
export async function goOn(c: Context, { sweeper, runner, settings, log }: ApiParts, hold: HoldModel): Promise<void> {
  try {
    const run = await sweeper.runById(hold.runId);
    if (run?.mode !== "remove" || run.finishedAt !== null) return;
    await runner.start(c, { mode: "remove", sweeps: settings.sweeps, waitMs: null });
  } catch (error) {
    // The approval stands; that its run did not start at once takes nothing from it.
    log({ level: "warn", event: "run.failed", run: hold.runId, error });
  }
}

/** @throws SweepError `not-found` */
export async function existingHold(sweeper: Sweeper, id: string): Promise<HoldModel> {
  const hold = await sweeper.holdById(id);
  if (hold === null) throw new SweepError("not-found", "there is no such hold");
  return hold;
}
