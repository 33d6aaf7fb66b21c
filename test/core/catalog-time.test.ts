import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lastTexts, readInstant, type TimeReading } from "../../src/core/catalog-time.ts";
import type { Value } from "../../src/core/ports.ts";
import { HOUR_MS, SECONDS_BELOW } from "../../src/core/safety.ts";

describe("the instants of a catalog", () => {
  test.each<readonly [string, Value, number | null]>([
    ["NULL is no instant", null, null],
    ["1 is the first second", 1, 1000],
    ["the last number of seconds", SECONDS_BELOW - 1, (SECONDS_BELOW - 1) * 1000],
    ["the first number of milliseconds", SECONDS_BELOW, SECONDS_BELOW],
    ["a fraction of a second", 1.5, 1500],
    ["the end of ECMAScript's time", 8.64e15, 8.64e15],
  ])("readInstant: %s", (_rule, value, instant) => {
    expect(readInstant(value)).toBe(instant);
  });

  test("a number is read as the later of its two meanings, and so keeps a file longer", () => {
    for (const value of [1, 1e6, 1.8e9, SECONDS_BELOW - 1]) expect(readInstant(value)).toBeGreaterThan(value);
  });

  test.each<readonly [string, Value]>([
    ["zero", 0],
    ["minus zero", -0],
    ["a negative number", -1],
    ["one ms behind the end of time", 8.64e15 + 1],
    ["infinity", Number.POSITIVE_INFINITY],
    ["minus infinity", Number.NEGATIVE_INFINITY],
    ["not a number", Number.NaN],
    ["a numeric text", "1700000000000"],
    ["an empty text", ""],
    ["a blob", new Uint8Array([1])],
    ["a bigint", 2n ** 60n],
  ])("readInstant cannot tell what %s means, and says so", (_what, value) => {
    expect(readInstant(value)).toBe("unreadable");
  });
});

const at = (iso: string): number => Date.parse(iso);
const reading = (form: TimeReading["form"], zone = "UTC"): TimeReading => ({ form, zone });

describe("a declared form", () => {
  test.each<readonly [TimeReading["form"], Value, number | "unreadable"]>([
    ["epoch-s", 1_800_000_000, 1_800_000_000_000],
    ["epoch-s", 1_800_000_000_000, 1_800_000_000_000_000],
    ["epoch-s", 8.64e12, 8.64e15],
    ["epoch-s", 8.64e12 + 1, "unreadable"],
    ["epoch-s", 0, "unreadable"],
    ["epoch-s", "2026-11-22", "unreadable"],
    ["epoch-ms", 1_800_000_000_000, 1_800_000_000_000],
    ["epoch-ms", SECONDS_BELOW, SECONDS_BELOW],
    ["epoch-ms", SECONDS_BELOW - 1, "unreadable"],
    ["epoch-ms", -1, "unreadable"],
    ["epoch-ms", "2026-11-22", "unreadable"],
    ["iso", "2026-11-22T06:00Z", at("2026-11-22T06:00Z")],
    ["iso", 1_800_000_000_000, "unreadable"],
    ["iso", 1_800_000_000, "unreadable"],
  ])("%s reads %j as %s", (form, value, instant) => {
    expect(readInstant(value, reading(form))).toBe(instant);
  });
});

