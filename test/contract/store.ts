/** The contract of `Store`. Every adapter's test calls `describeStore`, and adds only what is its vendor's own. */
import { describe, expect, it, onTestFinished } from "vitest";
import type { DeleteRequest, ListedObject, ListedUpload, Store, UploadName, Versioning } from "../../src/core/ports.ts";
import { MARKER_KEY, PROBE_KEY } from "../../src/core/safety.ts";
import { AWKWARD_KEYS } from "./awkward-keys.ts";
import { byteOrder, inByteOrder, listAll } from "./listing.ts";

/** An empty store, and what reaches its objects without it. */
export interface StoreHarness {
  readonly store: Store;
  put(key: string, fields?: PutFields): Promise<void>;
  /** Where many at once are faster than one after the other. */
  putAll?(keys: readonly string[]): Promise<void>;
  exists(key: string): Promise<boolean>;
  remove(key: string): Promise<void>;
  /** From now on the vendor refuses to delete this object, and answers so. */
  makeUndeletable(key: string): Promise<void>;
  /** The same store, answering pages shorter than asked for; null where the vendor is known never to do so. */
  readonly shortPages: Store | null;
  /** Begins a multipart upload, past the store; null where the vendor has none, or cannot list them. */
  readonly beginUpload: ((key: string) => Promise<UploadName>) | null;
  close?(): Promise<void>;
}

export interface PutFields {
  /** 3 without. */
  readonly sizeBytes?: number;
  readonly modifiedAt?: number;
}

/** What stores differ in. Each is asserted, whichever way it is. */
export interface StoreTraits {
  /** Whether deletes compare with `expected`. A store that cannot deletes regardless. */
  readonly compares: boolean;
  /** Whether a test can choose an object's modified time. */
  readonly setsModifiedAt: boolean;
  readonly hasEtags: boolean;
  /** Keys that cannot name an object here, beyond the empty one, the longer ones and lone surrogates. */
  readonly invalidKeys: readonly string[];
  /** Whether something stands at `a` where `a/b` is an object, so that deleting `a` is refused. */
  readonly hasDirectories: boolean;
  /** Valid keys that this vendor's server does not find by any name: their deletes are refused, and the objects stay. */
  readonly unfound?: readonly string[];
  /** What the store says of older versions. */
  readonly versioning: Versioning;
}

const MODIFIED_AT = Date.UTC(2025, 2, 4, 5, 6, 7);
/** Valid but for its length: 1,025 bytes. */
const TOO_LONG = `${`${"é".repeat(100)}/`.repeat(5)}${"x".repeat(20)}`;
const ALWAYS_INVALID = ["", "x".repeat(1025), TOO_LONG, "lone-\uD83D", "\uDE00-lone"];

export function describeStore(name: string, makeHarness: () => Promise<StoreHarness>, traits: StoreTraits): void {
  async function open(): Promise<StoreHarness> {
    const harness = await makeHarness();
    onTestFinished(() => harness.close?.());
    return harness;
  }
  describe(`${name} keeps the contract of a store:`, () => {
    describeListing(open, traits);
    describeAwkwardKeys(open, traits);
    describeHead(open, traits);
    describeDelete(open, traits);
    describeExpectations(open, traits);
    describeUploads(open);
    describeMarker(open, traits);
    describeLimits(open);
  });
}

type Open = () => Promise<StoreHarness>;

async function putAll(harness: StoreHarness, keys: readonly string[]): Promise<void> {
  if (harness.putAll !== undefined) return harness.putAll(keys);
  for (let index = 0; index < keys.length; index += 50) {
    await Promise.all(keys.slice(index, index + 50).map((key) => harness.put(key)));
  }
}

/** 2,500 keys, of which neither the code points nor the directories come in the order of the numbers. */
function manyKeys(): string[] {
  const folders = ["", "a/", "a.b/", "a/c/", "a0/", "\u{1F600}/", "\uFF5E/"];
  return Array.from({ length: 2500 }, (_, index) => `${folders[index % folders.length]}f${index}`);
}

