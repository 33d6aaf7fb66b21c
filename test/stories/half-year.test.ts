/**
 * Half a year of an application's life, with a run every hour: a few minutes. What must be left at the end is told by a
 * model of the application and the rules' own words, without a line of filesweep's code.
 */
import { expect, test } from "vitest";
import { isSweepError } from "../../src/core/errors.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { CrashError, FAULTS, faultyPorts, seeded } from "../support/faults.ts";
import { createWorld, sweepOf, type World } from "../support/world.ts";

const SEED = 20_261_122;
const FILES = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** From one run to the next. */
const TICK = HOUR;
const TICKS = (182 * DAY) / TICK;
/** Before the end nothing more is orphaned and nothing fails, so that what was begun can come to its end. */
const QUIET_TICKS = (6 * DAY) / TICK;
const HISTORY = 90 * DAY;

/** A row as the application knows it. */
interface File {
  readonly id: string;
  readonly key: string;
  expiresAt: number | null;
  downloadedAt: number | null;
  downloads: number;
  readonly maxDownloads: number | null;
  /** The application itself deleted the row. */
  deleted: boolean;
}

/** When a file ends: at its expiry, or an hour after the download that was its last. */
function endOf({ expiresAt, downloadedAt, downloads, maxDownloads }: File): number {
  const isUsedUp = maxDownloads !== null && downloads >= maxDownloads;
  const usedUpAt = isUsedUp && downloadedAt !== null ? downloadedAt + HOUR : Infinity;
  return Math.min(expiresAt ?? Infinity, usedUpAt);
}

/** What has become of a row: it stays as it is, is marked, or is gone a week after its last download. */
function fateOf(file: File, now: number): "active" | "expired" | "gone" {
  if (file.deleted) return "gone";
  if (endOf(file) > now) return "active";
  return file.downloadedAt !== null && now - file.downloadedAt > 7 * DAY ? "gone" : "expired";
}

class Application {
  readonly files: File[] = [];
  /** Objects of live files that were lost by somebody else. */
  readonly lost = new Set<string>();
  readonly #world: World;
  readonly #random: () => number;

  constructor(world: World, random: () => number) {
    this.#world = world;
    this.#random = random;
  }

  /** The time between two runs. */
  async live(tick: number): Promise<void> {
    const isQuiet = tick >= TICKS - QUIET_TICKS;
    const due = Math.floor(((tick + 1) * FILES) / (TICKS - QUIET_TICKS));
    while (this.files.length < Math.min(FILES, due)) await this.#upload();
    for (let times = this.#upTo(9); times > 0; times -= 1) await this.#download();
    if (this.#random() < 0.6) await this.#extend();
    if (isQuiet) return;
    if (this.#random() < 0.03) await this.#deleteRow();
    if (this.#random() < 0.03) this.#world.put([`abandoned/${tick}`], 0);
    if (this.#random() < 0.03) this.#uploadLate();
    if (tick % 240 === 120) this.#loseObject();
  }

  expectLiveObjects(): void {
    const { clock, bytes } = this.#world;
    for (const file of this.files) {
      if (fateOf(file, clock.now()) !== "active" || this.lost.has(file.key)) continue;
      if (!bytes.has(file.key)) expect.unreachable(`${file.key} is live, and its object is missing`);
    }
  }

  #upTo(limit: number): number {
    return Math.floor(this.#random() * (limit + 1));
  }

  #pick(wanted: (file: File) => boolean): File | undefined {
    const found = this.files.filter(wanted);
    return found[Math.floor(this.#random() * found.length)];
  }

  #isLive(file: File, forMs = 0): boolean {
    return !file.deleted && endOf(file) > this.#world.clock.now() + forMs;
  }

  async #upload(): Promise<void> {
    const now = this.#world.clock.now();
    const id = `f${String(this.files.length).padStart(4, "0")}`;
    // The same bytes again: two rows share an object.
    const twin = this.#random() < 0.1 ? this.#pick((file) => this.#isLive(file, DAY)) : undefined;
    const file: File = {
      id,
      key: twin?.key ?? `${this.#upTo(9)}/${id}`,
      expiresAt: this.#random() < 0.7 ? now + HOUR + this.#upTo(40 * DAY) : null,
      downloadedAt: null,
      downloads: 0,
      maxDownloads: this.#random() < 0.3 ? 1 + this.#upTo(2) : null,
      deleted: false,
    };
    if (twin === undefined) this.#world.put([file.key], 0);
    await this.#world.insert({ id, key: file.key, expires_at: file.expiresAt, max_downloads: file.maxDownloads });
    this.files.push(file);
  }

  async #download(): Promise<void> {
    const file = this.#pick((candidate) => this.#isLive(candidate));
    if (file === undefined || (file.maxDownloads !== null && file.downloads >= file.maxDownloads)) return;
    file.downloads += 1;
    file.downloadedAt = this.#world.clock.now();
    await this.#change("downloads = ?, downloaded_at = ?", [file.downloads, file.downloadedAt], file);
  }

  async #extend(): Promise<void> {
    const file = this.#pick((candidate) => candidate.expiresAt !== null && this.#isLive(candidate));
    if (file === undefined || file.expiresAt === null) return;
    file.expiresAt += DAY + this.#upTo(20 * DAY);
    await this.#change("expires_at = ?", [file.expiresAt], file);
  }

  async #change(set: string, args: (number | null)[], { id }: File): Promise<void> {
    await this.#world.execute(`UPDATE files SET ${set} WHERE id = ?`, [...args, id]);
  }

  /** The user deletes a file, and the application forgets its object. */
  async #deleteRow(): Promise<void> {
    const file = this.#pick((candidate) => this.#isLive(candidate));
    if (file === undefined) return;
    file.deleted = true;
    await this.#world.execute("DELETE FROM files WHERE id = ?", [file.id]);
  }

