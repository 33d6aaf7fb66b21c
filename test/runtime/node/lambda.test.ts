/** The AWS Lambda door, called as Lambda calls it: events of EventBridge, and requests of a function URL. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { LambdaContext, LambdaEvent } from "hono/aws-lambda";
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";
import {
  checkRoutes,
  checkWithoutDatabase,
  checkWithoutStore,
  type Request,
  type RequestData,
} from "../../api/route-cases.ts";
import { AWAY, type HranaServer, startHranaServer } from "../../support/hrana-server.ts";
import { type FolderSite, makeFolderSite } from "../folder-site.ts";
import { httpDoor, playScenario, TOKEN } from "../play-scenario.ts";

type Handler = (event: unknown, context: LambdaContext) => Promise<unknown>;

/** As in a new instance of the function: its settings are read once. */
beforeEach(() => vi.resetModules());

async function startLambda(
  site: FolderSite,
  more: Readonly<Record<string, string>> = {},
): Promise<{ handler: Handler; database: HranaServer }> {
  const before = { ...process.env };
  const database = await startHranaServer({ fileAt: () => site.database });
  onTestFinished(async () => {
    process.env = before;
    await database.close();
  });
  Object.assign(process.env, { ...site.env, DATABASE_URL: database.url, ADMIN_TOKEN: TOKEN, ...more });
  const { handler } = await import("../../../src/cron/lambda.ts");
  return { handler: handler as Handler, database };
}

const SCHEDULED = { source: "aws.events", "detail-type": "Scheduled Event", resources: [], detail: {} };

/** As much of Lambda's context as is used. */
const context = (leftMs: number): LambdaContext => ({ getRemainingTimeInMillis: () => leftMs }) as LambdaContext;

/** A request as a function URL sends it. */
function requestEvent(path: string, init?: RequestData): LambdaEvent {
  const [rawPath = "", rawQueryString = ""] = path.split("?");
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    headers: { host: "function.example", ...init?.headers },
    body: init?.body ?? null,
    isBase64Encoded: false,
    requestContext: { domainName: "function.example", http: { method: init?.method ?? "GET" } },
  } as unknown as LambdaEvent;
}

interface LambdaAnswer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** The function's URL. */
function urlOf(handler: Handler): Request {
  return async (path, init) => {
    const answer = (await handler(requestEvent(path, init), context(60_000))) as LambdaAnswer;
    const body = answer.isBase64Encoded ? Buffer.from(answer.body, "base64") : answer.body;
    return new Response(body, { status: answer.statusCode, headers: answer.headers });
  };
}

it("an AWS Lambda function tells of the scenario what is checked in", async () => {
  const site = await makeFolderSite();
  const { handler } = await startLambda(site);
  await playScenario({
    ...httpDoor(urlOf(handler)),
    tick: () => handler(SCHEDULED, context(900_000)),
    keys: site.keys,
  });
  await checkRoutes(urlOf(handler), TOKEN);
});

it("without a database whatever needs it says so", async () => {
  const { handler, database } = await startLambda(await makeFolderSite());
  database.disturb(() => AWAY);
  await checkWithoutDatabase(urlOf(handler), TOKEN);
});

it("without a store whatever needs it says so", async () => {
  const site = await makeFolderSite();
  const { handler } = await startLambda(site);
  await rename(join(site.folder, "uploads"), join(site.folder, "unmounted"));
  await checkWithoutStore(urlOf(handler), TOKEN);
});

it("a function whose time is almost over stops before it begins to remove", async () => {
  const site = await makeFolderSite();
  const { handler } = await startLambda(site, { CLEANUP_FIRST_RUN: "remove" });
  const before = await site.keys();
  await handler(SCHEDULED, context(1000));
  expect(await site.keys()).toEqual(before);
});

it("an invocation fails with all that is wrong with the settings", async () => {
  const { handler } = await startLambda(await makeFolderSite(), { CLEANUP_PAGE_SIZE: "0", CLEANUP_MODES: "plan" });
  const failure = handler(SCHEDULED, context(900_000));
  await expect(failure).rejects.toThrow(/CLEANUP_PAGE_SIZE[\s\S]*CLEANUP_MODES/);
});
