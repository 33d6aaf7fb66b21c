/** history: filesweep's own past. What a person released is never forgotten. */
import { count } from "../report.ts";
import { progressOf, type Slice, type SweepEnd } from "../slice.ts";

export async function sweepHistory(slice: Slice): Promise<SweepEnd> {
  if (slice.remover === null) return "completed";
  const { report } = progressOf(slice.entry, "history");
  const before = slice.now - slice.settings.historyMs;
  for (;;) {
    if (slice.budget.spent()) return "deferred";
    const trimmed = await slice.database.ledger.trim(slice.held, before, slice.settings.pageSize);
    count(report, "removed", { count: trimmed, bytes: 0 });
    if (trimmed === 0) return "completed";
  }
}
