import { describe, expect, test } from "vitest";
import { type Decision, REMOVAL_STATES } from "../../../src/core/model.ts";
import type { KeyFacts, ListedObject, ObjectLook } from "../../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../../src/core/safety.ts";
import { decideObject, looksSame, type OrphanRules } from "../../../src/core/sweeps/orphaned-objects.ts";
import { scanIsComplete } from "../../../src/core/sweeps/scan.ts";
import { START } from "../../support/fake-clock.ts";

const NOW = START;
const RUN = "run-2";
const SETTINGS: OrphanRules = {
  orphanGraceMs: 24 * HOUR_MS,
  quarantineMs: 24 * HOUR_MS,
  leftovers: "all",
  restored: [],
};

const OBJECT: ListedObject = { key: "a.txt", sizeBytes: 10, modifiedAt: NOW - 30 * DAY_MS, etag: "e1" };
const UNKNOWN_KEY: KeyFacts = { referenced: false, removal: null, removedBefore: false, kept: null };
const LEFT_OVER: KeyFacts = { ...UNKNOWN_KEY, referenced: true };

type Suspicion = NonNullable<KeyFacts["removal"]>;

/** The same object as seen a quarantine ago, by the run before. */
const SUSPECTED: Suspicion = {
  state: "suspected",
  firstSeenAt: NOW - 24 * HOUR_MS,
  firstSeenRun: "run-1",
  sizeBytes: 10,
  modifiedAt: NOW - 30 * DAY_MS,
  etag: "e1",
};

function suspected(fields: Partial<Suspicion> = {}): KeyFacts {
  return { ...UNKNOWN_KEY, removal: { ...SUSPECTED, ...fields } };
}

type Case = readonly [
  rule: string,
  object: Partial<ListedObject>,
  facts: KeyFacts | undefined,
  decision: string,
  settings?: Partial<OrphanRules>,
];

function table(cases: readonly Case[]): void {
  for (const [rule, object, facts, decision, settings] of cases) {
    test(`orphaned-objects ${rule}`, () => {
      expect(said(decideObject({ ...OBJECT, ...object }, facts, NOW, RUN, { ...SETTINGS, ...settings }))).toBe(
        decision,
      );
    });
  }
}

function said(decision: Decision): string {
  return `${decision.verdict} ${decision.reason}`;
}

describe("what protects", () => {
  table([
    ["keeps what a row protects", {}, undefined, "keep still-protected"],
    ["suspects what no row names", {}, UNKNOWN_KEY, "suspect unreferenced"],
    ["suspects what only expired rows name", {}, LEFT_OVER, "suspect left-over"],
  ]);
});

describe("the age", () => {
  const zero = { quarantineMs: 0 };
  table([
    ["keeps an object younger than the grace", { modifiedAt: NOW - DAY_MS + 1 }, UNKNOWN_KEY, "keep too-young"],
    ["keeps an object of exactly the grace", { modifiedAt: NOW - DAY_MS }, UNKNOWN_KEY, "keep too-young"],
    ["suspects an object 1 ms over the grace", { modifiedAt: NOW - DAY_MS - 1 }, UNKNOWN_KEY, "suspect unreferenced"],
    ["keeps an object modified now", { modifiedAt: NOW }, UNKNOWN_KEY, "keep too-young"],
    ["keeps an object modified in the future", { modifiedAt: NOW + 365 * DAY_MS }, UNKNOWN_KEY, "keep too-young"],
    ["keeps an object of unknown age", { modifiedAt: null }, UNKNOWN_KEY, "keep unknown-age"],
    ["keeps an object whose age is not a number", { modifiedAt: Number.NaN }, UNKNOWN_KEY, "keep too-young"],
    [
      "keeps an object from an infinite future",
      { modifiedAt: Number.POSITIVE_INFINITY },
      UNKNOWN_KEY,
      "keep too-young",
    ],
    ["suspects an object from 1970", { modifiedAt: 0 }, UNKNOWN_KEY, "suspect unreferenced"],
    ["keeps a young left-over", { modifiedAt: NOW - DAY_MS }, LEFT_OVER, "keep too-young"],
    ["keeps a left-over of unknown age", { modifiedAt: null }, LEFT_OVER, "keep unknown-age"],
    ["keeps a young object without a quarantine", { modifiedAt: NOW - DAY_MS }, UNKNOWN_KEY, "keep too-young", zero],
    ["keeps unknown age without a quarantine", { modifiedAt: null }, UNKNOWN_KEY, "keep unknown-age", zero],
    ["keeps a suspect whose age is not known any more", { modifiedAt: null }, suspected(), "keep unknown-age"],
    [
      "goes by the grace that is set",
      { modifiedAt: NOW - HOUR_MS - 1 },
      UNKNOWN_KEY,
      "suspect unreferenced",
      { orphanGraceMs: HOUR_MS },
    ],
  ]);
});

