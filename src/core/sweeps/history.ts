/** history: filesweep's own past. What a person released is never forgotten. */
import { count } from "../report.ts";
import { progressOf, type Slice, type SweepEnd } from "../slice.ts";

export async function sweepHistory(slice: Slice): Promise<SweepEnd> {
  if (slice.remover === null) return "completed";
  const trimmed = await slice.database.ledger.trim(slice.held, slice.now - slice.settings.historyMs);
  count(progressOf(slice.entry, "history").report, "removed", { count: trimmed, bytes: 0 });
  return "completed";
}
