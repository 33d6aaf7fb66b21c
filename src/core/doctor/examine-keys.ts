/** Whether the keys of the table are those of the store: some rows are looked up, some objects are looked for. */
import { isIgnored, isPlainText } from "../keys.ts";
import type { StoreView } from "../opening.ts";
import type { FileRow, ListedObject, Store, Survey } from "../ports.ts";
import type { RunSettings } from "../settings.ts";
import type { Check } from "./check.ts";
import { candidatesOf, type Guess, guessDifference } from "./guess.ts";
import { judgeKeys } from "./judge-catalog.ts";

/** What was seen of the store. */
export interface StoreLook {
  readonly view: StoreView;
  /** The first page of the listing, without what no sweep looks at. */
  readonly objects: readonly ListedObject[];
}

/** Live rows whose object is looked up, one call each, unless the listing's first page shows it; in a Worker fewer. */
const LOOKED_UP = 100;
/** Rows without an object whose other meanings are looked up too. */
const GUESSED = 5;

export async function examineKeys(
  parts: { readonly store: Store; readonly settings: Pick<RunSettings, "ignorePrefixes" | "maxCalls"> },
  survey: Survey,
  look: StoreLook,
  files: readonly FileRow[],
): Promise<Check> {
  const { store, settings } = parts;
  const listed = new Set(look.objects.map(({ key }) => key));
  const invalidKey = (key: string): string | null => store.invalidKey(key);
  const named = files.flatMap(({ key }) => (typeof key === "string" && isPlainText(key) ? [key] : []));
  const sampled = named.slice(0, Math.min(LOOKED_UP, Math.ceil((settings.maxCalls ?? Number.POSITIVE_INFINITY) / 4)));
  const exists = async (key: string): Promise<boolean> =>
    listed.has(key) || (invalidKey(key) === null && (await store.head(key)) !== null);
  const withoutObject: string[] = [];
  for (const key of sampled) {
    if (!isIgnored(key, settings.ignorePrefixes) && !(await exists(key))) withoutObject.push(key);
  }
  const compared = [...listed].filter(isPlainText);
  const unnamed = await survey.unnamed(compared);
  return judgeKeys({
    storeIsEmpty: look.view.isEmpty,
    unreadable: files.length - named.length,
    rows: sampled.length,
    withoutObject,
    objects: compared.length,
    unnamed: [...unnamed],
    guess: await guess(withoutObject, unnamed, exists),
  });
}

/** What the listing's first page does not show is asked for by name. */
async function guess(
  withoutObject: readonly string[],
  unnamed: ReadonlySet<string>,
  exists: (key: string) => Promise<boolean>,
): Promise<Guess | null> {
  const keys = new Set(unnamed);
  for (const text of withoutObject.slice(0, GUESSED)) {
    for (const { key } of candidatesOf(text)) if (isPlainText(key) && (await exists(key))) keys.add(key);
  }
  return guessDifference(withoutObject, keys);
}
