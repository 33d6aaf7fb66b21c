import { describe, expect, test } from "vitest";
import { createBudget } from "../../src/core/budget.ts";
import { LeaseLostError, SweepError } from "../../src/core/errors.ts";
import { SWEEP_NAMES, type SweepReport } from "../../src/core/model.ts";
import type {
  Condemned,
  Database,
  DeleteOutcome,
  DeleteRequest,
  HeldLease,
  LogEvent,
  Settlement,
  Store,
} from "../../src/core/ports.ts";
import { createRemover, type Remover } from "../../src/core/remover.ts";
import { count, emptyProgress } from "../../src/core/report.ts";
import {
  CALL_TIMEOUT_MS,
  DAY_MS,
  LEASE_MS,
  MAX_ATTEMPTS,
  MINUTE_MS,
  retryDelayMs,
  SECOND_MS,
} from "../../src/core/safety.ts";
import { progressOf, type Slice } from "../../src/core/slice.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { DEFAULT_SETTINGS } from "../support/world.ts";

const RUN = "run-2";

interface Bench {
  readonly slice: Slice;
  readonly remover: Remover;
  readonly clock: FakeClock;
  /** The delete calls, in order. */
  readonly batches: (readonly DeleteRequest[])[];
  readonly settlements: Settlement[];
  readonly logs: LogEvent[];
  readonly report: SweepReport;
  /** What the ledger hands out, page by page. */
  readonly waiting: Condemned[][];
}

interface BenchOptions {
  readonly answer?: (
    requests: readonly DeleteRequest[],
    clock: FakeClock,
  ) => DeleteOutcome[] | Promise<DeleteOutcome[]>;
  /** What each renewal of the lease takes, in ms. */
  readonly renewalMs?: number;
  /** Whether the store tells that a delete is on its way. */
  readonly tellsSent?: boolean;
}

const goneAll = (requests: readonly DeleteRequest[]): DeleteOutcome[] =>
  requests.map(({ key }) => ({ key, outcome: "gone" }));

function bench({ answer = goneAll, renewalMs = 0, tellsSent = true }: BenchOptions = {}): Bench {
  const clock = createFakeClock();
  const batches: DeleteRequest[][] = [];
  const settlements: Settlement[] = [];
  const logs: LogEvent[] = [];
  const waiting: Condemned[][] = [];
  let renewedAt = clock.monotonicMs();
  const timeLeftMs = (): number => Math.max(0, renewedAt + LEASE_MS - clock.monotonicMs());
  // Only a database makes leases; here none is behind it.
  const held = { holder: "test", fence: 2, timeLeftMs } as unknown as HeldLease;
  const store: Store = {
    name: "test",
    list: () => Promise.reject(new Error("the remover lists nothing")),
    head: () => Promise.reject(new Error("the remover looks at nothing")),
    readMarker: () => Promise.reject(new Error("the remover reads no marker")),
    writeMarker: () => Promise.reject(new Error("the remover writes no marker")),
    listUploads: () => Promise.reject(new Error("the remover lists no uploads")),
    abortUpload: () => Promise.reject(new Error("the remover aborts no uploads")),
    tryOut: () => Promise.reject(new Error("the remover tries nothing out")),
    versioning: () => Promise.reject(new Error("the remover asks for no versions")),
    clockSkewMs: () => null,
    invalidKey: () => null,
    async delete(requests, _signal, sent) {
      batches.push([...requests]);
      if (tellsSent) sent?.();
      return answer(requests, clock);
    },
  };
  const database: Pick<Database, "leases" | "ledger" | "calls"> = {
    calls: () => 0,
    leases: {
      acquire: () => Promise.reject(new Error("the remover takes no lease")),
      release: () => Promise.reject(new Error("the remover gives no lease back")),
      async renew() {
        const sentAt = clock.monotonicMs();
        clock.advance(renewalMs);
        renewedAt = sentAt;
      },
    },
    ledger: {
      sight: () => expect.unreachable("the remover nominates nothing"),
      ripe: () => Promise.reject(new Error("the remover judges nothing")),
      trim: () => Promise.reject(new Error("the remover forgets nothing")),
      closeScan: () => Promise.reject(new Error("the remover closes no scan")),
      open: () => Promise.reject(new Error("the remover counts nothing")),
      condemn: async () => ({ condemned: waiting.shift() ?? [], released: [] }),
      settle: (_held, more) => void settlements.push(...more),
    },
  };
  const entry: Slice["entry"] = {
    id: RUN,
    mode: "remove",
    trigger: "library",
    startedAt: clock.now(),
    status: "running",
    finishedAt: null,
    durationMs: 0,
    slices: 1,
    calls: { database: 0, storage: 0 },
    holds: [],
    sweeps: SWEEP_NAMES.map(emptyProgress),
  };
  const remover = createRemover(store);
  const slice: Slice = {
    entry,
    held,
    // The rest of a database is not the remover's business.
    database: database as Database,
    store,
    remover,
    uploadAborter: null,
    settings: DEFAULT_SETTINGS,
    restored: [],
    holds: {
      raise: () => expect.unreachable("the remover holds nothing"),
      clear: () => expect.unreachable("the remover holds nothing"),
      approval: () => null,
      fulfil: () => expect.unreachable("the remover holds nothing"),
      stands: () => false,
      raised: () => [],
    },
    wouldBe: { kept: "held" },
    coveredUpTo: null,
    recordsSightings: true,
    hasUntypedKeys: false,
    endedLately: () => 0,
    now: clock.now(),
    clock,
    makeId: () => "unused",
    budget: createBudget(
      DEFAULT_SETTINGS,
      clock,
      () => 0,
      () => false,
    ),
    log: (event) => void logs.push(event),
    heldBack: () => ({ count: 0, bytes: 0, sample: [] }),
    decided: () => {},
    progressed: () => {},
  };
  return {
    slice,
    remover,
    clock,
    batches,
    settlements,
    logs,
    waiting,
    report: progressOf(entry, "expired-files").report,
  };
}

