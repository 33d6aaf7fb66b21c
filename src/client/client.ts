/**
 * A client of the HTTP API, for programs and for the command line. It needs nothing but `fetch`.
 *
 * ```ts
 * const client = createClient({ url: "https://sweep.example.org", token: process.env.ADMIN_TOKEN });
 * for await (const removal of client.eachRemoval({ state: "failed" })) console.log(removal.key);
 * ```
 */
import type { Diagnosis } from "../core/doctor.ts";
import type { ExplanationJson } from "../core/documents/explanation.ts";
import type { RemovalJson } from "../core/documents/removal.ts";
import type { RunJson, StandingHoldJson } from "../core/documents/run.ts";
import type { StatsJson } from "../core/documents/stats.ts";
import { type ErrorKind, SweepError } from "../core/errors.ts";
import type { HoldStatus, Mode, RemovalReason, RemovalState, SweepName } from "../core/model.ts";
import type { ShownSetting } from "../core/settings/shown.ts";

export type { Diagnosis, ExplanationJson, RemovalJson, RunJson, ShownSetting, StandingHoldJson, StatsJson };

export interface ClientOptions {
  /** Where the service is: origin, and the path that it is mounted at. */
  readonly url: string;
  readonly token: string;
  readonly fetch?: typeof fetch;
}

export interface PageOptions {
  /** 1 to 500. */
  readonly limit?: number;
  /** The `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface PageJson<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

export interface RemovalsOptions {
  readonly state?: RemovalState;
  readonly reason?: RemovalReason;
  readonly run?: string;
  /** What the keys begin with. */
  readonly key?: string;
}

export interface CleanupOptions {
  readonly mode?: Mode;
  readonly sweeps?: readonly SweepName[];
  /** Seconds to wait for the run, at most 25; without it the answer comes at once. */
  readonly wait?: number;
  readonly signal?: AbortSignal;
}

export interface CleanupAnswer {
  readonly run: RunJson;
  /** False while it goes on, or waits for the next call. */
  readonly ended: boolean;
  /** Whether database or store could not be reached. */
  readonly unreachable: boolean;
}

/** A problem that the service answered with. `details` holds its `status`, `requestId`, and for `lease-held` who holds it. */
export class ProblemError extends SweepError {
  /** As the document says: the kinds of errors, `lease-held`, `not-configured`. */
  readonly problem: string;

  constructor(kind: ErrorKind, problem: string, message: string, details: SweepError["details"]) {
    super(kind, message, { details });
    this.problem = problem;
  }
}

/** The API, as methods. */
export interface Client {
  cleanup(options?: CleanupOptions): Promise<CleanupAnswer>;
  stats(): Promise<StatsJson>;
  runs(page?: PageOptions): Promise<PageJson<RunJson>>;
  run(id: string): Promise<RunJson>;
  cancelRun(id: string): Promise<RunJson>;
  holds(page?: PageOptions & { readonly status?: HoldStatus }): Promise<PageJson<StandingHoldJson>>;
  hold(id: string): Promise<StandingHoldJson>;
  approveHold(id: string): Promise<StandingHoldJson>;
  cancelHold(id: string): Promise<StandingHoldJson>;
  removals(filter?: RemovalsOptions & PageOptions): Promise<PageJson<RemovalJson>>;
  /** All of them, page by page. */
  eachRemoval(filter?: RemovalsOptions): AsyncGenerator<RemovalJson, undefined>;
  removal(id: string): Promise<RemovalJson>;
  releaseRemoval(id: string): Promise<RemovalJson>;
  retryRemoval(id: string): Promise<RemovalJson>;
  explain(about: { readonly key: string } | { readonly id: string }): Promise<ExplanationJson>;
  doctor(): Promise<Diagnosis>;
  settings(): Promise<readonly ShownSetting[]>;
}

