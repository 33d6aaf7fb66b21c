import { describe, expect, test } from "vitest";
import { UNDECLARED } from "../../../src/core/catalog-time.ts";
import type { Decision } from "../../../src/core/model.ts";
import type { FileRow, Value } from "../../../src/core/ports.ts";
import { HOUR_MS, MINUTE_MS } from "../../../src/core/safety.ts";
import { decideFile, type FileSettings } from "../../../src/core/sweeps/expired-files.ts";
import { START } from "../../support/fake-clock.ts";

const NOW = START;
const SECONDS = NOW / 1000;
const SETTINGS: FileSettings = { expiryGraceMs: 0, downloadGraceMs: HOUR_MS, ignorePrefixes: [], times: UNDECLARED };

const LIVE: FileRow = {
  id: "file-1",
  key: "a.txt",
  sizeBytes: 10,
  expiresAt: null,
  downloadedAt: null,
  createdAt: NOW - 10 * HOUR_MS,
  downloads: 0,
  maxDownloads: null,
  hold: 0,
  status: "active",
  standing: "live",
  version: "",
};
const EXPIRED: Partial<FileRow> = { expiresAt: NOW - 1 };
const USED_UP: Partial<FileRow> = { downloads: 3, maxDownloads: 3, downloadedAt: NOW - 2 * HOUR_MS };

function decide(fields: Partial<FileRow>, settings: Partial<FileSettings> = {}): string {
  const invalidKey = (key: string): string | null => (key.startsWith("/") ? "begins with a slash" : null);
  return said(decideFile({ ...LIVE, ...fields }, NOW, { ...SETTINGS, ...settings }, invalidKey));
}

function said(decision: Decision): string {
  return `${decision.verdict} ${decision.reason}`;
}

type Case = readonly [rule: string, fields: Partial<FileRow>, decision: string, settings?: Partial<FileSettings>];

function table(cases: readonly Case[]): void {
  for (const [rule, fields, decision, settings] of cases) {
    test(`expired-files ${rule}`, () => expect(decide(fields, settings)).toBe(decision));
  }
}

describe("the expiry", () => {
  const grace = { expiryGraceMs: 30 * MINUTE_MS };
  table([
    ["leaves a file without an expiry alone", { expiresAt: null }, "keep not-due"],
    ["leaves a file alone 1 ms before its expiry", { expiresAt: NOW + 1 }, "keep not-due"],
    ["removes a file at the instant of its expiry", { expiresAt: NOW }, "remove expired"],
    ["removes a file 1 ms after its expiry", { expiresAt: NOW - 1 }, "remove expired"],
    ["waits for the expiry grace, up to its last ms", { expiresAt: NOW - 30 * MINUTE_MS + 1 }, "keep not-due", grace],
    ["removes when the expiry grace is over", { expiresAt: NOW - 30 * MINUTE_MS }, "remove expired", grace],
    ["reads a small number as seconds: not yet", { expiresAt: SECONDS + 1 }, "keep not-due"],
    ["reads a small number as seconds: now", { expiresAt: SECONDS }, "remove expired"],
    ["reads a small number as seconds: 1 s ago", { expiresAt: SECONDS - 1 }, "remove expired"],
    ["reads 1e11 - 1 as seconds, far in the future", { expiresAt: 1e11 - 1 }, "keep not-due"],
    ["reads 1e11 as milliseconds, in 1973", { expiresAt: 1e11 }, "remove expired"],
    ["reads the first second after 1970 as a time", { expiresAt: 1 }, "remove expired"],
    ["reads a fraction of a second", { expiresAt: SECONDS + 0.5 }, "keep not-due"],
  ]);
});

