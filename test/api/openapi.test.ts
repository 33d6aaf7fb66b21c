/** The OpenAPI document: valid, whole, and true of every operation. */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormatsPlugin from "ajv-formats";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import { VERSION } from "../../src/core/version.ts";
import { due, knownSite, names } from "../support/site.ts";
import type { World } from "../support/world.ts";
import { problemOf, type Served, serve, TOKEN } from "./support.ts";

// The package is CommonJS; its default is the plugin under Deno and Node alike.
const addFormats = addFormatsPlugin.default;

interface Schema {
  readonly $ref?: string;
  readonly [keyword: string]: unknown;
}
interface Media {
  readonly schema: Schema;
}
interface Described {
  readonly operationId: string;
  readonly parameters?: readonly {
    name: string;
    in: "path" | "query" | "header";
    required?: boolean;
    schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
  readonly security: readonly Readonly<Record<string, unknown>>[];
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

async function documentOf({ app }: Served): Promise<Document> {
  return (await (await app.request("/openapi.json")).json()) as Document;
}

/** A site with runs, a hold, and removals of several kinds. */
async function busySite(): Promise<World> {
  const world = await knownSite(2);
  await world.insert(...due(150));
  world.put([...names("due", 150), "orphan", "=1+1"]);
  await world.plan();
  await world.run();
  const sql = `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, size_bytes, created_at, error, released_by)
    SELECT 'r-' || value, 'k/' || value, value, 'left-over', 'orphaned-objects', 'run-1', 7, 5, 'refused', 'operator' FROM json_each(?)`;
  await world.execute(sql, ['["failed","abandoned","removed","released","due"]']);
  return world;
}

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const document = await documentOf(serve(await knownSite(1)));
    expect(document.openapi).toBe("3.1.0");
    expect(document.info.version).toBe(VERSION);
    expect(await new Validator().validate(structuredClone(document) as never)).toEqual({ valid: true });
  });

  it("describes every route of the contract, and nothing without an id of its own", async () => {
    const { paths } = await documentOf(serve(await knownSite(1)));
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(operations).toEqual(
      expect.arrayContaining([
        "POST /admin/cleanup",
        "GET /admin/stats",
        "GET /admin/runs",
        "GET /admin/runs/{id}",
        "GET /admin/runs/{id}/events",
        "POST /admin/runs/{id}/cancel",
        "GET /admin/holds",
        "POST /admin/holds/{id}/approve",
        "POST /admin/holds/{id}/cancel",
        "GET /admin/removals",
        "GET /admin/removals.csv",
        "GET /admin/removals.ndjson",
        "POST /admin/removals/{id}/release",
        "POST /admin/removals/{id}/retry",
        "GET /admin/explain",
        "GET /admin/doctor",
        "GET /admin/settings",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /openapi.json",
      ]),
    );
    const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("shows numbers of a query as numbers, words as words, and where it is served", async () => {
    const { app } = serve(await knownSite(1), { settings: { publicUrl: "https://example.org/sweep" } });
    const { paths, servers } = await documentOf({ app } as Served);
    expect(servers).toEqual([{ url: "https://example.org/sweep/" }]);
    const parameters = paths["/admin/removals"]?.["get"]?.parameters ?? [];
    const schemaOf = (name: string): unknown => parameters.find((one) => one.name === name)?.schema;
    expect(schemaOf("limit")).toMatchObject({ type: "integer", minimum: 1, maximum: 500, default: 50 });
    expect(schemaOf("state")).toMatchObject({ enum: expect.arrayContaining(["suspected", "released"]) });
  });

  it("wants the token wherever it is asked for, and nowhere else", async () => {
    const served = serve(await busySite());
    const { paths } = await documentOf(served);
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { security }] of Object.entries(methods)) {
        const { status } = await served.app.request(path.replace("{id}", "x"), { method: method.toUpperCase() });
        expect([path, status === 401]).toEqual([path, security.length > 0]);
      }
    }
  });
});

