/** The doctor over a real database and the reference store: what the command's tests cannot break. */
import { describe, expect, it } from "vitest";
import { readInstant } from "../../src/core/catalog-time.ts";
import {
  CHECK_NAMES,
  type Check,
  type CheckName,
  type DoctorParts,
  diagnoseSettings,
  examine,
} from "../../src/core/doctor.ts";
import { SweepError } from "../../src/core/errors.ts";
import type { Store, Survey } from "../../src/core/ports.ts";
import { MINUTE_MS, PROBE_KEY } from "../../src/core/safety.ts";
import { readSettings } from "../../src/core/settings.ts";
import { DEFAULT_MAPPING } from "../../src/database/mapping.ts";
import { createSurvey } from "../../src/database/survey.ts";
import { TEST_NOW } from "../support/database.ts";
import { createWorld, type World } from "../support/world.ts";

async function partsOf(world: World, env: Record<string, string> = {}): Promise<DoctorParts> {
  const { client, clock, store } = world;
  const survey = createSurvey({
    client,
    catalog: readSettings({}, { runtime: "node" }).catalog,
    databaseNow: TEST_NOW,
  });
  return {
    settings: readSettings(env, { runtime: "node" }),
    places: { database: "/srv/app.db", store: "memory:" },
    clock,
    openSurvey: async () => ({ survey, close() {} }),
    store,
    storeAbsence: async () => null,
    times: { readTime: readInstant, columns: DEFAULT_MAPPING.columns },
    isMapped: false,
  };
}

/** A world that has met its store, and holds three files. */
async function world(): Promise<World> {
  const made = await createWorld();
  for (const key of ["a", "b", "c"]) await made.upload({ key });
  await made.run();
  return made;
}

