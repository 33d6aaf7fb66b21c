/** The OpenAPI 3.1 document, made from the operations that are served and the schemas that validate. Pure. */
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { VERSION } from "../core/version.ts";
import type { Answer, Fields, Operation } from "./operation.ts";
import { PROBLEM_TYPE, type ProblemStatus } from "./problem.ts";
import { COMPONENTS } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a problem of each status means, in every operation that may answer with it. */
const PROBLEMS: Readonly<Record<ProblemStatus, string>> = {
  400: "The query or the body is not valid; `errors` names each field.",
  401: "No token, or not the right one.",
  404: "Nothing has that id.",
  405: "The method is not one of this path.",
  409: "It cannot be done now: what it is about is in another state, or another holder has the lease.",
  413: "The body is larger than 64 KiB.",
  415: "The body is not JSON.",
  500: "Something is wrong with filesweep; the log has it under the request's id.",
  503: "The database or the store cannot be reached, or no token is configured.",
};

const TAGS: readonly Json[] = [
  { name: "runs", description: "One pass over the sweeps and the remover, under the lease." },
  {
    name: "holds",
    description: "A sweep, or a run, that waits for a person because what it would do is not plausible.",
  },
  { name: "removals", description: "The ledger: objects that are to go, why, since when, and what became of them." },
  { name: "questions", description: "What would be decided, and by what." },
  { name: "health", description: "For whoever watches over filesweep." },
];

/** @param serverUrl where the paths begin */
export function describeApi(operations: readonly Operation[], serverUrl: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [operation.method]: describeOperation(operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "filesweep",
      version: VERSION,
      summary: "Finds expired files and orphaned objects of a file-sharing application, and removes them.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: serverUrl }],
    tags: TAGS,
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(COMPONENTS).map(([name, schema]) => [name, toJson(schema, name)])),
      securitySchemes: {
        adminToken: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN." },
        metricsToken: { type: "http", scheme: "bearer", description: "METRICS_TOKEN, else ADMIN_TOKEN." },
      },
    },
  };
}

function describeOperation(operation: Operation): Json {
  const { id, tag, summary, access, params, query, body, headers, answers } = operation;
  const parameters = [
    ...parametersOf("path", params),
    ...parametersOf("query", query),
    ...Object.entries(headers).map(([name, { description }]) => ({
      name,
      in: "header",
      description,
      schema: { type: "string" },
    })),
  ];
  const hasBody = body !== null && Object.keys(body.entries).length > 0;
  return {
    operationId: id,
    tags: [tag],
    summary,
    security: access === "anybody" ? [] : [{ [access === "admin" ? "adminToken" : "metricsToken"]: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(hasBody && { requestBody: { required: false, content: { "application/json": { schema: toJson(body) } } } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)])),
      ...Object.fromEntries(problemsOf(operation).map((status) => [String(status), describeProblem(status)])),
    },
  };
}

/** All that an operation of its kind may answer with, besides what it says itself. */
function problemsOf({ access, method, problems }: Operation): ProblemStatus[] {
  const common: ProblemStatus[] =
    access === "anybody" ? [500] : access === "metrics" ? [401, 500, 503] : [400, 401, 500, 503];
  const withBody: ProblemStatus[] = method === "post" ? [413, 415] : [];
  return [...new Set([...common, ...withBody, ...problems])].sort((a, b) => a - b);
}

function describeAnswer({ description, content, headers }: Answer): Json {
  return {
    description,
    ...(headers !== undefined && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: "string" } }]),
      ),
    }),
    ...(content !== undefined && {
      content: Object.fromEntries(
        Object.entries(content).map(([type, schema]) => [
          type,
          { schema: schema === null ? { type: "string" } : toJson(schema) },
        ]),
      ),
    }),
  };
}

function describeProblem(status: ProblemStatus): Json {
  const schema = toJson(COMPONENTS.Problem);
  return { description: PROBLEMS[status], content: { [PROBLEM_TYPE]: { schema } } };
}

function parametersOf(where: "path" | "query", fields: Fields): Json[] {
  return Object.entries(fields.entries).map(([name, entry]) => {
    // The entries of an object's schema are schemas.
    const schema = entry as v.GenericSchema;
    const inner = "wrapped" in schema ? (schema.wrapped as v.GenericSchema) : schema;
    const description = v.getDescription(inner);
    return {
      name,
      in: where,
      required: where === "path",
      ...(description !== undefined && { description }),
      schema: shownAs(inner) ?? toJson(inner),
    };
  });
}

/** @param own the name under which the schema itself stands: its parts are referred to, and it is not */
function toJson(schema: v.GenericSchema, own?: string): Json {
  const definitions: Record<string, v.GenericSchema> = { ...COMPONENTS };
  if (own !== undefined) delete definitions[own];
  const { $schema, $defs, ...json } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: "input",
    definitions,
    overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  });
  return json;
}

/** What a schema says it is to be shown as: a number in a query is read from text. */
function shownAs(schema: v.GenericSchema): Record<string, unknown> | null {
  const { schema: shown } = v.getMetadata(schema);
  return typeof shown === "object" && shown !== null ? { ...shown } : null;
}
