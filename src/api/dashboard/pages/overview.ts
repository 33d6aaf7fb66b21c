/** The first page: whether it works, what it reclaimed, what waits for a person. */
import { html } from "hono/html";
import { amount } from "../../../core/documents/numbers.ts";
import { bytesReclaimed } from "../../../core/documents/stats.ts";
import { type Instant, OPEN_STATES, type RemovalState, type Tally } from "../../../core/model.ts";
import type { Activity } from "../../../core/ports.ts";
import { sum } from "../../../core/report.ts";
import type { SweeperStatus } from "../../../core/sweeper.ts";
import type { ServiceSettings } from "../../parts.ts";
import { chart } from "../chart.ts";
import { healthOf } from "../health.ts";
import { page } from "../layout.ts";
import { ago, bytes, type Html, head, numberHead, table, tally, time, to, type View } from "../view.ts";
import { holdBox } from "./holds.ts";
import { runRow, runTable, startButtons } from "./runs.ts";

export interface Overview {
  readonly status: SweeperStatus;
  readonly activity: Activity;
  readonly settings: ServiceSettings;
  readonly nextRunAt: Instant | null;
}

export function overviewPage(view: View, { status, activity, settings, nextRunAt }: Overview): Html {
  const { lastRun, holds, open } = status;
  const { tone, sentence } = healthOf(status, settings, view.now);
  const standing = holds.filter((hold) => hold.status === "open");
  return page(view, {
    title: "Overview",
    at: "",
    live: lastRun?.status === "running" ? "alone" : null,
    body: html`<p class="lead ${tone}" aria-live="polite">${sentence}</p>
<p class="soft">${lastRun === null ? "" : html`Last run ${ago(lastRun.finishedAt ?? lastRun.startedAt, view.now)}. `}${nextRunText(settings, nextRunAt)}</p>
${startButtons(view)}
${standing.map((hold) => holdBox(view, hold))}
${figures(status, activity)}
<h2>Reclaimed in the last 30 days</h2>
${chart(activity, view.now)}
${activity.wholeSince === null ? "" : html`<p class="soft">Made from the newest runs, back to ${time(activity.wholeSince)}: there were too many for all of 30 days.</p>`}
<h2>Open removals</h2>
${openTable(view, open)}
<h2>Last run</h2>
${lastRun === null ? html`<p class="soft">None yet.</p>` : runTable("The last run", [runRow(view, lastRun)])}`,
  });
}

function nextRunText({ enabled }: ServiceSettings, at: Instant | null): Html | string {
  if (!enabled) return "The schedule is off.";
  return at === null ? "The schedule starts the next one." : html`Next run ${time(at)}.`;
}

function figures({ totals, open }: SweeperStatus, { reclaimed, scan, dueNext }: Activity): Html {
  const lately = sum(reclaimed.map(({ removed }) => removed));
  const waiting = sum(OPEN_STATES.map((state) => open[state] ?? NOTHING));
  return html`<dl class="figures">
${figure("Reclaimed in 30 days", lately, `${amount(lately.count)} removed`)}
${figure("Reclaimable", waiting, `${amount(waiting.count)} open removals`)}
${scan === null ? "" : figure("In the store", scan.listed, html`${amount(scan.listed.count)} objects, scanned ${time(scan.at)}`)}
${scan === null ? "" : figure("In the catalog", scan.inCatalog, `${amount(scan.inCatalog.count)} objects that a row protects`)}
${dueNext === null ? "" : figure("Due within 7 days", dueNext, `${amount(dueNext.count)}${dueNext.isMore ? " and more" : ""} files`)}
${figure("Reclaimed ever", { count: totals.cycles, bytes: bytesReclaimed(totals) }, `in ${amount(totals.cycles)} runs`)}
</dl>`;
}

function figure(label: string, { bytes: total }: Tally, note: Html | string): Html {
  return html`<div><dt>${label}</dt><dd><span class="big">${bytes(total)}</span><small>${note}</small></dd></div>`;
}

const NOTHING: Tally = { count: 0, bytes: 0 };

/** What each open state means for a person. */
const MEANINGS: Readonly<Record<(typeof OPEN_STATES)[number], string>> = {
  suspected: "an orphan in quarantine; it goes if a later scan finds it unchanged",
  due: "goes with the next run",
  condemned: "being removed; its key takes no new file until the store has answered",
  failed: "refused by the store; tried again by itself",
  abandoned: "refused ten times; retry or release it",
};

function openTable(view: View, open: SweeperStatus["open"]): Html {
  const rows = OPEN_STATES.filter((state) => (open[state]?.count ?? 0) > 0);
  if (rows.length === 0) return html`<p class="soft">Nothing is open.</p>`;
  return table(
    "Open removals by state",
    [head("State"), numberHead("Objects"), head("What it means")],
    rows.map(
      (state: RemovalState & keyof typeof MEANINGS) =>
        html`<tr><th scope="row"><a href="${to(view, "/removals", { state })}">${state}</a></th><td class="number">${tally(open[state] ?? NOTHING)}</td><td>${MEANINGS[state]}</td></tr>`,
    ),
  );
}
