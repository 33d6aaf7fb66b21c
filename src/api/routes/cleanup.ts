/** `POST /admin/cleanup`: starts a run, or goes on with the unfinished one. */
import type { Context } from "hono";
import { iso, toRunJson } from "../../core/documents/run.ts";
import type { LeaseHolder } from "../../core/ports.ts";
import { json, operation } from "../operation.ts";
import { Problem } from "../problem.ts";
import { LONGEST_WAIT_MS } from "../runner.ts";
import { CleanupBody, Run } from "../schemas.ts";

/** Set where a run did not get to database or store: the command line's exit code tells of that too. */
export const UNREACHABLE_HEADER = "Filesweep-Unreachable";

const LOCATION = { Location: "Where to ask for the run." };

export const startCleanup = operation(
  "POST /admin/cleanup",
  {
    id: "startCleanup",
    tag: "runs",
    summary: "Start a run, or go on with the unfinished one of its mode",
    body: CleanupBody,
    headers: {
      Prefer: {
        description: `\`wait=N\`: work a slice of up to N seconds, at most ${LONGEST_WAIT_MS / 1000}, and answer then.`,
      },
    },
    answers: {
      200: {
        description: "The run, which ended while the request waited.",
        content: { "application/json": Run },
        headers: { ...LOCATION, [UNREACHABLE_HEADER]: "`true` where database or store could not be reached." },
      },
      202: {
        description: "The run, which goes on.",
        content: { "application/json": Run },
        headers: LOCATION,
      },
    },
    problems: [409],
  },
  async ({ body }, { runner, settings, href }, c) => {
    const waitMs = waitOf(c);
    const mode = body.mode ?? settings.mode;
    const started = await runner.start(c, { mode, sweeps: body.sweeps ?? settings.sweeps, waitMs });
    if (started.kind === "lease-held") throw leaseHeld(started.holder);
    const { report } = started;
    const isOver = started.kind === "worked" && report.status !== "paused";
    return json(c, toRunJson(report), isOver ? 200 : 202, {
      Location: href(c, `/admin/runs/${report.id}`),
      ...(waitMs !== null && { "Preference-Applied": `wait=${waitMs / 1000}` }),
      ...(started.kind === "worked" && started.unreachable && { [UNREACHABLE_HEADER]: "true" }),
    });
  },
);

/** `Prefer: wait=N` (RFC 7240) in milliseconds, no longer than a request may wait; null where it is not asked for. */
function waitOf(c: Context): number | null {
  const [, seconds] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i.exec(c.req.header("Prefer") ?? "") ?? [];
  if (seconds === undefined || Number(seconds) === 0) return null;
  return Math.min(Number(seconds) * 1000, LONGEST_WAIT_MS);
}

/** Another holder has the lease: who, and until when. */
export function leaseHeld({ holder, expiresAt }: LeaseHolder): Problem {
  const until = iso(expiresAt);
  const detail = `another filesweep is at work on this database: ${holder} holds the lease until ${until} and may renew it; try again later`;
  return new Problem(409, "lease-held", detail, { members: { holder, until }, headers: { "Retry-After": "30" } });
}
