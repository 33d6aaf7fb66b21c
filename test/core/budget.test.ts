import { describe, expect, test } from "vitest";
import { createBudget, type SliceBudget } from "../../src/core/budget.ts";
import { type Budget, PRESETS } from "../../src/core/settings/presets.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";

interface Bench {
  readonly budget: SliceBudget;
  readonly clock: FakeClock;
  call(times: number): void;
}

function bench(limits: Partial<Budget>, signal?: AbortSignal): Bench {
  const clock = createFakeClock();
  let calls = 0;
  const budget = createBudget(
    { ...PRESETS.server, ...limits },
    clock,
    () => calls,
    () => signal?.aborted === true,
  );
  return {
    budget,
    clock,
    call(times) {
      calls += times;
    },
  };
}

describe("the budget of a slice", () => {
  test("without limits it is never spent", () => {
    const { budget, clock, call } = bench({});
    clock.advance(1e9);
    call(1e6);
    budget.take(1e6);
    expect(budget.spent()).toBe(false);
    expect(budget.pageSize()).toBe(1000);
  });

  test("time is spent at exactly its limit", () => {
    const { budget, clock } = bench({ maxDurationMs: 1000 });
    clock.advance(999);
    expect(budget.spent()).toBe(false);
    clock.advance(1);
    expect(budget.spent()).toBe(true);
  });

  test("time is measured by the clock that never goes back", () => {
    const { budget, clock } = bench({ maxDurationMs: 1000 });
    clock.set(0);
    expect(budget.spent()).toBe(false);
    clock.advance(1000);
    expect(budget.spent()).toBe(true);
  });

  test("calls count from the slice's beginning, and five are kept back to save the place", () => {
    const { budget, call } = bench({ maxCalls: 20 });
    call(14);
    expect(budget.spent()).toBe(false);
    call(1);
    expect(budget.spent()).toBe(true);
  });

  test("a page is never larger than the removals that are left, nor than the page size", () => {
    const { budget } = bench({ maxRemovals: 25, pageSize: 10 });
    expect(budget.pageSize()).toBe(10);
    budget.take(10);
    expect(budget.pageSize()).toBe(10);
    budget.take(9);
    expect(budget.pageSize()).toBe(6);
    budget.take(6);
    expect(budget.pageSize()).toBe(0);
    budget.take(3);
    expect(budget.pageSize()).toBe(0);
  });

  test("a signal ends the slice", () => {
    const stop = new AbortController();
    const { budget } = bench({}, stop.signal);
    expect(budget.spent()).toBe(false);
    stop.abort();
    expect(budget.spent()).toBe(true);
  });
});
