/** What a row of the settings table is made of. The rows are in `service-table.ts`, `cleanup-table.ts`, `catalog-table.ts`. */

/** Where filesweep runs. */
export type Runtime = "node" | "deno" | "workers";

/** What a value's meaning may depend on, besides the value. */
export interface SettingsContext {
  readonly runtime: Runtime;
  /** False where the environment's names cannot be listed (Deno under `--allow-env=A,B`): unknown names stay unseen. True unless said. */
  readonly listable?: boolean;
  /** Whether a bucket is bound to this Worker under a name. Not asked where it is absent. */
  readonly hasBucket?: (binding: string) => boolean;
}

/** A value that is set: text (numbers and booleans too, as their text), or a list or object (a Worker's typed variable). */
export type Input = { readonly text: string } | { readonly data: object };

/** A parser's answer. A `reason` says what is wrong where "allowed: …" alone would not; of a secret it never holds a part. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason?: string };

/** A kind of value: what is allowed, said for a person, and how it is read. */
export interface Kind<T> {
  readonly allowed: string;
  readonly parse: (input: Input, context: SettingsContext) => Parsed<T>;
  /** The unit of the number that is given, where there is one. */
  readonly unit?: string;
}

/** One setting. */
export interface Definition<T, D extends string | null = string | null> {
  /** The environment variable. */
  readonly name: string;
  readonly kind: Kind<T>;
  /** The default, written as a person would set it. Null: none, or one that other settings decide. */
  readonly default: D;
  /** Where the default is not one text: what it is, for people. */
  readonly defaultNote?: string;
  /** In a Worker the default does not apply, and the setting is required. */
  readonly requiredOnWorkers?: true;
  /** One line for people. */
  readonly help: string;
  /** The value is never shown. */
  readonly secret?: true;
  /** The value may hold credentials (`scheme://user:password@…`): of what is no `file:` path only the scheme is shown. */
  readonly mayHoldSecret?: true;
  /** Other variables that are read where this one is not set. */
  readonly fallbacks?: readonly string[];
  /** The fall-backs belong to other tools: they are read only where needed, and never an error by being there. */
  readonly ambientFallbacks?: true;
}

/** A titled part of the table. */
export interface Section {
  readonly title: string;
  readonly definitions: readonly Definition<unknown>[];
}

/** Makes a row of the table; exists so that the type of its value and of its default are inferred. */
export function setting<T, D extends string | null>(
  name: string,
  row: Omit<Definition<T, D>, "name">,
): Definition<T, D> {
  return { name, ...row };
}

export function accept<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function refuse(reason?: string): { readonly ok: false; readonly reason?: string } {
  return reason === undefined ? { ok: false } : { ok: false, reason };
}

/** A value of the environment as {@link Input}, or null where it is not set: absent, null, or the empty string. */
export function toInput(value: unknown): Input | null {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "object") return { data: value };
  return { text: typeof value === "function" ? "function" : String(value) };
}

const SHOWN_LENGTH = 80;

/** `text` in quotes, without control characters, and not longer than a line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text);
}

/** What was given, for a person; null where that would tell a secret. */
export function describeGiven(definition: Definition<unknown>, input: Input): string | null {
  if (definition.secret) return null;
  if ("data" in input) return Array.isArray(input.data) ? "a list" : "an object";
  if (!definition.mayHoldSecret || /^(file:|[./~])/i.test(input.text)) return quote(input.text);
  const scheme = /^[a-z][a-z0-9+.-]{0,30}:/i.exec(input.text)?.[0];
  return scheme === undefined ? null : quote(`${scheme}…`);
}
