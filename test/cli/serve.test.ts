/** `filesweep serve`: a real process, from its start to its end. */
import { createServer } from "node:net";
import process from "node:process";
import { describe, expect, it, onTestFinished } from "vitest";
import { Hold, HoldPage, Run, Stats } from "../../src/api/schemas.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { documentOf, problemOf } from "../api/support.ts";
import { buildCommand, expired, live, makeSite, type Site } from "./support/command.ts";
import { type Service, startService, TOKEN } from "./support/service.ts";

buildCommand();

interface Asked extends Service {
  get(path: string): Promise<Response>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
}

async function serve(site: Site, env: Readonly<Record<string, string>> = {}): Promise<Asked> {
  const service = await startService(site, env);
  const headers = { Authorization: `Bearer ${TOKEN}` };
  return {
    ...service,
    get: (path) => fetch(`${service.url}${path}`, { headers }),
    post: (path, body = {}, more = {}) =>
      fetch(`${service.url}${path}`, {
        method: "POST",
        headers: { ...headers, "Content-Type": "application/json", ...more },
        body: JSON.stringify(body),
      }),
  };
}

/** The schedule is off: what happens is what the test asks for. */
const BY_HAND = { CLEANUP_ENABLED: "false", CLEANUP_FIRST_RUN: "hold" };