describe("ISO texts", () => {
  test.each<readonly [string, string]>([
    ["2026-11-22T06:00:00.000Z", "2026-11-22T06:00:00.000Z"],
    ["2026-11-22T06:00:00Z", "2026-11-22T06:00:00.000Z"],
    ["2026-11-22T06:00Z", "2026-11-22T06:00:00.000Z"],
    ["2026-11-22 06:00Z", "2026-11-22T06:00:00.000Z"],
    ["2026-11-22 06:00", "2026-11-22T06:00:00.000Z"],
    ["2026-11-22T06:00:01", "2026-11-22T06:00:01.000Z"],
    ["2026-11-22T06:00:01.5", "2026-11-22T06:00:01.500Z"],
    ["2026-11-22T06:00:01.123000", "2026-11-22T06:00:01.123Z"],
    ["2026-11-22T06:00:01.123001", "2026-11-22T06:00:01.124Z"],
    ["2026-11-22T06:00:59.9999999Z", "2026-11-22T06:01:00.000Z"],
    ["2026-11-22T06:00:00+00:00", "2026-11-22T06:00:00.000Z"],
    ["2026-11-22T06:00:00+05:30", "2026-11-22T00:30:00.000Z"],
    ["2026-11-22T06:00:00.25-03:30", "2026-11-22T09:30:00.250Z"],
    ["2026-11-22T06:00+14:00", "2026-11-21T16:00:00.000Z"],
    ["2026-11-22T06:00-12:00", "2026-11-22T18:00:00.000Z"],
    ["2026-11-22 06:00:00+0200", "2026-11-22T04:00:00.000Z"],
    ["2026-11-22 06:00:00-02", "2026-11-22T08:00:00.000Z"],
    ["2026-11-22", "2026-11-23T00:00:00.000Z"],
    ["2024-02-29", "2024-03-01T00:00:00.000Z"],
    ["9999-12-31", "+010000-01-01T00:00:00.000Z"],
    ["1970-01-02T00:00Z", "1970-01-02T00:00:00.000Z"],
  ])("%s is %s", (text, instant) => {
    expect(readInstant(text)).toBe(at(instant));
    expect(readInstant(text, reading("iso"))).toBe(at(instant));
  });

  test.each([
    "2026-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-11-31",
    "2026-11-22T24:00",
    "2026-11-22T06:60",
    "2026-11-22T06:00:60",
    "2026-11-22T06",
    "2026-11-22T06:00:00.",
    "2026-11-22T06:00:00,5",
    "2026-11-22T06:00:00 Z",
    "2026-11-22T06:00:00+15:00",
    "2026-11-22T06:00:00+5:30",
    "2026-11-22T06:00:00 UTC",
    "2026-11-22Z",
    "2026-11-22+02:00",
    "2026-11",
    "20261122",
    "2026-11-22T06:00Z ",
    "+012026-11-22",
    "1970-01-01T23:59Z",
    "0001-01-01T00:00:00Z",
    "0000-00-00 00:00:00",
    "22.11.2026",
    "now",
    "never",
    "2461367.5",
  ])("%s is none, and keeps its file", (text) => {
    expect(readInstant(text)).toBe("unreadable");
  });
});

