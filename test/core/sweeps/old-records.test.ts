import { describe, expect, test } from "vitest";
import { UNDECLARED } from "../../../src/core/catalog-time.ts";
import type { FileRow, Standing, Value } from "../../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../../src/core/safety.ts";
import { decideRecord, type RecordSettings } from "../../../src/core/sweeps/old-records.ts";
import { START } from "../../support/fake-clock.ts";

const NOW = START;
const SETTINGS: RecordSettings = {
  oldFilesMs: 7 * DAY_MS,
  oldFilesLive: "keep",
  expiredRecordMs: null,
  expiryGraceMs: 0,
  downloadGraceMs: HOUR_MS,
  ignorePrefixes: [],
  times: UNDECLARED,
};

/** Downloaded long ago, and used up: the record that goes. */
const OLD: FileRow = {
  id: "file-1",
  key: "a.txt",
  sizeBytes: 10,
  expiresAt: null,
  downloadedAt: NOW - 30 * DAY_MS,
  createdAt: NOW - 60 * DAY_MS,
  downloads: 1,
  maxDownloads: 1,
  hold: 0,
  status: "active",
  standing: "live",
  version: "",
};
const GOES = "remove old-record";

interface Options {
  readonly settings?: Partial<RecordSettings>;
  readonly standing?: Standing;
}

type Case = readonly [rule: string, fields: Partial<FileRow>, decision: string, options?: Options];

function decide(fields: Partial<FileRow>, { settings, standing = "live" }: Options = {}): string {
  const invalidKey = (key: string): string | null => (key.startsWith("/") ? "begins with a slash" : null);
  const { verdict, reason } = decideRecord(
    { ...OLD, ...fields },
    NOW,
    { ...SETTINGS, ...settings },
    { standing, invalidKey },
  );
  return `${verdict} ${reason}`;
}

function table(cases: readonly Case[]): void {
  for (const [rule, fields, decision, options] of cases) {
    test(`old-records ${rule}`, () => expect(decide(fields, options)).toBe(decision));
  }
}

const expired: Options = { standing: "expired" };
const other: Options = { standing: "other" };

describe("the last download", () => {
  const seconds = (NOW - 7 * DAY_MS) / 1000;
  table([
    ["keeps a record 1 ms before its days are over", { downloadedAt: NOW - 7 * DAY_MS + 1 }, "keep not-due"],
    ["keeps a record downloaded exactly that long ago", { downloadedAt: NOW - 7 * DAY_MS }, "keep not-due"],
    ["removes a record downloaded 1 ms longer ago", { downloadedAt: NOW - 7 * DAY_MS - 1 }, GOES],
    ["keeps a record downloaded in the future", { downloadedAt: NOW + DAY_MS }, "keep not-due"],
    ["reads a small number as seconds: not yet", { downloadedAt: seconds }, "keep not-due"],
    ["reads a small number as seconds: over", { downloadedAt: seconds - 1 }, GOES],
    ["leaves a record alone that nobody downloaded", { downloadedAt: null }, "keep not-due"],
    [
      "leaves an expired record alone that nobody downloaded",
      { downloadedAt: null, expiresAt: 1 },
      "keep not-due",
      expired,
    ],
    ["is off without its days", {}, "keep not-due", { settings: { oldFilesMs: null } }],
    [
      "goes by the days that are set: not yet",
      { downloadedAt: NOW - DAY_MS },
      "keep not-due",
      { settings: { oldFilesMs: DAY_MS } },
    ],
    [
      "goes by the days that are set: over",
      { downloadedAt: NOW - DAY_MS - 1 },
      GOES,
      { settings: { oldFilesMs: DAY_MS } },
    ],
  ]);
});

describe("what has ended", () => {
  const left = { downloads: 1, maxDownloads: 2 };
  table([
    ["removes a live record whose downloads are used up", {}, GOES],
    ["removes one with more downloads than allowed", { downloads: 2 }, GOES],
    ["keeps a live record with a download left", left, "keep still-live"],
    ["keeps a live record without a limit of downloads", { maxDownloads: null }, "keep still-live"],
    ["reads a maximum of 0 as no limit", { downloads: 9, maxDownloads: 0 }, "keep still-live"],
    ["reads a text for a maximum as no limit", { maxDownloads: "1" }, "keep still-live"],
    ["keeps a live record 1 ms before its expiry", { ...left, expiresAt: NOW + 1 }, "keep still-live"],
    ["removes a live record at the instant of its expiry", { ...left, expiresAt: NOW }, GOES],
    [
      "waits for the expiry grace, up to its last ms",
      { ...left, expiresAt: NOW - HOUR_MS + 1 },
      "keep still-live",
      { settings: { expiryGraceMs: HOUR_MS } },
    ],
    [
      "removes a live record when the expiry grace is over",
      { ...left, expiresAt: NOW - HOUR_MS },
      GOES,
      { settings: { expiryGraceMs: HOUR_MS } },
    ],
    ["keeps a live record whose expiry cannot be read", { ...left, expiresAt: "soon" }, "keep still-live"],
    ["removes a record that is marked expired, whatever is left of it", left, GOES, expired],
    ["removes live records too where told so", left, GOES, { settings: { oldFilesLive: "remove" } }],
    [
      "keeps a young live record also where told to remove live ones",
      { ...left, downloadedAt: NOW - 7 * DAY_MS },
      "keep not-due",
      { settings: { oldFilesLive: "remove" } },
    ],
  ]);
});

