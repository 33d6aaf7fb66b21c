/** The frame of every page. */
import { html } from "hono/html";
import { type Html, hidden, to, type View } from "./view.ts";

const PAGES = [
  ["", "Overview"],
  ["/holds", "Holds"],
  ["/runs", "Runs"],
  ["/removals", "Ledger"],
  ["/explain", "Explain"],
  ["/doctor", "Doctor"],
  ["/settings", "Settings"],
] as const;

export interface PageParts {
  readonly title: string;
  readonly body: Html;
  /** Which of {@link PAGES} it belongs to. */
  readonly at?: (typeof PAGES)[number][0];
  /** Changes while it is looked at: `alone` also where nobody does anything, so that without JavaScript it is loaded again. */
  readonly live?: "alone" | "by-script" | null;
}

/** A page for somebody who is signed in. */
export function page(view: View, parts: PageParts): Html {
  const links = PAGES.map(
    ([path, label]) =>
      html`<li><a href="${to(view, path)}"${path === parts.at ? html` aria-current="page"` : ""}>${label}</a></li>`,
  );
  return frame(
    view,
    parts,
    html`<header class="top"><a class="skip" href="#main">Skip to the content</a>
<nav aria-label="Dashboard"><a class="name" href="${to(view)}">filesweep</a><ul>${links}</ul></nav>
<form method="post" action="${to(view, "/sign-out")}">${hidden(view)}<button class="quiet">Sign out</button></form></header>`,
  );
}

/** A page for anybody. */
export function plainPage(view: Pick<View, "base">, parts: PageParts): Html {
  return frame(view, parts, html`<header class="top"><span class="name">filesweep</span></header>`);
}

function frame(view: Pick<View, "base">, { title, body, live = null }: PageParts, header: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · filesweep</title>
<link rel="stylesheet" href="${to(view, "/style.css")}">
<link rel="icon" href="${to(view, "/icon.svg")}" type="image/svg+xml">
<script src="${to(view, "/script.js")}" defer></script>
${live === "alone" ? html`<noscript><meta http-equiv="refresh" content="5"></noscript>` : ""}
</head>
<body>
${header}
<main id="main" tabindex="-1"${live === null ? "" : html` data-live`}>
<h1>${title}</h1>
${body}
</main>
</body>
</html>`;
}
