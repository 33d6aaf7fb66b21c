/** Removals, for people. Pure. */

import { instantText, quotedKey, size } from "../../core/documents/numbers.ts";
import type { Removal } from "../../core/ports.ts";
import type { Paint } from "./paint.ts";
import { table } from "./table.ts";

export function removalsTable(removals: readonly Removal[], paint: Paint): string {
  return table(
    ["id", "state", "reason", "size", "since", "key"].map(paint.dim),
    removals.map((removal) => [
      removal.id,
      stateCell(removal, paint),
      removal.reason,
      size(removal.sizeBytes),
      instantText(removal.createdAt),
      quotedKey(removal.key),
    ]),
  );
}

function stateCell({ state, error, releasedBy, attempts }: Removal, paint: Paint): string {
  const why = state === "released" ? releasedBy : state === "failed" || state === "abandoned" ? error : null;
  const painted = state === "failed" || state === "abandoned" ? paint.red(state) : state;
  return [painted, ...(attempts > 1 ? [`${attempts} attempts`] : []), ...(why === null ? [] : [paint.dim(why)])].join(
    "\n",
  );
}

/** One removal in one line, for `explain`. */
export function removalLine(removal: Removal): string {
  const { id, state, reason, runId, createdAt, finishedAt, releasedBy, error, nextAttemptAt } = removal;
  const parts = [`${state}${releasedBy === null ? "" : ` (${releasedBy})`}`, reason, `since ${instantText(createdAt)}`];
  if (finishedAt !== null) parts.push(`ended ${instantText(finishedAt)}`);
  if (error !== null) parts.push(error);
  if (nextAttemptAt !== null) parts.push(`next attempt ${instantText(nextAttemptAt)}`);
  return `${id}: ${parts.join(", ")}, by run ${runId}`;
}
