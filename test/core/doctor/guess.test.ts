import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { candidatesOf, guessDifference } from "../../../src/core/doctor/guess.ts";

const KEYS = ["2024/Ä b.png", "2024/C d.png", "2025/E f.png", "x/G h.png"];

describe("the difference between the table's texts and the store's keys", () => {
  it.each<[string, (key: string) => string, string, string | null]>([
    ["a slash in front", (key) => `/${key}`, "leading-slash", null],
    ["a prefix to strip", (key) => `uploads/${key}`, "strip-prefix", "uploads/"],
    ["an absolute path", (key) => `/srv/app/${key}`, "strip-prefix", "/srv/app/"],
    ["an address", (key) => `https://cdn.example/${key}`, "strip-prefix", "https://cdn.example/"],
    ["URL-encoded texts", (key) => encodeURI(key), "url-encoded", null],
    ["URL-encoded texts, the slashes too", (key) => encodeURIComponent(key), "url-encoded", null],
    ["small letters", (key) => key.toLowerCase(), "other-case", null],
    ["capitals", (key) => key.toUpperCase(), "other-case", null],
    ["backslashes", (key) => key.replaceAll("/", "\\"), "backslashes", null],
    ["blanks around it", (key) => ` ${key}\n`, "blanks", null],
  ])("is seen: %s", (_, write, kind, prefix) => {
    const guess = guessDifference(KEYS.map(write), KEYS);
    expect(guess).toMatchObject({ kind, prefix, explained: 4 });
    expect(guess?.example).toEqual({ text: write(KEYS[0] ?? ""), key: KEYS[0] });
  });

  it("is seen in the store as well: its keys are URL-encoded", () => {
    expect(guessDifference(KEYS, KEYS.map(encodeURI))).toMatchObject({ kind: "url-decoded", explained: 4 });
  });

  it("is seen in the Unicode form", () => {
    const composed = ["\u00e4", "\u00f6", "\u00fc"];
    const decomposed = composed.map((key) => key.normalize("NFD"));
    expect(guessDifference(composed, decomposed)).toMatchObject({ kind: "unicode-form" });
    expect(guessDifference(decomposed, composed)).toMatchObject({ kind: "unicode-form" });
  });

  it("is seen where the store begins further up, unless two objects could be meant", () => {
    const texts = ["a", "b", "c"];
    expect(guessDifference(texts, ["u/a", "u/b", "u/c"])).toMatchObject({ kind: "add-prefix", prefix: "u/" });
    expect(guessDifference(texts, ["u/a", "v/a", "u/b", "v/b", "u/c", "v/c"])).toBeNull();
  });

  it.each([
    ["two of five", 2, 5, false],
    ["three of seven", 3, 7, false],
    ["three of six", 3, 6, true],
    ["two of two", 2, 2, true],
    ["one of one", 1, 1, true],
  ])("explains enough of the texts, or is chance: %s", (_, explained, all, isSeen) => {
    const texts = Array.from({ length: all }, (_unused, index) =>
      index < explained ? `u/k${index}` : `gone-${index}`,
    );
    const others = Array.from({ length: 10 }, (_unused, index) => `other-${index}`);
    const guess = guessDifference(texts, ["k0", "k1", "k2", "k3", ...others]);
    expect(guess !== null).toBe(isSeen);
  });

  it("explains enough where it explains most of the objects, however many rows have none", () => {
    const gone = Array.from({ length: 90 }, (_, index) => `gone-${index}`);
    const texts = [...gone, "u/k0", "u/k1", "u/k2"];
    expect(guessDifference(texts, ["k0", "k1", "k2", "orphan"])).toMatchObject({ kind: "strip-prefix", explained: 3 });
  });

  it("is none where the keys have nothing to do with each other", () => {
    expect(guessDifference(["a/1", "a/2", "a/3"], ["b/4", "b/5", "b/6"])).toBeNull();
    expect(guessDifference([], KEYS)).toBeNull();
    expect(guessDifference(KEYS, [])).toBeNull();
  });

  it("never fails, and never answers the text itself", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), fc.array(fc.string({ unit: "binary" })), (texts, keys) => {
        for (const text of texts) expect(candidatesOf(text).map(({ key }) => key)).not.toContain(text);
        const guess = guessDifference(texts, keys);
        if (guess !== null)
          expect([keys.includes(guess.example.key), texts.includes(guess.example.text)]).toEqual([true, true]);
      }),
    );
  });
});
