/** A run as it goes, as server-sent events. */
import { describe, expect, it } from "vitest";
import { LOOK_EVERY_MS, STREAM_FOR_MS } from "../../src/api/routes/events.ts";
import type { RunReport } from "../../src/core/model.ts";
import { toReport } from "../../src/core/report.ts";
import { START } from "../support/fake-clock.ts";
import { freshEntry } from "../support/ports.ts";
import { createWorld } from "../support/world.ts";
import { problemOf, type Served, serve } from "./support.ts";

interface Event {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly status: string;
}

function eventsOf(text: string): Event[] {
  return text.split("\n\n").flatMap((block) => {
    const fields = new Map(block.split("\n").map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]));
    const data = fields.get("data");
    if (data === undefined) return [];
    return [{ event: fields.get("event"), id: fields.get("id"), status: JSON.parse(data).status }];
  });
}

/** A run that takes `steps` looks to its end; null: it has none. */
async function going(steps: (Partial<RunReport> | null)[]): Promise<Served & { slept: number[] }> {
  const slept: number[] = [];
  const report = toReport(freshEntry("run-1"));
  let last: Partial<RunReport> | null = {};
  const served = serve(await createWorld(), {
    sleep: async (ms) => void slept.push(ms),
    sweeper: {
      async runById() {
        last = steps.length > 0 ? (steps.shift() ?? null) : last;
        return last === null ? null : { ...report, ...last };
      },
    },
  });
  return { ...served, slept };
}

const OVER = { status: "completed", finishedAt: START, durationMs: 9 } as const;

describe("GET /admin/runs/:id/events", () => {
  it("sends the run whenever it changed, and an end when it is over", async () => {
    const { get, slept } = await going([{}, { durationMs: 5 }, { durationMs: 5 }, OVER]);
    const response = await get("/admin/runs/run-1/events");
    expect(response.headers.get("Content-Type")).toBe("text/event-stream");
    const text = await response.text();
    expect(text.startsWith("retry: 2000\n\n")).toBe(true);
    expect(eventsOf(text)).toMatchObject([
      { event: "progress", status: "running" },
      { event: "progress", status: "running" },
      { event: "end", status: "completed" },
    ]);
    expect(slept).toEqual([LOOK_EVERY_MS, LOOK_EVERY_MS, LOOK_EVERY_MS]);
  });

  it("has a bounded life: it ends without an end, and the client comes back", async () => {
    const { get, slept } = await going([{}]);
    expect(eventsOf(await (await get("/admin/runs/run-1/events")).text())).toHaveLength(1);
    expect(slept).toHaveLength(STREAM_FOR_MS / LOOK_EVERY_MS - 1);
  });

  it("does not send again what was seen, and tells who saw the end not to come back", async () => {
    const first = eventsOf(await (await (await going([{}])).get("/admin/runs/run-1/events")).text());
    const seen = { "Last-Event-ID": first[0]?.id ?? "" };
    const again = eventsOf(await (await (await going([{}, OVER])).get("/admin/runs/run-1/events", seen)).text());
    expect(again).toMatchObject([{ event: "end" }]);
    const after = await (await going([OVER])).get("/admin/runs/run-1/events", { "Last-Event-ID": again[0]?.id ?? "" });
    expect([after.status, await after.text()]).toEqual([204, ""]);
  });

  it("of a run that is over is its end alone", async () => {
    const { get, slept } = await going([OVER]);
    const events = eventsOf(await (await get("/admin/runs/run-1/events", { "Last-Event-ID": "nonsense" })).text());
    expect([events.map(({ event }) => event), slept]).toEqual([["end"], []]);
  });

  it("ends where the run cannot be had any more; of one that is not there: 404", async () => {
    const { get } = await going([{}, null]);
    expect(eventsOf(await (await get("/admin/runs/run-1/events")).text())).toHaveLength(1);
    expect(await problemOf(await serve(await createWorld()).get("/admin/runs/none/events"))).toMatchObject({
      status: 404,
    });
  });
});
