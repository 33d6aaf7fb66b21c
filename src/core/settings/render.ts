import type { Definition } from "./definition.ts";
import { SECTIONS } from "./table.ts";

/** For which file: `.env.example` (Node, Deno), or `.dev.vars.example` (`wrangler dev`). */
export type ExampleFor = "env" | "dev-vars";

const HEADERS: Readonly<Record<ExampleFor, readonly string[]>> = {
  env: [
    "# Settings of filesweep, each with its default. Copy to .env, uncomment what you change, and start with",
    "# filesweep --env-file .env. What the environment itself holds wins over this file. A value with a # needs quotes.",
  ],
  "dev-vars": [
    "# Settings of filesweep for wrangler dev, each with its default. Copy to .dev.vars and uncomment what you change.",
    "# Deployed: [vars] in wrangler.toml, and `wrangler secret put NAME` for what is marked secret. A value with a # needs quotes.",
  ],
};

/** The text of `.env.example` or `.dev.vars.example`: every setting, commented out. Made from the table, ends in a newline. */
export function renderEnvExample(target: ExampleFor): string {
  const lines = [...HEADERS[target]];
  for (const section of SECTIONS) {
    lines.push("", `# ---- ${section.title}`);
    for (const definition of section.definitions) lines.push("", ...example(definition, target));
  }
  return `${lines.join("\n")}\n`;
}

function example(definition: Definition<unknown>, target: ExampleFor): string[] {
  const required = target === "dev-vars" && definition.requiredOnWorkers === true;
  const lines = [`# ${definition.help}`, `# Allowed: ${definition.kind.allowed}.`];
  if (definition.defaultNote !== undefined) lines.push(`# Default: ${definition.defaultNote}.`);
  if (required) lines.push("# Required: a Worker has no default for it.");
  if (definition.fallbacks !== undefined) lines.push(`# Falls back to ${definition.fallbacks.join(", ")}.`);
  if (definition.secret) lines.push("# Secret.");
  return [...lines, `#${definition.name}=${required ? "" : quoted(definition.default ?? "")}`];
}

/** As a dotenv file wants it: quoted where it holds more than a plain word. */
function quoted(value: string): string {
  return /^[\w./:,-]*$/.test(value) ? value : `'${value}'`;
}

/** The settings as Markdown tables, one per section, for the README. Ends in a newline. */
export function renderSettingsTable(): string {
  const parts = SECTIONS.map((section) =>
    [
      `### ${section.title}`,
      "",
      "| setting | default | allowed | |",
      "|---|---|---|---|",
      ...section.definitions.map(tableRow),
      "",
    ].join("\n"),
  );
  return parts.join("\n");
}

function tableRow(definition: Definition<unknown>): string {
  const { name, kind, fallbacks } = definition;
  const help = definition.secret ? `${definition.help} Secret.` : definition.help;
  const fallback = fallbacks === undefined ? "" : ` Falls back to ${fallbacks.map((one) => `\`${one}\``).join(", ")}.`;
  const standard = definition.default === null ? (definition.defaultNote ?? "") : `\`${definition.default}\``;
  const cells = [`\`${name}\``, standard, kind.allowed, `${help}${fallback}`];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
}