describe("an expiry that cannot be read keeps the file", () => {
  const unreadable: readonly (readonly [string, Value])[] = [
    ["zero", 0],
    ["a negative number", -1],
    ["a negative instant", -NOW],
    ["a text", "2020-01-32T00:00:00Z"],
    ["a text of digits", String(NOW - 1)],
    ["an empty text", ""],
    ["a word", "never"],
    ["a blob", new Uint8Array([1, 2, 3])],
    ["an empty blob", new Uint8Array()],
    ["an integer over 2^53", 2n ** 60n],
    ["a negative integer below -2^53", -(2n ** 60n)],
    ["a small bigint", 1n],
    ["not a number", Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY],
    ["minus infinity", Number.NEGATIVE_INFINITY],
    ["an instant behind the end of time", 8.64e15 + 1],
  ];
  test.each(unreadable)("expired-files keeps %s as unreadable-time", (_what, expiresAt) => {
    expect(decide({ expiresAt })).toBe("keep unreadable-time");
  });
  test.each(unreadable)(
    "expired-files keeps %s as unreadable-time though the downloads are used up",
    (_what, expiresAt) => {
      expect(decide({ ...USED_UP, expiresAt })).toBe("keep unreadable-time");
    },
  );
  test("expired-files leaves the last instant of time alone: it is a time, and not yet", () => {
    expect(decide({ expiresAt: 8.64e15 })).toBe("keep not-due");
  });
});

describe("used-up downloads", () => {
  const ended = { downloadedAt: NOW - HOUR_MS };
  table([
    ["leaves a file alone with one download left", { ...ended, downloads: 2, maxDownloads: 3 }, "keep not-due"],
    ["removes a file whose downloads are used up", { ...ended, downloads: 3, maxDownloads: 3 }, "remove used-up"],
    ["removes a file with more downloads than allowed", { ...ended, downloads: 4, maxDownloads: 3 }, "remove used-up"],
    ["reads a maximum of 0 as no limit", { ...ended, downloads: 3, maxDownloads: 0 }, "keep not-due"],
    ["reads a maximum of 0 as no limit at 0 downloads", { ...ended, downloads: 0, maxDownloads: 0 }, "keep not-due"],
    ["reads a negative maximum as no limit", { ...ended, downloads: 3, maxDownloads: -1 }, "keep not-due"],
    ["reads a NULL maximum as no limit", { ...ended, downloads: 3, maxDownloads: null }, "keep not-due"],
    ["reads NULL downloads as none", { ...ended, downloads: null, maxDownloads: 1 }, "keep not-due"],
    ["reads a text for a maximum as no limit", { ...ended, downloads: 3, maxDownloads: "3" }, "keep not-due"],
    ["reads a text for downloads as none", { ...ended, downloads: "3", maxDownloads: 3 }, "keep not-due"],
    [
      "reads a blob for downloads as none",
      { ...ended, downloads: new Uint8Array([51]), maxDownloads: 3 },
      "keep not-due",
    ],
    ["reads a maximum over 2^53 as no limit", { ...ended, downloads: 3, maxDownloads: 2n ** 60n }, "keep not-due"],
    ["reads not-a-number as no limit", { ...ended, downloads: Number.NaN, maxDownloads: 3 }, "keep not-due"],
  ]);
});

describe("the download grace", () => {
  table([
    ["keeps up to its last ms", { ...USED_UP, downloadedAt: NOW - HOUR_MS + 1 }, "keep not-due"],
    ["removes when it is over", { ...USED_UP, downloadedAt: NOW - HOUR_MS }, "remove used-up"],
    ["keeps a download in the future", { ...USED_UP, downloadedAt: NOW + HOUR_MS }, "keep not-due"],
    ["of zero removes at once", { ...USED_UP, downloadedAt: NOW }, "remove used-up", { downloadGraceMs: 0 }],
    ["reads downloadedAt in seconds: not yet", { ...USED_UP, downloadedAt: SECONDS - 3599 }, "keep not-due"],
    ["reads downloadedAt in seconds: over", { ...USED_UP, downloadedAt: SECONDS - 3600 }, "remove used-up"],
    [
      "counts a row without downloadedAt from createdAt: not yet",
      { ...USED_UP, downloadedAt: null, createdAt: NOW - HOUR_MS + 1 },
      "keep not-due",
    ],
    [
      "counts a row without downloadedAt from createdAt: over",
      { ...USED_UP, downloadedAt: null, createdAt: NOW - HOUR_MS },
      "remove used-up",
    ],
    [
      "keeps a row with neither downloadedAt nor createdAt",
      { ...USED_UP, downloadedAt: null, createdAt: null },
      "keep unreadable-time",
    ],
    ["keeps a zero for downloadedAt", { ...USED_UP, downloadedAt: 0 }, "keep unreadable-time"],
    ["keeps a negative downloadedAt", { ...USED_UP, downloadedAt: -5 }, "keep unreadable-time"],
    ["keeps a text for downloadedAt", { ...USED_UP, downloadedAt: "yesterday" }, "keep unreadable-time"],
    ["keeps a blob for downloadedAt", { ...USED_UP, downloadedAt: new Uint8Array(8) }, "keep unreadable-time"],
    ["keeps a bigint for downloadedAt", { ...USED_UP, downloadedAt: 2n ** 60n }, "keep unreadable-time"],
    [
      "does not fall back to createdAt where downloadedAt cannot be read",
      { ...USED_UP, downloadedAt: "", createdAt: NOW - 10 * HOUR_MS },
      "keep unreadable-time",
    ],
    ["calls a file that is expired and used up expired", { ...USED_UP, expiresAt: NOW }, "remove expired"],
    ["removes a used-up file whose expiry has not come", { ...USED_UP, expiresAt: NOW + HOUR_MS }, "remove used-up"],
    [
      "does not let the download grace delay an expiry",
      { ...USED_UP, downloadedAt: NOW, expiresAt: NOW },
      "remove expired",
    ],
  ]);
});

