/** What a listing must not do. A page that does it is worth nothing, and nothing is concluded from it. */
import { SweepError } from "../errors.ts";
import { compareKeys } from "../keys.ts";
import type { ListPage } from "../ports.ts";

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