function describeListing(open: Open, traits: StoreTraits): void {
  it("an empty store lists nothing, and that is the end", async () => {
    const { store } = await open();
    expect(await store.list({ after: null, limit: 10 })).toEqual({ objects: [], next: null });
  });

  it("a listing tells when it is on its way: what keeps the process busy begins then", async () => {
    const { store } = await open();
    let listing: ReturnType<typeof store.list> | undefined;
    await new Promise<void>((sent) => {
      listing = store.list({ after: null, limit: 10, sent });
    });
    expect(await listing).toEqual({ objects: [], next: null });
  });

  it("2,500 objects come once each, in byte order, in pages of 1,000 and of 77, the last of them in pages of 1", async () => {
    const harness = await open();
    const expected = inByteOrder(manyKeys());
    await putAll(harness, manyKeys());
    for (const limit of [1000, 77]) expect((await listAll(harness.store, limit)).keys).toEqual(expected);
    const [from, ...rest] = expected.slice(-150);
    for (const store of [harness.store, ...(harness.shortPages === null ? [] : [harness.shortPages])]) {
      expect((await listAll(store, store === harness.store ? 1 : 1000, from)).keys).toEqual(rest);
    }
  });

  it("a listing goes on from any key: existing, between, gone, before the first, after the last", async () => {
    const harness = await open();
    const keys = ["b", "d/a", "d/b/c", "d/e", "d0", "f/g/h", "z\u{1F600}"];
    await putAll(harness, [...keys, "d/b/gone", "gone/below/here"]);
    await harness.remove("d/b/gone");
    await harness.remove("gone/below/here");
    const places = [
      ...keys,
      ...[
        "",
        "a",
        "c",
        "d",
        "d/",
        "d/b",
        "d/b/",
        "d/b/c/",
        "d/b/c/x",
        "d/b/gone",
        "d/z",
        "d.",
        "gone/below/here",
        "gone/below",
      ],
      ...["f/g/h/i/j", "f/g", "z", "z\uFF5E", "z\u{1F600}a", "\u{10FFFF}", "b\u0001", "d/b\u{1F600}"],
    ];
    for (const place of places) {
      const expected = inByteOrder(keys).filter((key) => byteOrder(key, place) > 0);
      for (const limit of [1000, 1]) expect((await listAll(harness.store, limit, place)).keys, place).toEqual(expected);
    }
  });

  it("deleting each page before asking for the next skips nothing", async () => {
    const harness = await open();
    const keys = manyKeys().slice(0, 300);
    await putAll(harness, keys);
    const seen: string[] = [];
    for (let after: string | null = null; ; ) {
      const page = await harness.store.list({ after, limit: 7 });
      seen.push(...page.objects.map(({ key }) => key));
      await harness.store.delete(page.objects.map(({ key }) => ({ key })));
      if (page.next === null) break;
      after = page.next;
    }
    expect(seen).toEqual(inByteOrder(keys));
    expect((await listAll(harness.store)).keys).toEqual([]);
  });

  it("a listing that was left off does not show in the next, wherever that begins", async () => {
    const harness = await open();
    const keys = inByteOrder(manyKeys().slice(0, 60));
    await putAll(harness, keys);
    for (const from of [-1, 40, 10, 20]) {
      await harness.store.list({ after: null, limit: 20 });
      expect((await listAll(harness.store, 7, keys[from] ?? null)).keys).toEqual(keys.slice(from + 1));
    }
  });

  it("two listings at the same time do not disturb each other", async () => {
    const harness = await open();
    const keys = manyKeys().slice(0, 100);
    await putAll(harness, keys);
    const listings = await Promise.all([
      listAll(harness.store, 3),
      listAll(harness.store, 3),
      listAll(harness.store, 7),
    ]);
    for (const listing of listings) expect(listing.keys).toEqual(inByteOrder(keys));
  });

  it("a listed object shows its size, its age and its etag, as far as the store has them", async () => {
    const harness = await open();
    await harness.put("a/object", { sizeBytes: 1234, modifiedAt: MODIFIED_AT });
    const [object] = (await listAll(harness.store)).objects;
    expect(object).toEqual({
      key: "a/object",
      sizeBytes: 1234,
      modifiedAt: traits.setsModifiedAt ? MODIFIED_AT : expect.any(Number),
      etag: traits.hasEtags ? expect.any(String) : null,
    });
    expect(object).not.toHaveProperty("oddity");
  });
}

