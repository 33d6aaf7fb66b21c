/** A hold as a person reads it: what is wrong, what was seen, and the two commands that end it. Pure. */

import { counted, instantText, quotedKey, size } from "../../core/documents/numbers.ts";
import type { Hold, HoldSample } from "../../core/model.ts";
import type { Paint } from "./paint.ts";

/** How many things are shown one by one: of one kind, and of each of several. */
const SHOWN = 5;
const SHOWN_OF_EACH = 3;

/** @param wouldGo what the run would remove, in words: for a hold of the whole run, which counts nothing itself */
export function holdText(hold: Hold, wouldGo: string, paint: Paint): string {
  return [
    paint.yellow(`${holdTitle(hold)}: ${hold.detail}.`),
    ...seenLines(hold, wouldGo, paint),
    ...endings(hold, paint),
  ]
    .map((line, index) => (index === 0 ? line : `  ${line}`))
    .join("\n");
}

/** `Held (too-many-orphans, orphaned-objects)`. */
export function holdTitle({ cause, sweep, status }: Hold): string {
  const what = sweep === null ? cause : `${cause}, ${sweep}`;
  const silenced = status === "cancelled" ? ", silenced" : "";
  return `${status === "approved" ? "Approved" : "Held"} (${what}${silenced})`;
}

/** The commands that end a hold, each with what it does. */
export function endings({ id, status }: Hold, paint: Paint): string[] {
  const approve = `filesweep approve ${id}   ${paint.dim("lets through what it shows; then run again")}`;
  if (status === "approved") return [];
  if (status === "cancelled") return [approve];
  return [approve, `filesweep cancel ${id}    ${paint.dim("silences it; it stays held")}`];
}

function seenLines({ count, bytes, asOf, sample }: Hold, wouldGo: string, paint: Paint): string[] {
  if (count === 0) {
    return [
      wouldGo === ""
        ? "Nothing would go."
        : `${wouldGo} would go. ${paint.dim("filesweep run --plan --list shows each of them.")}`,
    ];
  }
  const shown = someOfEach(sample);
  const more = count - shown.length;
  return [
    `Seen ${instantText(asOf)}: ${counted(count, "item")} (${size(bytes)})${sample.length === 0 ? "" : ", such as"}`,
    ...shown.map((item) => `  ${sampleText(item)}`),
    ...(more > 0 && sample.length > 0 ? [paint.dim(`  and ${counted(more, "more", "more")}`)] : []),
  ];
}

/** The first of each kind, kind by kind: many of one do not hide the others. */
function someOfEach(sample: readonly HoldSample[]): HoldSample[] {
  const kinds = [...new Set(sample.map(({ reason }) => reason))];
  const most = kinds.length === 1 ? SHOWN : SHOWN_OF_EACH;
  return kinds.flatMap((kind) => sample.filter(({ reason }) => reason === kind).slice(0, most));
}

function sampleText({ key, bytes, reason, mayGoAt }: HoldSample): string {
  const when = mayGoAt === null ? "once approved" : `not before ${instantText(mayGoAt)}`;
  return `${quotedKey(key)} (${size(bytes)}): ${reason}, may go ${when}`;
}