describe("after a restore of the database", () => {
  const [from, to] = [NOW - 20 * DAY_MS, NOW - 10 * DAY_MS];
  const restored = {
    restored: [
      { from: 1, to: 2 },
      { from, to },
    ],
  };
  const seen = (modifiedAt: number): KeyFacts => suspected({ modifiedAt });
  table([
    ["suspects what is older than the backup", { modifiedAt: from - 1 }, UNKNOWN_KEY, "suspect unreferenced", restored],
    ["keeps what came with the backup", { modifiedAt: from }, UNKNOWN_KEY, "keep newer-than-backup", restored],
    ["keeps what came before the restore", { modifiedAt: to }, UNKNOWN_KEY, "keep newer-than-backup", restored],
    ["suspects what came after the restore", { modifiedAt: to + 1 }, UNKNOWN_KEY, "suspect unreferenced", restored],
    ["keeps a ripe suspect that came in between", { modifiedAt: from }, seen(from), "keep newer-than-backup", restored],
    ["keeps a left-over that came in between", { modifiedAt: from }, LEFT_OVER, "keep newer-than-backup", restored],
    [
      "keeps what came in between also without a quarantine",
      { modifiedAt: from },
      UNKNOWN_KEY,
      "keep newer-than-backup",
      { ...restored, quarantineMs: 0 },
    ],
    ["calls what is protected so", { modifiedAt: from }, undefined, "keep still-protected", restored],
  ]);
});

describe("oddities", () => {
  table([
    ["keeps what is no regular file", { oddity: "not-a-regular-file" }, UNKNOWN_KEY, "keep not-a-regular-file"],
    ["keeps a name that is no key", { oddity: "invalid-key" }, UNKNOWN_KEY, "keep invalid-key"],
    ["keeps an oddity that was suspected", { oddity: "not-a-regular-file" }, suspected(), "keep not-a-regular-file"],
    ["names the oddity of what a row protects", { oddity: "invalid-key" }, undefined, "keep invalid-key"],
    [
      "keeps an oddity without a quarantine",
      { oddity: "invalid-key" },
      UNKNOWN_KEY,
      "keep invalid-key",
      { quarantineMs: 0 },
    ],
  ]);
});

describe("the quarantine", () => {
  const seen = (firstSeenAt: number | null): KeyFacts => suspected({ firstSeenAt });
  table([
    ["does not remove at the first sighting", {}, UNKNOWN_KEY, "suspect unreferenced"],
    ["waits up to the quarantine's last ms", {}, seen(NOW - DAY_MS + 1), "suspect unreferenced"],
    ["removes at exactly the quarantine", {}, seen(NOW - DAY_MS), "remove unreferenced"],
    ["removes 1 ms after the quarantine", {}, seen(NOW - DAY_MS - 1), "remove unreferenced"],
    ["waits where the first sighting lies in the future", {}, seen(NOW + 1), "suspect unreferenced"],
    ["waits where the first sighting has no time", {}, seen(null), "suspect unreferenced"],
    ["waits where the first sighting is not a number", {}, seen(Number.NaN), "suspect unreferenced"],
    [
      "sees nothing again in the same run, however long it lasted",
      {},
      suspected({ firstSeenRun: RUN, firstSeenAt: 1 }),
      "suspect unreferenced",
    ],
    ["waits where the first sighting names no run", {}, suspected({ firstSeenRun: null }), "suspect unreferenced"],
    ["goes by the quarantine that is set", {}, seen(NOW - 1), "remove unreferenced", { quarantineMs: 1 }],
    [
      "removes at the first sighting with a quarantine of 0",
      {},
      UNKNOWN_KEY,
      "remove unreferenced",
      { quarantineMs: 0 },
    ],
    [
      "removes a changed object with a quarantine of 0",
      { etag: "e2" },
      suspected(),
      "remove unreferenced",
      { quarantineMs: 0 },
    ],
    [
      "calls a ripe object that expired rows name left-over",
      {},
      { ...suspected(), referenced: true },
      "remove left-over",
    ],
  ]);
});

describe("a changed object is not the one that was suspected", () => {
  const noEtag = suspected({ etag: null });
  const time = OBJECT.modifiedAt;
  table([
    ["removes a suspect with the same etag", {}, suspected(), "remove unreferenced"],
    ["waits for one with another etag", { etag: "e2" }, suspected(), "suspect unreferenced"],
    [
      "goes by the etag alone where both have one",
      { sizeBytes: 11, modifiedAt: NOW - 31 * DAY_MS },
      suspected(),
      "remove unreferenced",
    ],
    ["goes by size and time where the listing has no etag", { etag: null }, suspected(), "remove unreferenced"],
    [
      "waits for another size where the listing has no etag",
      { etag: null, sizeBytes: 11 },
      suspected(),
      "suspect unreferenced",
    ],
    [
      "waits for another time where the listing has no etag",
      { etag: null, modifiedAt: NOW - 31 * DAY_MS },
      suspected(),
      "suspect unreferenced",
    ],
    ["goes by size and time where the sighting had no etag", {}, noEtag, "remove unreferenced"],
    ["waits for another size where the sighting had no etag", { sizeBytes: 11 }, noEtag, "suspect unreferenced"],
    [
      "waits for another time where the sighting had no etag",
      { modifiedAt: NOW - 31 * DAY_MS },
      noEtag,
      "suspect unreferenced",
    ],
    [
      "waits where the sighting had neither etag nor time",
      { etag: null },
      suspected({ etag: null, modifiedAt: null }),
      "suspect unreferenced",
    ],
    ["removes without any etag by size and time", { etag: null, modifiedAt: time }, noEtag, "remove unreferenced"],
  ]);
});

