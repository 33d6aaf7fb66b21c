import { describe, expect, it } from "vitest";
import { amount, counted, duration, instantText, size, tallyText } from "../../../src/core/documents/numbers.ts";
import { START } from "../../support/fake-clock.ts";

describe("numbers for people", () => {
  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1000, "1.0 s"],
    [59_949, "59.9 s"],
    [59_950, "1 min 0 s"],
    [125_000, "2 min 5 s"],
    [3_600_000, "1 h 0 min"],
    [90_061_000, "25 h 1 min"],
  ])("%d ms lasted %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it.each([
    [amount(1234567), "1,234,567"],
    [counted(1, "object"), "1 object"],
    [counted(2, "object"), "2 objects"],
    [counted(0, "entry", "entries"), "0 entries"],
    [size(0), "0 B"],
    [size(1), "1 B"],
    [size(999), "999 B"],
    [size(1000), "1 kB"],
    [size(3_400_000), "3.4 MB"],
    [size(12_345_678), "12.3 MB"],
    [size(999_400), "999 kB"],
    [size(999_600), "1 MB"],
    [size(1e15), "1 PB"],
    [size(1.5e18), "1500 PB"],
    [tallyText({ count: 12, bytes: 3_400_000 }), "12 (3.4 MB)"],
    [tallyText({ count: 12, bytes: 0 }), "12"],
    [instantText(START), "2026-11-22 12:00:00 UTC"],
  ])("%s is %s", (text, wanted) => {
    expect(text).toBe(wanted);
  });
});