/** Condemned in this run, and counted as deferred, as the sweep does. */
function condemned(on: Bench, keys: readonly string[], fields: Partial<Condemned> = {}): Condemned[] {
  return keys.map((key): Condemned => {
    if ((fields.runId ?? RUN) === RUN)
      count(on.report, fields.from === "failed" ? "failed" : "deferred", { count: 1, bytes: 10 });
    return {
      id: `removal-${key}`,
      key,
      sweep: "expired-files",
      reason: "expired",
      runId: RUN,
      items: 1,
      sizeBytes: 10,
      attempts: 1,
      batch: "2.1",
      batchSize: keys.length,
      from: "due",
      expected: null,
      ...fields,
    };
  });
}

/** Removes, and waits for the last answer. */
async function removeAll(on: Bench, condemned: readonly Condemned[]): Promise<void> {
  await on.remover.remove(on.slice, condemned);
  await on.remover.settled();
}

const numbered = (amount: number): string[] => Array.from({ length: amount }, (_, index) => `k${index}`);
const sizes = (on: Bench): number[] => on.batches.map((batch) => batch.length);

describe("comes back with the last batch under way", () => {
  test("once it is asked for, where the store tells that", async () => {
    const on = bench({ answer: () => new Promise(() => {}) });
    await on.remover.remove(on.slice, condemned(on, ["a"]));
    expect(on.batches).toHaveLength(1);
    expect(on.settlements).toEqual([]);
  });

  test("and no sooner: what keeps the process busy would hold the request up", async () => {
    const on = bench({ answer: () => new Promise(() => {}), tellsSent: false });
    let cameBack = false;
    void on.remover.remove(on.slice, condemned(on, ["a"])).then(() => {
      cameBack = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(cameBack).toBe(false);
  });

  test("once it is answered, where the store does not tell", async () => {
    const on = bench({ tellsSent: false });
    await on.remover.remove(on.slice, condemned(on, ["a"]));
    expect(on.settlements).toHaveLength(1);
  });
});

describe("batches", () => {
  test("a delete names at most 1,000 keys, each once and in order", async () => {
    const on = bench();
    const keys = numbered(2500);
    await removeAll(on, condemned(on, keys));
    expect(sizes(on)).toEqual([1000, 1000, 500]);
    expect(on.batches.flat().map(({ key }) => key)).toEqual(keys);
  });

  test("nothing condemned is no call", async () => {
    const on = bench();
    await removeAll(on, []);
    expect(on.batches).toEqual([]);
  });

  test("a batch that took over 5 s is followed by one of half its size, and that by larger ones again", async () => {
    const durations = [5001, 5001, 0, 0, 0, 0];
    const on = bench({
      answer(requests, clock) {
        clock.advance(durations.shift() ?? 0);
        return goneAll(requests);
      },
    });
    await removeAll(on, condemned(on, numbered(4000)));
    expect(sizes(on)).toEqual([1000, 500, 250, 500, 1000, 750]);
  });

  test("a batch that took exactly 5 s is not slow", async () => {
    const on = bench({
      answer(requests, clock) {
        clock.advance(5000);
        return goneAll(requests);
      },
    });
    await removeAll(on, condemned(on, numbered(2000)));
    expect(sizes(on)).toEqual([1000, 1000]);
  });

  test("however slow the store, a batch holds at least one key", async () => {
    const on = bench({
      answer(requests, clock) {
        clock.advance(9 * SECOND_MS);
        return goneAll(requests);
      },
    });
    await removeAll(on, condemned(on, numbered(2005)));
    expect(sizes(on).slice(0, 11)).toEqual([1000, 500, 250, 125, 62, 31, 15, 7, 3, 1, 1]);
    expect(on.batches.flat()).toHaveLength(2005);
  });

  test("a lost answer counts as slow", async () => {
    const on = bench({
      answer(requests, clock) {
        if (on.batches.length > 1) return goneAll(requests);
        clock.advance(CALL_TIMEOUT_MS);
        throw new SweepError("unavailable", "no answer");
      },
    });
    await expect(removeAll(on, condemned(on, numbered(1000)))).rejects.toThrow("no answer");
    await removeAll(on, condemned(on, numbered(1000)));
    expect(sizes(on)).toEqual([1000, 500, 500]);
  });

  test("what an orphan looked like goes along, so that a store which can compare deletes nothing else", async () => {
    const on = bench();
    const expected = { sizeBytes: 10, modifiedAt: 5, etag: "e" };
    await removeAll(on, [...condemned(on, ["a"], { expected }), ...condemned(on, ["b"])]);
    expect(on.batches).toEqual([[{ key: "a", expected }, { key: "b" }]]);
  });
});

describe("batches beside each other", () => {
  /** A store whose batches are answered by hand, in any order. */
  function slowStore() {
    const answers: (() => void)[] = [];
    const on = bench({
      answer: (requests) =>
        new Promise((resolve) => {
          answers.push(() => resolve(goneAll(requests)));
        }),
    });
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    return {
      on,
      /** How many batches are under way after everything that can go on has. */
      async underWay(): Promise<number> {
        await turn();
        return on.batches.length - on.settlements.length / 1000;
      },
      async answer(which = 0, tookMs = 0): Promise<void> {
        on.clock.advance(tookMs);
        answers.splice(which, 1)[0]?.();
        await turn();
      },
    };
  }

  test("are one more with every quick answer, and never more than CLEANUP_CONCURRENCY", async () => {
    const { on, underWay, answer } = slowStore();
    const { concurrency } = on.slice.settings;
    const removed = removeAll(on, condemned(on, numbered(40_000)));
    const seen: number[] = [await underWay()];
    for (let answers = 1; answers <= concurrency + 2; answers += 1) {
      await answer();
      seen.push(await underWay());
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8]);
    expect(concurrency).toBe(8);
    while (on.settlements.length < 40_000) await answer(-1);
    await removed;
  });

  test.each([
    ["1 s is not quick: no more than before", 1000, 2],
    ["just under 1 s is quick: one more", 999, 3],
    ["over 5 s: one at a time", 5001, 1],
  ])("%s", async (_rule, tookMs, expected) => {
    const { on, underWay, answer } = slowStore();
    const removed = removeAll(on, condemned(on, numbered(40_000)));
    await underWay();
    await answer();
    expect(await underWay()).toBe(2);
    await answer(0, tookMs);
    // The one that was under way meanwhile took as long.
    if (expected === 1) await answer();
    expect(await underWay()).toBe(expected);
    while (on.settlements.length < 40_000) await answer();
    await removed;
  });

  test("remove comes back while the last ones are under way; settled waits for them", async () => {
    const { on, underWay, answer } = slowStore();
    await on.remover.remove(on.slice, condemned(on, numbered(1000)));
    expect(await underWay()).toBe(1);
    let settled = false;
    const waiting = on.remover.settled().then(() => {
      settled = true;
    });
    await underWay();
    expect(settled).toBe(false);
    await answer();
    await waiting;
    expect(on.settlements).toHaveLength(1000);
  });

  test("a failure is heard once, by whoever waits next, and no further batch is begun before", async () => {
    let fails = true;
    const on = bench({
      answer(requests) {
        if (fails) throw new SweepError("unavailable", "no answer");
        return goneAll(requests);
      },
    });
    await on.remover.remove(on.slice, condemned(on, ["a"]));
    await expect(on.remover.remove(on.slice, condemned(on, ["b"]))).rejects.toThrow("no answer");
    expect(sizes(on)).toEqual([1]);
    fails = false;
    await on.remover.settled();
    await removeAll(on, condemned(on, ["c"]));
    expect(on.batches.flat().map(({ key }) => key)).toEqual(["a", "c"]);
  });
});

describe("the lease", () => {
  test("a delete starts only while the time left on the lease exceeds the call's time-out", async () => {
    // The renewal is answered so late that exactly the time-out is left.
    const late = bench({ renewalMs: LEASE_MS - CALL_TIMEOUT_MS });
    late.clock.advance(11 * SECOND_MS);
    await expect(removeAll(late, condemned(late, ["a"]))).rejects.toThrow(LeaseLostError);
    expect(late.batches).toEqual([]);
    expect(late.settlements).toEqual([]);

    const inTime = bench({ renewalMs: LEASE_MS - CALL_TIMEOUT_MS - 1 });
    inTime.clock.advance(11 * SECOND_MS);
    await removeAll(inTime, condemned(inTime, ["a"]));
    expect(sizes(inTime)).toEqual([1]);
  });

  test("a lease of which 10 s are used is renewed before the next batch", async () => {
    const left: number[] = [];
    // Each batch takes 4,999 ms: before the third 9,998 ms are used, before the fourth 14,997.
    const on = bench({
      answer(requests, clock) {
        left.push(on.slice.held.timeLeftMs());
        clock.advance(4999);
        return goneAll(requests);
      },
    });
    await removeAll(on, condemned(on, numbered(5000)));
    expect(left).toEqual([30_000, 25_001, 20_002, 30_000, 25_001]);
  });

  test("a lease that cannot be renewed ends the work before the delete", async () => {
    const on = bench();
    on.slice.database.leases.renew = () => Promise.reject(new LeaseLostError());
    on.clock.advance(11 * SECOND_MS);
    await expect(removeAll(on, condemned(on, ["a"]))).rejects.toThrow(LeaseLostError);
    expect(on.batches).toEqual([]);
  });
});

describe("answers", () => {
  test("gone is a success, also of what was gone already", async () => {
    const on = bench();
    await removeAll(on, condemned(on, ["a", "b"]));
    expect(on.settlements.map(({ outcome, nextAttemptAt }) => [outcome, nextAttemptAt])).toEqual([
      ["gone", null],
      ["gone", null],
    ]);
    expect(on.report).toMatchObject({ removed: { count: 2, bytes: 20 }, deferred: { count: 0, bytes: 0 } });
  });

  test("answers are matched by key, not by place", async () => {
    const on = bench({
      answer: () => [
        { key: "b", outcome: "refused", error: "AccessDenied" },
        { key: "a", outcome: "gone" },
      ],
    });
    await removeAll(on, condemned(on, ["a", "b"]));
    expect(on.settlements.map(({ removal, outcome }) => [removal.key, outcome])).toEqual([
      ["a", "gone"],
      ["b", "refused"],
    ]);
  });

  test("a refusal is the failure of its key alone, tried again after a back-off", async () => {
    const on = bench({
      answer: (requests) =>
        requests.map(({ key }) =>
          key === "b" ? { key, outcome: "refused", error: "AccessDenied" } : { key, outcome: "gone" },
        ),
    });
    await removeAll(on, condemned(on, ["a", "b", "c"]));
    expect(on.report).toMatchObject({ removed: { count: 2 }, failed: { count: 1, bytes: 10 }, deferred: { count: 0 } });
    expect(on.settlements[1]).toMatchObject({
      outcome: "refused",
      error: "AccessDenied",
      nextAttemptAt: on.clock.now() + 5 * MINUTE_MS,
    });
    expect(on.logs).toContainEqual(expect.objectContaining({ event: "removal.failed", key: "b", outcome: "refused" }));
  });

  test("the back-off doubles from 5 minutes up to a day", () => {
    expect([1, 2, 3, 9].map(retryDelayMs)).toEqual([5, 10, 20, 1280].map((minutes) => minutes * MINUTE_MS));
    expect([10, 11, 1000].map(retryDelayMs)).toEqual([DAY_MS, DAY_MS, DAY_MS]);
  });

  test("the tenth refusal is the last", async () => {
    const on = bench({ answer: (requests) => requests.map(({ key }) => ({ key, outcome: "refused" })) });
    await removeAll(on, [
      ...condemned(on, ["ninth"], { attempts: MAX_ATTEMPTS - 1 }),
      ...condemned(on, ["tenth"], { attempts: MAX_ATTEMPTS }),
      ...condemned(on, ["beyond"], { attempts: MAX_ATTEMPTS + 1 }),
    ]);
    expect(on.settlements.map(({ nextAttemptAt }) => nextAttemptAt !== null)).toEqual([true, false, false]);
  });

  test("a key that the answer does not name is unknown: neither removed nor failed", async () => {
    const on = bench({ answer: () => [{ key: "a", outcome: "gone" }] });
    await removeAll(on, condemned(on, ["a", "b"]));
    expect(on.settlements.map(({ outcome, nextAttemptAt }) => [outcome, nextAttemptAt])).toEqual([
      ["gone", null],
      ["unknown", null],
    ]);
    expect(on.report).toMatchObject({ removed: { count: 1 }, deferred: { count: 1 }, failed: { count: 0 } });
  });

  test("an answer for a key that was not asked for is nobody's", async () => {
    const on = bench({ answer: () => [{ key: "elsewhere", outcome: "gone" }] });
    await removeAll(on, condemned(on, ["a"]));
    expect(on.settlements.map(({ removal, outcome }) => [removal.key, outcome])).toEqual([["a", "unknown"]]);
  });

  test("a changed object was left alone, and is kept", async () => {
    const on = bench({ answer: (requests) => requests.map(({ key }) => ({ key, outcome: "changed" })) });
    await removeAll(on, condemned(on, ["a"]));
    expect(on.report).toMatchObject({ kept: { "changed-meanwhile": { count: 1, bytes: 10 } }, deferred: { count: 0 } });
  });

  test("a lost answer leaves the whole batch unknown and stops the work: no further batch is begun", async () => {
    const on = bench({
      answer() {
        throw new SweepError("unavailable", "the store did not answer");
      },
    });
    await expect(removeAll(on, condemned(on, numbered(1500)))).rejects.toThrow("the store did not answer");
    expect(sizes(on)).toEqual([1000]);
    expect(on.settlements).toHaveLength(1000);
    expect(new Set(on.settlements.map(({ outcome, nextAttemptAt }) => `${outcome} ${nextAttemptAt}`))).toEqual(
      new Set(["unknown null"]),
    );
    expect(on.report).toMatchObject({ deferred: { count: 1500 }, failed: { count: 0 }, removed: { count: 0 } });
  });
});

describe("the report", () => {
  test("what an earlier run nominated is carried over, and not on either side of the sum", async () => {
    const on = bench();
    await removeAll(on, condemned(on, ["a"], { runId: "run-1" }));
    expect(on.report).toMatchObject({
      carriedOver: { count: 1, bytes: 10 },
      seen: { count: 0 },
      removed: { count: 0 },
    });
  });

  test("what an earlier run nominated and is refused again is told apart from this run's failures", async () => {
    const on = bench({ answer: (requests) => requests.map(({ key }) => ({ key, outcome: "refused" })) });
    await removeAll(on, condemned(on, ["a"], { runId: "run-1", from: "failed" }));
    expect(on.report).toMatchObject({ carriedOver: { count: 0 }, failed: { count: 0 }, seen: { count: 0 } });
    expect(progressOf(on.slice.entry, "expired-files").carriedFailed).toBe(1);
  });

  test("a refusal of this run that succeeds in a later slice of it moves from failed to removed", async () => {
    const on = bench();
    await removeAll(on, condemned(on, ["a"], { from: "failed", attempts: 2 }));
    expect(on.report).toMatchObject({ failed: { count: 0, bytes: 0 }, removed: { count: 1, bytes: 10 } });
  });

  test("a removal stands for all the rows that ended with its key, and its bytes count once", async () => {
    const on = bench();
    count(on.report, "deferred", { count: 2, bytes: 0 });
    await removeAll(on, condemned(on, ["a"], { items: 3 }));
    expect(on.report).toMatchObject({ removed: { count: 3, bytes: 10 }, deferred: { count: 0, bytes: 0 } });
  });
});

describe("drain", () => {
  test("works through the ledger until nothing waits", async () => {
    const on = bench();
    on.waiting.push(condemned(on, ["a", "b"]), condemned(on, ["c"]));
    expect(await on.remover.drain(on.slice)).toBe("completed");
    expect(sizes(on)).toEqual([2, 1]);
  });

  test("stops with the budget, and says that there may be more", async () => {
    const on = bench();
    const budget = createBudget(
      { ...DEFAULT_SETTINGS, maxRemovals: 2 },
      on.clock,
      () => 0,
      () => false,
    );
    on.waiting.push(condemned(on, ["a", "b"]), condemned(on, ["c"]));
    expect(await on.remover.drain({ ...on.slice, budget })).toBe("deferred");
    expect(sizes(on)).toEqual([2]);
  });
});
