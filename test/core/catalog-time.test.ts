import { describe, expect, test } from "vitest";
import { readInstant } from "../../src/core/catalog-time.ts";
import type { Value } from "../../src/core/ports.ts";
import { SECONDS_BELOW } from "../../src/core/safety.ts";

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
    ["a text", "2026-11-22"],
    ["a numeric text", "1700000000000"],
    ["an empty text", ""],
    ["a blob", new Uint8Array([1])],
    ["a bigint", 2n ** 60n],
  ])("readInstant cannot tell what %s means, and says so", (_what, value) => {
    expect(readInstant(value)).toBe("unreadable");
  });
});
