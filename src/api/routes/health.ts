/** `/healthz` and `/readyz`: for whoever watches over the process. Neither asks for a token, neither tells why. */
import type { Context } from "hono";
import type * as v from "valibot";
import { iso, isoOrNull } from "../../core/documents/run.ts";
import { SweepError } from "../../core/errors.ts";
import type { Instant } from "../../core/model.ts";
import type { SweeperStatus } from "../../core/sweeper.ts";
import { json, type Operation, operation } from "../operation.ts";
import type { ApiParts } from "../parts.ts";
import { Problem } from "../problem.ts";
import { executionContextOf } from "../runner.ts";
import { type Checks, Health, Readiness } from "../schemas.ts";

/** How long an answer of `/readyz` is given again, in milliseconds: whoever asks often must not cost anything. */
export const READY_FOR_MS = 15_000;

export const showHealth = operation(
  "GET /healthz",
  {
    id: "showHealth",
    tag: "health",
    summary: "Whether the process is up",
    access: "anybody",
    answers: { 200: { description: "It is.", content: { "application/json": Health } } },
  },
  async (_, __, c) => json(c, { status: "up" }),
);

interface Look {
  readonly checks: v.InferOutput<typeof Checks>;
  readonly lastSuccessAt: Instant | null;
  readonly checkedAt: Instant;
}

/** Made for each app: it remembers its last answer. */
export function createReadiness(): Operation {
  let known: Look | null = null;
  let asking: Promise<Look> | null = null;

  async function look(parts: ApiParts, c: Context): Promise<Look> {
    if (known !== null && parts.now() - known.checkedAt < READY_FOR_MS) return known;
    if (asking === null) {
      asking = check(parts).finally(() => {
        asking = null;
      });
      // Others wait for it too: in a Worker it would end with a client that hangs up.
      executionContextOf(c)?.waitUntil(asking);
    }
    known = await asking;
    return known;
  }

  return operation(
    "GET /readyz",
    {
      id: "showReadiness",
      tag: "health",
      summary: "Whether database and store can be reached, and the last success is fresh; asked at most every 15 s",
      access: "anybody",
      answers: { 200: { description: "All of that.", content: { "application/json": Readiness } } },
      problems: [503],
    },
    async (_, parts, c) => {
      const { checks, lastSuccessAt, checkedAt } = await look(parts, c);
      const wrong = Object.entries(checks).filter(([, state]) => state === "failed" || state === "stale");
      if (wrong.length > 0) {
        const detail = `not ready: ${wrong.map(([name, state]) => `${name} ${state}`).join(", ")}`;
        const cause = new SweepError("unavailable", detail);
        throw new Problem(503, "unavailable", detail, { members: { checks }, headers: { "Retry-After": "15" }, cause });
      }
      const times = { lastSuccessAt: isoOrNull(lastSuccessAt), checkedAt: iso(checkedAt) };
      return json(c, { status: "ready", checks, ...times });
    },
  );
}

async function check(parts: ApiParts): Promise<Look> {
  const { sweeper, now } = parts;
  const [status, store] = await Promise.allSettled([sweeper.status(), sweeper.probeStore()]);
  const checkedAt = now();
  const known = status.status === "fulfilled" ? status.value : null;
  return {
    checks: {
      database: known === null ? "failed" : "ok",
      store: store.status === "fulfilled" ? "ok" : "failed",
      lastSuccess: known === null ? "unknown" : judgeLastSuccess(parts, known, checkedAt),
    },
    lastSuccessAt: known?.totals.lastSuccessAt[parts.settings.mode] ?? null,
    checkedAt,
  };
}

/** What has never succeeded is stale once the first run lies so far back: a new instance waits for its first approval. */
function judgeLastSuccess(
  { settings: { enabled, mode, staleAfterMs } }: ApiParts,
  { totals }: SweeperStatus,
  now: Instant,
): v.InferOutput<typeof Checks>["lastSuccess"] {
  if (!enabled) return "disabled";
  const since = totals.lastSuccessAt[mode] ?? totals.firstRunAt;
  if (since !== null && now - since > staleAfterMs) return "stale";
  return totals.lastSuccessAt[mode] === null ? "none" : "ok";
}
