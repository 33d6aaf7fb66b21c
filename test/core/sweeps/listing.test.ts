import { describe, expect, test } from "vitest";
import { createBudget } from "../../../src/core/budget.ts";
import { SweepError } from "../../../src/core/errors.ts";
import type { ListPage } from "../../../src/core/ports.ts";
import { openListing } from "../../../src/core/sweeps/listing.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { DEFAULT_SETTINGS } from "../../support/world.ts";

const object = (key: string) => ({ key, sizeBytes: 1, modifiedAt: 0, etag: null });

interface ListingOptions {
  readonly isSpent?: boolean;
  /** What the opening listed. */
  readonly first?: ListPage;
  /** Whether the store tells that a request is on its way. */
  readonly tellsSent?: boolean;
}

/** A listing over pages by the key that they are asked for behind; `asked` are the calls, in order. */
function listingOver(
  pages: ReadonlyMap<string | null, ListPage | Error>,
  { isSpent = false, first, tellsSent = true }: ListingOptions = {},
) {
  const clock = createFakeClock();
  const asked: (string | null)[] = [];
  const slice = {
    clock,
    settings: DEFAULT_SETTINGS,
    budget: createBudget(
      DEFAULT_SETTINGS,
      clock,
      () => 0,
      () => isSpent,
    ),
    store: {
      name: "test",
      head: () => Promise.reject(new Error("a listing looks at nothing")),
      readMarker: () => Promise.reject(new Error("a listing reads no marker")),
      now: () => null,
      listUploads: null,
      invalidKey: () => null,
      async list({ after, sent }: { after: string | null; sent?: () => void }) {
        asked.push(after);
        if (tellsSent) sent?.();
        const page = pages.get(after);
        if (page === undefined || page instanceof Error) throw page ?? new Error("no such page");
        return page;
      },
    } as unknown as Parameters<typeof openListing>[0]["store"],
  };
  const listing = openListing(slice, first ?? null);
  return { listing, asked, clock };
}

const TWO_PAGES = new Map<string | null, ListPage>([
  [null, { objects: [object("a")], next: "a" }],
  ["a", { objects: [object("b")], next: null }],
]);

describe("looking ahead", () => {
  test("asks for the next page once, at once, and hands it out when it is wanted", async () => {
    const { listing, asked } = listingOver(TWO_PAGES);
    await listing.page(null);
    listing.lookAhead("a");
    expect(asked).toEqual([null, "a"]);
    expect((await listing.page("a")).objects.map(({ key }) => key)).toEqual(["b"]);
    expect(asked).toEqual([null, "a"]);
  });

  test("asks once, however often it is told to", async () => {
    const { listing, asked } = listingOver(TWO_PAGES);
    await listing.lookAhead("a");
    await listing.lookAhead("a");
    expect(asked).toEqual(["a"]);
  });

  test("tells when the objects were seen, not when they were wanted", async () => {
    const { listing, clock } = listingOver(TWO_PAGES);
    const seenAt = clock.now();
    listing.lookAhead("a");
    await listing.close();
    clock.advance(60_000);
    expect((await listing.page("a")).seenAt).toBe(seenAt);
  });

  test("asks for nothing once the budget is spent", async () => {
    const { listing, asked } = listingOver(TWO_PAGES, { isSpent: true });
    listing.lookAhead("a");
    await listing.close();
    expect(asked).toEqual([]);
  });

  test("keeps what was wrong with a page for whoever wants it, and tells nobody else", async () => {
    const failing = new Map<string | null, ListPage | Error>([["a", new SweepError("unavailable", "no answer")]]);
    const unwanted = listingOver(failing);
    unwanted.listing.lookAhead("a");
    await unwanted.listing.close();
    const wanted = listingOver(failing);
    wanted.listing.lookAhead("a");
    await expect(wanted.listing.page("a")).rejects.toThrow("no answer");
  });

  describe("comes back once the request is on its way", () => {
    test("and before it is answered, where the store tells that", async () => {
      const never = new Promise<ListPage>(() => {});
      const { listing, asked } = listingOver(new Map([["a", never as unknown as ListPage]]));
      await listing.lookAhead("a");
      expect(asked).toEqual(["a"]);
    });

    test("or once it is answered, where the store does not tell", async () => {
      const { listing, asked } = listingOver(TWO_PAGES, { tellsSent: false });
      await listing.lookAhead("a");
      expect(asked).toEqual(["a"]);
    });

    test("or once it failed", async () => {
      const { listing, asked } = listingOver(new Map(), { tellsSent: false });
      await listing.lookAhead("a");
      expect(asked).toEqual(["a"]);
    });
  });

  test("leaves no call behind: close waits for a page that nobody wanted", async () => {
    let answer: (page: ListPage) => void = () => {};
    const late = new Promise<ListPage>((resolve) => {
      answer = resolve;
    });
    const { listing } = listingOver(new Map([["a", late as unknown as ListPage]]));
    listing.lookAhead("a");
    let closed = false;
    const closing = listing.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    answer({ objects: [], next: null });
    await closing;
  });
});