describe("filesweep serve", () => {
  it("answers who shows the token, plans, holds the first run, goes on when it is approved, and ends on SIGTERM", async () => {
    const site = await makeSite();
    for (const key of ["a.txt", "b.txt", "kept.txt"]) site.put(key);
    await site.insert(expired("1", "a.txt"), expired("2", "b.txt"), live("3", "kept.txt"));
    const service = await serve(site, BY_HAND);
    expect(service.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);

    expect(await problemOf(await fetch(`${service.url}/admin/stats`))).toMatchObject({ status: 401 });
    const plan = await service.post("/admin/cleanup", { mode: "plan" }, { Prefer: "wait=25" });
    expect(await documentOf(plan, Run)).toMatchObject({ mode: "plan", trigger: "http" });
    const held = await service.post("/admin/cleanup", {}, { Prefer: "wait=25" });
    expect(held.status).toBe(200);
    expect(await documentOf(held, Run)).toMatchObject({ status: "held", holds: [{ cause: "first-contact" }] });
    expect(site.has("a.txt")).toBe(true);

    const [hold] = (await documentOf(await service.get("/admin/holds"), HoldPage)).items;
    const approved = await service.post(`/admin/holds/${hold?.id}/approve`);
    expect(await documentOf(approved, Hold)).toMatchObject({ status: "approved" });
    await service.saw('"status":"completed"', 1);
    await service.saw('"run.finished"', 3);
    const run = await documentOf(await service.get(approved.headers.get("Location") ?? ""), Run);
    expect(run).toMatchObject({ id: hold?.run, status: "completed", slices: 2 });
    expect([site.has("a.txt"), site.has("b.txt"), site.has("kept.txt")]).toEqual([false, false, true]);
    expect(await documentOf(await service.get("/admin/stats"), Stats)).toMatchObject({
      totalCycles: 2,
      expiredFilesRemoved: 2,
      nextRun: null,
    });

    service.child.kill("SIGTERM");
    const { code, stdout, stderr } = await service.ended;
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain('"service.stopped"');
    expect(stderr).not.toContain(TOKEN);
  });

  it("runs shortly after its start, by schedule, and tells when the next run begins", async () => {
    const site = await makeSite();
    site.put("a.txt");
    await site.insert(expired("1", "a.txt"), live("2", "b.txt"));
    const service = await serve(site);
    await service.saw('"run.finished"');
    expect(site.has("a.txt")).toBe(false);
    const stats = await documentOf(await service.get("/admin/stats"), Stats);
    expect(stats.lastRun).toMatchObject({ trigger: "schedule", status: "completed" });
    expect(Date.parse(stats.nextRun ?? "") - Date.parse(stats.lastRun?.startedAt ?? "")).toBeGreaterThan(3_500_000);
    service.child.kill("SIGINT");
    expect((await service.ended).code).toBe(0);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("%s during a run saves its place and releases the lease", async (signal) => {
    const site = await makeSite();
    const rows = JSON.stringify(Array.from({ length: 400 }, (_, index) => `row-${index}`));
    const sql =
      "INSERT INTO files (id, key, created_at, expires_at) SELECT value, value, 1700000000000, 1700000001000 FROM json_each(?)";
    await site.query(sql, [rows]);
    const slowly = { CLEANUP_PAGE_SIZE: "1", CLEANUP_HOLD_EXPIRED_PERCENT: "100" };
    const service = await serve(site, { ...BY_HAND, ...slowly, CLEANUP_FIRST_RUN: "remove" });
    const started = await service.post("/admin/cleanup");
    expect(started.status).toBe(202);
    const { id } = await documentOf(started, Run);
    await service.saw('"batch.removed"');
    const events = await service.get(`/admin/runs/${id}`);
    expect(events.status).toBe(200);
    service.child.kill(signal);
    const { code, stderr } = await service.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('"status":"paused"');
    const next = JSON.parse((await site.filesweep(["run", "--json"], { CLEANUP_HOLD_EXPIRED_PERCENT: "100" })).stdout);
    expect(next).toMatchObject({ id, status: "completed", slices: 2 });
  });

  it("makes database and tables where there are none, and answers before the first run", async () => {
    const site = await makeSite({ prepared: false });
    site.put("a.txt");
    const service = await serve(site, BY_HAND);
    expect(await documentOf(await service.get("/admin/stats"), Stats)).toMatchObject({ totalCycles: 0, lastRun: null });
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    service.child.kill("SIGTERM");
    expect((await service.ended).code).toBe(0);
  });

  it("in the wrong folder makes nothing, and ends with 5", async () => {
    const site = await makeSite({ prepared: false });
    const { code, stderr } = await site.filesweep(["serve"], { PORT: "0" });
    expect(code).toBe(5);
    expect(stderr).toContain("there is no folder");
  });

  it("on a port that somebody has ends with 2, and says which", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    const site = await makeSite();
    const { code, stderr } = await site.filesweep(["serve"], { PORT: port });
    expect(code).toBe(2);
    expect(stderr).toContain(`nothing can listen on HOST=127.0.0.1, PORT=${port} (EADDRINUSE)`);
  });

  it("without ADMIN_TOKEN and without a terminal answers 503 and says how to set it", async () => {
    const service = await serve(await makeSite(), { ...BY_HAND, ADMIN_TOKEN: "" });
    const problem = await problemOf(await service.get("/admin/stats"));
    expect(problem).toMatchObject({ status: 503, kind: "not-configured" });
    service.child.kill("SIGTERM");
    expect((await service.ended).stderr).not.toContain("the token is");
  });
});

describe("filesweep serve on a terminal, without ADMIN_TOKEN", () => {
  it("prints a token that is good until it ends, and writes it nowhere else", async () => {
    const site = await makeSite();
    const before = { ...process.env };
    onTestFinished(() => {
      process.env = before;
    });
    Object.assign(process.env, { ...BY_HAND, PORT: "0", LOG_FORMAT: "json" });
    process.env["DATABASE_URL"] = `file:${site.database}`;
    process.env["STORAGE_URL"] = `file:${site.store}`;
    let text = "";
    let listening = (): void => {};
    const isListening = new Promise<void>((resolve) => {
      listening = resolve;
    });
    const write = (more: string): void => {
      text += more;
      if (text.includes("Listening on ")) listening();
    };
    const terminal = { write, isTerminal: true, hasColors: false };
    const ended = runCommandLine(["serve"], { stdout: terminal, stderr: terminal });
    await isListening;
    const token = /^ {2}([0-9a-f]{64})$/m.exec(text)?.[1] ?? "";
    const url = /Listening on (\S+)/.exec(text)?.[1] ?? "";
    const answer = await fetch(`${url}/admin/stats`, { headers: { Authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
    process.emit("SIGTERM");
    expect(await ended).toBe(0);
    expect(text.split(token)).toHaveLength(2);
  });
});
