import { describe, expect, test } from "vitest";
import { createBudget } from "../../../src/core/budget.ts";
import { SweepError } from "../../../src/core/errors.ts";
import type { ListPage } from "../../../src/core/ports.ts";
import { openListing } from "../../../src/core/sweeps/listing.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { DEFAULT_SETTINGS } from "../../support/world.ts";

const object = (key: string) => ({ key, sizeBytes: 1, modifiedAt: 0, etag: null });

/** A listing over pages by the key that they are asked for behind; `asked` are the calls, in order. */
function listingOver(
  pages: ReadonlyMap<string | null, ListPage | Error>,
  { isSpent = false, tellsSent = true }: { isSpent?: boolean; tellsSent?: boolean } = {},
) {
  const clock = createFakeClock();
  const asked: (string | null)[] = [];
  const listing = openListing({
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
  });
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
    const NEVER = new Promise<ListPage>(() => {}) as unknown as ListPage;

    test("and before it is answered, where the store tells that", async () => {
      const { listing, asked } = listingOver(new Map([["a", NEVER]]));
      await listing.lookAhead("a");
      expect(asked).toEqual(["a"]);
    });

    test("and no sooner: what keeps the process busy would hold the request up", async () => {
      const { listing } = listingOver(new Map([["a", NEVER]]), { tellsSent: false });
      let cameBack = false;
      void listing.lookAhead("a").then(() => {
        cameBack = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(cameBack).toBe(false);
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

describe("a page that is foreseen", () => {
  /** Foresees what is told, one after the other, of each page that is asked for; and keeps it until it is told to answer. */
  function foreseeing(told: ReadonlyMap<string | null, readonly string[]>) {
    const asked: (string | null)[] = [];
    const answers = new Map<string | null, (page: ListPage) => void>();
    const listing = openListing({
      clock: createFakeClock(),
      settings: DEFAULT_SETTINGS,
      budget: { spent: () => false, pageSize: () => 1, take: () => {} },
      store: {
        ...createMemoryStore(),
        async list({ after, sent, foreseen }) {
          asked.push(after);
          sent?.();
          for (const next of told.get(after) ?? []) await foreseen?.(next);
          return new Promise((resolve) => void answers.set(after, resolve));
        },
      },
    });
    const answer = async (after: string | null, page: ListPage): Promise<void> => {
      while (!answers.has(after)) await turn();
      answers.get(after)?.(page);
    };
    return { listing, asked, answers, answer };
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const page = (key: string, next: string | null): ListPage => ({ objects: [object(key)], next });

  test("is asked for before the page that is waited for is read, and once", async () => {
    const { listing, asked, answer } = foreseeing(new Map([[null, ["a"]]]));
    const first = listing.page(null);
    await turn();
    expect(asked).toEqual([null, "a"]);
    await answer(null, page("a", "a"));
    await first;
    await listing.lookAhead("a");
    const second = listing.page("a");
    await answer("a", page("b", null));
    expect((await second).objects).toEqual([object("b")]);
    expect(asked).toEqual([null, "a"]);
  });

  test("waits while the page before it is itself ahead: never are more than two under way", async () => {
    const told = new Map([
      [null, ["a"]],
      ["a", ["b"]],
      ["b", ["c"]],
    ]);
    const { listing, asked, answer } = foreseeing(told);
    const first = listing.page(null);
    await turn();
    expect(asked).toEqual([null, "a"]);
    await answer(null, page("a", "a"));
    await first;
    await turn();
    expect(asked).toEqual([null, "a"]);
  });

  test("is the first that a call foresees: it does not wait for that one, which may wait for it", async () => {
    const { listing, asked, answers } = foreseeing(new Map([[null, ["x", "y"]]]));
    void listing.page(null);
    await turn();
    // The call went on, though nobody answers the one for x.
    expect(answers.has(null)).toBe(true);
    expect(asked).toEqual([null, "x"]);
  });

  test("that was foreseen wrongly is waited for and dropped, and the right one asked for", async () => {
    const { listing, asked, answer } = foreseeing(new Map([[null, ["x"]]]));
    const first = listing.page(null);
    await answer(null, page("a", "a"));
    await first;
    expect(asked).toEqual([null, "x"]);
    const second = listing.page("a");
    await turn();
    expect(asked).toEqual([null, "x"]);
    await answer("x", page("y", null));
    await answer("a", page("b", null));
    expect((await second).objects).toEqual([object("b")]);
    expect(asked).toEqual([null, "x", "a"]);
  });

  test("that was foreseen wrongly does not stand for the one that is looked ahead for", async () => {
    const { listing, asked, answer } = foreseeing(new Map([[null, ["x"]]]));
    const first = listing.page(null);
    await answer(null, page("a", "a"));
    await first;
    await answer("x", page("y", null));
    await listing.lookAhead("a");
    expect(asked).toEqual([null, "x", "a"]);
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
