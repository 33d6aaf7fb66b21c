/** `GET /metrics`, for Prometheus. */
import { METRICS_TYPE, renderMetrics } from "../metrics.ts";
import { operation } from "../operation.ts";

export const showMetrics = operation(
  "GET /metrics",
  {
    id: "showMetrics",
    tag: "health",
    summary: "What all runs did, and how things stand, in Prometheus' text format",
    access: "metrics",
    answers: { 200: { description: "The metrics.", content: { "text/plain": null } } },
  },
  async (_, { sweeper }, c) =>
    c.body(renderMetrics(await sweeper.status(), sweeper.nextRunAt?.() ?? null), 200, { "Content-Type": METRICS_TYPE }),
);
