/** `GET /admin/stats`: what all runs did, the last and the next one, and what is open. */
import { toStatsJson } from "../../core/documents/stats.ts";
import { json, operation } from "../operation.ts";
import { Stats } from "../schemas.ts";

export const showStats = operation(
  "GET /admin/stats",
  {
    id: "showStats",
    tag: "runs",
    summary: "What all runs did, the last and the next one, and what is open or held",
    answers: { 200: { description: "How things stand.", content: { "application/json": Stats } } },
  },
  async (_, { sweeper }, c) => json(c, toStatsJson(await sweeper.status(), sweeper.nextRunAt?.() ?? null)),
);