/** The changes of the clocks of 2026, and what every local time around them means. */
const CHANGES: readonly { zone: string; what: string; texts: readonly [string, string][] }[] = [
  {
    zone: "Europe/Berlin",
    what: "forward at 02:00, by an hour",
    texts: [
      ["2026-03-29 01:59:59.999", "2026-03-29T00:59:59.999Z"],
      ["2026-03-29 02:00", "2026-03-29T01:00:00.000Z"],
      ["2026-03-29 02:30", "2026-03-29T01:00:00.000Z"],
      ["2026-03-29 02:59:59.999", "2026-03-29T01:00:00.000Z"],
      ["2026-03-29 03:00", "2026-03-29T01:00:00.000Z"],
      ["2026-03-29 03:00:00.001", "2026-03-29T01:00:00.001Z"],
      ["2026-03-29", "2026-03-29T22:00:00.000Z"],
    ],
  },
  {
    zone: "Europe/Berlin",
    what: "back at 03:00, by an hour",
    texts: [
      ["2026-10-25 01:59:59.999", "2026-10-24T23:59:59.999Z"],
      ["2026-10-25 02:00", "2026-10-25T01:00:00.000Z"],
      ["2026-10-25 02:59:59.999", "2026-10-25T01:59:59.999Z"],
      ["2026-10-25 03:00", "2026-10-25T02:00:00.000Z"],
      ["2026-10-24", "2026-10-24T22:00:00.000Z"],
      ["2026-10-25", "2026-10-25T23:00:00.000Z"],
    ],
  },
  {
    zone: "America/New_York",
    what: "forward and back at 02:00",
    texts: [
      ["2026-03-08T01:59", "2026-03-08T06:59:00.000Z"],
      ["2026-03-08T02:01", "2026-03-08T07:00:00.000Z"],
      ["2026-03-08T03:01", "2026-03-08T07:01:00.000Z"],
      ["2026-11-01T00:59", "2026-11-01T04:59:00.000Z"],
      ["2026-11-01T01:00", "2026-11-01T06:00:00.000Z"],
      ["2026-11-01T01:59", "2026-11-01T06:59:00.000Z"],
      ["2026-11-01T02:00", "2026-11-01T07:00:00.000Z"],
    ],
  },
  {
    zone: "Australia/Lord_Howe",
    what: "by half an hour, in October forward",
    texts: [
      ["2026-04-05 01:29", "2026-04-04T14:29:00.000Z"],
      ["2026-04-05 01:30", "2026-04-04T15:00:00.000Z"],
      ["2026-04-05 01:59", "2026-04-04T15:29:00.000Z"],
      ["2026-04-05 02:00", "2026-04-04T15:30:00.000Z"],
      ["2026-10-04 01:59", "2026-10-03T15:29:00.000Z"],
      ["2026-10-04 02:15", "2026-10-03T15:30:00.000Z"],
      ["2026-10-04 02:30", "2026-10-03T15:30:00.000Z"],
    ],
  },
  {
    zone: "America/Santiago",
    what: "at midnight, so that a day has no first hour, or its last twice",
    texts: [
      ["2026-09-05", "2026-09-06T04:00:00.000Z"],
      ["2026-09-06 00:30", "2026-09-06T04:00:00.000Z"],
      ["2026-04-04 23:30", "2026-04-05T03:30:00.000Z"],
      ["2026-04-04", "2026-04-05T04:00:00.000Z"],
    ],
  },
  { zone: "Pacific/Apia", what: "a day that never was", texts: [["2011-12-30 12:00", "2011-12-30T10:00:00.000Z"]] },
];

describe.each(CHANGES)("where the clocks of $zone change, $what", ({ zone, texts }) => {
  test.each(texts)("%s is %s: what occurs twice is the later, what never does the end of the gap", (text, instant) => {
    expect(readInstant(text, reading("auto", zone))).toBe(at(instant));
  });

  test("texts that carry a zone do not ask for it", () => {
    for (const [text, instant] of texts) {
      if (text.length === 10) continue;
      const written = `${text.slice(0, 16)}+03:00`;
      expect(readInstant(written, reading("auto", zone))).toBe(at(written.replace(" ", "T")));
      expect(readInstant(instant, reading("iso", zone))).toBe(at(instant));
    }
  });
});

describe("the last texts that an instant has come for", () => {
  const START_2026 = at("2026-01-01T00:00Z");
  const zones = fc.constantFrom("UTC", ...CHANGES.map(({ zone }) => zone), "Asia/Kathmandu", "Europe/London");
  const minutes = fc.oneof(
    fc.integer({ min: 0, max: 365 * 24 * 60 }),
    // Around the changes: what is special is rare.
    fc.constantFrom(...CHANGES.flatMap(({ texts }) => texts.map(([, instant]) => (at(instant) - START_2026) / 60_000))),
  );

  test("are those whose reading is at or before it, and no others", () => {
    fc.assert(
      fc.property(zones, minutes, fc.integer({ min: -130, max: 130 }), (zone, minute, away) => {
        const instant = START_2026 + Math.floor(minute) * 60_000;
        const { local, end } = lastTexts(instant, zone);
        const shown = local + away * 60_000;
        const text = new Date(shown).toISOString().slice(0, -1);
        expect(Number(readInstant(text, reading("iso", zone))) <= instant).toBe(shown <= local);
        if (shown <= local) expect(text < end).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("lie before the end, whatever offset a text carries", () => {
    const { end } = lastTexts(START_2026, "UTC");
    const widest = new Date(START_2026 + 15 * HOUR_MS - HOUR_MS / 60).toISOString().slice(0, 16);
    for (const text of [`${widest}+14:59`, `${widest}+1459`, `${widest.replace("T", " ")}:00.000+14:59`]) {
      expect(readInstant(text)).toBe(START_2026);
      expect(text < end).toBe(true);
    }
  });
});
