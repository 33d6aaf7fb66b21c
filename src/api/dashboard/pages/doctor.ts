/** Everything that a run depends on, and what mends it. */
import { html } from "hono/html";
import type { CheckStatus, Diagnosis } from "../../../core/doctor.ts";
import { page } from "../layout.ts";
import { foreign, type Html, head, table, type View } from "../view.ts";

export function doctorPage(view: View, { status, checks }: Diagnosis): Html {
  const rows = checks.map(
    ({ name, status: each, found, needed, mend }) =>
      html`<tr><th scope="row">${name}</th><td><span class="state ${TONES[each]}">${each}</span></td><td>${foreign(found)}${needed === null ? "" : html`<br>Needed: ${foreign(needed)}`}${mend === null ? "" : html`<br>Mend: <code>${foreign(mend)}</code>`}</td></tr>`,
  );
  return page(view, {
    title: "Doctor",
    at: "/doctor",
    body: html`<p class="lead ${TONES[status]}">${SENTENCES[status]}</p>${table("Checks", [head("Check"), head("State"), head("What was found")], rows)}`,
  });
}

const TONES: Readonly<Record<CheckStatus, string>> = { ok: "", warning: "wait", problem: "bad", unknown: "" };

const SENTENCES: Readonly<Record<Diagnosis["status"], string>> = {
  ok: "A run that started now would find everything in order.",
  warning: "A run would get through. Something should be looked at all the same.",
  problem: "Something keeps a run from its work.",
};
