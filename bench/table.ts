/** The results as Markdown tables that are aligned on a terminal too. */
import { cpus, totalmem } from "node:os";
import process from "node:process";
import { type Check, count, label, times } from "./limits.ts";
import type { Measured } from "./measure.ts";

const MIB = 2 ** 20;

export function renderReport(results: readonly Measured[], checks: readonly Check[]): string {
  const timed = results.filter(({ measures }) => measures === "time");
  const metered = results.filter(({ measures }) => measures === "meter");
  return [machine(), timesTable(timed), costTable(timed), workTable(metered), limitsTable(checks)]
    .filter((part) => part !== "")
    .join("\n\n");
}

export function machine(): string {
  const cores = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `Node ${process.versions.node}, ${cores.length} cores (${cores[0]?.model ?? "unknown"}), ${memory} GiB, ${process.platform}`;
}

function timesTable(results: readonly Measured[]): string {
  const beside = (mine: number, theirs = Number.NaN): string => `${seconds(theirs)} (${times(mine / theirs)})`;
  return table(
    ["", "filesweep", "Node's loop", "find … -delete", "one query, one delete per file"],
    results.flatMap((result) =>
      result.filesweep === undefined
        ? []
        : [
            [
              label(result),
              seconds(result.filesweep.seconds),
              ...[result.nodeSeconds, result.findSeconds, result.naiveSeconds].map((theirs) =>
                beside(result.filesweep?.seconds ?? 0, theirs),
              ),
            ],
          ],
    ),
  );
}

/** Calls of the whole run, what it costs once included. */
function costTable(results: readonly Measured[]): string {
  return table(
    ["", "removed", "database calls", "lists", "deletes", "ms per 1,000", "peak memory"],
    results.flatMap(({ filesweep, ...result }) =>
      filesweep === undefined
        ? []
        : [
            [
              label(result),
              count(result.removable),
              count(filesweep.calls.database),
              count(filesweep.calls.list),
              count(filesweep.calls.delete),
              ((filesweep.seconds / result.objects) * 1e6).toFixed(1),
              `${(filesweep.peakBytes / MIB).toFixed(0)} MiB`,
            ],
          ],
    ),
  );
}

function workTable(results: readonly Measured[]): string {
  return table(
    ["", "live rows beside them", "SQLite steps per file"],
    results.map((result) => [
      label(result),
      count(result.otherRows),
      ((result.steps ?? Number.NaN) / result.objects).toFixed(0),
    ]),
  );
}

function limitsTable(checks: readonly Check[]): string {
  return table(
    ["contract", "measured", "limit", ""],
    checks.map(({ what, measured, limit, ok }) => [what, measured, limit, ok ? "ok" : "OVER"]),
  );
}

const seconds = (value: number): string => `${value.toFixed(2)} s`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => pad(cells[column] ?? "", width, column)).join(" | ")} |`;
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
