/** What the application believes: which of its files are complete, so that the bytes under their keys must be there. */
import { protects } from "./rules.ts";
import { quote, type Stage } from "./stage.ts";
import type { Table } from "./table.ts";
import type { Pending } from "./uploads.ts";

/** What names a key, whose bytes must be there. */
export interface Reachable {
  readonly id: string;
  readonly key: string;
}

export class Belief {
  readonly #stage: Stage;
  readonly #table: Table;
  /** Rows and references whose bytes are there, as far as the application knows. */
  readonly #complete = new Set<string>();
  /** Objects that lie with a protected one, and were there when it was, with its key. */
  readonly #derived = new Map<string, string>();
  /** In which step somebody other than filesweep last took the bytes of a key away. */
  readonly #takenIn = new Map<string, number>();

  constructor(stage: Stage, table: Table) {
    this.#stage = stage;
    this.#table = table;
  }

  isComplete(id: string): boolean {
    return this.#complete.has(id);
  }

  complete(id: string): void {
    this.#complete.add(id);
  }

  incomplete(id: string): void {
    this.#complete.delete(id);
  }

  /** The bytes of what `id` names are there, unless they were taken meanwhile; so is what lay with them. */
  isNamed(id: string, { key, derived, turn }: Pending): void {
    if (!this.#isTakenSince(key, turn)) this.complete(id);
    for (const other of derived) if (!this.#isTakenSince(other, turn)) this.#derived.set(other, key);
  }

  #isTakenSince(key: string, turn: number): boolean {
    return (this.#takenIn.get(key) ?? 0) > turn;
  }

  /** What lies with a file was put. */
  putDerived(key: string, base: string): void {
    if (this.#table.protectedKeys().has(base)) this.#derived.set(key, base);
  }

  /** Somebody other than filesweep took the bytes away. */
  taken(key: string, turn: number): void {
    this.#takenIn.set(key, turn);
    this.#derived.delete(key);
    for (const [id, named] of this.#names()) if (named === key) this.incomplete(id);
  }

  /** The database was put back: rows may be back whose bytes are gone. */
  restored(): void {
    const { store } = this.#stage;
    for (const [id, key] of this.#names()) if (!store.has(key)) this.incomplete(id);
    for (const key of this.#derived.keys()) if (!store.has(key)) this.#derived.delete(key);
  }

  #names(): (readonly [id: string, key: string])[] {
    const { rows, references } = this.#table.content;
    return [...[...rows.values()].map(({ id, key }) => [id, key] as const), ...references];
  }

  /** What is protected, and whose bytes are there. */
  reachable(): Reachable[] {
    const { rows, references } = this.#table.content;
    const kept = this.#table.protectedKeys();
    // What lies with a key goes with it, and is made anew if that is.
    for (const [key, base] of this.#derived) if (!kept.has(base)) this.#derived.delete(key);
    return [
      ...[...rows.values()].filter((row) => protects(row) && this.isComplete(row.id)),
      ...[...references].flatMap(([id, key]) => (this.isComplete(id) ? [{ id, key }] : [])),
      ...[...this.#derived].map(([key, base]) => ({ id: `what lies with ${quote(base)}`, key })),
    ];
  }
}
