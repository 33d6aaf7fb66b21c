/** `/admin/removals`: the ledger, and what a person decides about one of its removals. */
import type { Context } from "hono";
import type * as v from "valibot";
import { toRemovalJson } from "../../core/documents/removal.ts";
import { SweepError } from "../../core/errors.ts";
import type { RemovalFilter, Removal as RemovalModel } from "../../core/ports.ts";
import type { Sweeper } from "../../core/sweeper.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { CSV, type ExportForm, exportRemovals, NDJSON } from "../export.ts";
import { json, type Operation, operation } from "../operation.ts";
import { ById, ExportQuery, Removal, RemovalPage, RemovalQuery } from "../schemas.ts";

const LIST = "removals";

export const listRemovals = operation(
  "GET /admin/removals",
  {
    id: "listRemovals",
    tag: "removals",
    summary: "The ledger, the newest first. A page may be short, or empty, and the list go on: nextCursor tells",
    query: RemovalQuery,
    answers: { 200: { description: "A page of removals.", content: { "application/json": RemovalPage } } },
  },
  async ({ query }, { sweeper }, c) => {
    const page = { limit: query.limit, ...decodeCursor(LIST, query.cursor) };
    const { items, next } = await sweeper.removals({ ...filterOf(query), ...page });
    return json(c, { items: items.map(toRemovalJson), nextCursor: encodeCursor(LIST, next) });
  },
);

export const exportCsv = exportOperation("GET /admin/removals.csv", "exportCsv", "text/csv", CSV);
export const exportNdjson = exportOperation("GET /admin/removals.ndjson", "exportNdjson", NDJSON.contentType, NDJSON);

function exportOperation(route: `GET /${string}`, id: string, mediaType: string, form: ExportForm): Operation {
  return operation(
    route,
    {
      id,
      tag: "removals",
      summary: `The whole ledger, or a part of it, as ${mediaType}, the newest first`,
      query: ExportQuery,
      answers: { 200: { description: "A removal a line.", content: { [mediaType]: null } } },
    },
    async ({ query }, { sweeper }, c) => {
      const stream = await exportRemovals((filter) => sweeper.removals(filter), filterOf(query), form);
      return c.body(stream, 200, {
        "Content-Type": form.contentType,
        "Content-Disposition": `attachment; filename="${form.fileName}"`,
      });
    },
  );
}

/** What is looked for, as the ledger is asked. */
export function filterOf(query: v.InferOutput<typeof ExportQuery>): Omit<RemovalFilter, "limit" | "after"> {
  const { state, reason, run, key } = query;
  return {
    ...(state !== undefined && { state }),
    ...(reason !== undefined && { reason }),
    ...(run !== undefined && { runId: run }),
    ...(key !== undefined && { keyPrefix: key }),
  };
}

export const showRemoval = operation(
  "GET /admin/removals/:id",
  {
    id: "showRemoval",
    tag: "removals",
    summary: "One removal",
    params: ById,
    answers: { 200: { description: "The removal.", content: { "application/json": Removal } } },
    problems: [404],
  },
  async ({ params }, { sweeper }, c) => answer(c, sweeper, params.id),
);

export const releaseRemoval = decision(
  "POST /admin/removals/:id/release",
  "releaseRemoval",
  "Keep the object, until it changes or disappears: for suspected, due, failed and abandoned removals",
  (sweeper, id) => sweeper.release(id),
);

export const retryRemoval = decision(
  "POST /admin/removals/:id/retry",
  "retryRemoval",
  "Try a failed or abandoned removal again, with the next run",
  (sweeper, id) => sweeper.retry(id),
);

function decision(
  route: `POST /${string}`,
  id: string,
  summary: string,
  decide: (sweeper: Sweeper, id: string) => Promise<void>,
): Operation {
  return operation(
    route,
    {
      id,
      tag: "removals",
      summary,
      params: ById,
      answers: { 200: { description: "The removal, as it is now.", content: { "application/json": Removal } } },
      problems: [404, 409],
    },
    async ({ params }, { sweeper }, c) => {
      await decide(sweeper, params.id);
      return answer(c, sweeper, params.id);
    },
  );
}

async function answer(c: Context, sweeper: Sweeper, id: string): Promise<Response> {
  const removal: RemovalModel | null = await sweeper.removalById(id);
  if (removal === null) throw new SweepError("not-found", "there is no such removal");
  return json(c, toRemovalJson(removal));
}
