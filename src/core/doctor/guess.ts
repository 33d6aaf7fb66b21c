/**
 * Why keys of the catalog and keys of the store do not meet: what would have to be done to the text in the key column
 * to make it the key of an object. Pure.
 */

/** One way in which a text of the key column may differ from the key that it means. */
export interface Difference {
  readonly kind:
    | "leading-slash"
    | "strip-prefix"
    | "add-prefix"
    | "url-encoded"
    | "url-decoded"
    | "other-case"
    | "unicode-form"
    | "backslashes"
    | "blanks";
  /** For the two prefixes: which. */
  readonly prefix: string | null;
}

export interface Guess extends Difference {
  /** How many of the unmatched texts it explains. */
  readonly explained: number;
  /** One of them, and the object that it means. */
  readonly example: { readonly text: string; readonly key: string };
}

/** Fewer matches may be chance: one file name occurs under many folders. Where there are fewer texts, all of them. */
const ENOUGH = 3;

/** The part of the unmatched texts, or of the keys that no row names, that a difference has to explain. */
const SHARE = 0.5;

/**
 * The difference that explains most of the texts that no object has for its key; null where none explains enough.
 * @param texts of the key column, as they are read today, without an object
 * @param keys of objects, those that no row names among them
 */
export function guessDifference(texts: readonly string[], keys: Iterable<string>): Guess | null {
  const objects = indexOf(keys);
  const tallies = new Map<string, { guess: Omit<Guess, "explained">; count: number }>();
  for (const text of texts) {
    for (const { difference, key } of differencesOf(text, objects)) {
      const name = JSON.stringify(difference);
      const tally = tallies.get(name) ?? { guess: { ...difference, example: { text, key } }, count: 0 };
      tally.count += 1;
      tallies.set(name, tally);
    }
  }
  const part = Math.ceil(Math.min(texts.length, objects.keys.size) * SHARE);
  const enough = Math.max(Math.min(ENOUGH, texts.length), part);
  const best = [...tallies.values()].reduce<{ guess: Omit<Guess, "explained">; count: number } | null>(
    (most, each) => (each.count >= enough && each.count > (most?.count ?? 0) ? each : most),
    null,
  );
  return best === null ? null : { ...best.guess, explained: best.count };
}

interface Objects {
  readonly keys: ReadonlySet<string>;
  /** By the key in small letters, and in composed form. */
  readonly folded: ReadonlyMap<string, string>;
  readonly composed: ReadonlyMap<string, string>;
  /** By what follows each slash of a key, where only one key ends so. */
  readonly endings: ReadonlyMap<string, string | null>;
}

function indexOf(given: Iterable<string>): Objects {
  const keys = new Set(given);
  const folded = new Map<string, string>();
  const composed = new Map<string, string>();
  const endings = new Map<string, string | null>();
  for (const key of keys) {
    folded.set(key.toLowerCase(), key);
    composed.set(key.normalize("NFC"), key);
    for (const ending of endingsOf(key)) endings.set(ending, endings.has(ending) ? null : key);
  }
  return { keys, folded, composed, endings };
}

/** What follows each slash: `b/c` and `c` of `a/b/c`. */
function endingsOf(text: string): string[] {
  const endings: string[] = [];
  for (let slash = text.indexOf("/"); slash !== -1; slash = text.indexOf("/", slash + 1)) {
    const ending = text.slice(slash + 1);
    if (ending !== "") endings.push(ending);
  }
  return endings;
}

/** The simpler ones first: of two that explain as much, the first counts. Each difference once. */
function differencesOf(text: string, objects: Objects): Candidate[] {
  const longer = objects.endings.get(text);
  const indexed: Candidate[] = [
    ...(typeof longer === "string"
      ? [candidate("add-prefix", longer, longer.slice(0, longer.length - text.length))]
      : []),
    candidate("unicode-form", objects.composed.get(text.normalize("NFC")) ?? text),
    candidate("other-case", objects.folded.get(text.toLowerCase()) ?? text),
  ];
  const found = new Map<string, Candidate>();
  for (const each of [...candidatesOf(text), ...indexed]) {
    const name = JSON.stringify(each.difference);
    if (each.key !== text && objects.keys.has(each.key) && !found.has(name)) found.set(name, each);
  }
  return [...found.values()];
}

export interface Candidate {
  readonly difference: Difference;
  /** The key that the text would mean. */
  readonly key: string;
}

function candidate(kind: Difference["kind"], key: string, prefix: string | null = null): Candidate {
  return { difference: { kind, prefix }, key };
}

/** The keys that a text may mean, as far as it tells them itself: for asking a store that is too large to be listed. */
export function candidatesOf(text: string): Candidate[] {
  const wellFormed = text.toWellFormed();
  return [
    candidate("leading-slash", text.replace(/^\/+/, "")),
    ...endingsOf(text).flatMap((ending) => {
      const prefix = text.slice(0, text.length - ending.length);
      // A slash alone is the difference above.
      return prefix === "/" ? [] : [candidate("strip-prefix", ending, prefix)];
    }),
    candidate("url-encoded", decoded(text) ?? text),
    candidate("url-decoded", encodeURI(wellFormed)),
    candidate("url-decoded", wellFormed.split("/").map(encodeURIComponent).join("/")),
    candidate("backslashes", text.replaceAll("\\", "/")),
    candidate("blanks", text.trim()),
  ].filter(({ key }) => key !== text && key !== "");
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