function describeAwkwardKeys(open: Open, traits: StoreTraits): void {
  it("awkward keys are listed, found and deleted as they are", async () => {
    const harness = await open();
    await putAll(harness, AWKWARD_KEYS);
    expect((await listAll(harness.store)).keys).toEqual(inByteOrder(AWKWARD_KEYS));
    expect((await listAll(harness.store, 1)).keys).toEqual(inByteOrder(AWKWARD_KEYS));
    for (const key of AWKWARD_KEYS) {
      expect(harness.store.invalidKey(key), key).toBeNull();
      expect(await harness.store.head(key), key).toMatchObject({ key, sizeBytes: 3 });
      expect((await listAll(harness.store, 1000, key)).keys, key).toEqual(
        inByteOrder(AWKWARD_KEYS).filter((other) => byteOrder(other, key) > 0),
      );
    }
    const half = AWKWARD_KEYS.filter((_, index) => index % 2 === 0);
    const others = AWKWARD_KEYS.filter((_, index) => index % 2 === 1);
    const unfound = traits.unfound ?? [];
    expect(await harness.store.delete(half.map((key) => ({ key })))).toEqual(
      half.map((key) =>
        unfound.includes(key) ? { key, outcome: "refused", error: expect.any(String) } : { key, outcome: "gone" },
      ),
    );
    const stay = [...others, ...half.filter((key) => unfound.includes(key))];
    expect((await listAll(harness.store)).keys).toEqual(inByteOrder(stay));
  });

  it("invalid keys are refused with a reason, and their neighbours deleted", async () => {
    const { store, put, exists } = await open();
    await Promise.all([put("before"), put("after")]);
    const invalid = [...ALWAYS_INVALID, ...traits.invalidKeys];
    for (const key of invalid) expect(store.invalidKey(key), JSON.stringify(key)).toMatch(/\w+/);
    const outcomes = await store.delete(["before", ...invalid, "after"].map((key) => ({ key })));
    expect(outcomes).toEqual([
      { key: "before", outcome: "gone" },
      ...invalid.map((key) => ({ key, outcome: "refused", error: store.invalidKey(key) })),
      { key: "after", outcome: "gone" },
    ]);
    expect([await exists("before"), await exists("after")]).toEqual([false, false]);
  });
}

function describeHead(open: Open, traits: StoreTraits): void {
  it("a look-up shows what the listing shows", async () => {
    const harness = await open();
    await harness.put("x/y", { sizeBytes: 5 });
    const [object] = (await listAll(harness.store)).objects;
    expect(await harness.store.head("x/y")).toMatchObject({ key: "x/y", sizeBytes: 5, etag: object?.etag });
  });

  it("a look-up of what is not there answers null", async () => {
    const harness = await open();
    await harness.put("x/y");
    for (const key of ["a", "x", "x/z", "x/y/z", "x/yy", "no/such/folder"])
      expect(await harness.store.head(key)).toBeNull();
  });

  it("a look-up by an invalid key is an error, never `not found`", async () => {
    const { store } = await open();
    for (const key of [...ALWAYS_INVALID, ...traits.invalidKeys]) {
      await expect(store.head(key), JSON.stringify(key)).rejects.toMatchObject({ name: "SweepError", kind: "invalid" });
    }
  });
}

