/** The app over a world, as a client meets it. */
import type { Hono } from "hono";
import * as v from "valibot";
import { expect } from "vitest";
import { createApp } from "../../src/api/app.ts";
import type { AppOptions, ServedSweeper, ServiceSettings } from "../../src/api/parts.ts";
import { ProblemDocument } from "../../src/api/schemas.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import { createSweeperOf } from "../../src/core/sweeper.ts";
import type { Instance, World } from "../support/world.ts";

export const TOKEN = "a".repeat(16) + "b".repeat(16);

export interface ServedOptions extends AppOptions {
  readonly settings?: Partial<ServiceSettings>;
  readonly on?: Instance;
  readonly sweeper?: Partial<ServedSweeper>;
}

export interface Served {
  readonly app: Hono;
  readonly sweeper: ServedSweeper;
  /** What goes on behind the answers. */
  readonly background: Promise<unknown>[];
  /** With the token, unless headers say otherwise. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
}

export function serve(world: World, { settings, on, sweeper: own, ...options }: ServedOptions = {}): Served {
  const parts = on ?? world.parts;
  const service: ServiceSettings = {
    adminTokens: [TOKEN],
    metricsTokens: [TOKEN],
    publicUrl: null,
    staleAfterMs: 26 * HOUR_MS,
    enabled: true,
    mode: parts.settings.mode,
    sweeps: parts.settings.sweeps,
    shown: [],
    ...settings,
  };
  const background: Promise<unknown>[] = [];
  const sweeper: ServedSweeper = { ...createSweeperOf(parts), settings: () => service, ...own };
  const app = createApp(sweeper, {
    background: (work) => void background.push(work),
    backgroundMs: null,
    now: world.clock.now,
    ...options,
  });
  const authorization = { Authorization: `Bearer ${TOKEN}` };
  return {
    app,
    sweeper,
    background,
    get: async (path, headers = {}) => app.request(path, { headers: { ...authorization, ...headers } }),
    post: async (path, body, headers = {}) =>
      app.request(path, {
        method: "POST",
        headers: { ...authorization, ...(body !== undefined && { "Content-Type": "application/json" }), ...headers },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
  };
}

/** The document of a problem, which has to be one. */
export async function problemOf(response: Response): Promise<v.InferOutput<typeof ProblemDocument>> {
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  const document = v.parse(ProblemDocument, await response.json());
  expect(document.status).toBe(response.status);
  expect(document.requestId).toBe(response.headers.get("X-Request-Id"));
  return document;
}

/** The document of an answer, checked against its schema. */
export async function documentOf<Schema extends v.GenericSchema>(
  response: Response,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  expect(response.headers.get("Content-Type")).toBe("application/json");
  return v.parse(schema, await response.json());
}