describe("a row that is neither live nor expired", () => {
  table([
    ["leaves it alone, used up", {}, "keep not-due", other],
    ["leaves it alone, past its expiry", { expiresAt: 1 }, "keep not-due", other],
    ["leaves it alone where live ones go", {}, "keep not-due", { ...other, settings: { oldFilesLive: "remove" } }],
    [
      "leaves it alone where expired ones go",
      { downloadedAt: null, expiresAt: 1 },
      "keep not-due",
      { ...other, settings: { expiredRecordMs: DAY_MS } },
    ],
  ]);
});

describe("expired records that nobody downloaded", () => {
  const on: Options = { standing: "expired", settings: { expiredRecordMs: 3 * DAY_MS } };
  const fields = { downloadedAt: null, downloads: 0 };
  table([
    ["keeps one before its days are over", { ...fields, expiresAt: NOW - 3 * DAY_MS + 1 }, "keep not-due", on],
    ["keeps one that expired exactly that long ago", { ...fields, expiresAt: NOW - 3 * DAY_MS }, "keep not-due", on],
    ["removes one that expired 1 ms longer ago", { ...fields, expiresAt: NOW - 3 * DAY_MS - 1 }, GOES, on],
    ["keeps one without an expiry", { ...fields, expiresAt: null }, "keep not-due", on],
    ["keeps one whose expiry cannot be read", { ...fields, expiresAt: "2020-02-30" }, "keep unreadable-time", on],
    ["keeps one that is live", { ...fields, expiresAt: 1 }, "keep not-due", { ...on, standing: "live" }],
    [
      "goes by the download where there was one",
      { downloadedAt: NOW - 7 * DAY_MS, expiresAt: NOW - 30 * DAY_MS },
      "keep not-due",
      on,
    ],
    [
      "is on its own where the other rule is off",
      { ...fields, expiresAt: NOW - 3 * DAY_MS - 1 },
      GOES,
      { standing: "expired", settings: { oldFilesMs: null, expiredRecordMs: 3 * DAY_MS } },
    ],
  ]);
});

describe("in doubt", () => {
  const unreadable: readonly (readonly [string, Value])[] = [
    ["zero", 0],
    ["a negative number", -1],
    ["a text", "2020-02-30"],
    ["an empty text", ""],
    ["a blob", new Uint8Array([1])],
    ["an integer over 2^53", 2n ** 60n],
    ["not a number", Number.NaN],
  ];
  test.each(unreadable)("old-records keeps a download at %s as unreadable-time", (_what, downloadedAt) => {
    expect(decide({ downloadedAt })).toBe("keep unreadable-time");
    expect(decide({ downloadedAt }, expired)).toBe("keep unreadable-time");
  });
  const holds: readonly Value[] = [1, "1", "true", "no", new Uint8Array([0]), Number.NaN];
  test.each(holds)("old-records keeps a record whose hold is %s", (hold) => {
    expect(decide({ hold })).toBe("keep on-hold");
    expect(decide({ hold }, expired)).toBe("keep on-hold");
  });
  test.each([null, 0, "", "0", "false"])("old-records reads %s as no hold", (hold) => {
    expect(decide({ hold })).toBe(GOES);
  });
  table([
    ["keeps a key that the store cannot have", { key: "/etc/passwd" }, "keep invalid-key"],
    ["keeps a NULL key", { key: null }, "keep invalid-key"],
    ["keeps a number for a key", { key: 5 }, "keep invalid-key"],
    ["keeps a row without an id", { id: null }, "keep invalid-key"],
    ["keeps filesweep's own corner", { key: ".filesweep/identity.json" }, "keep ignored-prefix"],
    ["keeps an ignored prefix", { key: "keep/a" }, "keep ignored-prefix", { settings: { ignorePrefixes: ["keep/"] } }],
    ["removes beside an ignored prefix", { key: "keep" }, GOES, { settings: { ignorePrefixes: ["keep/"] } }],
  ]);
});
