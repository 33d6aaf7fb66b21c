/** What the R2 store makes of a binding's answers, over one that answers by hand. In workerd it keeps the contract. */
import type { R2Bucket } from "@cloudflare/workers-types";
import { describe, expect, expectTypeOf, it, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { createR2Store, isR2Binding, type R2Binding, type R2Listed, type R2Listing } from "../../src/storage/r2.ts";

const UPLOADED = new Date(Date.UTC(2026, 10, 22));
const listed = (key: string): R2Listed => ({ key, size: 3, uploaded: UPLOADED, etag: "e" });

interface Asked {
  readonly list: Parameters<R2Binding["list"]>[0][];
  readonly delete: string[][];
}

function open(bound: Partial<R2Binding>, prefix = "uploads/"): { store: Store; asked: Asked } {
  const asked: Asked = { list: [], delete: [] };
  const bucket: R2Binding = {
    head: async () => null,
    get: async () => null,
    put: async () => null,
    ...bound,
    async list(options) {
      asked.list.push(options);
      return bound.list?.(options) ?? { objects: [], truncated: false };
    },
    async delete(keys) {
      asked.delete.push(keys);
      await bound.delete?.(keys);
    },
  };
  return { store: createR2Store({ bucket, binding: "FILES", prefix }), asked };
}

function pages(...all: R2Listing[]): Pick<R2Binding, "list"> {
  const rest = [...all];
  return { list: async () => rest.shift() ?? expect.unreachable("no further page is asked for") };
}

test("Cloudflare's own type of a bucket is one that the store takes", () => {
  expectTypeOf<R2Bucket>().toExtend<R2Binding>();
});

describe("a listing through R2's binding", () => {
  it("begins behind the key, under the prefix alone, with at most 1,000 objects", async () => {
    const { store, asked } = open({});
    await store.list({ after: null, limit: 5000 });
    await store.list({ after: "a", limit: 7 });
    expect(asked.list).toEqual([
      { limit: 1000, prefix: "uploads/", startAfter: "uploads/" },
      { limit: 7, prefix: "uploads/", startAfter: "uploads/a" },
    ]);
  });

  it("follows an empty page to the next, by its cursor", async () => {
    const { store, asked } = open(
      pages({ objects: [], truncated: true, cursor: "c" }, { objects: [listed("uploads/x")], truncated: false }),
    );
    expect(await store.list({ after: null, limit: 10 })).toEqual({
      objects: [{ key: "x", sizeBytes: 3, modifiedAt: UPLOADED.getTime(), etag: "e" }],
      next: null,
    });
    expect(asked.list[1]).toEqual({ limit: 10, prefix: "uploads/", cursor: "c" });
  });

  it("takes a short page that is truncated for no end", async () => {
    const { store } = open(pages({ objects: [listed("uploads/x")], truncated: true, cursor: "c" }));
    expect(await store.list({ after: null, limit: 10 })).toMatchObject({ next: "x" });
  });

  test.each<[string, R2Listing[], string, string]>([
    ["goes on without a cursor", [{ objects: [], truncated: true }], "corrupt", "does not advance"],
    [
      "goes on with the cursor it came by",
      Array.from({ length: 2 }, () => ({ objects: [], truncated: true, cursor: "c" })),
      "corrupt",
      "does not advance",
    ],
    [
      "goes on with empty pages for ever",
      Array.from({ length: 100 }, (_, index) => ({ objects: [], truncated: true, cursor: `${index}` })),
      "unavailable",
      "nothing but 100 empty pages",
    ],
    ["leaves its prefix", [{ objects: [listed("uploads2/x")], truncated: false }], "corrupt", "leaves its prefix"],
  ])("that %s is an error", async (_how, answers, kind, told) => {
    const { store } = open(pages(...answers));
    await expect(store.list({ after: null, limit: 10 })).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(told),
    });
  });

  it("shows an age that is no number as unknown, which keeps the object", async () => {
    const { store } = open(pages({ objects: [{ ...listed("uploads/x"), uploaded: new Date("x") }], truncated: false }));
    expect((await store.list({ after: null, limit: 10 })).objects).toMatchObject([{ modifiedAt: null }]);
  });
});

describe("deletes through R2's binding", () => {
  it("go in batches of 1 to 1,000, each key once, and none for nothing", async () => {
    const { store, asked } = open({}, "");
    await store.delete([]);
    expect(asked.delete).toEqual([]);
    await store.delete([...Array.from({ length: 1001 }, (_, index) => ({ key: `${index}` })), { key: "0" }]);
    expect(asked.delete.map((keys) => keys.length)).toEqual([1000, 1]);
  });

  it("that are refused for a key are halved until it is found; any other failure leaves all of them unknown", async () => {
    const keys = Array.from({ length: 9 }, (_, index) => ({ key: `k${index}` }));
    const { store } = open({
      async delete(all) {
        if (all.includes("uploads/k4")) throw new Error("delete: locked (10069)");
      },
    });
    const outcomes = await store.delete(keys);
    expect(outcomes.filter(({ outcome }) => outcome !== "gone")).toMatchObject([{ key: "k4", outcome: "refused" }]);
    const broken = open({ delete: () => Promise.reject(new Error("delete: We broke (10001)")) });
    await expect(broken.store.delete(keys)).rejects.toMatchObject({ kind: "unavailable" });
    expect(broken.asked.delete).toHaveLength(1);
  });
});

test.each([
  ["list: Unauthorized (10002)", "unauthorized", false],
  ["list: Access denied (10003)", "unauthorized", false],
  ["list: No such bucket (10006)", "not-found", false],
  ["list: Not a valid name (10020)", "invalid", false],
  ["list: Over the limit (10022)", "bug", false],
  ["list: Please look at the status page (10001)", "unavailable", false],
  ["list: Not available (10043)", "unavailable", true],
  ["list: Too many requests (10058)", "unavailable", true],
  ["Network connection lost.", "unavailable", false],
])("the error %j is %s, and asks to slow down: %s", async (message, kind, slowDown) => {
  const { store } = open({ list: () => Promise.reject(new Error(message)) });
  await expect(store.list({ after: null, limit: 1 })).rejects.toMatchObject({
    name: "SweepError",
    kind,
    message: expect.stringContaining(message),
    details: { slowDown },
  });
});

test("a marker larger than any of ours is no marker", async () => {
  const { store } = open({ get: async () => ({ size: 5000, text: async () => "" }) });
  await expect(store.readMarker()).rejects.toMatchObject({ kind: "corrupt" });
});

test.each([
  [undefined, false],
  [null, false],
  ["FILES", false],
  [{}, false],
  [{ get() {}, put() {}, list() {}, delete() {} }, false],
  [{ head() {}, get() {}, put() {}, list() {}, delete() {} }, true],
])("%j is a bucket's binding: %s", (bound, is) => {
  expect(isR2Binding(bound)).toBe(is);
});
