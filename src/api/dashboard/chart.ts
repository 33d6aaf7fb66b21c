/** What was reclaimed, day by day: bars by kind, and the same as a table. */
import { html } from "hono/html";
import { amount, size } from "../../core/documents/numbers.ts";
import { iso } from "../../core/documents/run.ts";
import type { SweepName } from "../../core/model.ts";
import type { Activity } from "../../core/ports.ts";
import { DAY_MS } from "../../core/safety.ts";
import { ACTIVITY_MS } from "../../core/sweeper.ts";
import { bytes, type Html, head, numberHead, table } from "./view.ts";

const DAYS = ACTIVITY_MS / DAY_MS;

/** The kinds that are shown, from the bottom of a bar upwards. */
const KINDS = [
  ["expired-files", "expired files"],
  ["orphaned-objects", "orphaned objects"],
  ["old-records", "old records"],
  ["stale-uploads", "stale uploads"],
] as const satisfies readonly (readonly [SweepName, string])[];

interface Day {
  readonly day: string;
  /** By kind, in the order of {@link KINDS}. */
  readonly values: readonly number[];
}

/** Bars of bytes; of counts where no size is known. */
export function chart({ reclaimed }: Pick<Activity, "reclaimed">, now: number): Html {
  const total = reclaimed.reduce((sum, { removed }) => sum + removed.bytes, 0);
  const unit = total > 0 ? "bytes" : "count";
  const say = unit === "bytes" ? size : amount;
  const days = daysUpTo(now).map(
    (day): Day => ({
      day,
      values: KINDS.map(([kind]) => reclaimed.find((one) => one.day === day && one.sweep === kind)?.removed[unit] ?? 0),
    }),
  );
  const highest = Math.max(...days.map(({ values }) => sum(values)));
  if (highest === 0) return html`<p class="soft">Nothing was removed in the last ${DAYS} days.</p>`;
  const busy = days.filter(({ values }) => sum(values) > 0);
  return html`<svg class="chart" viewBox="0 0 ${DAYS * 10} 100" preserveAspectRatio="none" role="img" aria-label="Reclaimed in each of the last ${DAYS} days, at most ${say(highest)} in one. The table below has the figures.">
${days.map((day, index) => bar(day, index, highest, say))}</svg>
<p class="axis"><span>${days[0]?.day ?? ""}</span><span>at most ${say(highest)} a day</span><span>today</span></p>
<ul class="legend">${KINDS.map(([, label], kind) => legend(label, kind, sum(days.map(({ values }) => values[kind] ?? 0)), say))}</ul>
<details><summary>The days as a table</summary>${table(
    "Reclaimed by day and kind",
    [head("Day (UTC)"), ...KINDS.map(([, label]) => numberHead(label))],
    busy.map(
      ({ day, values }) =>
        html`<tr><th scope="row">${day}</th>${values.map((value) => html`<td class="number">${value === 0 ? "–" : unit === "bytes" ? bytes(value) : amount(value)}</td>`)}</tr>`,
    ),
  )}</details>`;
}

function daysUpTo(now: number): string[] {
  return Array.from({ length: DAYS }, (_, index) => iso(now - (DAYS - 1 - index) * DAY_MS).slice(0, 10));
}

function bar({ day, values }: Day, index: number, highest: number, say: (value: number) => string): Html {
  let below = 0;
  const parts = values.map((value, kind) => {
    const height = (value / highest) * 100;
    below += height;
    return height === 0
      ? ""
      : html`<rect class="k${kind + 1}" x="${index * 10 + 1}" width="8" y="${(100 - below).toFixed(2)}" height="${height.toFixed(2)}"/>`;
  });
  return html`<g><title>${day}: ${say(sum(values))}</title>${parts}</g>`;
}

function legend(label: string, kind: number, total: number, say: (value: number) => string): Html | string {
  return total === 0 ? "" : html`<li><i class="k${kind + 1}"></i>${say(total)} ${label}</li>`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
