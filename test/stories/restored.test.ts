/** A database was restored from a backup: the rows that came since are lost, their objects are not orphans. */
import { describe, expect, it } from "vitest";
import { parseMarker } from "../../src/core/identity.ts";
import type { RunReport } from "../../src/core/model.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { readSettings } from "../../src/core/settings.ts";
import { planRestored } from "../../src/database/doctor-actions.ts";
import { createSurvey } from "../../src/database/survey.ts";
import { TEST_NOW } from "../support/database.ts";
import { createWorld, sweepOf, type World } from "../support/world.ts";

const TABLES = ["files", "filesweep_meta", "filesweep_runs", "filesweep_removals", "filesweep_holds", "filesweep_gate"];

type Backup = readonly { readonly table: string; readonly rows: readonly Record<string, string | number | null>[] }[];

async function backUp(world: World): Promise<Backup> {
  return Promise.all(
    TABLES.map(async (table) => ({ table, rows: await world.rows<Record<string, string>>(`SELECT * FROM ${table}`) })),
  );
}

async function restore(world: World, backup: Backup): Promise<void> {
  await world.execute("DELETE FROM filesweep_gate");
  for (const { table, rows } of backup) {
    await world.execute(`DELETE FROM ${table}`);
    for (const row of rows) {
      const names = Object.keys(row);
      const marks = names.map(() => "?").join(", ");
      await world.execute(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${marks})`, Object.values(row));
    }
  }
}

/** What `doctor --restored` executes. */
async function tellRestored(world: World): Promise<void> {
  const { client, clock, store, parts } = world;
  const { lastRunAt } = await createSurvey({
    client,
    catalog: readSettings({}, { runtime: "node" }).catalog,
    databaseNow: TEST_NOW,
  }).memory();
  const marker = parseMarker((await store.readMarker()) ?? "");
  if (marker === "unreadable") throw new Error("the marker cannot be read");
  const told = { from: lastRunAt ?? 0, to: clock.now(), storeEpoch: marker.epoch };
  for (const statement of planRestored(told, parts.settings.gateMs)) await world.execute(statement);
}

const causes = ({ holds }: RunReport): string[] => holds.map(({ cause }) => cause);

/** An old orphan; a backup; then a file is uploaded, and the database falls back to the backup. */
async function restoredWorld(): Promise<World> {
  const world = await createWorld();
  await world.upload({ key: "known.txt" });
  await world.run();
  world.put(["old-orphan.txt"]);
  const backup = await backUp(world);
  world.clock.advance(HOUR_MS);
  await world.upload({ key: "lost-row.txt" }, 0);
  await world.run();
  world.clock.advance(HOUR_MS);
  await restore(world, backup);
  return world;
}

describe("a database that was restored from a backup", () => {
  it("is held as restored-backup, until a person says so", async () => {
    const world = await restoredWorld();
    expect(causes(await world.run())).toEqual(["restored-backup"]);
    await tellRestored(world);
    const report = await world.run();
    expect([report.status, causes(report)]).toEqual(["completed", []]);
  });

  it("never makes an orphan of what came since the backup, however long ago that is", async () => {
    const world = await restoredWorld();
    await tellRestored(world);
    for (let day = 0; day < 30; day += 1) {
      world.clock.advance(DAY_MS);
      await world.run();
    }
    expect(world.keys()).toEqual(["known.txt", "lost-row.txt"]);
    const { kept } = sweepOf(await world.run(), "orphaned-objects");
    expect(kept["newer-than-backup"]).toEqual({ count: 1, bytes: 10 });
  });

  it.each(["remove", "plan"] as const)(
    "nor does it where runs (%s) were held before a person said so: they move the time of the backup no further",
    async (mode) => {
      const world = await restoredWorld();
      for (let hour = 0; hour < 12; hour += 1) {
        expect(causes(await world.run({ mode }))).toEqual(["restored-backup"]);
        world.clock.advance(HOUR_MS);
      }
      await tellRestored(world);
      for (let day = 0; day < 4; day += 1) {
        await world.run();
        world.clock.advance(DAY_MS);
      }
      expect(world.keys()).toEqual(["known.txt", "lost-row.txt"]);
    },
  );

  it("would lose it, if nobody said so: approving the hold alone believes the database", async () => {
    const world = await restoredWorld();
    const [hold] = (await world.run()).holds;
    await world.parts.database.holds.decide(hold?.id ?? "", { status: "approved", until: world.clock.now() + DAY_MS });
    for (let day = 0; day < 4; day += 1) {
      await world.run();
      world.clock.advance(DAY_MS);
    }
    expect(world.keys()).toEqual(["known.txt"]);
  });

  it("forgets what the backup had set out to remove: a row that is lost may have taken the key again", async () => {
    const world = await createWorld();
    await world.upload({ key: "known.txt" });
    await world.run();
    const backup = await backUp(world);
    await restore(world, backup);
    for (const [state, key] of [
      ["suspected", "s"],
      ["due", "d"],
      ["condemned", "c"],
      ["failed", "f"],
      ["abandoned", "a"],
    ] as const) {
      await world.execute(
        `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, created_at) VALUES (?, ?, ?, 'expired', 'expired-files', 'r', 1)`,
        [`removal-${key}`, key, state],
      );
      world.put([key], 0);
    }
    await world.execute("INSERT INTO filesweep_gate (key, leaves_at) VALUES ('c', NULL)");
    await tellRestored(world);
    expect(new Set((await world.removals()).map(({ released_by }) => released_by))).toEqual(new Set(["restored"]));
    await world.run();
    expect(world.keys()).toEqual(["a", "c", "d", "f", "known.txt", "s"]);
    world.clock.advance(world.parts.settings.gateMs + 1);
    await world.run();
    expect(await world.rows("SELECT key FROM filesweep_gate")).toEqual([]);
  });

  it("forgets the runs and approvals of the backup: none goes on", async () => {
    const world = await restoredWorld();
    await world.execute(
      `INSERT INTO filesweep_runs (id, mode, status, trigger, started_at, duration_ms, slices, calls, holds, sweeps)
        VALUES ('unfinished', 'remove', 'paused', 'cli', 1, 1, 1, '{"database":0,"storage":0}', '[]', '[]')`,
    );
    await world.execute(
      `INSERT INTO filesweep_holds (id, cause, sweep, status, opened_at, as_of, run_id, detail, count, bytes, sample, approved_until)
        VALUES ('approved', 'too-many-orphans', 'orphaned-objects', 'approved', 1, ?, 'r', '', 0, 0, '[]', ?)`,
      [world.clock.now(), world.clock.now() + DAY_MS],
    );
    await tellRestored(world);
    expect((await world.run()).id).not.toBe("unfinished");
    expect(await world.rows("SELECT status FROM filesweep_holds WHERE id = 'approved'")).toEqual([
      { status: "closed" },
    ]);
  });

  it("may be restored again: what came since each backup stays", async () => {
    const world = await restoredWorld();
    await tellRestored(world);
    await world.run();
    const backup = await backUp(world);
    world.clock.advance(10 * DAY_MS);
    await world.upload({ key: "second-lost-row.txt" }, 0);
    await world.run();
    await restore(world, backup);
    await tellRestored(world);
    for (let day = 0; day < 4; day += 1) {
      world.clock.advance(DAY_MS);
      await world.run();
    }
    expect(world.keys()).toEqual(["known.txt", "lost-row.txt", "second-lost-row.txt"]);
  });
});
