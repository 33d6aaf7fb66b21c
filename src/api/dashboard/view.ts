/** What every page is made with: where the dashboard lies, who looks at it, and the pieces that all of them share. */
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { amount, duration, size } from "../../core/documents/numbers.ts";
import { iso } from "../../core/documents/run.ts";
import type { Instant, Tally } from "../../core/model.ts";
import { MINUTE_MS } from "../../core/safety.ts";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export interface View {
  /** What stands before `/dashboard` in a browser: empty, or the path that the app is mounted at. */
  readonly base: string;
  readonly csrf: string;
  readonly now: Instant;
}

/** A link inside the dashboard. */
export function to({ base }: Pick<View, "base">, path = "", query: Readonly<Record<string, string | undefined>> = {}) {
  const given = Object.entries(query).filter((entry): entry is [string, string] => (entry[1] ?? "") !== "");
  const search = new URLSearchParams(given).toString();
  return `${base}/dashboard${path}${search === "" ? "" : `?${search}`}`;
}

/** A form that changes something: one button, and whatever goes with it. */
export function action(
  view: View,
  path: string,
  label: string,
  {
    fields = {},
    kind = "",
    about = "",
  }: { fields?: Record<string, string>; kind?: string; about?: Html | string } = {},
): Html {
  return html`<form method="post" action="${to(view, path)}">${hidden(view, fields)}<button class="${kind}">${label}${about === "" ? "" : html`<span class="unseen"> ${about}</span>`}</button></form>`;
}

/** The fields of a form that nobody sees, the one that only our pages know among them. */
export function hidden({ csrf }: Pick<View, "csrf">, fields: Readonly<Record<string, string>> = {}): Html[] {
  return Object.entries({ csrf, ...fields }).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
}

/** An instant: UTC here, and in the reader's zone once the script has been there. */
export function time(at: Instant): Html {
  return html`<time datetime="${iso(at)}">${iso(at).slice(0, 16).replace("T", " ")} UTC</time>`;
}

export function timeOr(at: Instant | null, otherwise: string): Html | string {
  return at === null ? otherwise : time(at);
}

/** `12 min 3 s ago`; the instant itself is at hand. */
export function ago(at: Instant, now: Instant): Html {
  return html`${roughly(now - at)} ago (${time(at)})`;
}

function roughly(ms: number): string {
  if (ms < MINUTE_MS) return "less than a minute";
  // Seconds say nothing about what lies minutes back.
  const hours = ms / (60 * MINUTE_MS);
  return hours < 48 ? duration(ms).replace(/ \d+ s$/, "") : `${Math.floor(hours / 24)} days`;
}

/** `3.4 MB`, and the bytes for whoever points at it. */
export function bytes(count: number): Html {
  return html`<data value="${count}" title="${amount(count)} bytes">${size(count)}</data>`;
}

/** A count, and under it the bytes; a dash for nothing. */
export function tally({ count, bytes: total }: Tally): Html {
  if (count === 0 && total === 0) return html`<span class="none">–</span>`;
  return html`${amount(count)}${total === 0 ? "" : html` <small>${bytes(total)}</small>`}`;
}

/**
 * A key, or any other text that a stranger may have written: isolated from the text around it, and what a reader would
 * not see, or would see elsewhere than it stands, shown by its code point.
 */
export function foreign(text: string): Html {
  const parts = text.split(/([\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]|^\s+|\s+$)/u);
  return html`<bdi class="foreign">${parts.map((part, index) => (index % 2 === 0 ? part : codePoints(part)))}</bdi>`;
}

function codePoints(text: string): Html {
  const names = [...text].map((one) => `U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`);
  return html`<span class="code-point">${names.join(" ")}</span>`;
}

/** A key, and the way to what is known of it. */
export function keyLink(view: View, key: string): Html {
  return html`<a class="key" href="${to(view, "/explain", { key })}">${foreign(key)}</a>`;
}

/** The heads of columns: of words, and of numbers. */
export const head = (title: string): Html => html`<th scope="col">${title}</th>`;
export const numberHead = (title: string): Html => html`<th scope="col" class="number">${title}</th>`;

/** A table that is scrolled sideways where it does not fit, by keyboard too. */
export function table(caption: string, head: readonly Html[], rows: readonly Html[]): Html {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<thead><tr>${head}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
