/** By what it goes. Secrets are not shown. */
import { html } from "hono/html";
import type { ServiceSettings } from "../../parts.ts";
import { page } from "../layout.ts";
import { foreign, type Html, head, table, type View } from "../view.ts";

export function settingsPage(view: View, shown: ServiceSettings["shown"]): Html {
  const rows = shown.map(
    ({ name, value, from, secret, help }) =>
      html`<tr><th scope="row"><code>${name}</code></th><td>${value === null ? html`<span class="none">${secret && from !== null ? "set; not shown" : "not set"}</span>` : foreign(value)}</td><td>${from ?? ""}</td><td>${help}</td></tr>`,
  );
  return page(view, {
    title: "Settings",
    at: "/settings",
    body: html`<p>Settings are read when filesweep starts, from the environment. They are not changed here.</p>
${table("Settings", [head("Setting"), head("Value"), head("From"), head("What it does")], rows)}`,
  });
}
