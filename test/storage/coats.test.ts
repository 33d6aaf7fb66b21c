import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { counted } from "../../src/storage/counted.ts";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { readOnly } from "../../src/storage/read-only.ts";
import { BACK_OFF_MS, MAX_TRIES, retrying } from "../../src/storage/retrying.ts";
import { throttled } from "../../src/storage/throttled.ts";
import { timed } from "../../src/storage/timed.ts";
import { describeStore, type StoreHarness } from "../contract/store.ts";
import { makeFolder, put } from "./folder.ts";
import { MEMORY_TRAITS, makeMemoryHarness } from "./memory-harness.ts";

function coated(coat: (store: Store) => Store): () => Promise<StoreHarness> {
  return async () => {
    const harness = makeMemoryHarness();
    return { ...harness, store: coat(harness.store) };
  };
}
describeStore(
  "a counted store",
  coated((store) => counted(store).store),
  MEMORY_TRAITS,
);
describeStore(
  "a timed store",
  coated((store) => timed(store, 60_000)),
  MEMORY_TRAITS,
);

describeStore("a retrying store", coated(retrying), MEMORY_TRAITS);
describeStore(
  "a throttled store",
  coated((store) => throttled(store, 2)),
  MEMORY_TRAITS,
);

describe("a read-only store", () => {
  it("lists and looks up like the store below, and cannot delete", async () => {
    const memory = createMemoryStore();
    memory.put("x");
    const store = readOnly(memory);
    expect(store.name).toBe(memory.name);
    expect((await store.list({ after: null, limit: 1 })).objects).toMatchObject([{ key: "x" }]);
    expect(await store.list({ after: "x", limit: 1 })).toEqual({ objects: [], next: null });
    expect(await store.head("x")).toMatchObject({ key: "x" });
    expect(store.invalidKey("")).toBe(memory.invalidKey(""));
    await expect(store.delete([{ key: "x" }])).rejects.toMatchObject({ kind: "bug", message: "a plan cannot delete" });
    await expect(store.delete([])).rejects.toMatchObject({ kind: "bug" });
    const upload = { key: "x", uploadId: memory.beginUpload("x") };
    await expect(store.abortUpload(upload)).rejects.toMatchObject({ kind: "bug" });
    expect(await store.listUploads({ after: null, limit: 1 })).toMatchObject({ uploads: [upload], next: null });
    expect(memory.keys()).toEqual(["x"]);
  });

  it("hands the caller's signal down", async () => {
    const store = readOnly(createMemoryStore());
    const signal = AbortSignal.abort();
    await expect(store.list({ after: null, limit: 1, signal })).rejects.toMatchObject({ kind: "unavailable" });
    await expect(store.head("x", signal)).rejects.toMatchObject({ kind: "unavailable" });
  });
});

describe("a counted store", () => {
  it("counts a page, a look-up and a batch as one call each, also when they fail, also on a folder", async () => {
    const root = makeFolder();
    for (const key of ["a/1", "a/2", "b/3"]) put(root, key);
    const { store, calls } = counted(createFilesystemStore({ root }));
    expect(calls()).toBe(0);
    await store.list({ after: null, limit: 1000 });
    expect(calls()).toBe(1);
    await store.head("a/1");
    expect(calls()).toBe(2);
    await store.delete(["a/1", "a/2", "b/3"].map((key) => ({ key })));
    expect(calls()).toBe(3);
    await expect(store.head("a//1")).rejects.toThrow();
    expect(calls()).toBe(4);
    store.invalidKey("x");
    expect(calls()).toBe(4);
  });
});