/** Every method throws a {@link ProblemError}, or a SweepError `unavailable` where nothing answers that is filesweep. */
export function createClient(options: ClientOptions): Client {
  const ask = createAsker(options);
  const get = async <Form>(path: string): Promise<Form> => (await ask("GET", path)).json<Form>();
  const post = async <Form>(path: string): Promise<Form> => (await ask("POST", path, {})).json<Form>();
  const removals = (filter: RemovalsOptions & PageOptions = {}): Promise<PageJson<RemovalJson>> =>
    get(`/admin/removals${query({ ...filter })}`);

  return {
    async cleanup({ mode, sweeps, wait, signal }: CleanupOptions = {}): Promise<CleanupAnswer> {
      const body = { ...(mode !== undefined && { mode }), ...(sweeps !== undefined && { sweeps }) };
      const headers = wait === undefined ? {} : { Prefer: `wait=${Math.ceil(wait)}` };
      const { status, header, json } = await ask("POST", "/admin/cleanup", body, headers, signal);
      return {
        run: await json<RunJson>(),
        ended: status === 200,
        unreachable: header("Filesweep-Unreachable") === "true",
      };
    },
    stats: () => get<StatsJson>("/admin/stats"),
    runs: (page = {}) => get<PageJson<RunJson>>(`/admin/runs${query({ ...page })}`),
    run: (id) => get<RunJson>(`/admin/runs/${encodeURIComponent(id)}`),
    cancelRun: (id) => post<RunJson>(`/admin/runs/${encodeURIComponent(id)}/cancel`),
    holds: (page = {}) => get<PageJson<StandingHoldJson>>(`/admin/holds${query({ ...page })}`),
    hold: (id) => get<StandingHoldJson>(`/admin/holds/${encodeURIComponent(id)}`),
    approveHold: (id) => post<StandingHoldJson>(`/admin/holds/${encodeURIComponent(id)}/approve`),
    cancelHold: (id) => post<StandingHoldJson>(`/admin/holds/${encodeURIComponent(id)}/cancel`),
    removals,
    async *eachRemoval(filter: RemovalsOptions = {}): AsyncGenerator<RemovalJson, undefined> {
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page: PageJson<RemovalJson> = await removals({ ...filter, limit: 500, ...(cursor && { cursor }) });
        yield* page.items;
        cursor = page.nextCursor;
      }
    },
    removal: (id) => get<RemovalJson>(`/admin/removals/${encodeURIComponent(id)}`),
    releaseRemoval: (id) => post<RemovalJson>(`/admin/removals/${encodeURIComponent(id)}/release`),
    retryRemoval: (id) => post<RemovalJson>(`/admin/removals/${encodeURIComponent(id)}/retry`),
    explain: (about) => get<ExplanationJson>(`/admin/explain${query({ ...about })}`),
    doctor: () => get<Diagnosis>("/admin/doctor"),
    settings: async () => (await get<{ items: ShownSetting[] }>("/admin/settings")).items,
  };
}

function query(given: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) if (value !== undefined) pairs.set(name, String(value));
  return pairs.size === 0 ? "" : `?${pairs}`;
}

interface Answered {
  readonly status: number;
  header(name: string): string | null;
  json<Form>(): Promise<Form>;
}

type Asker = (
  method: "GET" | "POST",
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
  signal?: AbortSignal,
) => Promise<Answered>;

function createAsker({ url, token, fetch: send = fetch }: ClientOptions): Asker {
  const base = url.replace(/\/+$/, "");
  return async (method, path, body, headers = {}, signal) => {
    const where = `filesweep at ${base}`;
    const type = body === undefined ? {} : { "Content-Type": "application/json" };
    let response: Response;
    try {
      response = await send(`${base}${path}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, ...type, ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal !== undefined && { signal }),
        // A redirect would carry the token to another place.
        redirect: "error",
      });
    } catch (cause) {
      throw new SweepError("unavailable", `${where} does not answer`, { cause });
    }
    const data = await readJson(response, where);
    if (!response.ok) throw toProblemError(data, response.status, where);
    return {
      status: response.status,
      header: (name) => response.headers.get(name),
      // What the service of this version answers has the form of the document.
      json: async <Form>() => data as Form,
    };
  };
}

async function readJson(response: Response, where: string): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    const message = `${where} answered ${response.status} with something that is not JSON: is that its address?`;
    throw new SweepError("unavailable", message, { cause });
  }
}

const KINDS: readonly ErrorKind[] = [
  "invalid",
  "unauthorized",
  "not-found",
  "conflict",
  "unavailable",
  "corrupt",
  "bug",
];

function toProblemError(data: unknown, status: number, where: string): SweepError {
  const document: Readonly<Record<string, unknown>> = typeof data === "object" && data !== null ? { ...data } : {};
  const { kind, detail, requestId, holder, until } = document;
  if (typeof kind !== "string" || typeof detail !== "string") {
    return new SweepError(
      "unavailable",
      `${where} answered ${status}, and no problem of filesweep's: is that its address?`,
    );
  }
  const known = KINDS.find((one) => one === kind) ?? (kind === "lease-held" ? "conflict" : "unauthorized");
  return new ProblemError(known, kind, detail, {
    status,
    ...(typeof requestId === "string" && { requestId }),
    ...(typeof holder === "string" && { holder }),
    ...(typeof until === "string" && { until }),
  });
}