function describeDelete(open: Open, traits: StoreTraits): void {
  it("a delete tells when it is on its way, as a listing does", async () => {
    const harness = await open();
    await putAll(harness, ["a", "b"]);
    let deleting: ReturnType<typeof harness.store.delete> | undefined;
    await new Promise<void>((sent) => {
      deleting = harness.store.delete([{ key: "a" }, { key: "b" }], undefined, sent);
    });
    expect((await deleting)?.map(({ outcome }) => outcome)).toEqual(["gone", "gone"]);
  });

  it("outcomes come in the order asked for", async () => {
    const harness = await open();
    const keys = Array.from({ length: 200 }, (_, index) => `${(index * 37) % 200}/${index}`);
    await putAll(harness, keys);
    const outcomes = await harness.store.delete(keys.map((key) => ({ key })));
    expect(outcomes.map(({ key }) => key)).toEqual(keys);
    expect((await listAll(harness.store)).keys).toEqual([]);
  });

  it("1,000 keys go in one call", async () => {
    const harness = await open();
    const keys = manyKeys().slice(0, 1000);
    await putAll(harness, keys);
    const outcomes = await harness.store.delete(keys.map((key) => ({ key })));
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(["gone"]));
    expect((await listAll(harness.store)).keys).toEqual([]);
  });

  it("an empty batch is no error", async () => {
    const { store } = await open();
    expect(await store.delete([])).toEqual([]);
  });

  it("an absent key is gone, also when it was deleted before, also twice in one batch", async () => {
    const { store, put } = await open();
    await put("a/once");
    const asked = ["a/once", "a/never", "no/such/folder/x", "a/once/below"].map((key) => ({ key }));
    const gone = asked.map(({ key }) => ({ key, outcome: "gone" }));
    expect(await store.delete(asked)).toEqual(gone);
    expect(await store.delete(asked)).toEqual(gone);
    await put("twice");
    const twice = [{ key: "twice" }, { key: "twice" }];
    expect(await store.delete(twice)).toEqual(twice.map(({ key }) => ({ key, outcome: "gone" })));
  });

  it("one key that is refused stops no other, and says why", async () => {
    const harness = await open();
    const keys = Array.from({ length: 30 }, (_, index) => `many/${index}`);
    await putAll(harness, keys);
    await harness.makeUndeletable("many/13");
    const outcomes = await harness.store.delete(keys.map((key) => ({ key })));
    expect(outcomes).toEqual(
      keys.map((key) =>
        key === "many/13" ? { key, outcome: "refused", error: expect.stringMatching(/\w+/) } : { key, outcome: "gone" },
      ),
    );
    expect(await harness.exists("many/13")).toBe(true);
    expect((await listAll(harness.store)).keys).toEqual(["many/13"]);
  });

  it(`deleting \`a\` leaves \`a/b\` alone${traits.hasDirectories ? ", and is refused" : ""}`, async () => {
    const { store, put, exists } = await open();
    await put("a/b");
    const [outcome] = await store.delete([{ key: "a" }]);
    expect(outcome?.outcome).toBe(traits.hasDirectories ? "refused" : "gone");
    expect(await exists("a/b")).toBe(true);
  });

  it("only the exact key is deleted, not what it is a prefix of", async () => {
    const harness = await open();
    await putAll(harness, ["image", "images", "images-2", "images2/x"]);
    await harness.store.delete([{ key: "images" }]);
    expect((await listAll(harness.store)).keys).toEqual(["image", "images-2", "images2/x"]);
  });
}

