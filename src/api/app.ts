/**
 * The HTTP app: the API that operators, programs and the dashboard use. It composes nothing and runs nowhere by itself:
 * a door, or an application of one's own, hands it a sweeper and serves it. Pages for people are an app of their own,
 * made from the same {@link ApiParts} and mounted in {@link createApp}; they check tokens with `parts.admin.check`.
 *
 * ```ts
 * const app = createApp(createSweeper());
 * yourApp.route("/filesweep", app);
 * ```
 */
import type { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { SweepError } from "../core/errors.ts";
import { createTokenCheck, requireToken } from "./auth.ts";
import { createDashboard } from "./dashboard/dashboard.ts";
import type { Operation } from "./operation.ts";
import type { ApiParts, AppOptions, ServedSweeper, ServiceSettings } from "./parts.ts";
import { nameRequest, Problem, problemResponse, toLoggedProblem } from "./problem.ts";
import { createRouter } from "./router.ts";
import { startCleanup } from "./routes/cleanup.ts";
import { followRun } from "./routes/events.ts";
import { createReadiness, showHealth } from "./routes/health.ts";
import { approveHold, cancelHold, listHolds, showHold } from "./routes/holds.ts";
import { showMetrics } from "./routes/metrics.ts";
import { createDescription } from "./routes/openapi.ts";
import { diagnose, explainKey, showSettings } from "./routes/questions.ts";
import { exportCsv, exportNdjson, listRemovals, releaseRemoval, retryRemoval, showRemoval } from "./routes/removals.ts";
import { cancelRun, listRuns, showRun } from "./routes/runs.ts";
import { showStats } from "./routes/stats.ts";
import { createRunner } from "./runner.ts";

export type { AppOptions, ServedSweeper, ServiceSettings } from "./parts.ts";

/** The most that a request may carry. */
export const MAX_BODY_BYTES = 64 * 1024;

/** The operations of one app, in the order in which the document shows them. To add one: its file in `routes/`, and a line here. */
function createOperations(): Operation[] {
  const all: Operation[] = [
    startCleanup,
    showStats,
    listRuns,
    showRun,
    followRun,
    cancelRun,
    listHolds,
    showHold,
    approveHold,
    cancelHold,
    listRemovals,
    exportCsv,
    exportNdjson,
    showRemoval,
    releaseRemoval,
    retryRemoval,
    explainKey,
    diagnose,
    showSettings,
    showHealth,
    createReadiness(),
    showMetrics,
    createDescription(() => all),
  ];
  return all;
}

/**
 * The app over a sweeper. It can be mounted under any path of another Hono app. It reads no environment: tokens and the
 * rest come with the sweeper's settings.
 */
export function createApp(sweeper: ServedSweeper, options: AppOptions = {}): Hono {
  const parts = createParts(sweeper, options);
  const { makeRequestId = () => crypto.randomUUID() } = options;
  const app = createRouter(basePathOf(parts.settings));
  app.onError((error, c) => {
    return problemResponse(c, toLoggedProblem(error, c, parts.log));
  });
  app.use(async (c, next) => {
    nameRequest(c, makeRequestId());
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
    await next();
  });
  app.use("/admin/*", requireToken(parts.admin));
  const limitBody = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: () => {
      throw new Problem(413, "invalid", `the body is larger than ${MAX_BODY_BYTES} bytes`);
    },
  });
  // Of other methods no body is read, and to look for one costs more than to answer.
  app.on("POST", ["/admin/*", "/dashboard/*"], limitBody);
  app.route("/dashboard", createDashboard(parts));
  addOperations(app, createOperations(), parts);
  app.all("/admin/*", () => {
    throw noSuchRoute();
  });
  app.notFound((c) => problemResponse(c, noSuchRoute()));
  return app;
}

/** The path of `PUBLIC_URL`, without a slash at its end. */
function basePathOf({ publicUrl }: Pick<ServiceSettings, "publicUrl">): string {
  return publicUrl === null ? "" : new URL(publicUrl).pathname.replace(/\/+$/, "");
}

function noSuchRoute(): Problem {
  return new Problem(404, "not-found", "there is no such route; see /openapi.json for those that there are");
}

function createParts(sweeper: ServedSweeper, options: AppOptions): ApiParts {
  const settings = sweeper.settings();
  const { now = () => Date.now(), log = () => {}, sleep = wait } = options;
  const publicUrl = settings.publicUrl?.replace(/\/+$/, "");
  return {
    sweeper,
    settings,
    admin: { check: createTokenCheck(settings.adminTokens), setting: "ADMIN_TOKEN" },
    metrics: { check: createTokenCheck(settings.metricsTokens), setting: "METRICS_TOKEN or ADMIN_TOKEN" },
    runner: createRunner(sweeper, options),
    now,
    log,
    sleep,
    href(c, path) {
      if (publicUrl !== undefined) return `${publicUrl}${path}`;
      const inside = Math.max(c.req.path.lastIndexOf("/admin/"), c.req.path.lastIndexOf("/dashboard"));
      return `${c.req.path.slice(0, inside < 0 ? c.req.path.lastIndexOf("/") : inside)}${path}`;
    },
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function addOperations(app: Hono, all: readonly Operation[], parts: ApiParts): void {
  for (const { method, path, handle } of all) {
    app.on(method, path, (c) =>
      handle(c, parts).catch((error: unknown) => {
        // The router passes on errors alone: of anything else that is thrown nobody would hear.
        throw error instanceof Error ? error : new SweepError("bug", "something was thrown that is no error");
      }),
    );
  }
  for (const path of new Set(all.map((one) => one.path))) {
    const methods = all.filter((one) => one.path === path).map(({ method }) => method.toUpperCase());
    app.all(path, () => {
      const allowed = methods.includes("GET") ? ["HEAD", ...methods] : methods;
      throw new Problem(405, "invalid", `allowed: ${allowed.join(", ")}`, { headers: { Allow: allowed.join(", ") } });
    });
  }
}