async function check(parts: DoctorParts, name: CheckName): Promise<Check> {
  const { checks } = await examine(parts);
  const found = checks.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no check ${name}`);
  return found;
}

const withSurvey = (parts: DoctorParts, changed: Partial<Survey>): DoctorParts => ({
  ...parts,
  async openSurvey() {
    const { survey, close } = await parts.openSurvey();
    return { survey: { ...survey, ...changed }, close };
  },
});
const withStore = (parts: DoctorParts, changed: Partial<Store>): DoctorParts => ({
  ...parts,
  store: { ...parts.store, ...changed },
});
const unavailable = (message: string) => () => Promise.reject(new SweepError("unavailable", message));

describe("the doctor", () => {
  it("makes every check, in its order, whatever is broken", async () => {
    const parts = await partsOf(await world());
    const broken = [
      parts,
      withStore(parts, { list: unavailable("the store is away") }),
      { ...parts, openSurvey: unavailable("the database is away") },
      withSurvey(parts, { sample: unavailable("gone") }),
      withSurvey(parts, { memory: unavailable("gone") }),
    ];
    for (const each of broken) expect((await examine(each)).checks.map(({ name }) => name)).toEqual(CHECK_NAMES);
    expect(diagnoseSettings([]).checks.map(({ name }) => name)).toEqual(CHECK_NAMES);
  });

  it("finds nothing wrong where nothing is", async () => {
    const { status, checks } = await examine(await partsOf(await world()));
    expect([status, checks.filter((each) => each.status !== "ok")]).toEqual(["ok", []]);
  });

  it("writes nothing, and leaves no probe", async () => {
    const made = await world();
    const before = await made.dumpOfAll();
    await examine(await partsOf(made));
    expect(await made.dumpOfAll()).toEqual(before);
  });

  it("asks the store for no delete: its probe has a way of its own", async () => {
    const parts = await partsOf(await world());
    const refuse = (): never => expect.unreachable("the doctor deletes no object, and writes no marker");
    await examine(withStore(parts, { delete: refuse, writeMarker: refuse, abortUpload: refuse }));
  });

  it("that cannot look at one thing looks at the others", async () => {
    const parts = withSurvey(await partsOf(await world()), { plans: unavailable("no plans today") });
    const { checks } = await examine(parts);
    const unknown = checks.filter(({ status }) => status === "unknown");
    expect(unknown).toMatchObject([{ name: "indexes", found: expect.stringContaining("no plans today") }]);
  });

  it("hides no error of its own", async () => {
    const parts = withSurvey(await partsOf(await world()), { gate: () => Promise.reject(new TypeError("a bug")) });
    await expect(examine(parts)).rejects.toThrow("a bug");
  });
});

describe("permissions", () => {
  it("are a problem where the store refuses the delete, with the vendor's reason", async () => {
    const made = await world();
    made.store.refuse(PROBE_KEY, "AccessDenied: s3:DeleteObject");
    const found = await check(await partsOf(made), "permissions");
    expect(found).toMatchObject({ status: "problem", kind: "failing" });
    expect(found.found).toContain("delete: AccessDenied: s3:DeleteObject");
  });

  it("are a warning where every run is a plan, which deletes nothing", async () => {
    const made = await world();
    made.store.refuse(PROBE_KEY, "AccessDenied");
    expect(await check(await partsOf(made, { CLEANUP_MODE: "plan" }), "permissions")).toMatchObject({
      status: "warning",
    });
  });

  it("are not tried where the settings say that nothing is written to the store", async () => {
    const tried = withStore(await partsOf(await world(), { CLEANUP_IDENTITY_MARKER: "false" }), {
      tryOut: () => expect.unreachable("nothing may be written"),
    });
    expect(await check(tried, "permissions")).toMatchObject({ status: "unknown" });
  });

  it("are not known where the store cannot be asked", async () => {
    const parts = withStore(await partsOf(await world()), { tryOut: unavailable("away") });
    expect(await check(parts, "permissions")).toMatchObject({ status: "unknown" });
  });
});

describe("the bucket", () => {
  it.each([
    ["none", "ok"],
    ["enabled", "warning"],
    ["suspended", "warning"],
    ["unknown", "unknown"],
  ] as const)("whose versions are %s: %s", async (versioning, status) => {
    const parts = withStore(await partsOf(await world()), { versioning: async () => versioning });
    expect(await check(parts, "bucket")).toMatchObject({ status });
  });
});

describe("clocks", () => {
  it.each([
    [5 * MINUTE_MS, "ok"],
    [5 * MINUTE_MS + 1, "problem"],
    [-5 * MINUTE_MS, "ok"],
    [-5 * MINUTE_MS - 1, "problem"],
  ])("of which the database's is %i ms off: %s", async (offMs, status) => {
    const parts = await partsOf(await world());
    const off = withSurvey(parts, { greet: async () => ({ databaseAt: parts.clock.now() + offMs }) });
    const found = await check(off, "clocks");
    expect([found.status, found.kind]).toEqual([status, status === "ok" ? null : "held"]);
  });

  it.each([
    [5 * MINUTE_MS, "ok"],
    [5 * MINUTE_MS + 1, "problem"],
    [null, "ok"],
  ])("of which the store's is %s ms off: %s", async (skewMs, status) => {
    const found = await check(withStore(await partsOf(await world()), { clockSkewMs: () => skewMs }), "clocks");
    expect(found.status).toBe(status);
  });
});

describe("the table", () => {
  it("without a live row is a warning: every run over a store with objects would be held", async () => {
    const made = await world();
    await made.execute("UPDATE files SET status = 'archived'");
    expect(await check(await partsOf(made), "table")).toMatchObject({ status: "warning" });
  });
});

describe("keys", () => {
  it("of which some have no object, and objects that no row names, are what filesweep is for", async () => {
    const made = await world();
    await made.insert({ key: "d" });
    made.put(["orphan"]);
    const found = await check(await partsOf(made), "keys");
    expect(found.status).toBe("ok");
    expect(found.found).toContain('(such as "d")');
    expect(found.found).toContain('(such as "orphan")');
  });

  it("of which most have no object are a warning", async () => {
    const made = await world();
    for (const key of ["d", "e", "f", "g", "h"]) await made.insert({ key });
    expect(await check(await partsOf(made), "keys")).toMatchObject({ status: "warning" });
  });

  it("that only an object beyond the first page explains are found by asking for it", async () => {
    const made = await createWorld();
    made.put(Array.from({ length: 1100 }, (_, index) => `0/${String(index).padStart(4, "0")}`));
    for (const key of ["x", "y", "z"]) {
      made.put([`zz/${key}`]);
      await made.insert({ key: `uploads/zz/${key}` });
    }
    const found = await check(await partsOf(made), "keys");
    expect(found).toMatchObject({ status: "problem", mend: "CATALOG_KEY_PREFIX=uploads/" });
  });

  it("under CLEANUP_IGNORE_PREFIXES are not looked at", async () => {
    const made = await world();
    for (const key of ["tmp/1", "tmp/2", "tmp/3", "tmp/4"]) await made.insert({ key });
    expect(await check(await partsOf(made, { CLEANUP_IGNORE_PREFIXES: "tmp/" }), "keys")).toMatchObject({
      status: "ok",
    });
  });
});

describe("the cost", () => {
  it("counts the runs and the scans of a month", async () => {
    const made = await world();
    const found = await check(
      await partsOf(made, { CLEANUP_INTERVAL_MINUTES: "60", CLEANUP_SCAN_EVERY_HOURS: "24" }),
      "cost",
    );
    expect(found.found).toMatch(/720 runs; each of 30 scans lists 3 objects/);
  });

  it("is none where nothing runs by itself", async () => {
    expect((await check(await partsOf(await world(), { CLEANUP_ENABLED: "false" }), "cost")).found).toMatch(/^none/);
  });
});
