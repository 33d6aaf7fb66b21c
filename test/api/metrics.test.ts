/** The metrics, read by a real parser of Prometheus' text format. */
import parse from "parse-prometheus-text-format";
import { describe, expect, it } from "vitest";
import { METRICS_TYPE } from "../../src/api/metrics.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import type { SqlClient } from "../../src/database/client.ts";
import { START } from "../support/fake-clock.ts";
import { due, knownSite, names } from "../support/site.ts";
import { createWorld } from "../support/world.ts";
import { problemOf, type Served, serve } from "./support.ts";

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly metrics: readonly {
    readonly labels?: Readonly<Record<string, string>>;
    readonly value?: string;
    readonly buckets?: Readonly<Record<string, string>>;
    readonly count?: string;
    readonly sum?: string;
  }[];
}

async function familiesOf({ get }: Served): Promise<Map<string, Family>> {
  const response = await get("/metrics");
  expect(response.headers.get("Content-Type")).toBe(METRICS_TYPE);
  // What the parser answers has no type of its own.
  const families = parse(await response.text()) as Family[];
  return new Map(families.map((family) => [family.name, family]));
}

function value(families: Map<string, Family>, name: string, labels: Record<string, string> = {}): number | null {
  const found = families
    .get(name)
    ?.metrics.find((metric) => Object.entries(labels).every(([label, one]) => metric.labels?.[label] === one));
  return found?.value === undefined ? null : Number(found.value);
}

describe("GET /metrics", () => {
  it("tells what runs did, and how things stand", async () => {
    const world = await knownSite(30);
    await world.insert(...due(2), { key: "lost" });
    world.put([...names("due", 2), "orphan"]);
    world.clock.advance(48 * HOUR_MS);
    const { finishedAt } = await world.run();
    await world.plan();
    const families = await familiesOf(serve(world, { sweeper: { nextRunAt: () => START + 100 * HOUR_MS } }));
    const of = (name: string, labels?: Record<string, string>): number | null => value(families, name, labels);
    expect(of("filesweep_cycles_total")).toBe(2);
    expect(of("filesweep_runs_total", { mode: "remove", status: "completed" })).toBe(1);
    expect(of("filesweep_runs_total", { mode: "plan", status: "completed" })).toBe(1);
    expect(of("filesweep_seen_total", { sweep: "expired-files" })).toBe(2);
    expect(of("filesweep_removed_total", { sweep: "expired-files" })).toBe(2);
    expect(of("filesweep_removed_total", { sweep: "orphaned-objects" })).toBe(0);
    expect(of("filesweep_failed_total", { sweep: "old-records" })).toBe(0);
    expect(of("filesweep_removed_objects_total", { reason: "expired" })).toBe(2);
    expect(of("filesweep_removed_objects_total", { reason: "unreferenced" })).toBe(0);
    expect(of("filesweep_kept_total", { sweep: "missing-objects", reason: "missing-object" })).toBe(1);
    expect(of("filesweep_reclaimed_bytes_total")).toBe(20);
    expect(of("filesweep_open_removals", { state: "suspected" })).toBe(1);
    expect(of("filesweep_open_removals_bytes", { state: "suspected" })).toBe(10);
    expect(of("filesweep_open_removals", { state: "abandoned" })).toBe(0);
    expect(of("filesweep_holds", { status: "open" })).toBe(0);
    expect(of("filesweep_missing_objects")).toBe(1);
    expect(of("filesweep_last_success_timestamp_seconds", { mode: "remove" })).toBe((finishedAt ?? 0) / 1000);
    expect(of("filesweep_next_run_timestamp_seconds")).toBe((START + 100 * HOUR_MS) / 1000);
    expect(of("filesweep_calls_total", { to: "database" })).toBeGreaterThan(0);
    const histogram = families.get("filesweep_run_duration_seconds");
    expect(histogram?.type).toBe("HISTOGRAM");
    expect(histogram?.metrics[0]).toMatchObject({ count: "2", buckets: { "1": "2", "3600": "2", "+Inf": "2" } });
  });

  it("tells the rows that a database counts, and of none where it counts none", async () => {
    let rows = 0;
    const counting = (client: SqlClient): SqlClient => ({
      ...client,
      batch(...args) {
        rows += 5;
        return client.batch(...args);
      },
      rows: () => ({ read: rows, written: rows / 5 }),
    });
    const world = await knownSite(3, { wrapClient: counting });
    await world.run();
    const read = value(await familiesOf(serve(world)), "filesweep_database_rows_total", { operation: "read" }) ?? 0;
    expect(read).toBeGreaterThan(10);
    await world.run();
    const families = await familiesOf(serve(world));
    const [after, written] = ["read", "written"].map((operation) =>
      value(families, "filesweep_database_rows_total", { operation }),
    );
    expect(after).toBeGreaterThan(read);
    expect(written).toBe((after ?? 0) / 5);

    const silent = await knownSite(3, { wrapClient: ({ rows: _, ...client }) => client });
    await silent.run();
    const told = await familiesOf(serve(silent));
    expect(told.get("filesweep_database_rows_total")?.metrics ?? []).toEqual([]);
  });

  it("shows holds by status, and since when each is there", async () => {
    const world = await knownSite(1);
    await world.insert(...due(200));
    await world.run();
    const families = await familiesOf(serve(world));
    expect(value(families, "filesweep_holds", { status: "open" })).toBe(1);
    const labels = { cause: "too-many-expired", sweep: "expired-files", status: "open" };
    expect(value(families, "filesweep_hold_opened_timestamp_seconds", labels)).toBe(START / 1000);
  });

  it("keeps to the conventions: a prefix, help, counters end in _total, units are base units", async () => {
    const world = await knownSite(3);
    await world.run();
    const families = [...(await familiesOf(serve(world))).values()];
    expect(families.length).toBeGreaterThan(12);
    for (const { name, type, help, metrics } of families) {
      expect(name).toMatch(/^filesweep_[a-z_]+$/);
      expect(help.length, name).toBeGreaterThan(5);
      expect(name.endsWith("_total"), name).toBe(type === "COUNTER");
      expect(name).not.toMatch(/_(ms|millis|minutes|hours|kb|mb)(_|$)/);
      expect(metrics.length, name).toBeGreaterThan(0);
    }
  });

  it("before the first run is valid, and leaves out what is not known", async () => {
    const families = await familiesOf(serve(await createWorld()));
    expect(value(families, "filesweep_cycles_total")).toBe(0);
    expect(value(families, "filesweep_removed_total", { sweep: "expired-files" })).toBe(0);
    expect(families.has("filesweep_last_success_timestamp_seconds")).toBe(false);
    expect(families.has("filesweep_missing_objects")).toBe(false);
  });

  it("asks for METRICS_TOKEN, and takes nothing else", async () => {
    const metrics = "m".repeat(32);
    const served = serve(await createWorld(), { settings: { metricsTokens: [metrics] } });
    expect((await served.get("/metrics", { Authorization: `Bearer ${metrics}` })).status).toBe(200);
    expect((await served.get("/admin/stats", { Authorization: `Bearer ${metrics}` })).status).toBe(401);
    expect(await problemOf(await served.get("/metrics"))).toMatchObject({ status: 401 });
    expect(await problemOf(await served.app.request("/metrics"))).toMatchObject({ status: 401 });
    const none = serve(await createWorld(), { settings: { metricsTokens: [] } });
    expect(await problemOf(await none.get("/metrics"))).toMatchObject({ status: 503, kind: "not-configured" });
  });
});
