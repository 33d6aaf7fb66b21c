/** Cursors of lists: opaque outside, and good for one list alone. */
import { Problem } from "./problem.ts";

const ID = /^[\w-]{1,64}$/;

/** The cursor behind an item; null at the end of the list. */
export function encodeCursor(list: string, next: string | null): string | null {
  if (next === null) return null;
  return btoa(`${list}:${next}`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The id behind which a list goes on. @throws Problem 400 for what is no cursor of this list */
export function decodeCursor(list: string, cursor: string | undefined): { readonly after?: string } {
  if (cursor === undefined) return {};
  const [name, after, ...rest] = plain(cursor).split(":");
  if (name !== list || after === undefined || rest.length > 0 || !ID.test(after)) {
    const message = "query: cursor is wrong; allowed: a nextCursor that this list answered with";
    throw new Problem(400, "invalid", message, { members: { errors: [{ in: "query", field: "cursor", message }] } });
  }
  return { after };
}

function plain(cursor: string): string {
  try {
    return atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return "";
  }
}
