import { type Definition, describeGiven, type Input, type SettingsContext, toInput } from "./definition.ts";
import { nearest } from "./nearest.ts";
import { SETTING_NAMES } from "./table.ts";

/** One thing that is wrong with the environment. `message` is whole without the other fields and holds no secret. */
export interface SettingProblem {
  /** The variable as it is named in the environment. */
  readonly variable: string;
  /** `missing`: it has to be set. `conflict`: it does not go with another one. */
  readonly code: "invalid" | "unknown" | "missing" | "conflict";
  /** What was given, for people; null where nothing was, or where it is a secret. */
  readonly given: string | null;
  readonly allowed: string | null;
  readonly message: string;
}

/** Reads settings one by one and collects what is wrong; a wrong one yields its default, so that reading goes on. */
export interface Reader {
  readonly context: SettingsContext;
  readonly problems: SettingProblem[];
  /** Whether the setting is given, under its own name or a fall-back that is not another tool's. */
  isSet(definition: Definition<unknown>): boolean;
  /** The setting's value, or its default. */
  read<T>(definition: Definition<T, string>, options?: ReadOptions): T;
  read<T>(definition: Definition<T>, options?: ReadOptions): T | null;
  /** Notes that `definition`, as given, does not go with something else. `message` goes on after its name. */
  conflict(definition: Definition<unknown>, message: string): void;
}

export interface ReadOptions {
  /** Reads other tools' variables too. */
  readonly ambient?: boolean;
}

interface Found {
  readonly variable: string;
  readonly input: Input;
}

function sameText(a: Found, b: Found): boolean {
  return "text" in a.input && "text" in b.input && a.input.text === b.input.text;
}

export function makeReader(env: Readonly<Record<string, unknown>>, context: SettingsContext): Reader {
  const problems: SettingProblem[] = [];

  /** What is given, the setting's own name first. */
  function find(definition: Definition<unknown>, ambient: boolean): Found[] {
    const names = [definition.name];
    if (ambient || !definition.ambientFallbacks) names.push(...(definition.fallbacks ?? []));
    const found: Found[] = [];
    for (const variable of names) {
      const input = toInput(env[variable]);
      if (input !== null) found.push({ variable, input });
    }
    return found;
  }

  function read<T>(definition: Definition<T, string>, options?: ReadOptions): T;
  function read<T>(definition: Definition<T>, options?: ReadOptions): T | null;
  function read<T>(definition: Definition<T>, options: ReadOptions = {}): T | null {
    const [found, second] = find(definition, options.ambient === true);
    // Other tools' variables give way in silence; a fall-back that is our own documented name may not contradict.
    if (found !== undefined && second !== undefined && !definition.ambientFallbacks && !sameText(found, second)) {
      problems.push(contradiction(found.variable, second.variable));
    }
    if (found === undefined) {
      if (definition.requiredOnWorkers && context.runtime === "workers") problems.push(missing(definition));
    } else {
      const parsed = definition.kind.parse(found.input, context);
      if (parsed.ok) return parsed.value;
      problems.push(invalid(definition, found, parsed.reason));
    }
    return defaultOf(definition);
  }

  return {
    context,
    problems,
    isSet: (definition) => find(definition, false).length > 0,
    read,
    conflict(definition, message) {
      const { name: variable } = definition;
      problems.push({ variable, code: "conflict", given: null, allowed: null, message: `${variable} ${message}` });
    },
  };
}

/** The default's value. It is read as on a server, whose defaults the table holds. */
function defaultOf<T>(definition: Definition<T>): T | null {
  if (definition.default === null) return null;
  const parsed = definition.kind.parse({ text: definition.default }, { runtime: "node" });
  return parsed.ok ? parsed.value : null; // a test reads every default of the table: it always is ok
}

function invalid(definition: Definition<unknown>, found: Found, reason: string | undefined): SettingProblem {
  const { variable, input } = found;
  const { allowed } = definition.kind;
  const given = describeGiven(definition, input);
  const why = reason === undefined ? "" : `: ${reason}`;
  const message = `${variable} ${given === null ? "is not usable (its value is not shown)" : `is ${given}`}${why}; allowed: ${allowed}`;
  return { variable, code: "invalid", given, allowed, message };
}

function missing(definition: Definition<unknown>): SettingProblem {
  const { name: variable, kind } = definition;
  const message = `${variable} is not set, and a Worker has no default for it; allowed: ${kind.allowed}`;
  return { variable, code: "missing", given: null, allowed: kind.allowed, message };
}

function contradiction(variable: string, other: string): SettingProblem {
  const message = `${variable} and ${other} are both set, and differ; remove one of them`;
  return { variable, code: "conflict", given: null, allowed: null, message };
}

const OURS = /^(cleanup|catalog)_/i;

/** A Worker's binding (a bucket, a queue) is no setting, whatever it is named. TOML tables are plain data. */
function isBinding(value: unknown): boolean {
  if (typeof value === "function") return true;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null;
}

/** The variables that are named like settings and are none. Their values are not looked at: they may be anything. */
export function unknownSettings(env: Readonly<Record<string, unknown>>): SettingProblem[] {
  const problems: SettingProblem[] = [];
  for (const variable of Object.keys(env).sort()) {
    const value = env[variable];
    if (!OURS.test(variable) || SETTING_NAMES.includes(variable) || toInput(value) === null || isBinding(value))
      continue;
    const prefix = /^[a-z]+_/i.exec(variable)?.[0].toUpperCase() ?? "";
    const meant = nearest(
      variable,
      SETTING_NAMES.filter((name) => name.startsWith(prefix)),
    );
    const message = `${variable} is not a setting; did you mean ${meant}?`;
    problems.push({ variable, code: "unknown", given: null, allowed: meant, message });
  }
  return problems;
}
