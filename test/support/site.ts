/** A site that a run finds in order, and what to put beside it. */
import type { RunReport } from "../../src/core/model.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import { START } from "./fake-clock.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

/** A site that filesweep knows: `live` files that stay, each with its object. */
export async function knownSite(live: number, options: WorldOptions = {}): Promise<World> {
  const world = await createWorld({ liveFile: false, ...options });
  const keys = names("live", live);
  await world.insert(...keys.map((key) => ({ key, size_bytes: 10 })));
  world.put(keys);
  return world;
}

export function names(what: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${what}/${String(index).padStart(5, "0")}`);
}

export function due(count: number, what = "due"): { key: string; expires_at: number; size_bytes: number }[] {
  return names(what, count).map((key) => ({ key, expires_at: START - HOUR_MS, size_bytes: 10 }));
}

export function causes(report: RunReport): string[] {
  return report.holds.map(({ cause }) => cause);
}

/** A site whose run is held: too many files are due at once. */
export async function heldSite(): Promise<World> {
  const world = await knownSite(1);
  await world.insert(...due(200));
  world.put(names("due", 200));
  await world.run();
  return world;
}
