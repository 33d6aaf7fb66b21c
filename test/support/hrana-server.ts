/** A remote database for tests: a real libSQL file behind the wire protocol, which answers as a test wants it to. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createHranaDatabase } from "./hrana.ts";

/**
 * What a request meets instead of its answer. With `effect` the statements are executed all the same.
 *
 * - `reset`: the connection is cut before an answer
 * - `half`: it is cut in the middle of the answer
 * - `stall`: the answer stops in the middle, and the connection stays
 * - `silence`: nothing comes, until the client gives up
 */
export interface Mishap {
  readonly effect: boolean;
  readonly instead: "reset" | "half" | "stall" | "silence" | HttpAnswer;
}

/** The database is gone, and nobody tries again: quicker than a server that does not answer. */
export const AWAY: Mishap = { effect: false, instead: { status: 404, body: "no such database" } };

export interface HttpAnswer {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HranaServerOptions {
  /** The file behind a path of the address, which begins with a slash; null where there is no database. */
  readonly fileAt: (path: string) => string | null;
  /** 0: any free one. */
  readonly port?: number;
  /** Who does not show it is turned away. */
  readonly token?: string;
}

export interface HranaServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Requests so far, whatever became of them. */
  requests(): number;
  /** Requests so far that wanted to go on with a stream of before. */
  batons(): number;
  /** Decides about each request, by its number from 1; until it is taken back. */
  disturb(decide: ((request: number) => Mishap | null) | null): void;
  /** Closes the file behind a path. */
  forget(path: string): void;
  close(): Promise<void>;
}

export async function startHranaServer(options: HranaServerOptions): Promise<HranaServer> {
  const databases = new Map<string, ReturnType<typeof createHranaDatabase>>();
  let requests = 0;
  let batons = 0;
  let decide: ((request: number) => Mishap | null) | null = null;

  function answer(path: string, body: unknown): HttpAnswer {
    const file = options.fileAt(path);
    if (file === null) return problem(404, `no database at ${path}`);
    const database = databases.get(path) ?? createHranaDatabase(file);
    databases.set(path, database);
    if (typeof body === "object" && body !== null && "baton" in body && body.baton !== null) batons += 1;
    return { status: 200, type: "application/json", body: JSON.stringify(database.answer(body)) };
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests += 1;
    const mishap = decide?.(requests) ?? null;
    const path = /^(.*)\/v2\/pipeline$/.exec(request.url ?? "")?.[1];
    const body = await textOf(request);
    const isKnown = options.token === undefined || request.headers.authorization === `Bearer ${options.token}`;
    let ordinary: HttpAnswer;
    if (!isKnown) ordinary = problem(401, "Unauthorized: `The JWT is invalid`");
    else if (request.method !== "POST" || path === undefined) ordinary = problem(404, "not found");
    else if (mishap?.effect === false) ordinary = problem(500, "not executed");
    else ordinary = answer(decodeURIComponent(path), JSON.parse(body));
    send(response, ordinary, mishap?.instead ?? null);
  }

  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => send(response, problem(400, String(error)), null));
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests: () => requests,
    batons: () => batons,
    disturb(wanted) {
      decide = wanted;
    },
    forget(path) {
      databases.get(path)?.close();
      databases.delete(path);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      for (const database of databases.values()) database.close();
    },
  };
}

function send(response: ServerResponse, ordinary: HttpAnswer, instead: Mishap["instead"] | null): void {
  if (instead === "silence") return;
  if (instead === "reset") {
    response.socket?.resetAndDestroy();
    return;
  }
  const {
    status,
    type = "text/html",
    headers,
    body,
  } = instead === null || instead === "half" || instead === "stall" ? ordinary : instead;
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body), ...headers });
  if (instead !== "half" && instead !== "stall") {
    response.end(body);
    return;
  }
  response.write(body.slice(0, Math.floor(body.length / 2)), () => {
    if (instead === "half") response.socket?.resetAndDestroy();
  });
}

/** As libsql-server words what it refuses before it looks at a statement. */
function problem(status: number, error: string): HttpAnswer {
  return { status, type: "application/json", body: JSON.stringify({ error }) };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