  /** A slow upload arrives after everything that named it had ended. */
  #uploadLate(): void {
    const file = this.#pick(
      (candidate) => !this.files.some((other) => other.key === candidate.key && this.#isLive(other)),
    );
    if (file !== undefined) this.#world.put([file.key], 0);
  }

  /** Somebody removes the object of a file that is live, and stays so. */
  #loseObject(): void {
    const file = this.#pick(
      (candidate) => endOf(candidate) === Infinity && !candidate.deleted && candidate.maxDownloads === null,
    );
    if (file === undefined || this.lost.has(file.key)) return;
    this.#world.bytes.remove(file.key);
    this.lost.add(file.key);
  }
}

/** A run of the schedule; about every sixteenth meets a fault at some call. Answers whether it did. */
async function runOfTheTick(world: World, random: () => number, mayFail: boolean): Promise<boolean> {
  if (!mayFail || random() >= 0.06) {
    const report = await world.run({ trigger: "schedule" });
    expect(report.holds, new Date(world.clock.now()).toISOString()).toEqual([]);
    return false;
  }
  const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? "crash-before";
  const instance = await world.createInstance(faultyPorts({ at: 1 + Math.floor(random() * 25), fault }, () => {}));
  try {
    await world.slice({ trigger: "schedule" }, instance);
  } catch (error) {
    if (!(error instanceof CrashError || isSweepError(error, "unavailable"))) throw error;
  }
  return true;
}

test(`1,000 files through half a year of runs, seed ${SEED}`, async () => {
  const random = seeded(SEED);
  const clock = createFakeClock();
  const world = await createWorld({ clock, settings: { intervalMs: TICK } });
  const application = new Application(world, random);
  let faults = 0;
  for (let tick = 0; tick < TICKS; tick += 1) {
    const passed = Math.floor(random() * TICK);
    clock.advance(passed);
    await application.live(tick);
    clock.advance(TICK - passed);
    if (await runOfTheTick(world, random, tick < TICKS - QUIET_TICKS)) faults += 1;
    application.expectLiveObjects();
  }
  expect(faults).toBeGreaterThan(50);
  await expectEnd(world, application);
}, 300_000);

async function expectEnd(world: World, application: Application): Promise<void> {
  const now = world.clock.now();
  const { files, lost } = application;
  expect(files).toHaveLength(FILES);
  const fates = files.map((file) => [file, fateOf(file, now)] as const);
  const left = fates.filter(([, fate]) => fate !== "gone");
  // The story is worth something only if it has all of this in it.
  for (const wanted of ["active", "expired", "gone"]) {
    expect(fates.filter(([, fate]) => fate === wanted).length, wanted).toBeGreaterThan(20);
  }
  expect(await world.statuses()).toEqual(Object.fromEntries(left.map(([{ id }, fate]) => [id, fate])));

  const live = new Set(fates.filter(([, fate]) => fate === "active").map(([{ key }]) => key));
  expect(world.keys()).toEqual([...live].filter((key) => !lost.has(key)).sort());

  const missed = [...live].filter((key) => lost.has(key)).sort();
  expect(missed.length).toBeGreaterThan(2);
  expect(sweepOf(await world.plan(), "missing-objects").sample).toEqual(missed);

  const open = (await world.removals()).filter(({ state }) => state !== "removed" && state !== "released");
  expect(open).toEqual([]);
  expect(await world.rows("SELECT * FROM filesweep_holds")).toEqual([]);
  const bound = now - HISTORY;
  expect(await world.rows("SELECT id FROM filesweep_runs WHERE finished_at < ?", [bound])).toEqual([]);
  expect(await world.rows("SELECT id FROM filesweep_removals WHERE finished_at < ?", [bound])).toEqual([]);
  const [runs] = await world.rows<{ count: number }>(
    "SELECT count(*) AS count FROM filesweep_runs WHERE mode = 'remove'",
  );
  expect(runs?.count).toBeLessThanOrEqual(HISTORY / TICK + 1);
  expect(runs?.count).toBeGreaterThan((HISTORY / TICK) * 0.9);
}
