/** What a run decided for each of the demo's objects, and for each kind of them. Pure. */
import type { Tally } from "../../core/model.ts";
import type { DecisionRecord } from "../../core/slice.ts";
import { FATES, type Fate, KIND_NAMES, KINDS, type KindName } from "./kinds.ts";
import type { SampleObject } from "./sample.ts";

export interface ObjectFate {
  readonly fate: Fate;
  /** Null where the run said nothing of it. */
  readonly reason: DecisionRecord["reason"] | null;
}

/** Objects of one kind of which the run decided the same. One group for a kind, unless something is wrong. */
export interface FateGroup extends ObjectFate {
  readonly kind: KindName;
  readonly objects: readonly SampleObject[];
  readonly tally: Tally;
  /** Whether the rules say so too. */
  readonly expected: boolean;
}

/** The fate of every object, grouped by kind, in the order of {@link FATES} and then of the kinds. */
export function groupFates(sample: readonly SampleObject[], decisions: readonly DecisionRecord[]): FateGroup[] {
  const byKey = groupBy(decisions, ({ key }) => key);
  const fated = sample.map((object) => ({ object, ...fateOf(byKey.get(object.key) ?? []) }));
  const groups = groupBy(fated, ({ object, fate, reason }) => `${object.kind} ${fate} ${reason}`);
  return [...groups.values()].flatMap(toGroup).sort((a, b) => rank(a) - rank(b));
}

function fateOf(decisions: readonly DecisionRecord[]): ObjectFate {
  const said = (verdict: DecisionRecord["verdict"]): DecisionRecord | undefined =>
    decisions.find((decision) => decision.verdict === verdict && !isOfRecord(decision));
  // Of a file's row and of its object something is said each; the row comes first, and knows more.
  const decision = said("remove") ?? said("suspect") ?? said("keep");
  const fate = decision?.verdict === "remove" ? "goes" : decision?.verdict === "suspect" ? "waits" : "stays";
  return { fate, reason: decision?.reason ?? null };
}

/** That a record stays says nothing of its file. */
function isOfRecord({ sweep, verdict }: DecisionRecord): boolean {
  return sweep === "old-records" && verdict === "keep";
}

function toGroup(fated: readonly (ObjectFate & { readonly object: SampleObject })[]): FateGroup[] {
  const [first] = fated;
  if (first === undefined) return [];
  const { fate, reason } = first;
  const { kind } = first.object;
  const objects = fated.map(({ object }) => object);
  const expected = KINDS[kind].fate === fate && KINDS[kind].reason === reason;
  return [{ kind, fate, reason, objects, tally: tallyOf(objects), expected }];
}

function rank({ fate, kind }: FateGroup): number {
  return FATES.indexOf(fate) * KIND_NAMES.length + KIND_NAMES.indexOf(kind);
}

/** Node 20 has no `Map.groupBy`. */
function groupBy<Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** How many, and how many bytes. */
export function tallyOf(files: Iterable<{ readonly sizeBytes: number }>): Tally {
  const tally = { count: 0, bytes: 0 };
  for (const { sizeBytes } of files) {
    tally.count += 1;
    tally.bytes += sizeBytes;
  }
  return tally;
}
