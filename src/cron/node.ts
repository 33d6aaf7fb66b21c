/** The Node door: a process that serves the app and keeps the schedule, until it is told to end. */
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { createApp } from "../api/app.ts";
import { isSweepError, SweepError } from "../core/errors.ts";
import type { Log } from "../core/ports.ts";
import type { Sweeper } from "../library/create-sweeper.ts";

export interface NodeServiceOptions {
  readonly log: Log;
  /** In place of `ADMIN_TOKEN`: what a terminal is shown where that is not set. */
  readonly adminTokens?: readonly string[];
}

export interface NodeService {
  /** Where it listens: `http://127.0.0.1:8787`. */
  readonly url: string;
  /** Ends the schedule and the run under way after its batch, then the connections, then the database. */
  close(): Promise<void>;
}

/** How long requests that are under way may go on once the end was asked for, in milliseconds. */
const GRACE_MS = 2000;

/**
 * Listens on `HOST` and `PORT` and starts the schedule. What is not reachable at the start is logged, and tried again by
 * each run and request.
 * @throws SweepError `invalid` where nothing can listen there, or the database is of a newer version or another shape
 */
export async function startNodeService(sweeper: Sweeper, options: NodeServiceOptions): Promise<NodeService> {
  const { log } = options;
  const settings = sweeper.settings();
  const { adminTokens = settings.adminTokens } = options;
  const metricsTokens = settings.metricsTokens.length > 0 ? settings.metricsTokens : adminTokens;
  const served = { ...sweeper, settings: () => ({ ...settings, adminTokens, metricsTokens }) };
  const server = createAdaptorServer({ fetch: createApp(served, { log }).fetch }) as Server;
  const url = await listen(server, settings.host, settings.port);
  try {
    await sweeper.open().catch((error: unknown) => {
      if (!isSweepError(error, "unavailable")) throw error;
      log({ level: "error", event: "service.degraded", error });
    });
  } catch (error) {
    await end(server);
    throw error;
  }
  sweeper.start();
  log({ level: "info", event: "service.started", url });
  return {
    url,
    async close() {
      // Order: the run first. Requests that wait for it are answered by its end.
      await Promise.all([sweeper.stop(), end(server)]);
      await sweeper.close();
      log({ level: "info", event: "service.stopped" });
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const message = `nothing can listen on HOST=${host}, PORT=${port} (${cause.code ?? "unknown error"}); set others, or end what has them`;
      reject(new SweepError("invalid", message, { cause }));
    });
    server.listen(port, host.replace(/^\[|\]$/g, ""), () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      resolve(`http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${bound}`);
    });
  });
}

/** Takes no more connections; what is under way has a little time, and is then cut off. */
function end(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => {
      clearTimeout(cutOff);
      resolve();
    });
    server.closeIdleConnections();
  });
}
