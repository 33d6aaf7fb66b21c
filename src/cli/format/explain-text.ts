/** What `explain` shows. Pure. */
import { isKnown, WHY } from "../../core/documents/explanation.ts";
import { instantText, quotedKey, size } from "../../core/documents/numbers.ts";
import type { Explained, Explanation } from "../../core/explain.ts";
import type { Paint } from "./paint.ts";
import { removalLine } from "./removal-text.ts";

/** An explanation for people, ending in a newline. */
export function explanationText(explanation: Explanation, paint: Paint): string {
  const { key, invalidKey, files, decisions, removals, gateUntil } = explanation;
  const name = quotedKey(key);
  if (!isKnown(explanation)) {
    const invalid = invalidKey === null ? "" : ` No object of this store can have that key: ${invalidKey}.`;
    return `Nothing is known of ${paint.bold(name)}: no object, no row and no removal has that key, and no row has that id.${invalid}\n`;
  }
  const lines = [
    paint.bold(name),
    `Object:  ${objectText(explanation)}`,
    ...decided(decisions, paint),
    ...files.flatMap((file) => [`Row:     ${quotedKey(file.id)}, ${file.status}`, ...decided(file.decisions, paint)]),
    ...(files.length === 0 ? ["Row:     none names it"] : []),
    ...removals.map((removal) => `Removal: ${removalLine(removal)}`),
    ...(gateUntil === undefined ? [] : [`Gate:    closed ${gateText(gateUntil)}; no new row may name the key`]),
  ];
  return `${lines.join("\n")}\n`;
}

function objectText({ object, invalidKey }: Explanation): string {
  if (invalidKey !== null) return `none; no object of this store can have that key: ${invalidKey}`;
  if (object === null) return "none in the store";
  const { sizeBytes, modifiedAt } = object;
  return `${size(sizeBytes)}, ${modifiedAt === null ? "of unknown age" : `modified ${instantText(modifiedAt)}`}`;
}

function gateText(until: number | null): string {
  return until === null ? "until the delete that is under way is answered" : `until ${instantText(until)}`;
}

function decided(decisions: readonly Explained[], paint: Paint): string[] {
  return decisions.map(({ sweep, decision: { verdict, reason } }) => {
    const word = verdict === "remove" ? paint.red(verdict) : verdict === "suspect" ? paint.yellow(verdict) : verdict;
    return `         ${sweep}: ${word} (${reason}) ${paint.dim(WHY[reason])}`;
  });
}
