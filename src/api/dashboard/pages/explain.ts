/** One file: what each sweep would decide about it now, and why. */
import { html } from "hono/html";
import { type ExplanationJson, toExplanationJson } from "../../../core/documents/explanation.ts";
import { instantText } from "../../../core/documents/numbers.ts";
import type { Explanation } from "../../../core/explain.ts";
import { page } from "../layout.ts";
import { bytes, foreign, type Html, head, table, timeOr, type View } from "../view.ts";
import { removalTable } from "./removals.ts";

export interface Question {
  readonly key: string;
  readonly id: string;
  /** Undefined: nothing was asked. Null: no row has that id. */
  readonly answer: Explanation | null | undefined;
}

export function explainPage(view: View, { key, id, answer }: Question): Html {
  return page(view, {
    title: "Explain",
    at: "/explain",
    body: html`<p>What each sweep would decide about one file now, and why. It changes nothing.</p>
<form class="row" role="search"><label class="wide">Object key <input name="key" value="${key}" maxlength="1024"></label>
<label class="wide">or the id of a row <input name="id" value="${id}" maxlength="1024"></label><button class="main">Explain</button></form>
${answer === undefined ? "" : answer === null ? html`<p class="box">No row has that id.</p>` : explained(view, answer)}`,
  });
}

function explained(view: View, answer: Explanation): Html {
  const { key, known, files, decisions, gate } = toExplanationJson(answer);
  const { object, invalidKey, removals } = answer;
  if (!known)
    return html`<p class="box">Nothing is known of ${foreign(key)}: no object, no row, no removal.${invalidKey === null ? "" : html` No object can have that key: ${invalidKey}.`}</p>`;
  return html`<h2>${foreign(key)}</h2>
<dl class="pairs"><dt>Object</dt><dd>${object === null ? "none in the store" : html`${bytes(object.sizeBytes)}, of ${timeOr(object.modifiedAt, "unknown age")}`}</dd>
${invalidKey === null ? "" : html`<dt>Key</dt><dd>cannot be that of an object: ${invalidKey}</dd>`}
<dt>New rows</dt><dd>${gate === null ? "may name this key" : `are refused ${gate.until === null ? "until the store has answered" : `until ${instantText(Date.parse(gate.until))}`}`}</dd></dl>
<h2>Decisions</h2>
${decisionTable(files, decisions)}
${removals.length === 0 ? "" : html`<h2>In the ledger</h2>${removalTable(view, removals, { key })}`}`;
}

function decisionTable(files: ExplanationJson["files"], ofObject: ExplanationJson["decisions"]): Html {
  const line = (about: Html | string, { sweep, verdict, reason, why }: ExplanationJson["decisions"][number]): Html =>
    html`<tr><td>${about}</td><th scope="row">${sweep}</th><td><span class="state ${verdict === "keep" ? "" : "wait"}">${verdict}</span></td><td>${reason} <small>${why}</small></td></tr>`;
  return table(
    "What each sweep would decide",
    [head("About"), head("Sweep"), head("Verdict"), head("Reason")],
    [
      ...files.flatMap(({ id, status, decisions }) =>
        decisions.map((one) => line(html`row ${foreign(id)} <small>${foreign(status)}</small>`, one)),
      ),
      ...ofObject.map((one) => line("the object", one)),
    ],
  );
}