describe("a hold", () => {
  const clear: readonly (readonly [string, Value])[] = [
    ["NULL", null],
    ["0", 0],
    ["an empty text", ""],
    ["the text 0", "0"],
    ["the text false", "false"],
  ];
  test.each(clear)("expired-files reads %s as no hold", (_what, hold) => {
    expect(decide({ ...EXPIRED, hold })).toBe("remove expired");
  });
  const held: readonly (readonly [string, Value])[] = [
    ["1", 1],
    ["-1", -1],
    ["a half", 0.5],
    ["the text 1", "1"],
    ["the text true", "true"],
    ["the text no", "no"],
    ["the text FALSE", "FALSE"],
    ["a space", " "],
    ["the text 0.0", "0.0"],
    ["a bigint", 2n ** 60n],
    ["a blob", new Uint8Array([0])],
    ["an empty blob", new Uint8Array()],
    ["not a number", Number.NaN],
  ];
  test.each(held)("expired-files keeps a file whose hold is %s: anything but a clear no", (_what, hold) => {
    expect(decide({ ...EXPIRED, hold })).toBe("keep on-hold");
    expect(decide({ ...USED_UP, hold })).toBe("keep on-hold");
  });
  test("expired-files does not count a file on hold that is not due", () => {
    expect(decide({ hold: 1 })).toBe("keep not-due");
  });
});

describe("the key", () => {
  const ignored = { ignorePrefixes: ["keep/", "raw"] };
  table([
    ["keeps a key that the store cannot have", { ...EXPIRED, key: "/etc/passwd" }, "keep invalid-key"],
    ["keeps a NULL key", { ...EXPIRED, key: null }, "keep invalid-key"],
    ["keeps a number for a key", { ...EXPIRED, key: 123 }, "keep invalid-key"],
    ["keeps a bigint for a key", { ...EXPIRED, key: 123n }, "keep invalid-key"],
    ["keeps a blob for a key", { ...EXPIRED, key: new Uint8Array([97]) }, "keep invalid-key"],
    ["keeps a row without an id", { ...EXPIRED, id: null }, "keep invalid-key"],
    ["keeps filesweep's own corner", { ...EXPIRED, key: ".filesweep/identity.json" }, "keep ignored-prefix"],
    ["removes a key that only resembles the own corner", { ...EXPIRED, key: ".filesweeper" }, "remove expired"],
    ["keeps a key under an ignored prefix", { ...EXPIRED, key: "keep/a" }, "keep ignored-prefix", ignored],
    ["removes a key beside an ignored prefix", { ...EXPIRED, key: "keep.txt" }, "remove expired", ignored],
    ["takes an ignored prefix raw, without a slash", { ...EXPIRED, key: "rawhide" }, "keep ignored-prefix", ignored],
    ["compares an ignored prefix from the beginning", { ...EXPIRED, key: "a/raw" }, "remove expired", ignored],
    ["compares an ignored prefix by case", { ...EXPIRED, key: "RAW" }, "remove expired", ignored],
  ]);
});
