import { describe, expect, it } from "vitest";
import { createIds } from "../../src/library/ids.ts";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe("ids", () => {
  it("are UUIDs of version 7 that begin with the time", () => {
    const id = createIds(() => 0x0192_f0c1_7a3b)();
    expect(id).toMatch(UUID_V7);
    expect(id.slice(0, 13)).toBe("0192f0c1-7a3b");
  });

  it.each([
    ["in one millisecond", () => 1_000_000],
    ["while the clock goes back", (made: number) => 1_000_000 - made],
    ["while it goes on", (made: number) => 1_000_000 + made],
  ])("are different, and each is greater than the one before: %s", (_, clock) => {
    let made = 0;
    const makeId = createIds(() => {
      made += 1;
      return clock(made);
    });
    const ids = Array.from({ length: 2000 }, makeId);
    expect(new Set(ids).size).toBe(2000);
    expect(ids.toSorted()).toEqual(ids);
  });

  it("share no random bytes, however many are made", () => {
    const makeId = createIds(() => 1_000_000);
    const tails = Array.from({ length: 2000 }, () => makeId().slice(-10));
    expect(new Set(tails).size).toBe(2000);
  });
});
