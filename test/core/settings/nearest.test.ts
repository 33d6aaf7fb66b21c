import { describe, expect, it } from "vitest";
import { nearest } from "../../../src/core/settings/nearest.ts";

describe("the nearest name", () => {
  it.each([
    ["expierd-files", ["old-records", "expired-files"], "expired-files"],
    ["MODE", ["mode", "node"], "mode"],
    ["grace", ["grain", "grace_minutes"], "grace_minutes"],
    ["ab", ["xb", "ax"], "ax"],
    ["orphans", ["history", "orphaned-objects"], "orphaned-objects"],
    ["abc", ["abd", "abe"], "abd"],
    ["", ["a", "bb"], "a"],
  ])("of %j among %j is %s", (name, candidates, expected) => {
    expect(nearest(name, candidates)).toBe(expected);
  });

  it("of nothing is none", () => {
    expect(nearest("a", [])).toBeNull();
  });
});
