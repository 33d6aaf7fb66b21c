/** The ledger: every removal, searched and filtered, and what a person decides about one. */
import { html } from "hono/html";
import { REMOVAL_REASONS, REMOVAL_STATES } from "../../../core/model.ts";
import type { Removal } from "../../../core/ports.ts";
import { page } from "../layout.ts";
import { action, bytes, foreign, type Html, head, keyLink, numberHead, table, time, to, type View } from "../view.ts";
import { next } from "./next.ts";

/** What a person looks for, as the address says it. */
export interface Search {
  readonly state?: string | undefined;
  readonly reason?: string | undefined;
  readonly run?: string | undefined;
  readonly key?: string | undefined;
}

export interface Ledger {
  readonly search: Search;
  readonly items: readonly Removal[];
  readonly cursor: string | null;
}

export function removalsPage(view: View, { search, items, cursor }: Ledger): Html {
  const { state, reason, run, key } = search;
  const query = { state, reason, run, key };
  return page(view, {
    title: "Ledger",
    at: "/removals",
    body: html`<form class="row" role="search"><label class="wide">Key begins with <input type="search" name="key" value="${key ?? ""}" maxlength="1024"></label>
${select("State", "state", REMOVAL_STATES, state)}${select("Reason", "reason", REMOVAL_REASONS, reason)}
<label>Run <input name="run" value="${run ?? ""}" maxlength="64" pattern="[\\w\\-]*"></label><button class="main">Search</button></form>
${items.length === 0 ? html`<p class="soft">${cursor === null ? "Nothing in the ledger matches." : "Nothing on this page matches; the search goes on in older removals."}</p>` : removalTable(view, items, query)}
${next(view, "/removals", query, cursor)}
<p class="soft">All of them as a file: <a href="${to(view, "/removals.csv", query)}">CSV</a>, <a href="${to(view, "/removals.ndjson", query)}">NDJSON</a></p>`,
  });
}

function select(label: string, name: string, words: readonly string[], chosen: string | undefined): Html {
  return html`<label>${label} <select name="${name}"><option value="">any</option>${words.map((word) => html`<option${word === chosen ? html` selected` : ""}>${word}</option>`)}</select></label>`;
}

/** @param back the search to return to after a decision */
export function removalTable(
  view: View,
  items: readonly Removal[],
  back: Readonly<Record<string, string | undefined>>,
): Html {
  const link = to(view, "/removals", back);
  return table(
    "Removals",
    [head("Key"), head("State"), head("Why"), numberHead("Size"), head("What became of it"), head("Decide")],
    items.map((removal) => {
      const { key, state, reason, sizeBytes } = removal;
      return html`<tr><td>${keyLink(view, key)}</td><td><span class="state ${state === "failed" ? "wait" : state === "abandoned" ? "bad" : ""}">${state}</span></td>
<td>${reason}</td><td class="number">${bytes(sizeBytes)}</td><td>${became(removal)}</td><td>${decisions(view, removal, link)}</td></tr>`;
    }),
  );
}

function became({
  state,
  createdAt,
  finishedAt,
  releasedBy,
  error,
  attempts,
  nextAttemptAt,
  firstSeenAt,
}: Removal): Html {
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  if (state === "removed") return html`removed ${finishedAt === null ? "" : time(finishedAt)}`;
  if (state === "released")
    return html`kept (${releasedBy ?? "released"}) ${finishedAt === null ? "" : time(finishedAt)}`;
  if (state === "suspected")
    return html`in quarantine${firstSeenAt === null ? "" : html`, first seen ${time(firstSeenAt)}`}`;
  const when = nextAttemptAt === null ? "" : html`, again ${time(nextAttemptAt)}`;
  return html`${attempts === 0 ? html`since ${time(createdAt)}, waits for the next run` : tries}${when}${error === null ? "" : html`<br>${foreign(error)}`}`;
}

const RELEASABLE = ["suspected", "due", "failed", "abandoned"];
const RETRYABLE = ["failed", "abandoned"];

function decisions(view: View, { id, state, key }: Removal, back: string): Html {
  const about = { fields: { back }, kind: "small", about: foreign(key) };
  return html`${RETRYABLE.includes(state) ? action(view, `/removals/${id}/retry`, "Retry", about) : ""}${RELEASABLE.includes(state) ? action(view, `/removals/${id}/release`, "Keep it", about) : ""}`;
}
