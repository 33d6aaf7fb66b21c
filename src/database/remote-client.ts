/**
 * The client of a remote database: libSQL's protocol over HTTP, with `fetch` alone, on every runtime. A batch is one
 * request; `hrana.ts` says what is in it.
 */
import { SweepError } from "../core/errors.ts";
import type { RowTally } from "../core/ports.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";
import type { Row, SqlClient, Statement } from "./client.ts";
import { planLines } from "./client-values.ts";
import { PIPELINE_PATH, type PipelineAnswer, type PipelineMode, pipelineBody, readPipelineAnswer } from "./hrana.ts";
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
  const target = pipelineUrl(url);
  const headers = {
    "Content-Type": "application/json",
    ...(authToken !== null && { Authorization: `Bearer ${authToken}` }),
  };
  let calls = 0;
  let rows: RowTally = { read: 0, written: 0 };

  /** @throws RemoteFailure */
  async function attempt(body: string, leftMs: number, read: (answer: string) => PipelineAnswer): Promise<Row[][]> {
    calls += 1;
    const answer = await exchange(target, { method: "POST", headers, body }, leftMs, named);
    try {
      const { rows: answered, counted } = read(answer);
      rows = { read: rows.read + counted.read, written: rows.written + counted.written };
      return answered;
    } catch (error) {
      throw statementFailure(named, error);
    }
  }

  /** @throws SweepError, once another attempt is of no use or not allowed, or comes too late */
  async function ask(statements: readonly Statement[], mode: PipelineMode, again: boolean): Promise<Row[][]> {
    const body = pipelineBody(statements, mode);
    const read = (answer: string): PipelineAnswer => readPipelineAnswer(answer, statements.length, mode);
    const startedMs = performance.now();
    const leftMs = (): number => timeoutMs - (performance.now() - startedMs);
    let mayBeDone = false;
    for (const pauseMs of [...pausesMs, Number.POSITIVE_INFINITY]) {
      try {
        return await attempt(body, leftMs(), read);
      } catch (error) {
        if (!(error instanceof RemoteFailure)) throw error;
        const waitMs = pauseMs * (1 + Math.random());
        const mayAsk = error.again === "always" || (error.again === "harmless" && again);
        if (!mayAsk || waitMs >= leftMs()) throw mayBeDone ? asRepeated(error.error) : error.error;
        mayBeDone ||= error.again === "harmless";
        await pause(waitMs);
      }
    }
    throw new SweepError("bug", "the database was neither heard nor given up");
  }

  return {
    batch: (statements, mode, { again = mode !== "write" } = {}) =>
      // A transaction that writes is the primary's.
      ask(statements, mode === "fresh" ? "write" : mode, again),
    async explain({ sql, args }) {
      const [lines] = await ask([{ sql: `EXPLAIN QUERY PLAN ${sql}`, args }], "bare", true);
      return planLines(lines ?? []);
    },
    calls: () => calls,
    rows: () => rows,
    // Every question opens and closes what it needs within its own request.
    close() {},
  };
}

/** @throws SweepError `invalid` */
function pipelineUrl(url: string): URL {
  try {
    const target = new URL(url.replace(/^libsql:/i, "https:"));
    target.pathname = target.pathname.replace(/\/*$/, PIPELINE_PATH);
    return target;
  } catch (cause) {
    throw new SweepError("invalid", `${url} is not the address of a database; set DATABASE_URL to one`, { cause });
  }
}

/** One request and its whole answer, within `leftMs`. @throws RemoteFailure */
async function exchange(target: URL, request: RequestInit, leftMs: number, named: Named): Promise<string> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), leftMs);
  try {
    // Followed elsewhere, a redirect would take the token along, or lose the statements.
    const response = await fetch(target, { ...request, signal: ending.signal, redirect: "manual" });
    const text = await response.text();
    if (!response.ok) throw statusFailure(named, response.status, text.slice(0, ERROR_TEXT));
    return text;
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