describe("looksSame", () => {
  const look: ObjectLook = { sizeBytes: 10, modifiedAt: 5, etag: "e" };
  test.each<readonly [string, ObjectLook, ObjectLook, boolean]>([
    ["equal etags", look, { ...look, sizeBytes: 11, modifiedAt: 6 }, true],
    ["different etags, all else equal", look, { ...look, etag: "f" }, false],
    ["no etags, equal size and time", { ...look, etag: null }, { ...look, etag: null }, true],
    ["one etag, equal size and time", look, { ...look, etag: null }, true],
    ["one etag, another size", look, { ...look, etag: null, sizeBytes: 11 }, false],
    ["one etag, another time", look, { ...look, etag: null, modifiedAt: 6 }, false],
    [
      "no etags, both times unknown",
      { ...look, etag: null, modifiedAt: null },
      { ...look, etag: null, modifiedAt: null },
      false,
    ],
    ["no etags, one time unknown", { ...look, etag: null }, { ...look, etag: null, modifiedAt: null }, false],
    ["empty etags are etags", { ...look, etag: "" }, { ...look, etag: "" }, true],
  ])("an object is the same, or not, by %s", (_what, a, b, same) => {
    expect(looksSame(a, b)).toBe(same);
    expect(looksSame(b, a)).toBe(same);
  });
});

describe("left-overs", () => {
  const own = { leftovers: "own" } as const;
  table([
    [
      "removes a left-over of its own where it keeps to those",
      {},
      { ...LEFT_OVER, removedBefore: true },
      "suspect left-over",
      own,
    ],
    ["keeps a stranger's left-over where it keeps to its own", {}, LEFT_OVER, "keep not-ours", own],
    ["takes every left-over where told so", {}, LEFT_OVER, "suspect left-over", { leftovers: "all" }],
    ["takes what no row names either way", {}, UNKNOWN_KEY, "suspect unreferenced", own],
  ]);
});

describe("an open removal", () => {
  test.each(["due", "condemned", "failed", "abandoned"] as const)(
    "orphaned-objects leaves an object alone whose removal is %s",
    (state) => {
      for (const settings of [SETTINGS, { ...SETTINGS, quarantineMs: 0 }]) {
        expect(said(decideObject(OBJECT, suspected({ state }), NOW, RUN, settings))).toBe("keep removal-open");
      }
    },
  );
  test("a removal that is open has one of five states, and only a suspected one is this sweep's", () => {
    const left = REMOVAL_STATES.filter(
      (state) => decideObject(OBJECT, suspected({ state }), NOW, RUN, SETTINGS).verdict !== "keep",
    );
    expect(left).toEqual(["suspected"]);
  });
});

describe("released by a person", () => {
  const kept = (look: Partial<ObjectLook>): KeyFacts => ({ ...UNKNOWN_KEY, kept: { ...OBJECT, ...look } });
  table([
    ["keeps what a person kept", {}, kept({}), "keep released-by-operator"],
    ["keeps it without a quarantine too", {}, kept({}), "keep released-by-operator", { quarantineMs: 0 }],
    ["suspects it anew once its etag changed", { etag: "e2" }, kept({}), "suspect unreferenced"],
    ["suspects it anew once its size changed", { etag: null, sizeBytes: 11 }, kept({}), "suspect unreferenced"],
    ["suspects it anew once its time changed", { etag: null }, kept({ modifiedAt: 1 }), "suspect unreferenced"],
    ["keeps a ripe suspect that a person kept", {}, { ...suspected(), kept: OBJECT }, "keep released-by-operator"],
    ["keeps a left-over that a person kept", {}, { ...LEFT_OVER, kept: OBJECT }, "keep released-by-operator"],
  ]);
});

describe("the saved place", () => {
  test.each([
    ["nothing", null, false],
    ["the listing", { phase: "listing", after: "k" }, false],
    ["something unknown", { phase: "elsewhere" }, false],
    ["a nested store's listing", { phase: "listing", after: "k", nested: true }, false],
    ["the end of the listing, before anything was judged as a whole", { phase: "closing", nested: false }, false],
    ["removing", { phase: "removing", held: false }, true],
  ])("the scan counts as complete, or not, at %s", (_what, place, complete) => {
    expect(scanIsComplete(place)).toBe(complete);
  });
});
