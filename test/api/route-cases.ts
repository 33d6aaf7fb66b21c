/**
 * Every route of the API, and what it answers to what is right and to what is wrong: one list, for the app in Node and for
 * each runtime. Asked over a site whose scenario was played: its run has ended, its hold is closed, its objects are removed.
 */
import { expect } from "vitest";
import { MAX_BODY_BYTES } from "../../src/api/app.ts";
import { problemOf } from "./support.ts";

/** Asks an instance. Paths begin with a slash. */
export type Request = (path: string, init?: RequestData) => Promise<Response>;

export interface RequestData {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

interface Route {
  readonly method: "GET" | "POST";
  /** With `:run`, `:hold` or `:removal` for the id of one that there is. */
  readonly path: string;
  readonly answers: number;
  /** The content type of what is right. */
  readonly type?: string;
  /** Takes `limit` and `cursor`. */
  readonly pages?: true;
  /** Anybody may ask. */
  readonly open?: true;
  /** Needs no database. */
  readonly alone?: true;
}

const JSON_TYPE = "application/json";

/** SPEC, section 7: the API. What ends a run, a hold or a removal that has ended is in the wrong state. */
const ROUTES: readonly Route[] = [
  { method: "GET", path: "/admin/stats", answers: 200 },
  { method: "GET", path: "/admin/runs", answers: 200, pages: true },
  { method: "GET", path: "/admin/runs/:run", answers: 200 },
  { method: "GET", path: "/admin/runs/:run/events", answers: 200, type: "text/event-stream" },
  { method: "POST", path: "/admin/runs/:run/cancel", answers: 409 },
  { method: "GET", path: "/admin/holds", answers: 200, pages: true },
  { method: "GET", path: "/admin/holds/:hold", answers: 200 },
  { method: "POST", path: "/admin/holds/:hold/approve", answers: 409 },
  { method: "POST", path: "/admin/holds/:hold/cancel", answers: 409 },
  { method: "GET", path: "/admin/removals", answers: 200, pages: true },
  { method: "GET", path: "/admin/removals.csv", answers: 200, type: "text/csv" },
  { method: "GET", path: "/admin/removals.ndjson", answers: 200, type: "application/x-ndjson" },
  { method: "GET", path: "/admin/removals/:removal", answers: 200 },
  { method: "POST", path: "/admin/removals/:removal/release", answers: 409 },
  { method: "POST", path: "/admin/removals/:removal/retry", answers: 409 },
  { method: "GET", path: "/admin/explain?key=live/0", answers: 200 },
  { method: "GET", path: "/admin/doctor", answers: 200, alone: true },
  { method: "GET", path: "/admin/settings", answers: 200, alone: true },
  { method: "GET", path: "/healthz", answers: 200, open: true, alone: true },
  { method: "GET", path: "/readyz", answers: 200, open: true },
  { method: "GET", path: "/metrics", answers: 200, type: "text/plain" },
  { method: "GET", path: "/openapi.json", answers: 200, open: true, alone: true },
  // The last, since it makes a run.
  { method: "POST", path: "/admin/cleanup", answers: 200 },
];

interface Case extends RequestData {
  readonly what: string;
  readonly path: string;
  readonly status: number;
  /** Of the problem; null where it is none. */
  readonly kind: string | null;
}

const KINDS: Readonly<Record<number, string>> = {
  400: "invalid",
  401: "unauthorized",
  404: "not-found",
  405: "invalid",
  409: "conflict",
  413: "invalid",
  415: "invalid",
};

/** What is wrong with a request, on each route on which it can be. */
function wrongCases({ method, path, pages, open }: Route, token: string, ids: Ids): Case[] {
  const right = { Authorization: `Bearer ${token}`, "Content-Type": JSON_TYPE };
  const there = withIds(path, ids);
  const wrong = (what: string, status: number, changed: Partial<Case>): Case => {
    const body = method === "POST" ? { body: "{}" } : {};
    return { what, method, path: there, headers: right, status, kind: KINDS[status] ?? null, ...body, ...changed };
  };
  const query = (text: string): string => `${there}${there.includes("?") ? "&" : "?"}${text}`;
  const isAdmin = path.startsWith("/admin/");
  const none = { "Content-Type": JSON_TYPE };
  return [
    ...(open
      ? []
      : [
          wrong("no token", 401, { headers: none }),
          wrong("a wrong token", 401, { headers: { ...none, Authorization: `Bearer ${"x".repeat(32)}` } }),
          wrong("another scheme", 401, { headers: { ...none, Authorization: `Basic ${token}` } }),
        ]),
    wrong("another method", 405, { method: "DELETE" }),
    ...(method === "GET" && isAdmin ? [wrong("an unknown parameter", 400, { path: query("unknown=1") })] : []),
    ...(method === "POST"
      ? [
          wrong("another content type", 415, { headers: { ...right, "Content-Type": "text/plain" } }),
          wrong("too large a body", 413, { body: `{}${" ".repeat(MAX_BODY_BYTES)}` }),
          wrong("broken JSON", 400, { body: "{" }),
          wrong("an unknown field", 400, { body: '{"unknown":1}' }),
        ]
      : []),
    ...(pages
      ? ["limit=0", "limit=501", "limit=x", "cursor=x", "cursor=%21"].map((text) =>
          wrong(text, 400, { path: query(text) }),
        )
      : []),
    ...(path.includes("/:")
      ? [
          wrong("an unknown id", 404, { path: withIds(path, NO_IDS) }),
          wrong("an id that cannot be one", 404, { path: path.replace(/:\w+/, "x%20y") }),
        ]
      : []),
  ];
}

type Ids = Readonly<Record<"run" | "hold" | "removal", string>>;

const NO_IDS: Ids = { run: "nobody", hold: "nobody", removal: "nobody" };

function withIds(path: string, ids: Ids): string {
  return path.replace(/:(run|hold|removal)/, (_, name: keyof Ids) => ids[name]);
}

/** Asks every route for what is wrong, and then for what is right; and sees that what was wrong changed nothing. */
export async function checkRoutes(request: Request, token: string): Promise<void> {
  const right = { Authorization: `Bearer ${token}`, "Content-Type": JSON_TYPE };
  const get = async (path: string): Promise<unknown> => (await request(path, { method: "GET", headers: right })).json();
  const idOf = async (list: string): Promise<string> => {
    const { items } = (await get(list)) as { items: { id: string }[] };
    return items[0]?.id ?? expect.unreachable(`${list} is empty`);
  };
  expect(Object.keys(((await get("/openapi.json")) as { paths: object }).paths).sort()).toEqual(
    [...new Set(ROUTES.map(({ path }) => withIds(path.split("?")[0] ?? "", IN_DOCUMENT)))].sort(),
  );
  const ids = {
    run: await idOf("/admin/runs?limit=1"),
    hold: await idOf("/admin/holds?status=closed&limit=1"),
    removal: await idOf("/admin/removals?state=removed&limit=1"),
  };
  const before = await get("/admin/stats");
  for (const one of ROUTES.flatMap((route) => wrongCases(route, token, ids))) await check(request, one);
  expect(await get("/admin/stats")).toEqual(before);
  for (const { method, path, answers, type = JSON_TYPE } of ROUTES) {
    const headers = { ...right, Prefer: "wait=25" };
    const body = method === "POST" ? { body: path === "/admin/cleanup" ? '{"mode":"plan"}' : "{}" } : {};
    const kind = KINDS[answers] ?? null;
    const response = await check(request, {
      what: "right",
      method,
      path: withIds(path, ids),
      headers,
      status: answers,
      kind,
      ...body,
    });
    if (answers === 200) expect([path, response.headers.get("Content-Type")?.split(";")[0]]).toEqual([path, type]);
  }
}

const IN_DOCUMENT: Ids = { run: "{id}", hold: "{id}", removal: "{id}" };

/** While the database is away, what needs it says so, and what does not goes on. */
export async function checkWithoutDatabase(request: Request, token: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": JSON_TYPE };
  for (const { method, path, alone, answers } of ROUTES) {
    const there = withIds(path, NO_IDS);
    const [status, kind] = alone ? [answers, null] : [503, "unavailable"];
    await check(request, { what: "without a database", method, path: there, headers, status, kind });
  }
}

/** While the store is away, what needs it says so, and the ledger can be asked. */
export async function checkWithoutStore(request: Request, token: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": JSON_TYPE, Prefer: "wait=25" };
  const ask = (path: string, status: number, kind: string | null, method = "GET"): Promise<Response> =>
    check(request, { what: "without a store", method, path, headers, status, kind });
  await ask("/readyz", 503, "unavailable");
  const run = (await (await ask("/admin/cleanup", 200, null, "POST")).json()) as { status: string };
  expect(run.status).toBe("failed");
  const doctor = (await (await ask("/admin/doctor", 200, null)).json()) as {
    checks: { name: string; status: string }[];
  };
  expect(doctor.checks).toContainEqual(expect.objectContaining({ name: "store", status: "problem" }));
  await ask("/admin/stats", 200, null);
  await ask("/admin/removals", 200, null);
  await ask("/healthz", 200, null);
}

async function check(request: Request, { what, path, status, kind, ...init }: Case): Promise<Response> {
  const response = await request(path, init);
  const told = `${init.method} ${path}, ${what}: ${response.status} ${(await response.clone().text()).slice(0, 300)}`;
  expect(response.status, told).toBe(status);
  if (kind !== null) expect((await problemOf(response.clone())).kind, told).toBe(kind);
  if (status === 401) expect(response.headers.get("WWW-Authenticate"), told).toContain("Bearer");
  return response;
}