describe("the first page, where the opening listed it already", () => {
  const FIRST: ListPage = { objects: [object("0")], next: "a" };
  const keysOf = async (page: Promise<ListPage>): Promise<string[]> => (await page).objects.map(({ key }) => key);

  test("is not asked for again, and tells when it was seen", async () => {
    const { listing, asked, clock } = listingOver(TWO_PAGES, { first: FIRST });
    const seenAt = clock.now();
    clock.advance(60_000);
    expect(await listing.page(null)).toMatchObject({ ...FIRST, seenAt });
    expect(await keysOf(listing.page("a"))).toEqual(["b"]);
    expect(asked).toEqual(["a"]);
  });

  test("is handed out once: whoever begins anew lists anew", async () => {
    const { listing, asked } = listingOver(TWO_PAGES, { first: FIRST });
    await listing.page(null);
    expect(await keysOf(listing.page(null))).toEqual(["a"]);
    expect(asked).toEqual([null]);
  });

  test("is listed anew once something is deleted", async () => {
    const { listing, asked } = listingOver(TWO_PAGES, { first: FIRST });
    listing.forget();
    expect(await keysOf(listing.page(null))).toEqual(["a"]);
    expect(asked).toEqual([null]);
  });

  test("and what was asked for ahead is listed anew too, and its first answer waited for", async () => {
    let answer: (page: ListPage) => void = () => {};
    const stale = new Promise<ListPage>((resolve) => {
      answer = resolve;
    });
    const pages = new Map<string | null, ListPage>([["a", stale as unknown as ListPage]]);
    const { listing, asked } = listingOver(pages, { first: FIRST });
    await listing.lookAhead("a");
    listing.forget();
    pages.set("a", { objects: [object("b")], next: null });
    expect(await keysOf(listing.page("a"))).toEqual(["b"]);
    expect(asked).toEqual(["a", "a"]);
    let closed = false;
    const closing = listing.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    answer({ objects: [], next: null });
    await closing;
  });

  test("is corrupt like any other when it makes no sense", async () => {
    const backwards: ListPage = { objects: [object("c"), object("b")], next: null };
    const { listing } = listingOver(TWO_PAGES, { first: backwards });
    await expect(listing.page(null)).rejects.toMatchObject({ kind: "corrupt" });
  });
});

describe("a page that makes no sense is corrupt, also when it was asked for ahead", () => {
  test.each<[string, ListPage]>([
    ["goes backwards", { objects: [object("c"), object("b")], next: null }],
    ["repeats a key", { objects: [object("b"), object("b")], next: null }],
    ["repeats the key it goes on from", { objects: [object("a")], next: null }],
    ["does not advance", { objects: [], next: "a" }],
    ["goes on before its own last key", { objects: [object("b"), object("d")], next: "c" }],
  ])("%s", async (_what, page) => {
    const { listing } = listingOver(new Map([["a", page]]));
    listing.lookAhead("a");
    await expect(listing.page("a")).rejects.toMatchObject({ kind: "corrupt" });
  });
});