describe("every operation, with whatever is sent", () => {
  it("answers with a documented status, type and form, and never with a fault of its own", {
    timeout: 120_000,
  }, async () => {
    const world = await busySite();
    const served = serve(world, { sleep: async () => {}, abortAfter: () => AbortSignal.abort() });
    const document = await documentOf(served);
    const ids = await knownIds(world);
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, described]) => ({ path, method, described })),
    );
    const validate = createValidator(document);
    const seen = new Map<string, Set<number>>();
    await fc.assert(
      fc.asyncProperty(
        fc
          .constantFrom(...operations)
          .chain((operation) => fc.tuple(fc.constant(operation), requestOf(operation, ids))),
        async ([{ path, method, described }, request]) => {
          const { pathname, ...init } = request;
          const response = await served.app.request(pathname, { method: method.toUpperCase(), ...init });
          const text = await response.text();
          await Promise.all(served.background.splice(0));
          const what = `${method} ${pathname} ${String(init.body ?? "")}: ${response.status} ${text.slice(0, 300)}`;
          seen.set(path, (seen.get(path) ?? new Set()).add(response.status));
          expect(response.status, what).toBeLessThan(500);
          const answer = described.responses[response.status];
          expect(answer, what).toBeDefined();
          if (answer?.content === undefined) return expect(text, what).toBe("");
          const type = response.headers.get("Content-Type")?.split(";")[0] ?? "";
          expect(Object.keys(answer.content), what).toContain(type);
          if (type.endsWith("json") && type !== "application/x-ndjson") {
            expect(validate(answer.content[type]?.schema ?? {}, JSON.parse(text)), what).toBeNull();
          }
        },
      ),
      { numRuns: 500 },
    );
    // Both sides were reached: what is right, and what is wrong.
    const statuses = new Set([...seen.values()].flatMap((each) => [...each]));
    expect([...statuses].sort()).toEqual(expect.arrayContaining([200, 400, 401, 404]));
    expect(seen.size).toBe(Object.keys(document.paths).length);
  });
});

describe("every operation, while the database cannot be reached", () => {
  it("answers 503 with a problem, or what needs no database; nothing is begun", async () => {
    const world = await busySite();
    const gone = (): Promise<never> => Promise.reject(new SweepError("unavailable", "no database"));
    const on = await world.createInstance({ wrapClient: (client) => ({ ...client, batch: gone }) });
    const served = serve(world, { on, sleep: async () => {} });
    const { paths } = await documentOf(served);
    const without: string[] = [];
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        const query = path === "/admin/explain" ? "?key=k" : "";
        const ask = method === "post" ? served.post : served.get;
        const response = await ask(`${path.replace("{id}", "r-failed")}${query}`);
        if (response.status === 503) expect(await problemOf(response)).toMatchObject({ kind: "unavailable" });
        else without.push(`${path} ${response.status}`);
      }
    }
    expect(without).toEqual(["/admin/doctor 404", "/admin/settings 200", "/healthz 200", "/openapi.json 200"]);
    expect(served.background).toEqual([]);
  });
});

async function knownIds(world: World): Promise<string[]> {
  const found = await world.rows<{ id: string }>(
    "SELECT id FROM filesweep_runs UNION SELECT id FROM filesweep_holds UNION SELECT id FROM filesweep_removals WHERE id LIKE 'r-%'",
  );
  return found.map(({ id }) => id);
}

interface Sent {
  readonly pathname: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/** Often valid, and sometimes anything. */
function requestOf(
  { path, method, described }: { path: string; method: string; described: Described },
  ids: readonly string[],
): fc.Arbitrary<Sent> {
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }));
  const id = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...ids) }, { weight: 1, arbitrary: text });
  const parameters = described.parameters ?? [];
  const query = fc.dictionary(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom("limit", ...parameters.filter((one) => one.in === "query").map(({ name }) => name)),
      },
      { weight: 1, arbitrary: text },
    ),
    fc.oneof(fc.constantFrom("1", "2", "500", "501", "failed", "open", "left-over", "k/", "f", ...ids), text),
    { maxKeys: 2 },
  );
  const body = fc.oneof(
    fc.constantFrom(undefined, "{}", '{"mode":"plan"}', '{"sweeps":["history"]}', "{", "[]", "null", '{"mode":1}'),
    fc.json(),
    text,
  );
  const headers = fc.record(
    {
      Authorization: fc.oneof(
        { weight: 12, arbitrary: fc.constant(`Bearer ${TOKEN}`) },
        { weight: 1, arbitrary: fc.constantFrom("Bearer x", "Basic eDp5", "") },
      ),
      "Content-Type": fc.oneof(
        { weight: 6, arbitrary: fc.constant("application/json") },
        { weight: 1, arbitrary: fc.constantFrom("text/plain", "multipart/form-data", "x") },
      ),
      Prefer: fc.constantFrom("wait=5", "wait=0", "respond-async", ";;"),
      "Last-Event-ID": fc.constantFrom("", "completed.1.0.1.1", "x"),
    },
    { requiredKeys: ["Authorization", "Content-Type"] },
  );
  return fc.record({ id, query, body, headers }).map(({ id, query, body, headers }) => {
    const search = new URLSearchParams(query).toString();
    const pathname = path.replace("{id}", encodeURIComponent(id.toWellFormed()).replace(/^\.{1,2}$/, "x") || "x");
    return {
      pathname: search === "" ? pathname : `${pathname}?${search}`,
      headers,
      ...(method === "post" && body !== undefined && { body: body.toWellFormed() }),
    };
  });
}

/** Answers what is wrong with a document, or null. Every field that is not described is wrong. */
function createValidator({ components }: Document): (schema: Schema, data: unknown) => string | null {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema({ $id: "https://filesweep.invalid/document", components });
  return (schema, data) => {
    const own = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"https://filesweep.invalid/document#/'));
    return ajv.validate(own, data) ? null : ajv.errorsText();
  };
}