describe("a timed store", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A store whose calls never answer; it remembers their signals. */
  function deaf(): { store: Store; signals: (AbortSignal | undefined)[] } {
    const signals: (AbortSignal | undefined)[] = [];
    const never = (signal: AbortSignal | undefined): Promise<never> => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const store: Store = {
      ...createMemoryStore(),
      name: "deaf:",
      list: ({ signal }) => never(signal),
      head: (_, signal) => never(signal),
      delete: (_, signal) => never(signal),
    };
    return { store, signals };
  }

  const CALLS: [string, (store: Store, signal?: AbortSignal) => Promise<unknown>][] = [
    ["list", (store, signal) => store.list({ after: null, limit: 1, ...(signal && { signal }) })],
    ["head", (store, signal) => store.head("x", signal)],
    ["delete", (store, signal) => store.delete([{ key: "x" }], signal)],
  ];

  it.each(CALLS)("gives a %s up after the time, not before, and aborts it", async (_, call) => {
    const { store, signals } = deaf();
    const failure = vi.fn<(error: unknown) => void>();
    const answer = call(timed(store, 10_000)).catch(failure);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(failure).not.toHaveBeenCalled();
    expect(signals[0]?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await answer;
    const error = failure.mock.calls[0]?.[0];
    expect(error).toBeInstanceOf(SweepError);
    expect(error).toMatchObject({ kind: "unavailable", message: expect.stringContaining("did not answer") });
    expect(error).toMatchObject({ message: expect.stringMatching(/deaf:.*within 10 s/) });
    expect(signals[0]?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(CALLS)("hands the caller's own giving up down to a %s", async (_, call) => {
    const { store, signals } = deaf();
    const caller = new AbortController();
    const answer = call(timed(store, 10_000), caller.signal).catch(() => "gave up");
    expect(signals[0]?.aborted).toBe(false);
    caller.abort();
    expect(signals[0]?.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await answer).toBe("gave up");
  });

  it("answers, fails and is done as the store below, and leaves no timer behind", async () => {
    const memory = createMemoryStore();
    memory.put("x");
    const store = timed(memory, 10_000);
    expect(await store.head("x")).toMatchObject({ key: "x" });
    expect(vi.getTimerCount()).toBe(0);
    await expect(store.head("")).rejects.toMatchObject({ kind: "invalid" });
    expect(vi.getTimerCount()).toBe(0);
    expect(store.invalidKey("")).toBe(memory.invalidKey(""));
  });

  it("lets a failure that comes after the time pass silently", async () => {
    let fail: (error: Error) => void = () => {};
    const late: Store = {
      ...createMemoryStore(),
      head: () =>
        new Promise((_, reject) => {
          fail = reject;
        }),
    };
    const answer = expect(timed(late, 10).head("x")).rejects.toMatchObject({ kind: "unavailable" });
    await vi.advanceTimersByTimeAsync(10);
    await answer;
    // An unhandled rejection would fail this file.
    fail(new Error("too late"));
    await vi.advanceTimersByTimeAsync(0);
  });
});

describe("a retrying store", () => {
  const away = new SweepError("unavailable", "not now");

  /** A store whose look-ups fail with these errors, one after the other, and then succeed; and the waits in between. */
  function site(errors: readonly Error[], random = 0.5) {
    const rest = [...errors];
    const waits: number[] = [];
    let calls = 0;
    const store: Store = {
      ...createMemoryStore(),
      async head() {
        calls += 1;
        const error = rest.shift();
        if (error !== undefined) throw error;
        return null;
      },
    };
    const wait = async (ms: number): Promise<void> => void waits.push(ms);
    return { store: retrying(store, { wait, random: () => random }), waits, calls: () => calls };
  }

  it("makes a call again that was not answered, up to four times in all, after waits that double", async () => {
    const { store, waits, calls } = site([away, away, away]);
    expect(await store.head("x")).toBeNull();
    expect(calls()).toBe(MAX_TRIES);
    expect(waits).toEqual([0.5, 1, 2].map((times) => times * BACK_OFF_MS));
  });

  it("gives up after the fourth, with its error", async () => {
    const { store, calls } = site([away, away, away, new SweepError("unavailable", "the fourth")]);
    await expect(store.head("x")).rejects.toThrow("the fourth");
    expect(calls()).toBe(MAX_TRIES);
  });

  it.each([0, 0.999])("waits by chance: %f of the longest", async (random) => {
    const { store, waits } = site([away], random);
    await store.head("x");
    expect(waits).toEqual([random * BACK_OFF_MS]);
  });

  it.each(["invalid", "unauthorized", "not-found", "conflict", "corrupt", "bug"] as const)(
    "takes %s for an answer",
    async (kind) => {
      const { store, calls } = site([new SweepError(kind, "no")]);
      await expect(store.head("x")).rejects.toMatchObject({ kind });
      expect(calls()).toBe(1);
    },
  );

  it("tries nothing again that the caller gave up, before the wait or during it", async () => {
    for (const abortsAt of ["call", "wait"]) {
      const caller = new AbortController();
      let calls = 0;
      const store: Store = {
        ...createMemoryStore(),
        async head() {
          calls += 1;
          if (abortsAt === "call") caller.abort();
          throw away;
        },
      };
      const wait = vi.fn(async (): Promise<void> => caller.abort());
      await expect(retrying(store, { wait }).head("x", caller.signal)).rejects.toBe(away);
      expect(calls).toBe(1);
      expect(wait).toHaveBeenCalledTimes(abortsAt === "call" ? 0 : 1);
    }
  });

  it("within a timed store, all tries of a call take no longer than the time-out, and leave no timer behind", async () => {
    vi.useFakeTimers();
    try {
      const store: Store = { ...createMemoryStore(), head: () => Promise.reject(away) };
      const slow = timed(retrying(store, { random: () => 1 }), BACK_OFF_MS * 2);
      const answer = expect(slow.head("x")).rejects.toThrow("did not answer");
      await vi.advanceTimersByTimeAsync(BACK_OFF_MS * 2);
      await answer;
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a throttled store", () => {
  const slowDown = new SweepError("unavailable", "slow down", { details: { slowDown: true } });

  /** A store whose look-ups a test answers by hand. */
  function byHand(concurrency: number) {
    const underWay: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const store: Store = {
      ...createMemoryStore(),
      head: () => new Promise((resolve, reject) => void underWay.push({ resolve: () => resolve(null), reject })),
    };
    const throttledStore = throttled(store, concurrency);
    const settled = async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    };
    const ask = (calls: number): void => {
      for (let call = 0; call < calls; call += 1) void throttledStore.head("x").catch(() => {});
    };
    return { store: throttledStore, underWay, settled, ask };
  }

  it("lets so many calls be under way, and the next as soon as one is answered", async () => {
    const { underWay, settled, ask } = byHand(3);
    ask(5);
    await settled();
    expect(underWay).toHaveLength(3);
    underWay.shift()?.resolve();
    await settled();
    expect(underWay).toHaveLength(3);
  });

  it("lets half as many when the store asks to slow down, never fewer than one, and one more after as many answers", async () => {
    const { underWay, settled, ask } = byHand(4);
    /** How many are let through at once now. */
    const widthNow = async (): Promise<number> => {
      ask(10);
      await settled();
      return underWay.length;
    };
    expect(await widthNow()).toBe(4);
    underWay.shift()?.reject(slowDown);
    await settled();
    expect(underWay).toHaveLength(3);
    for (let answered = 0; answered < 2; answered += 1) underWay.shift()?.resolve();
    await settled();
    // Two answers at a width of two: one more again.
    expect(underWay).toHaveLength(3);
    for (let refused = 0; refused < 3; refused += 1) underWay.shift()?.reject(slowDown);
    await settled();
    expect(underWay).toHaveLength(1);
  });

  it.each([
    [2, ["first", "ahead"]],
    [1, ["first"]],
  ])(
    "at a width of %i a page that is foreseen is asked for within the call only where there is room",
    async (concurrency, asked) => {
      const seen: string[] = [];
      const bare: Store = {
        ...createMemoryStore(),
        async list({ after, foreseen }) {
          seen.push(after === null ? "first" : "ahead");
          if (after === null) await foreseen?.("next");
          return { objects: [], next: null };
        },
      };
      const store = throttled(bare, concurrency);
      const foreseen = async (after: string): Promise<void> => void (await store.list({ after, limit: 1 }));
      await store.list({ after: null, limit: 1, foreseen });
      expect(seen).toEqual(asked);
    },
  );

  it("does not begin what the caller gave up while it waited", async () => {
    const { store, underWay, settled, ask } = byHand(1);
    ask(1);
    await settled();
    const caller = new AbortController();
    const waiting = store.head("y", caller.signal).catch((error: unknown) => error);
    caller.abort();
    underWay.shift()?.resolve();
    await settled();
    expect(await waiting).toMatchObject({ kind: "unavailable" });
    expect(underWay).toEqual([]);
  });
});
