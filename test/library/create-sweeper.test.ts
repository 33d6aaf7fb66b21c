import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";
import {
  createSweeper,
  isSweepError,
  type LogEvent,
  SettingsError,
  type Sweeper,
  type SweeperOptions,
} from "../../src/index.ts";
import { FIRST_RUN_AFTER_MS } from "../../src/library/schedule.ts";
import { plain, temporaryFolder } from "../support/database.ts";
import { createFakeTimers } from "../support/fake-timers.ts";

interface Site {
  readonly folder: string;
  readonly events: string[];
  open(settings?: Record<string, unknown>, options?: Partial<SweeperOptions>): Sweeper;
  has(key: string): boolean;
}

/** Two expired files and one that is live; filesweep has not met them. */
async function makeSite(): Promise<Site> {
  const folder = temporaryFolder();
  const [uploads, database] = [join(folder, "uploads"), join(folder, "app.db")];
  mkdirSync(uploads);
  const client = await openFileClient(database);
  await migrate(client, DATABASE_NOW);
  for (const [key, expiresAt] of [
    ["a", 1_700_000_000_000],
    ["b", 1_700_000_000_000],
    ["live", null],
  ] as const) {
    writeFileSync(join(uploads, key), key);
    utimesSync(join(uploads, key), 1_600_000_000, 1_600_000_000);
    const sql = "INSERT INTO files (id, key, size_bytes, created_at, expires_at) VALUES (?, ?, 1, 1600000000000, ?)";
    await client.batch([plain(sql, [key, key, expiresAt])], "write");
  }
  client.close();
  const events: string[] = [];
  const log = ({ event }: LogEvent): void => void events.push(event);
  const places = { DATABASE_URL: `file:${database}`, STORAGE_URL: `file:${uploads}` };
  return {
    folder,
    events,
    open: (settings, options) =>
      createSweeper({
        env: { ...places, CLEANUP_FIRST_RUN: "remove" },
        ...(settings && { settings }),
        log,
        ...options,
      }),
    has: (key) => existsSync(join(uploads, key)),
  };
}

describe("createSweeper", () => {
  it("throws at once where settings are wrong, with all of it", () => {
    expect(() => createSweeper({ env: { CLEANUP_MODE: "delete", CLEANUP_PAGE_SIZE: "0" } })).toThrow(SettingsError);
    expect(() => createSweeper({ env: {}, settings: { CLEANUP_MODES: "plan" } })).toThrow(
      /did you mean CLEANUP_MODE\?/,
    );
  });

  it("opens nothing before it is asked to do something", async () => {
    const folder = temporaryFolder();
    const env = { DATABASE_URL: `file:${join(folder, "new.db")}`, STORAGE_URL: `file:${join(folder, "none")}` };
    const sweeper = createSweeper({ env, log: () => {} });
    await sweeper.close();
    const asked = createSweeper({ env, log: () => {} });
    await expect(asked.status()).rejects.toSatisfy((error) => isSweepError(error, "unavailable"));
    await expect(asked.run()).rejects.toSatisfy((error) => isSweepError(error, "unavailable"));
    expect(existsSync(join(folder, "new.db"))).toBe(false);
    await asked.close();
  });

  it("doctor looks at a site that is not there, and makes none of it", async () => {
    const site = await makeSite();
    const places = { DATABASE_URL: `file:${site.folder}/none.db`, STORAGE_URL: `file:${site.folder}/none` };
    const { status, checks } = await site.open(places).doctor();
    expect([status, checks.filter((each) => each.status === "problem").map(({ name }) => name)]).toEqual([
      "problem",
      ["database", "store"],
    ]);
    expect([existsSync(`${site.folder}/none.db`), existsSync(`${site.folder}/none`)]).toEqual([false, false]);
  });

  it("plans, runs, and answers questions over one database", async () => {
    const site = await makeSite();
    const sweeper = site.open();
    const [plan, status] = await Promise.all([sweeper.plan(), sweeper.status()]);
    expect(plan).toMatchObject({ kind: "ran", report: { mode: "plan", trigger: "library" } });
    expect(status.open).toEqual({});
    expect([site.has("a"), site.has("live")]).toEqual([true, true]);
    expect(await sweeper.run()).toMatchObject({ kind: "ran", report: { mode: "remove", status: "completed" } });
    expect([site.has("a"), site.has("b"), site.has("live")]).toEqual([false, false, true]);
    expect((await sweeper.removals({ limit: 10, state: "removed" })).items.map(({ key }) => key).sort()).toEqual([
      "a",
      "b",
    ]);
    expect(await sweeper.explain({ id: "live" })).toMatchObject({ key: "live", files: [{ id: "live" }] });
    expect(await sweeper.explain({ id: "none" })).toBeNull();
    await sweeper.close();
    await expect(sweeper.status()).rejects.toThrow("this sweeper was closed");
  });

  it("waits for a person where settings do not say otherwise, and goes on when one approved", async () => {
    const site = await makeSite();
    const sweeper = site.open({ CLEANUP_FIRST_RUN: "hold" });
    expect(await sweeper.run()).toMatchObject({ report: { status: "held" } });
    const [hold] = (await sweeper.status()).holds;
    await sweeper.cancel(hold?.id ?? "");
    expect(await sweeper.run()).toMatchObject({ report: { status: "held" } });
    expect(await sweeper.approve(hold?.id ?? "")).toMatchObject({ cause: "first-contact", status: "approved" });
    expect(await sweeper.run()).toMatchObject({ report: { status: "completed", holds: [] } });
    await expect(sweeper.release("none")).rejects.toSatisfy((error) => isSweepError(error, "not-found"));
    await expect(sweeper.retry("none")).rejects.toSatisfy((error) => isSweepError(error, "not-found"));
    await sweeper.close();
  });
});

