/**
 * The client of a remote database: libSQL's protocol over HTTP, with `fetch` alone, on every runtime. A batch is one
 * request.
 *
 * Facts about @libsql/client 0.18 that it is built on: it has no time-out and never asks again; what `fetch` throws comes
 * through as it is; it reads an answer's body after `fetch`, hence that is read here, while the time-out still runs.
 */
import { type Client, createClient } from "@libsql/client/http";
import { isSweepError, SweepError } from "../core/errors.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";
import type { SqlClient } from "./client.ts";
import { planLines, toInput, toRows } from "./client-values.ts";
import {
  connectionFailure,
  lateFailure,
  type Named,
  RemoteFailure,
  statementFailure,
  statusFailure,
} from "./remote-errors.ts";

export interface RemoteOptions {
  /** `libsql:` (which is https), `https:` or `http:`, without user and query. */
  readonly url: string;
  readonly authToken: string | null;
  /** For tests: how long all attempts of one batch may take, in milliseconds. */
  readonly timeoutMs?: number;
  /** For tests: the pauses before another attempt, in milliseconds. There are as many attempts, and the first. */
  readonly pausesMs?: readonly number[];
}

/** Pauses before another attempt, in milliseconds, plus as much again at random. */
const PAUSES_MS = [50, 200, 800];

/** How much of an answer that is an error is looked at, in characters. */
const ERROR_TEXT = 2000;

/**
 * A client of the database at `url`. Nothing is asked of it yet.
 *
 * All attempts of a batch together take no longer than one call may. What had no effect is tried again; what may have had
 * one only where the batch is marked `again`.
 * @throws SweepError `invalid` where the address is none
 */
export function openRemoteClient(options: RemoteOptions): SqlClient {
  const { url, authToken, timeoutMs = CALL_TIMEOUT_MS, pausesMs = PAUSES_MS } = options;
  const named: Named = { name: url, hasToken: authToken !== null };
  let calls = 0;
  const connect = (leftMs: number): Client =>
    clientOf(options, (request) => {
      calls += 1;
      return exchange(request, leftMs, named);
    });
  // An address that is none is told now, and not at the first call.
  connect(0);

  /** @throws SweepError, once another attempt is of no use or not allowed, or comes too late */
  async function ask<T>(again: boolean, question: (client: Client) => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const leftMs = (): number => timeoutMs - (performance.now() - startedMs);
    let mayBeDone = false;
    for (const pauseMs of [...pausesMs, Number.POSITIVE_INFINITY]) {
      try {
        return await question(connect(leftMs()));
      } catch (error) {
        if (isSweepError(error)) throw error;
        const failure = error instanceof RemoteFailure ? error : statementFailure(named, error);
        const waitMs = pauseMs * (1 + Math.random());
        const mayAsk = failure.again === "always" || (failure.again === "harmless" && again);
        if (!mayAsk || waitMs >= leftMs()) throw mayBeDone ? asRepeated(failure.error) : failure.error;
        mayBeDone ||= failure.again === "harmless";
        await pause(waitMs);
      }
    }
    throw new SweepError("bug", "the database was neither heard nor given up");
  }

  return {
    batch: (statements, mode, { again = mode === "read" } = {}) =>
      ask(again, async (client) => {
        const results = await client.batch(statements.map(toInput), mode === "write" ? "write" : "deferred");
        return results.map(toRows);
      }),
    explain: (statement) =>
      ask(true, async (client) =>
        planLines(toRows(await client.execute(toInput({ ...statement, sql: `EXPLAIN QUERY PLAN ${statement.sql}` })))),
      ),
    calls: () => calls,
    // Every question opens and closes what it needs within its own request.
    close() {},
  };
}

/** A libSQL server's address ends in a slash: without one the last part of a path would be cut off. */
function clientOf({ url, authToken }: RemoteOptions, fetch: (request: Request) => Promise<Response>): Client {
  try {
    return createClient({
      url: url.endsWith("/") ? url : `${url}/`,
      ...(authToken !== null && { authToken }),
      intMode: "bigint",
      fetch,
    });
  } catch (cause) {
    throw new SweepError("invalid", `${url} is not the address of a database; set DATABASE_URL to one`, { cause });
  }
}

/** One request and its whole answer, within `leftMs`. @throws RemoteFailure */
async function exchange(request: Request, leftMs: number, named: Named): Promise<Response> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), leftMs);
  try {
    // Followed elsewhere, a redirect would take the token along, or lose the statements.
    const response = await fetch(request, { signal: ending.signal, redirect: "manual" });
    if (!response.ok) throw statusFailure(named, response.status, (await response.text()).slice(0, ERROR_TEXT));
    return new Response(await response.arrayBuffer(), { headers: { "content-type": "application/json" } });
  } catch (error) {
    if (error instanceof RemoteFailure) throw error;
    throw ending.signal.aborted ? lateFailure(named, error) : connectionFailure(named, error);
  } finally {
    clearTimeout(timer);
  }
}

/** Said of a batch that was refused when it was sent again: the first time it may have been done. */
function asRepeated(error: SweepError): SweepError {
  return new SweepError(error.kind, error.message, {
    cause: error.cause,
    details: { ...error.details, repeated: true },
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
