/** What went wrong, in the dashboard's own frame. */
import { html } from "hono/html";
import type { Problem } from "../../problem.ts";
import { plainPage } from "../layout.ts";
import { type Html, to, type View } from "../view.ts";

export function problemPage(view: Pick<View, "base">, { message, status }: Problem, requestId: string): Html {
  return plainPage(view, {
    title: TITLES[status] ?? "That did not work",
    body: html`<p class="box bad" role="alert">${sentence(message)}</p>
<p><a href="${to(view)}">Back to the overview</a></p><p class="soft">${status}, request ${requestId}</p>`,
  });
}

const TITLES: Partial<Record<number, string>> = {
  404: "Not found",
  409: "Not now",
  503: "Not available",
};

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
}
