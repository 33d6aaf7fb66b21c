/** The settings as an operator may see them: what each is, where that comes from, and no secret. */
import { type Definition, type Input, type SettingsContext, toInput } from "./definition.ts";
import { SECTIONS } from "./table.ts";

export interface ShownSetting {
  readonly name: string;
  /** As it was given, else its default; null where there is neither. A secret is `[redacted]`. */
  readonly value: string | null;
  /** The variable that holds it; null where the default applies. */
  readonly from: string | null;
  readonly secret: boolean;
  readonly help: string;
}

const REDACTED = "[redacted]";

/** Every setting, in the order in which people read them. */
export function showSettings(env: Readonly<Record<string, unknown>>, { runtime }: SettingsContext): ShownSetting[] {
  return SECTIONS.flatMap(({ definitions }) => definitions).map((definition) => {
    const { name, help, secret = false } = definition;
    const from = variableOf(env, definition);
    const input = from === null ? null : toInput(env[from]);
    const standard = definition.requiredOnWorkers && runtime === "workers" ? null : definition.default;
    return { name, value: input === null ? standard : show(definition, input), from, secret, help };
  });
}

function variableOf(
  env: Readonly<Record<string, unknown>>,
  { name, fallbacks = [] }: Definition<unknown>,
): string | null {
  return [name, ...fallbacks].find((variable) => toInput(env[variable]) !== null) ?? null;
}

/** Of what may hold credentials, and is no path, the host is shown at most. */
function show({ secret, mayHoldSecret }: Definition<unknown>, input: Input): string {
  if (secret) return REDACTED;
  if ("data" in input) return JSON.stringify(input.data);
  if (!mayHoldSecret || /^(file:|[./~])/i.test(input.text)) return input.text;
  const [, scheme, host] = /^([a-z][a-z0-9+.-]{0,30}:)(?:\/\/(?:[^@/]*@)?([a-z0-9.:[\]_-]+))?/i.exec(input.text) ?? [];
  if (scheme === undefined) return REDACTED;
  return host === undefined ? `${scheme}…` : `${scheme}//${host}/…`;
}
