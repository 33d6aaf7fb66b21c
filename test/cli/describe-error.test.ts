import { describe, expect, it } from "vitest";
import { errorText } from "../../src/cli/describe-error.ts";
import { SweepError } from "../../src/core/errors.ts";
import { describeError } from "../../src/library/describe-error.ts";

describe("describeError", () => {
  it("tells the message and kind of an error of our own", () => {
    const error = new SweepError("unavailable", "no answer", { cause: new Error("secret") });
    expect(describeError(error)).toEqual({ message: "no answer", kind: "unavailable" });
  });

  it.each([
    ["a foreign error, by its first line", new TypeError("x is undefined\nat SELECT"), "x is undefined"],
    ["a long message, cut", new Error("a".repeat(500)), "a".repeat(200)],
    [
      "drizzle's message, which is SQL",
      new Error("Failed query: SELECT 1\nparams: token"),
      "the database refused a statement",
    ],
    ["an error without a message", Object.assign(new Error("x"), { message: "" }), "unknown error"],
    ["what is no error", 42, "42"],
  ])("shows %s", (_what, error, message) => {
    expect(describeError(error)).toEqual({ message, kind: "bug" });
  });
});

describe("errorText", () => {
  it("is the message alone where the user can do something", () => {
    expect(errorText(new SweepError("invalid", "wrong"), { withStack: false })).toBe("filesweep: wrong\n");
  });

  it("asks for a report where it is a bug", () => {
    const text = errorText(new TypeError("x"), { withStack: false });
    expect(text).toBe(
      "filesweep: x\nThis is a bug in filesweep: please report it; LOG_LEVEL=debug shows where it happened.\n",
    );
  });

  it("shows where it and its causes happened when asked, and their messages never", () => {
    const text = errorText(new SweepError("bug", "outer", { cause: new Error("SELECT secret") }), { withStack: true });
    expect(text).toMatch(/SweepError\n\s+at .*describe-error.test/);
    expect(text).toMatch(/caused by Error\n\s+at .*describe-error.test/);
    expect(text).not.toContain("secret");
  });
});
