/** What stands in for the app where the settings are wrong: every request is told all that is wrong with them. */
import type { Hono } from "hono";
import type { SettingsError } from "../core/settings.ts";
import { nameRequest, Problem, problemResponse } from "./problem.ts";
import { createRouter } from "./router.ts";

/** Answers 503 to everything, with each problem. It touches nothing; problems of settings hold no secret. */
export function createMisconfiguredApp(error: SettingsError): Hono {
  const problem = new Problem(503, "not-configured", error.message);
  const app = createRouter();
  app.all("*", (c) => {
    nameRequest(c, crypto.randomUUID());
    c.header("Cache-Control", "no-store");
    return problemResponse(c, problem);
  });
  return app;
}
