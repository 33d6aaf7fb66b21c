/** Plays the scenario through a door, and compares what the door tells with what was checked in. */

import type * as v from "valibot";
import { expect } from "vitest";
import { Hold, Run, RunPage } from "../../src/api/schemas.ts";
import type { Request } from "../api/route-cases.ts";
import { documentOf } from "../api/support.ts";
import expected from "./expected-reports.json" with { type: "json" };
import { SCENARIO_LEFT } from "./scenario.ts";

type RunDocument = v.InferOutput<typeof Run>;

/** A runtime with the scenario's site in it. */
export interface Door {
  /** Works off one slice, as the runtime's schedule does. */
  tick(): Promise<unknown>;
  /** Lets the hold through. Where the door goes on by itself, the slice is worked off when this is answered. */
  approve(hold: string): Promise<void>;
  lastRun(): Promise<RunDocument>;
  /** The keys that are in the store, without filesweep's own. */
  keys(): Promise<string[]>;
}

/** More than the scenario takes. */
const MOST_TICKS = 10;

export async function playScenario(door: Door): Promise<void> {
  const reports: RunDocument[] = [];
  const note = async (): Promise<RunDocument> => {
    const run = await door.lastRun();
    reports.push(run);
    return run;
  };
  await door.tick();
  const held = await note();
  await door.approve(held.holds[0]?.id ?? "");
  let run = await note();
  for (let ticks = 0; run.status === "paused" && ticks < MOST_TICKS; ticks += 1) {
    await door.tick();
    run = await note();
  }
  expect(reports.map(comparable)).toEqual(expected);
  expect((await door.keys()).sort()).toEqual([...SCENARIO_LEFT].sort());
  expect(new Set(reports.map(({ id }) => id)).size).toBe(1);
}

/** Without what differs by chance, by the clock, and by what was asked for the tick. */
function comparable({ mode, status, slices, sweeps, holds }: RunDocument): unknown {
  return {
    mode,
    status,
    slices,
    sweeps,
    holds: holds.map(({ cause, detail, count, bytes }) => ({ cause, detail, count, bytes })),
  };
}

// ---------------------------------------------------------------------------------------------------- over the HTTP API

export const TOKEN = "0123456789abcdef0123456789abcdef";

/** What a door answers over HTTP. `request` gets paths that begin with a slash. */
export function httpDoor(request: Request): Omit<Door, "keys"> {
  const headers = { Authorization: `Bearer ${TOKEN}`, Prefer: "wait=25", "Content-Type": "application/json" };
  const get = async <S extends v.GenericSchema>(path: string, schema: S): Promise<v.InferOutput<S>> =>
    documentOf(await request(path, { method: "GET", headers }), schema);
  const lastRun = async (): Promise<RunDocument> => {
    const [run] = (await get("/admin/runs?limit=1", RunPage)).items;
    if (run === undefined) expect.unreachable("no run stands in the journal");
    return run;
  };
  return {
    async tick() {
      const answer = await request("/admin/cleanup", { method: "POST", headers });
      await documentOf(answer, Run);
    },
    async approve(hold) {
      const before = await lastRun();
      const answer = await request(`/admin/holds/${hold}/approve`, { method: "POST", headers });
      expect(answer.status).toBe(202);
      await documentOf(answer, Hold);
      // The run goes on in the background; its end is waited for by asking.
      for (;;) {
        const run = await lastRun();
        if (run.slices > before.slices && run.status !== "running") return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    lastRun,
  };
}
