/** The history of runs, and one run: as it goes, and what became of everything that it saw. */
import { html } from "hono/html";
import { WHY } from "../../../core/documents/explanation.ts";
import { amount, counted, duration } from "../../../core/documents/numbers.ts";
import { runSentence } from "../../../core/documents/run-sentence.ts";
import type { KeepReason, RunReport, RunStatus, SweepReport } from "../../../core/model.ts";
import { sum } from "../../../core/report.ts";
import { page } from "../layout.ts";
import {
  action,
  foreign,
  type Html,
  head,
  keyLink,
  numberHead,
  table,
  tally,
  time,
  timeOr,
  to,
  type View,
} from "../view.ts";
import { holdBox } from "./holds.ts";
import { next } from "./next.ts";

export function runsPage(view: View, runs: readonly RunReport[], cursor: string | null): Html {
  const rows = runs.map((run) => runRow(view, run));
  return page(view, {
    title: "Runs",
    at: "/runs",
    live: runs[0]?.status === "running" ? "alone" : null,
    body: html`${startButtons(view)}
${rows.length === 0 ? html`<p class="soft">There is none.</p>` : runTable("Runs", rows)}
${next(view, "/runs", {}, cursor)}`,
  });
}

/** For whoever does not want to wait for the schedule. */
export function startButtons(view: View): Html {
  return html`<div class="row">${action(view, "/runs", "Plan now", { fields: { mode: "plan" }, about: "(decides everything, removes nothing)" })}
${action(view, "/runs", "Run now", { fields: { mode: "remove" }, kind: "main" })}</div>`;
}

export function runTable(caption: string, rows: readonly Html[]): Html {
  return table(caption, [head("Began"), head("Status"), head("What it did"), numberHead("Took")], rows);
}

export function runRow(view: View, run: RunReport): Html {
  return html`<tr><td><a href="${to(view, `/runs/${run.id}`)}">${time(run.startedAt)}</a> <small>${run.mode}, by ${run.trigger}</small></td>
<td>${statusOf(run.status)}</td><td>${runSentence(run)}</td><td class="number">${duration(run.durationMs)}</td></tr>`;
}

const TONES: Partial<Record<RunStatus, "wait" | "bad">> = {
  held: "wait",
  "completed-with-failures": "wait",
  failed: "bad",
};

function statusOf(status: RunStatus): Html {
  return html`<span class="state ${TONES[status] ?? ""}">${status}</span>`;
}

/** @param goOn whether the next slices are asked for while this page is looked at: where nothing else works them off */
export function runPage(view: View, run: RunReport, goOn: boolean): Html {
  const { id, mode, status, trigger, startedAt, finishedAt, durationMs, slices, calls, sweeps, holds } = run;
  const worked = sweeps.filter((sweep) => sweep.status !== "skipped" && sweep.status !== "not-supported");
  return page(view, {
    title: mode === "plan" ? "Plan" : "Run",
    at: "/runs",
    live: status === "running" ? "alone" : goOn && status === "paused" ? "by-script" : null,
    body: html`<p class="lead" aria-live="polite">${statusOf(status)} ${runSentence(run)}</p>
${mode === "plan" ? html`<p class="soft">A plan decides everything and removes nothing: what is counted as removed is what would be.</p>` : ""}
<div class="row">${status === "paused" ? goOnForm(view, run, goOn) : ""}
${finishedAt === null || status === "held" ? action(view, `/runs/${id}/cancel`, "Cancel this run") : ""}
<a class="button" href="${to(view, "/removals", { run: id })}">Its removals</a></div>
${holds.map((hold) => holdBox(view, hold))}
<h2>By sweep</h2>
${worked.length === 0 ? html`<p class="soft">Nothing yet.</p>` : sweepTable(run, worked)}
${asides(sweeps)}
${keptTable(worked)}
${sweeps.map((sweep) => attention(view, sweep))}
<h2>About this run</h2>
<dl class="pairs"><dt>Began</dt><dd>${time(startedAt)}, by ${trigger}</dd><dt>Ended</dt><dd>${timeOr(finishedAt, "not yet")}</dd>
<dt>Worked</dt><dd>${duration(durationMs)}, in ${counted(slices, "slice")}</dd>
<dt>Calls</dt><dd>${amount(calls.database)} to the database, ${amount(calls.storage)} to the store</dd><dt>Id</dt><dd><code>${id}</code></dd></dl>`,
  });
}

/** The script sends it by itself as long as the reader stays. */
function goOnForm(view: View, { id }: RunReport, byItself: boolean): Html {
  const form = action(view, `/runs/${id}/go-on`, "Go on now", { kind: "main" });
  return byItself ? html`<div data-go-on>${form}</div>` : form;
}

function sweepTable({ mode }: RunReport, sweeps: readonly SweepReport[]): Html {
  const heads = [
    "Seen",
    mode === "plan" ? "Would remove" : "Removed",
    "From before",
    "Suspected",
    "Kept",
    "Left",
    "Failed",
  ];
  return table(
    "What became of what was seen, by sweep",
    [head("Sweep"), ...heads.map(numberHead)],
    sweeps.map((sweep) => {
      const { name, status, seen, removed, carriedOver, suspected, deferred, failed } = sweep;
      const cells = [seen, removed, carriedOver, suspected, sum(Object.values(sweep.kept)), deferred, failed];
      return html`<tr><th scope="row">${name}${status === "completed" ? "" : html` <small>${status}</small>`}</th>${cells.map((cell) => html`<td class="number">${tally(cell)}</td>`)}</tr>`;
    }),
  );
}

/** Sweeps that have no line in the table. */
function asides(sweeps: readonly SweepReport[]): Html[] {
  return (["skipped", "not-supported"] as const).flatMap((status) => {
    const names = sweeps.filter((sweep) => sweep.status === status).map(({ name }) => name);
    const label = status === "skipped" ? "Not due in this run" : "Not supported by this store";
    return names.length === 0 ? [] : [html`<p class="soft">${label}: ${names.join(", ")}.</p>`];
  });
}

function keptTable(sweeps: readonly SweepReport[]): Html | string {
  const rows = sweeps.flatMap(({ name, kept }) =>
    Object.entries(kept)
      .filter(([, { count }]) => count > 0)
      .sort(([, one], [, other]) => other.count - one.count)
      .map(
        ([reason, kind]) =>
          html`<tr><th scope="row">${reason}</th><td>${name}</td><td class="number">${tally(kind)}</td><td>${WHY[reason as KeepReason] ?? ""}</td></tr>`,
      ),
  );
  if (rows.length === 0) return "";
  return html`<h2>Kept, and why</h2>${table("What was kept, by reason", [head("Reason"), head("Sweep"), numberHead("Kept"), head("What it means")], rows)}`;
}

function attention(view: View, { name, error, sample = [] }: SweepReport): Html {
  return html`${error === undefined ? "" : html`<p class="box bad">${name} failed: ${foreign(error)}</p>`}
${sample.length === 0 ? "" : html`<h2>Rows without an object, for example</h2><ul class="plain">${sample.map((key) => html`<li>${keyLink(view, key)}</li>`)}</ul>`}`;
}
