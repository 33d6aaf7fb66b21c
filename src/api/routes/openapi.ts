/** `GET /openapi.json`: the description of all of this. */
import { describeApi } from "../openapi.ts";
import { json, type Operation, operation } from "../operation.ts";
import { AnyObject } from "../schemas.ts";

/** Made for each app: it describes what that serves. @param all with this operation among them */
export function createDescription(all: () => readonly Operation[]): Operation {
  return operation(
    "GET /openapi.json",
    {
      id: "describe",
      tag: "health",
      summary: "This document",
      access: "anybody",
      answers: { 200: { description: "OpenAPI 3.1.", content: { "application/json": AnyObject } } },
    },
    async (_, { href }, c) => json(c, describeApi(all(), href(c, "/"))),
  );
}
