/** A month in the life of a file-sharing application, with filesweep beside it: what the dashboard has to show. */
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { createWorld, type World, type WorldOptions } from "../support/world.ts";

const SUBJECTS = ["invoice", "holiday", "thesis", "choir", "wedding", "budget", "workshop", "roadmap", "garden"];
const KINDS = ["photos.zip", "draft.docx", "scan.pdf", "slides.pptx", "recording.mp4", "list.csv", "poster.png"];

/** Numbers that look like chance and are the same each time. */
function createChance(): (below: number) => number {
  let state = 20_261_122;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

/** Names that a stranger may give a file, and that a page has to bear. */
export const HOSTILE_KEYS = [
  `<script>alert(1)</script>"'&.txt`,
  "invoice-\u202efdp.exe",
  `${"long-".repeat(200)}name.bin`,
] as const;

/** Thirty days, two runs a day; on the last day a batch of orphans that is too large to believe, and a delete that is refused. */
export async function createMonth(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  const chance = createChance();
  const { clock } = world;
  clock.advance(-30 * DAY_MS);
  const name = (n: number): string =>
    `2026/${new Date(clock.now()).toISOString().slice(5, 10).replace("-", "/")}/${SUBJECTS[chance(9)]}-${n}-${KINDS[chance(7)]}`;
  const put = (key: string, sizeBytes: number): void => {
    world.store.put(key, { sizeBytes, modifiedAt: clock.now() });
  };
  for (let day = 0; day < 30; day += 1) {
    const weekend = new Date(clock.now()).getUTCDay() % 6 === 0;
    for (let n = weekend ? 12 : 25 + chance(20); n > 0; n -= 1) {
      const key = name(n);
      const size_bytes = 40_000 + chance(4000) * chance(4000);
      put(key, size_bytes);
      if (chance(14) === 0) continue;
      await world.insert({
        key,
        size_bytes,
        expires_at: chance(3) === 0 ? null : clock.now() + (1 + chance(24)) * DAY_MS,
        ...(chance(5) === 0 && { downloads: 1, max_downloads: 1, downloaded_at: clock.now() + chance(20) * HOUR_MS }),
      });
    }
    clock.advance(12 * HOUR_MS);
    await world.run({ trigger: "schedule" });
    clock.advance(12 * HOUR_MS);
    await world.run({ trigger: "schedule" });
  }
  for (let n = 0; n < 90; n += 1)
    put(`imports/batch-7/${String(n).padStart(3, "0")}-${KINDS[chance(7)]}`, 5_000_000 + n);
  HOSTILE_KEYS.forEach((key, n) => void put(key, 1000 + n));
  clock.advance(25 * HOUR_MS);
  await world.run({ trigger: "schedule" });
  await world.insert({ key: "2026/locked/contract.pdf", size_bytes: 77_000, expires_at: clock.now() - HOUR_MS });
  put("2026/locked/contract.pdf", 77_000);
  world.store.refuse("2026/locked/contract.pdf", "AccessDenied: the object is locked");
  clock.advance(25 * HOUR_MS);
  await world.run({ trigger: "schedule" });
  return world;
}
