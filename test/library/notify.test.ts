import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { LeaseLostError, SweepError } from "../../src/core/errors.ts";
import type { RunReport } from "../../src/core/model.ts";
import type { LogEvent } from "../../src/core/ports.ts";
import { emptyReport } from "../../src/core/report.ts";
import type { Sweeper } from "../../src/core/sweeper.ts";
import { createNotifier, type Notification, type Notifier, notifying } from "../../src/library/notify.ts";
import { START } from "../support/fake-clock.ts";

interface Webhook {
  readonly url: string;
  readonly received: { readonly type: string | undefined; readonly body: Notification }[];
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A webhook on this machine. Its path is what a real one keeps secret. */
async function webhook(
  answer: (response: ServerResponse) => void = (response) => response.end("ok"),
): Promise<Webhook> {
  const received: Webhook["received"] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    received.push({ type: request.headers["content-type"], body: JSON.parse(text) });
    answer(response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/services/T0K3N`, received };
}

function notifierOf(url: string, timeoutMs?: number): { notifier: Notifier; logged: LogEvent[] } {
  const logged: LogEvent[] = [];
  const log = (event: LogEvent): void => void logged.push(event);
  const options = { url, instance: "web-1:/srv/uploads", log, now: () => START };
  return { notifier: createNotifier(timeoutMs === undefined ? options : { ...options, timeoutMs }), logged };
}

function report(fields: Partial<RunReport> = {}): RunReport {
  return {
    id: "r",
    mode: "remove",
    status: "failed",
    trigger: "schedule",
    startedAt: START,
    finishedAt: START,
    durationMs: 1,
    slices: 1,
    sweeps: [{ ...emptyReport("expired-files"), status: "failed", error: "the store <did> not answer" }],
    holds: [],
    calls: { database: 1, storage: 1 },
    ...fields,
  };
}

const OPENED: LogEvent = {
  level: "warn",
  event: "hold.opened",
  hold: "h",
  cause: "too-many-orphans",
  sweep: "orphaned-objects",
  detail: "30 of 100 objects",
};

describe("notifications", () => {
  it("tell of a hold that opens, with the commands that end it", async () => {
    const { url, received } = await webhook();
    const { notifier, logged } = notifierOf(url);
    notifier.log(OPENED);
    expect([logged, received]).toEqual([[OPENED], []]);
    await notifier.flush();
    expect(received).toEqual([
      {
        type: "application/json",
        body: {
          text: "filesweep (web-1:/srv/uploads): held for a person (too-many-orphans, orphaned-objects): 30 of 100 objects. filesweep approve h lets through what it shows, filesweep cancel h silences it.",
          event: "hold.opened",
          instance: "web-1:/srv/uploads",
          at: new Date(START).toISOString(),
          hold: "h",
          cause: "too-many-orphans",
          sweep: "orphaned-objects",
          detail: "30 of 100 objects",
        },
      },
    ]);
    await notifier.flush();
    expect(received).toHaveLength(1);
  });

  it("tell of a hold that is over", async () => {
    const { url, received } = await webhook();
    const { notifier } = notifierOf(url);
    notifier.log({ level: "info", event: "hold.closed", hold: "h", cause: "gate-lost", sweep: null });
    await notifier.flush();
    expect(received[0]?.body).toMatchObject({ event: "hold.closed", hold: "h", cause: "gate-lost" });
    expect(received[0]?.body.text).toMatch(/no longer held \(gate-lost\)\.$/);
  });

  it.each([
    ["failed", false, "run.failed"],
    ["completed", true, "run.recovered"],
    ["held", true, "run.recovered"],
    ["completed", false, null],
    ["paused", false, null],
  ])("of a run that is %s (recovered: %s) tell %s", async (status, recovered, event) => {
    const { url, received } = await webhook();
    const { notifier } = notifierOf(url);
    notifier.log({ level: "info", event: "run.finished", run: "r", status, durationMs: 1, recovered });
    await notifier.flush(report());
    expect(received.map(({ body }) => [body.event, body.run])).toEqual(event === null ? [] : [[event, "r"]]);
  });

  it("say why a run failed, so that Slack shows it as it is", async () => {
    const { url, received } = await webhook();
    const { notifier } = notifierOf(url);
    notifier.log({ level: "error", event: "run.finished", run: "r", status: "failed", recovered: false });
    await notifier.flush(report());
    expect(received[0]?.body.text).toMatch(/run r failed: the store &lt;did&gt; not answer$/);
    expect(received[0]?.body.detail).toBe("the store <did> not answer");
  });

  it.each<[what: string, make: () => Promise<string>, reason: string, timeoutMs?: number]>([
    [
      "refuses",
      async () => (await webhook((response) => response.writeHead(500).end())).url,
      "the webhook answered 500",
    ],
    [
      "sends them elsewhere",
      async () => (await webhook((response) => response.writeHead(302, { location: "/x" }).end())).url,
      "the webhook answered 302",
    ],
    // Only who never answers is waited for: however slow the machine is, that is what it comes to.
    ["does not answer in time", async () => (await webhook(() => {})).url, "no answer within 0.05 s", 50],
    ["is not there", async () => "http://127.0.0.1:1/services/T0K3N", "the webhook cannot be reached"],
  ])("where the webhook %s, are logged as failed, and its address is not", async (_what, make, reason, timeoutMs) => {
    const { notifier, logged } = notifierOf(await make(), timeoutMs);
    notifier.log(OPENED);
    await notifier.flush();
    expect(logged[1]).toMatchObject({ level: "warn", event: "notification.failed", about: "hold.opened" });
    expect(logged[1]?.["reason"]).toContain(reason);
    expect(JSON.stringify(logged)).not.toMatch(/T0K3N|127\.0\.0\.1/);
  });
});

describe("a sweeper with notifications", () => {
  function failing(error: unknown): Sweeper {
    const refuse = (): never => {
      throw error;
    };
    const nothing = async (): Promise<never> => refuse();
    return {
      run: nothing,
      plan: nothing,
      status: nothing,
      activity: nothing,
      explain: nothing,
      runs: nothing,
      runById: nothing,
      holds: nothing,
      holdById: nothing,
      removals: nothing,
      removalById: nothing,
      probeStore: nothing,
      release: nothing,
      retry: nothing,
      approve: nothing,
      cancel: nothing,
    };
  }

  it.each([
    ["the database is gone", new SweepError("unavailable", "no database"), 1],
    ["another holder took over", new LeaseLostError(), 0],
    ["it was asked for nonsense", new SweepError("invalid", "nonsense"), 0],
  ])("where %s, fails as before", async (_what, error, count) => {
    const { url, received } = await webhook();
    const { notifier } = notifierOf(url);
    await expect(notifying(failing(error), notifier).run()).rejects.toBe(error);
    expect(received.map(({ body }) => body.event)).toEqual(Array(count).fill("run.failed"));
  });

  it("has told of a run when that is over, whatever became of the telling", async () => {
    const { notifier, logged } = notifierOf("http://127.0.0.1:1/T0K3N");
    const outcome = { kind: "ran", report: report(), unreachable: false } as const;
    const run: Sweeper["run"] = async () => {
      notifier.log(OPENED);
      return outcome;
    };
    expect(await notifying({ ...failing(new Error("not asked for")), run }, notifier).plan()).toBe(outcome);
    expect(logged.map(({ event }) => event)).toEqual(["hold.opened", "notification.failed"]);
  });
});
