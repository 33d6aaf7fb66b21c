/** What waits for a person: each hold with what is wrong, what it keeps back, and the two answers to it. */
import { html } from "hono/html";
import { amount, counted, size } from "../../../core/documents/numbers.ts";
import { iso } from "../../../core/documents/run.ts";
import { HOLD_STATUSES, type Hold, type HoldStatus } from "../../../core/model.ts";
import { page } from "../layout.ts";
import {
  action,
  bytes,
  foreign,
  type Html,
  head,
  keyLink,
  numberHead,
  table,
  time,
  timeOr,
  to,
  type View,
} from "../view.ts";
import { next } from "./next.ts";

/** How many of the things it holds are shown at once. */
const SHOWN = 5;

export interface HoldList {
  readonly items: readonly Hold[];
  readonly status: HoldStatus | undefined;
  readonly cursor: string | null;
}

export function holdsPage(view: View, { items, status, cursor }: HoldList): Html {
  return page(view, {
    title: "Holds",
    at: "/holds",
    body: html`<p>A hold is a sweep, or a run, that waits because what it would do is not plausible. It removes nothing until you approve it.</p>
<form class="row"><label>Status <select name="status"><option value="">not closed</option>${HOLD_STATUSES.map((one) => html`<option${one === status ? html` selected` : ""}>${one}</option>`)}</select></label><button>Show</button></form>
${items.length === 0 ? html`<p class="soft">There is none.</p>` : items.map((hold) => holdBox(view, hold))}
${next(view, "/holds", { status }, cursor)}`,
  });
}

export function holdPage(view: View, hold: Hold): Html {
  return page(view, { title: "Hold", at: "/holds", body: holdBox(view, hold, hold.sample.length) });
}

/** @param shown how many of the sample are shown before it has to be opened */
export function holdBox(view: View, hold: Hold, shown: number = SHOWN): Html {
  const { id, cause, sweep, status, detail, openedAt, approvedUntil, runId } = hold;
  const isOpen = status === "open" || status === "cancelled";
  const name = `hold-${id}`;
  return html`<section class="box ${status === "open" ? "wait" : ""}" aria-labelledby="${name}">
<h2 id="${name}">${TITLES[status]}: <a href="${to(view, `/holds/${id}`)}">${sweep === null ? "the whole run" : sweep} (${cause})</a></h2>
<p>${foreign(detail)}.</p>
<p>Since ${time(openedAt)}, <a href="${to(view, `/runs/${runId}`)}">in this run</a>. ${seenText(hold)}
${status === "approved" ? html`Approved until ${timeOr(approvedUntil, "it is done")}.` : ""}</p>
${isOpen ? answers(view, hold) : ""}
${sampleOf(view, hold, shown)}</section>`;
}

const TITLES: Readonly<Record<HoldStatus, string>> = {
  open: "Held",
  approved: "Approved",
  cancelled: "Held, and silenced",
  closed: "Closed",
};

function seenText({ count, bytes: total, asOf }: Hold): Html {
  if (count === 0) return html`Last seen ${time(asOf)}.`;
  return html`Last seen ${time(asOf)}: ${counted(count, "item")} (${bytes(total)}).`;
}

function sampleOf(view: View, { sample, count }: Hold, shown: number): Html | string {
  if (sample.length === 0) return "";
  const rows = sample.map(
    ({ key, bytes: total, reason, mayGoAt }) =>
      html`<tr><td>${keyLink(view, key)}</td><td class="number">${bytes(total)}</td><td>${reason}</td><td>${timeOr(mayGoAt, "once approved")}</td></tr>`,
  );
  const heads = [head("Key"), numberHead("Size"), head("Why"), head("May go")];
  const first = table("Some of what is held", heads, rows.slice(0, shown));
  if (rows.length <= shown && rows.length === count) return first;
  const rest = rows.slice(shown);
  const more = count > sample.length ? ` of ${amount(count)}` : "";
  if (rest.length === 0) return html`${first}<p>These are ${amount(sample.length)}${more}.</p>`;
  return html`${first}<details><summary>${amount(rest.length)} more${more}</summary>${table("More of what is held", heads, rest)}</details>`;
}

/** `asOf` goes along: what came after this page was made is not what its reader approved. */
function answers(view: View, { id, asOf, count, bytes: total, status, sweep }: Hold): Html {
  const what = count === 0 ? "" : ` ${counted(count, "item")} (${size(total)})`;
  return html`<div class="row">${action(view, `/holds/${id}/approve`, `Approve${what}`, { fields: { asOf: iso(asOf) }, kind: "main" })}
${status === "open" ? action(view, `/holds/${id}/cancel`, "Keep, and silence") : ""}</div>
<p class="soft">Approving lets through what was seen then, for 7 days; every other check remains, and what came later is not covered. Silencing keeps ${sweep === null ? "the run" : "the sweep"} held, and asks no more until it is back under its limit.</p>`;
}