function describeExpectations(open: Open, traits: StoreTraits): void {
  async function listed(): Promise<{ harness: StoreHarness; object: ListedObject }> {
    const harness = await open();
    await harness.put("x", { sizeBytes: 5, modifiedAt: MODIFIED_AT });
    const [object] = (await listAll(harness.store)).objects;
    if (object === undefined) throw new Error("the object was not listed");
    return { harness, object };
  }

  it("an object that is as expected is deleted", async () => {
    const { harness, object } = await listed();
    expect(await harness.store.delete([{ key: "x", expected: object }])).toEqual([{ key: "x", outcome: "gone" }]);
    expect(await harness.exists("x")).toBe(false);
  });

  it("an absent object is gone, whatever was expected", async () => {
    const { harness, object } = await listed();
    await harness.remove("x");
    expect(await harness.store.delete([{ key: "x", expected: object }])).toEqual([{ key: "x", outcome: "gone" }]);
  });

  const became = traits.compares ? "is `changed`, and left alone" : "goes too, for this store cannot compare";
  const changes: [string, PutFields][] = [["another size", { sizeBytes: 6, modifiedAt: MODIFIED_AT }]];
  if (traits.setsModifiedAt) {
    changes.push(["a later time", { sizeBytes: 5, modifiedAt: MODIFIED_AT + 1000 }]);
    changes.push(["an earlier time", { sizeBytes: 5, modifiedAt: MODIFIED_AT - 1000 }]);
  }
  it.each(changes)(`an object of %s ${became}, and its neighbours are deleted`, async (_, fields) => {
    const { harness, object } = await listed();
    await Promise.all([harness.put("neighbour"), harness.put("x", fields)]);
    const outcomes = await harness.store.delete([{ key: "x", expected: object }, { key: "neighbour" }]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([traits.compares ? "changed" : "gone", "gone"]);
    expect([await harness.exists("x"), await harness.exists("neighbour")]).toEqual([traits.compares, false]);
  });
}

async function listUploads(store: Store, limit = 1000): Promise<ListedUpload[]> {
  const uploads: ListedUpload[] = [];
  for (let after: UploadName | null = null, pages = 0; ; pages += 1) {
    if (pages > 1000) throw new Error("the listing of uploads does not end");
    const page = await store.listUploads({ after, limit });
    if (page === "not-supported") throw new Error("uploads cannot be listed");
    if (page.uploads.length > limit) throw new Error(`${page.uploads.length} uploads where ${limit} were asked for`);
    uploads.push(...page.uploads);
    if (page.next === null) return uploads;
    after = page.next;
  }
}

/** A store without uploads says so; the others list and abort them. */
function describeUploads(open: Open): void {
  async function begin(
    keys: readonly string[],
  ): Promise<{ store: Store; harness: StoreHarness; begun: UploadName[] } | null> {
    const harness = await open();
    const { store, beginUpload } = harness;
    if (beginUpload === null) {
      expect(await store.listUploads({ after: null, limit: 1000 })).toBe("not-supported");
      return null;
    }
    const begun: UploadName[] = [];
    for (const key of keys) begun.push(await beginUpload(key));
    return { store, harness, begun };
  }
  const nameOf = ({ key, uploadId }: UploadName): string => `${key} ${uploadId}`;

  it("uploads under way come once each, in the order of their keys, in pages of any size, or `not-supported`", async () => {
    const site = await begin(["b/2", "a", "b/1", "b/1", "b/1", "z\u{1F600}", "z\uFF5E", "with space+%"]);
    if (site === null) return;
    const { store, begun } = site;
    for (const limit of [1000, 3, 1]) {
      const listed = await listUploads(store, limit);
      expect(listed.map(nameOf).sort()).toEqual(begun.map(nameOf).sort());
      expect(listed.map(({ key }) => key)).toEqual(inByteOrder(listed.map(({ key }) => key)));
      for (const { initiatedAt } of listed) expect(initiatedAt).toEqual(expect.any(Number));
    }
  });

  it("no uploads are an empty end, or `not-supported`", async () => {
    const site = await begin([]);
    if (site !== null)
      expect(await site.store.listUploads({ after: null, limit: 10 })).toEqual({ uploads: [], next: null });
  });

  it("an aborted upload is gone, also twice, and the object and the other uploads of its key stay", async () => {
    const site = await begin(["x", "x", "y"]);
    if (site === null) return;
    const { store, harness, begun } = site;
    await harness.put("x");
    const [first, ...others] = begun;
    if (first === undefined) throw new Error("an upload was begun");
    expect(await store.abortUpload(first)).toEqual({ outcome: "gone" });
    expect(await store.abortUpload(first)).toEqual({ outcome: "gone" });
    expect((await listUploads(store)).map(nameOf).sort()).toEqual(others.map(nameOf).sort());
    expect(await harness.exists("x")).toBe(true);
  });

  it("a listing of uploads goes on behind one that was aborted", async () => {
    const site = await begin(["a", "b", "c", "d"]);
    if (site === null) return;
    const { store } = site;
    const keys: string[] = [];
    for (let after: UploadName | null = null; ; ) {
      const page = await store.listUploads({ after, limit: 1 });
      if (page === "not-supported") return expect.unreachable("uploads were listed before");
      for (const upload of page.uploads) {
        keys.push(upload.key);
        await store.abortUpload(upload);
      }
      if (page.next === null) break;
      after = page.next;
    }
    expect(keys).toEqual(["a", "b", "c", "d"]);
    expect(await listUploads(store)).toEqual([]);
  });
}

function describeMarker(open: Open, traits: StoreTraits): void {
  it("the identity marker is read as it was written, replaced, and taken away", async () => {
    const { store, put, exists } = await open();
    await put("x");
    expect(await store.readMarker()).toBeNull();
    for (const text of ['{"instance":"one"}\n', '{"instance":"zwei \u00fc"}\n']) {
      await store.writeMarker(text);
      expect(await store.readMarker()).toBe(text);
      expect(await exists(MARKER_KEY)).toBe(true);
    }
    for (const _ of [1, 2]) {
      await store.writeMarker(null);
      expect(await store.readMarker()).toBeNull();
    }
    expect((await listAll(store)).keys).toEqual(["x"]);
  });

  it("trying out puts, looks up and deletes the probe, and leaves everything as it was", async () => {
    const { store, put } = await open();
    await put("x");
    await store.writeMarker("{}\n");
    expect(await store.tryOut()).toEqual({ put: null, head: null, delete: null });
    expect((await listAll(store)).keys).toEqual([MARKER_KEY, "x"]);
    expect(await store.readMarker()).toBe("{}\n");
  });

  it("a delete that is refused when it is tried out is told with the vendor's reason", async () => {
    const harness = await open();
    await harness.makeUndeletable(PROBE_KEY);
    const trial = await harness.store.tryOut();
    expect(trial).toEqual({ put: null, head: null, delete: expect.stringMatching(/\w+/) });
  });

  it(`whether older versions are kept: ${traits.versioning}`, async () => {
    const { store } = await open();
    expect(await store.versioning()).toBe(traits.versioning);
  });
}

function describeLimits(open: Open): void {
  it("a limit that is no whole number from 1 up is an error", async () => {
    const { store } = await open();
    for (const limit of [0, -1, 1.5, Number.NaN, Infinity]) {
      await expect(store.list({ after: null, limit }), String(limit)).rejects.toMatchObject({ kind: "bug" });
    }
  });

  it("a call that was given up before it began does nothing", async () => {
    const { store, put, exists } = await open();
    await put("x");
    const signal = AbortSignal.abort();
    const requests: DeleteRequest[] = [{ key: "x" }];
    await expect(store.list({ after: null, limit: 1, signal })).rejects.toMatchObject({ kind: "unavailable" });
    await expect(store.head("x", signal)).rejects.toMatchObject({ kind: "unavailable" });
    await expect(store.delete(requests, signal)).rejects.toMatchObject({ kind: "unavailable" });
    expect(await exists("x")).toBe(true);
  });
}
