/** The listing of a store, page by page, and what it must not do. */
import { SweepError } from "../errors.ts";
import { compareKeys } from "../keys.ts";
import type { Instant } from "../model.ts";
import type { ListPage } from "../ports.ts";
import type { Slice } from "../slice.ts";
import { untilSent } from "../until-sent.ts";

export interface SeenPage extends ListPage {
  /** When these objects were seen. Later than the slice's `now`, so that their quarantine never begins before its time. */
  readonly seenAt: Instant;
}

export interface Listing {
  /** The page behind a key. @throws SweepError `unavailable`, or `corrupt` as {@link checkPage} */
  page(after: string | null): Promise<SeenPage>;
  /** Asks for a page that will be wanted next, if the budget allows one more, and comes back once that is on its way. */
  lookAhead(after: string): Promise<void>;
  /** Waits for a page that nobody wanted in the end: no call is left behind. */
  close(): Promise<void>;
}

/** While one page is read, and the database works on it, the store lists the next. */
export function openListing(slice: Pick<Slice, "store" | "clock" | "settings" | "budget">): Listing {
  let ahead: { readonly after: string; readonly page: Promise<SeenPage> } | null = null;
  /** The page that is waited for begins behind this key; undefined: none is. */
  let awaited: string | null | undefined;

  async function list(after: string | null, sent?: () => void): Promise<SeenPage> {
    const page = await slice.store.list({
      after,
      limit: slice.settings.pageSize,
      ...(sent && { sent }),
      // Not of a page that is itself ahead: one that is worked on, and one more, are all that memory has to hold. Nor a
      // second time: this call would wait for the first page that it foresaw, which may wait for this call's room.
      foreseen: async (next) => {
        if (awaited === after && ahead === null) await lookAhead(next);
      },
    });
    checkPage(page, after);
    return { ...page, seenAt: slice.clock.now() };
  }

  async function lookAhead(after: string): Promise<void> {
    if (ahead?.after === after || slice.budget.spent()) return;
    if (ahead !== null) await close();
    await untilSent((sent) => {
      const page = list(after, sent);
      // Whoever wants the page hears what was wrong with it.
      ahead = { after, page };
      return page;
    });
  }

  async function close(): Promise<void> {
    await ahead?.page.catch(() => {});
  }

  return {
    async page(after) {
      const asked = ahead?.after === after ? ahead.page : null;
      // What was foreseen wrongly.
      if (asked === null) await close();
      ahead = null;
      awaited = after;
      try {
        return await (asked ?? list(after));
      } finally {
        awaited = undefined;
      }
    },
    lookAhead,
    close,
  };
}

/** @throws SweepError `corrupt` where a listing goes backwards, repeats itself or does not advance */
export function checkPage(page: ListPage, after: string | null): void {
  let previous = after;
  for (const { key } of page.objects) {
    if (previous !== null && compareKeys(key, previous) <= 0) {
      throw new SweepError(
        "corrupt",
        "the store's listing is out of order or repeats itself: no conclusion is drawn from it",
      );
    }
    previous = key;
  }
  if (page.next === null) return;
  const advanced = after === null || compareKeys(page.next, after) > 0;
  if (!advanced || (previous !== null && compareKeys(page.next, previous) < 0)) {
    throw new SweepError("corrupt", "the store's listing does not advance: no conclusion is drawn from it");
  }
}
