/** The way to the rest of a list. */
import { html } from "hono/html";
import { type Html, to, type View } from "../view.ts";

export function next(
  view: View,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  cursor: string | null,
): Html | string {
  if (cursor === null) return "";
  return html`<p><a class="button" rel="next" href="${to(view, path, { ...query, cursor })}">Older</a></p>`;
}
