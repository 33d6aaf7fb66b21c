import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { listAll } from "../contract/listing.ts";
import { describeStore } from "../contract/store.ts";
import { MEMORY_TRAITS, makeMemoryHarness } from "./memory-harness.ts";

const NOW = Date.UTC(2026, 10, 22);

describeStore("the memory store", async () => makeMemoryHarness(), MEMORY_TRAITS);

describe("the memory store", () => {
  it("holds keys that a folder cannot: slashes at either end, dots, `a` beside `a/b`", async () => {
    const store = createMemoryStore();
    const keys = ["/a", "a", "a/", "a//b", "a/b", "../x", "."];
    for (const key of keys) store.put(key);
    expect((await listAll(store, 2)).keys).toEqual([".", "../x", "/a", "a", "a/", "a//b", "a/b"]);
    await store.delete([{ key: "a" }]);
    expect(store.keys()).toEqual([".", "../x", "/a", "a/", "a//b", "a/b"]);
  });

  it("takes the time of a put from the clock it was handed", async () => {
    const store = createMemoryStore({ now: () => NOW + 5 });
    store.put("x");
    expect(await store.head("x")).toMatchObject({ sizeBytes: 0, modifiedAt: NOW + 5 });
  });

  it("gives an object that was put again another etag, by which alone it has changed", async () => {
    const store = createMemoryStore({ now: () => NOW });
    store.put("x");
    const before = await store.head("x");
    store.put("x");
    if (before === null) throw new Error("x is there");
    expect(await store.delete([{ key: "x", expected: before }])).toEqual([{ key: "x", outcome: "changed" }]);
  });

  it("answers pages no longer than its cap, and says that they are not the last", async () => {
    const store = createMemoryStore({ maxPage: 2 });
    for (const key of ["a", "b", "c", "d"]) store.put(key);
    const { pages } = await listAll(store, 1000);
    expect(pages.map(({ objects, next }) => [objects.length, next])).toEqual([
      [2, "b"],
      [2, null],
    ]);
  });

  it("allows again what it refused", async () => {
    const store = createMemoryStore();
    store.put("x");
    store.refuse("x", "busy");
    expect(await store.delete([{ key: "x" }])).toEqual([{ key: "x", outcome: "refused", error: "busy" }]);
    store.refuse("x", null);
    expect(await store.delete([{ key: "x" }])).toEqual([{ key: "x", outcome: "gone" }]);
  });

  it("makes an object of an upload, as old as the upload is; of one that was aborted none", async () => {
    const store = createMemoryStore({ now: () => 2000 });
    const [completed, aborted] = [store.beginUpload("x", 1000), store.beginUpload("y", 1000)];
    await store.abortUpload({ key: "y", uploadId: aborted });
    expect([completed, aborted].map((id) => store.completeUpload(id, { sizeBytes: 5 }))).toEqual([true, false]);
    expect(await store.head("x")).toMatchObject({ sizeBytes: 5, modifiedAt: 1000 });
    expect([store.keys(), store.uploads()]).toEqual([["x"], []]);
    expect(store.completeUpload(completed)).toBe(false);
  });

  it("lists a key that came back after it was deleted", async () => {
    const store = createMemoryStore();
    for (const key of ["a", "b"]) store.put(key);
    await listAll(store);
    store.remove("a");
    expect((await listAll(store)).keys).toEqual(["b"]);
    store.put("a");
    expect((await listAll(store)).keys).toEqual(["a", "b"]);
  });
});
