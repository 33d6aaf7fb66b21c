/** `/admin/explain`, `/admin/doctor` and `/admin/settings`: what would be decided, whether it can be, and by what. */
import { toExplanationJson } from "../../core/documents/explanation.ts";
import { SweepError } from "../../core/errors.ts";
import { json, operation } from "../operation.ts";
import { Problem } from "../problem.ts";
import { Diagnosis, ExplainQuery, Explanation, ShownSettings } from "../schemas.ts";

export const explainKey = operation(
  "GET /admin/explain",
  {
    id: "explain",
    tag: "questions",
    summary: "What each sweep would decide about a key, or about the key of a row, and why",
    query: ExplainQuery,
    answers: { 200: { description: "The decisions.", content: { "application/json": Explanation } } },
    problems: [404],
  },
  async ({ query: { key, id } }, { sweeper }, c) => {
    const about = key !== undefined ? { key } : id !== undefined ? { id } : null;
    if (about === null || (key !== undefined && id !== undefined)) {
      throw new Problem(400, "invalid", "query: give either key, an object's, or id, a row's");
    }
    const explanation = await sweeper.explain(about);
    if (explanation === null) throw new SweepError("not-found", "there is no such row");
    return json(c, toExplanationJson(explanation));
  },
);

export const diagnose = operation(
  "GET /admin/doctor",
  {
    id: "diagnose",
    tag: "questions",
    summary: "Everything that a run depends on: what was found, what is needed, and what mends it",
    answers: { 200: { description: "The checks.", content: { "application/json": Diagnosis } } },
    problems: [404],
  },
  async (_, { sweeper }, c) => {
    if (sweeper.doctor === undefined) throw new SweepError("not-found", "this instance has no doctor");
    return json(c, await sweeper.doctor());
  },
);

export const showSettings = operation(
  "GET /admin/settings",
  {
    id: "showSettings",
    tag: "questions",
    summary: "Every setting, and where it comes from; secrets are never shown",
    answers: { 200: { description: "The settings.", content: { "application/json": ShownSettings } } },
  },
  async (_, { settings }, c) => json(c, { items: settings.shown }),
);