describe("start and stop", () => {
  it("runs by schedule, shortly after the start, and goes on when a run failed", async () => {
    const site = await makeSite();
    const timers = createFakeTimers();
    const runs: LogEvent[] = [];
    let finished = (): void => {};
    const log = (event: LogEvent): void => {
      runs.push(event);
      if (event.event === "run.finished") finished();
    };
    const sweeper = site.open({}, { timers, log });
    const nextRun = (): Promise<void> => new Promise((resolve) => (finished = resolve));
    const first = nextRun();
    sweeper.start();
    sweeper.start();
    expect(timers.waiting()).toBe(1);
    await timers.advance(FIRST_RUN_AFTER_MS);
    await first;
    expect(runs[0]).toMatchObject({ event: "run.started", trigger: "schedule", mode: "remove" });
    expect(site.has("a")).toBe(false);
    await sweeper.stop();
    expect(timers.waiting()).toBe(0);
    await sweeper.close();
  });

  it("does nothing where CLEANUP_ENABLED is false; a person still can", async () => {
    const site = await makeSite();
    const timers = createFakeTimers();
    const sweeper = site.open({ CLEANUP_ENABLED: "false" }, { timers });
    sweeper.start();
    expect([timers.waiting(), site.events]).toEqual([0, ["schedule.disabled"]]);
    expect(await sweeper.run()).toMatchObject({ report: { status: "completed" } });
    await sweeper.close();
  });

  it("stop ends the run under way after its batch: the place is saved and the lease released", async () => {
    const site = await makeSite();
    const sweeper = site.open({ CLEANUP_PAGE_SIZE: "1" });
    let pages = 0;
    let stopped: Promise<void> | null = null;
    const onProgress = (): void => {
      pages += 1;
      stopped ??= sweeper.stop();
    };
    const outcome = await sweeper.run({ onProgress });
    await stopped;
    expect(outcome).toMatchObject({ kind: "ran", report: { status: "paused" } });
    expect(pages).toBe(1);
    expect(await sweeper.run()).toMatchObject({ kind: "ran", report: { status: "completed", slices: 2 } });
    await sweeper.close();
  });
});

describe("the package", () => {
  it("offers the library under its own name, types included", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(manifest.exports["."]).toEqual({ types: "./dist/index.d.ts", default: "./dist/index.js" });
  });
});
