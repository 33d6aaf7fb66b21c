/** `/admin/runs`: the history, and the end of a run that a person does not want. */
import { toRunJson } from "../../core/documents/run.ts";
import { SweepError } from "../../core/errors.ts";
import type { RunReport } from "../../core/model.ts";
import type { Sweeper } from "../../core/sweeper.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { json, operation } from "../operation.ts";
import { ById, Run, RunPage, RunQuery } from "../schemas.ts";

const LIST = "runs";

export const listRuns = operation(
  "GET /admin/runs",
  {
    id: "listRuns",
    tag: "runs",
    summary: "The runs, the newest first",
    query: RunQuery,
    answers: { 200: { description: "A page of runs.", content: { "application/json": RunPage } } },
  },
  async ({ query }, { sweeper }, c) => {
    const { items, next } = await sweeper.runs({ limit: query.limit, ...decodeCursor(LIST, query.cursor) });
    return json(c, { items: items.map(toRunJson), nextCursor: encodeCursor(LIST, next) });
  },
);

export const showRun = operation(
  "GET /admin/runs/:id",
  {
    id: "showRun",
    tag: "runs",
    summary: "One run",
    params: ById,
    answers: { 200: { description: "The run.", content: { "application/json": Run } } },
    problems: [404],
  },
  async ({ params }, { sweeper }, c) => json(c, toRunJson(await existingRun(sweeper, params.id))),
);

export const cancelRun = operation(
  "POST /admin/runs/:id/cancel",
  {
    id: "cancelRun",
    tag: "runs",
    summary: "End a run that is under way, paused or held: the next one begins anew",
    params: ById,
    answers: {
      202: {
        description: "The run. One that is under way ends after what is in flight.",
        content: { "application/json": Run },
      },
    },
    problems: [404, 409],
  },
  async ({ params }, { sweeper }, c) => {
    await existingRun(sweeper, params.id);
    await sweeper.cancel(params.id);
    return json(c, toRunJson(await existingRun(sweeper, params.id)), 202);
  },
);

/** @throws SweepError `not-found` */
export async function existingRun(sweeper: Sweeper, id: string): Promise<RunReport> {
  const run = await sweeper.runById(id);
  if (run === null) throw new SweepError("not-found", "there is no such run");
  return run;
}
