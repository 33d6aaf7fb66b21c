/**
 * An operation of the API: what it takes, what it answers, and the handler. The router and the OpenAPI document are made
 * from the same list, so neither knows what the other does not.
 */
import type { Context } from "hono";
import * as v from "valibot";
import { checkToken } from "./auth.ts";
import type { ApiParts } from "./parts.ts";
import { Problem, type ProblemStatus } from "./problem.ts";

export type Fields = v.StrictObjectSchema<v.ObjectEntries, undefined>;

/** One answer, as the document describes it. */
export interface Answer {
  readonly description: string;
  /** By content type: the schema of JSON, or null for text. */
  readonly content?: Readonly<Record<string, v.GenericSchema | null>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Operation {
  readonly method: "get" | "post";
  /** As the router takes it: `/admin/runs/:id`. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  /** Whose token is asked for. */
  readonly access: "admin" | "metrics" | "anybody";
  readonly params: Fields;
  readonly query: Fields;
  /** Null: no body is read. */
  readonly body: Fields | null;
  readonly headers: Readonly<Record<string, { readonly description: string }>>;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beside those that every operation of its kind may answer with. */
  readonly problems: readonly ProblemStatus[];
  readonly handle: (c: Context, parts: ApiParts) => Promise<Response>;
}

interface Definition<Params extends Fields, Query extends Fields, Body extends Fields> {
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly access?: Operation["access"];
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly headers?: Operation["headers"];
  readonly answers: Operation["answers"];
  readonly problems?: readonly ProblemStatus[];
}

interface Input<Params extends Fields, Query extends Fields, Body extends Fields> {
  readonly params: v.InferOutput<Params>;
  readonly query: v.InferOutput<Query>;
  readonly body: v.InferOutput<Body>;
}

type None = v.StrictObjectSchema<Record<never, never>, undefined>;
const NONE: None = v.strictObject({});

/** Makes an operation; the handler gets what was sent only once it was found valid. */
export function operation<Params extends Fields = None, Query extends Fields = None, Body extends Fields = None>(
  route: `${"GET" | "POST"} /${string}`,
  definition: Definition<Params, Query, Body>,
  handle: (input: Input<Params, Query, Body>, parts: ApiParts, c: Context) => Promise<Response>,
): Operation {
  const [method = "", path = ""] = route.split(" ");
  const { access = "admin", params, query, body, headers = {}, problems = [], ...rest } = definition;
  const isPost = method === "POST";
  return {
    ...rest,
    method: isPost ? "post" : "get",
    path,
    access,
    params: params ?? NONE,
    query: query ?? NONE,
    body: isPost ? (body ?? NONE) : null,
    headers,
    problems,
    async handle(c, parts) {
      if (access === "metrics") await checkToken(c, parts.metrics);
      // An id that cannot be one names nothing.
      const named = v.safeParse(params ?? NONE, c.req.param());
      if (!named.success) throw new Problem(404, "not-found", "nothing has that id");
      const input = {
        // The schemas are the ones of these types; where there is none, the type is that of NONE.
        params: named.output as v.InferOutput<Params>,
        query: readQuery(c, access, query ?? NONE) as v.InferOutput<Query>,
        body: (isPost ? await readBody(c, body ?? NONE) : {}) as v.InferOutput<Body>,
      };
      return handle(input, parts, c);
    },
  };
}

/** Whoever watches over a process may add what he likes: `?ts=…` against caches. */
function readQuery(c: Context, access: Operation["access"], schema: Fields): unknown {
  if (access !== "admin") return {};
  const given = Object.entries(c.req.queries()).map(([name, values]) => [
    name,
    values.length === 1 ? values[0] : values,
  ]);
  return valid(schema, Object.fromEntries(given), "query");
}

async function readBody(c: Context, schema: Fields): Promise<unknown> {
  const text = await c.req.text();
  if (text === "") return valid(schema, {}, "body");
  if (!/^application\/json *(;|$)/i.test(c.req.header("Content-Type") ?? "")) {
    throw new Problem(415, "invalid", "the body has to be JSON, sent with Content-Type: application/json");
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Problem(400, "invalid", "the body is not JSON");
  }
  // To the schema a list is an object like any other, and an empty one has no field that is wrong.
  return valid(schema, Array.isArray(data) ? null : data, "body");
}

/** @throws Problem 400 with each field that is wrong, what is allowed, and nothing of what was given */
export function valid<Schema extends Fields>(
  schema: Schema,
  given: unknown,
  where: "query" | "body",
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, given);
  if (parsed.success) return parsed.output;
  const known = Object.keys(schema.entries);
  const errors = parsed.issues.map((issue) => describeIssue(schema, known, where, issue));
  const unique = [...new Map(errors.map((error) => [error.message, error])).values()];
  const detail = unique.map(({ message }) => message).join("; ");
  throw new Problem(400, "invalid", detail, { members: { errors: unique } });
}

function describeIssue(
  schema: Fields,
  known: readonly string[],
  where: "query" | "body",
  issue: v.BaseIssue<unknown>,
): { in: "query" | "body"; field: string | null; message: string } {
  const name = known.find((field) => field === issue.path?.[0]?.key);
  if (name !== undefined) {
    const allowed = describe(schema.entries[name]);
    return { in: where, field: name, message: `${where}: ${name} is wrong; allowed: ${allowed}` };
  }
  const fields = known.length === 0 ? "there are none" : `there are ${known.join(", ")}`;
  const message = issue.path === undefined ? `the ${where} has to be an object` : `${where}: unknown field; ${fields}`;
  return { in: where, field: null, message };
}

function describe(entry: v.ObjectEntries[string] | undefined): string {
  if (entry === undefined) return "";
  // An optional field is described by what it wraps.
  const inner = "wrapped" in entry ? (entry as { readonly wrapped: v.GenericSchema }).wrapped : entry;
  return v.getDescription(inner as v.GenericSchema) ?? "see /openapi.json";
}

/** JSON, as every answer that is no problem. */
export function json(
  c: Context,
  document: unknown,
  status: 200 | 202 = 200,
  headers: Record<string, string> = {},
): Response {
  return c.body(JSON.stringify(document), status, { ...headers, "Content-Type": "application/json" });
}
