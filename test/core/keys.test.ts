import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareKeys, isIgnored } from "../../src/core/keys.ts";

const byBytes = (a: string, b: string): number => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** Every code point that a key can hold, the edges of UTF-16 more often than chance would have them. */
const codePoint = fc.oneof(
  fc.integer({ min: 0, max: 0x10ffff }).filter((point) => point < 0xd800 || point > 0xdfff),
  fc.constantFrom(0x00, 0x2f, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xff5e, 0xffff, 0x10000, 0x1f600, 0x10ffff),
);
const key = fc.array(codePoint, { maxLength: 6 }).map((points) => String.fromCodePoint(...points));

describe("the order of keys", () => {
  test("compareKeys is the order of the UTF-8 bytes, over all of Unicode", () => {
    fc.assert(
      fc.property(key, key, key, (common, a, b) => {
        expect(Math.sign(compareKeys(common + a, common + b))).toBe(byBytes(common + a, common + b));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ["～", "😀", -1],
    ["😀", "～", 1],
    ["a", "a", 0],
    ["", "a", -1],
    ["a", "a/", -1],
    ["a-b", "a/b", -1],
    ["Z", "a", -1],
    ["e\u0301", "\u00e9", -1],
  ])("compareKeys puts %j and %j as their bytes do", (a, b, order) => {
    expect(Math.sign(compareKeys(a, b))).toBe(order);
    expect(byBytes(a, b)).toBe(order);
  });
});

describe("ignored keys", () => {
  test.each([
    [".filesweep/", [], true],
    [".filesweep/identity.json", [], true],
    [".filesweep", [], false],
    [".filesweep2/a", [], false],
    ["a/.filesweep/b", [], false],
    ["images/a", ["images/"], true],
    ["images2/a", ["images/"], false],
    ["images2/a", ["images"], true],
    ["b", ["a", "b"], true],
    ["c", ["a", "b"], false],
  ])("%j beside %j: ignored is %s", (name, prefixes, ignored) => {
    expect(isIgnored(name, prefixes)).toBe(ignored);
  });
});
