/** `GET /admin/runs/:id/events`: a run as it goes, as server-sent events with an end and a bounded life. */
import type { SSEStreamingApi } from "hono/streaming";
import { streamSSE } from "hono/streaming";
import { toRunJson } from "../../core/documents/run.ts";
import type { RunReport } from "../../core/model.ts";
import { operation } from "../operation.ts";
import type { ApiParts } from "../parts.ts";
import { ById } from "../schemas.ts";
import { existingRun } from "./runs.ts";

/** How often the journal is looked at, in milliseconds: each time is one round trip. */
export const LOOK_EVERY_MS = 2000;

/** How long one stream lasts, in milliseconds: at most 30 round trips, for a Worker has 50. A client comes back by itself. */
export const STREAM_FOR_MS = 60_000;

/** After how long a client comes back, in milliseconds. */
const RETRY_MS = 2000;

export const followRun = operation(
  "GET /admin/runs/:id/events",
  {
    id: "followRun",
    tag: "runs",
    summary:
      "A run as it goes: `progress` whenever it changed, `end` when it is over. A stream ends after a minute; a client comes back with Last-Event-ID",
    params: ById,
    headers: { "Last-Event-ID": { description: "The id of the last event that was seen: it is not sent again." } },
    answers: {
      200: { description: "Events; the data of each is the run as JSON.", content: { "text/event-stream": null } },
      204: { description: "The run is over, and its end was seen: there is nothing to come back for." },
    },
    problems: [404],
  },
  async ({ params }, parts, c) => {
    const run = await existingRun(parts.sweeper, params.id);
    const seen = c.req.header("Last-Event-ID") ?? "";
    if (isOver(run) && seen === versionOf(run)) return c.body(null, 204);
    return streamSSE(c, (stream) => follow(stream, parts, run, seen));
  },
);

async function follow(stream: SSEStreamingApi, parts: ApiParts, first: RunReport, seen: string): Promise<void> {
  let sent = seen;
  await stream.write(`retry: ${RETRY_MS}\n\n`);
  for (let elapsedMs = 0, run = first; ; elapsedMs += LOOK_EVERY_MS) {
    const version = versionOf(run);
    if (version !== sent) {
      const event = isOver(run) ? "end" : "progress";
      await stream.writeSSE({ event, id: version, data: JSON.stringify(toRunJson(run)) });
      sent = version;
    } else {
      // A comment: it keeps proxies from taking the silence for an end.
      await stream.write(":\n\n");
    }
    if (isOver(run) || stream.aborted || elapsedMs + LOOK_EVERY_MS >= STREAM_FOR_MS) return;
    await parts.sleep(LOOK_EVERY_MS);
    const next = await parts.sweeper.runById(run.id).catch(() => null);
    // Trimmed, or not to be had now: the client comes back and is told.
    if (next === null) return;
    run = next;
  }
}

function isOver({ finishedAt }: RunReport): boolean {
  return finishedAt !== null;
}

/** Changes whenever the run does: every page of it takes calls. */
function versionOf({ status, slices, durationMs, calls }: RunReport): string {
  return [status, slices, durationMs, calls.database, calls.storage].join(".");
}
