import { describe, expect, it } from "vitest";
import { LeaseLostError, SweepError } from "../../src/core/errors.ts";
import { fromSentError, toSentError } from "../../src/core/sent-error.ts";

/** As it comes out of the other thread. */
const sent = (thrown: unknown): Error => fromSentError(structuredClone(toSentError(thrown)));

describe("an error that was sent to another thread", () => {
  it("is one of ours where it was one: kind, message, details, stack, and what caused it", () => {
    const vendor = Object.assign(new TypeError("database is locked"), { code: "SQLITE_BUSY" });
    const error = new SweepError("unavailable", "another process kept it", {
      cause: vendor,
      details: { vendor: "x", n: 1 },
    });
    const arrived = sent(error);
    expect(arrived).toBeInstanceOf(SweepError);
    expect(arrived).not.toBeInstanceOf(LeaseLostError);
    expect(arrived).toMatchObject({
      kind: "unavailable",
      message: "another process kept it",
      details: { vendor: "x", n: 1 },
    });
    expect(arrived.stack).toBe(error.stack);
    expect(arrived.cause).toMatchObject({ name: "TypeError", message: "database is locked", code: "SQLITE_BUSY" });
  });

  it("that says the lease was lost is known by its class", () => {
    const arrived = sent(new LeaseLostError({ cause: new Error("fence") }));
    expect(arrived).toBeInstanceOf(LeaseLostError);
    expect(arrived).toMatchObject({ kind: "conflict", cause: { message: "fence" } });
  });

  it("of somebody else's stays somebody else's: no kind is made up", () => {
    const arrived = sent(Object.assign(new RangeError("out of memory"), { code: "ERR_X" }));
    expect(arrived).not.toBeInstanceOf(SweepError);
    expect(arrived).toMatchObject({ name: "RangeError", message: "out of memory", code: "ERR_X" });
    expect(arrived).not.toHaveProperty("kind");
  });

  it("may have been no error at all, or lead back to itself", () => {
    expect(sent("just a text")).toMatchObject({ name: "Error", message: "just a text" });
    const first = new Error("first");
    const second = new Error("second", { cause: first });
    first.cause = second;
    expect(sent(second)).toMatchObject({
      message: "second",
      cause: { message: "first", cause: { message: "second" } },
    });
  });
});
