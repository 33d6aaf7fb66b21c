import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { SweepError } from "../core/errors.ts";

/**
 * The variables in the text of a dotenv file. Values are read by the runtime's own `util.parseEnv` (Node 20.12, Deno 2),
 * one entry at a time: over several it skips or merges in silence what it does not understand, and the two runtimes
 * differ (Deno 2.9 reads `A= ` and `B=2` below it as A="B=2"). With a delete key at stake that is an error here: a line
 * that is no `NAME=value` (a lost `CLEANUP_MODE plan`), a quote that is not closed, and an unquoted `#` that would cut
 * a value short (`file:./a#b` would name another folder).
 *
 * @param name the file, for messages. They give the line's number and never its text, which may be a secret.
 * @throws SweepError `invalid` with every such line.
 */
export function parseEnvFile(text: string, name: string): Record<string, string> {
  const variables: Record<string, string> = {};
  const problems: string[] = [];
  let rest = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  for (let line = 1; rest !== ""; ) {
    const entry = firstEntry(rest);
    if (entry.problem !== undefined) problems.push(`- line ${line}: ${entry.problem}`);
    else if (entry.variable !== undefined) variables[entry.variable] = entry.value;
    line += rest.slice(0, entry.length).split("\n").length - 1;
    rest = rest.slice(entry.length);
  }
  if (problems.length > 0) throw new SweepError("invalid", [`${name} cannot be understood:`, ...problems].join("\n"));
  return variables;
}

/** What the first line holds, or the lines that its quoted value spans: a variable, a problem, or nothing. */
type Entry = { readonly length: number } & (
  | { readonly problem: string; readonly variable?: undefined }
  | { readonly problem?: undefined; readonly variable: string; readonly value: string }
  | { readonly problem?: undefined; readonly variable?: undefined }
);

function lengthOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end + 1;
}

function firstEntry(text: string): Entry {
  const length = lengthOfLine(text, 0);
  const line = text.slice(0, length).trim();
  if (line === "" || line.startsWith("#")) return { length };
  const [, indent, variable, blanks] = /^(\s*(?:export[ \t]+)?)([A-Za-z_]\w*)([ \t]*=[ \t]*)/.exec(text) ?? [];
  if (indent === undefined || variable === undefined || blanks === undefined) {
    return { length, problem: "it is not of the form NAME=value" };
  }
  const start = indent.length + variable.length + blanks.length;
  const valueLength = /["'`]/.test(text[start] ?? "")
    ? quotedLength(text.slice(start))
    : plainLength(line, start, length);
  if (typeof valueLength === "string") return { length, problem: valueLength };
  const end = start + valueLength;
  const value = parseEnv(`${variable}=${text.slice(start, end).trim()}`)[variable] ?? "";
  return { length: end, variable, value };
}

/** How much of `text`, from the quote it begins with to the end of the line where the value ends; or what is wrong. */
function quotedLength(text: string): number | string {
  const close = text.indexOf(text[0] ?? "", 1);
  if (close === -1) return "the quote is not closed";
  const length = lengthOfLine(text, close);
  return /^\s*(#.*)?$/.test(text.slice(close + 1, length)) ? length : "something follows the closing quote";
}

/** The same for a value without quotes. The parser ends it at the first #, wanted or not; after a blank it is a comment. */
function plainLength(line: string, start: number, length: number): number | string {
  return /^[^#]*[^\s#]#/.test(line.slice(line.indexOf("=")))
    ? "what follows # would be lost; put the value in quotes"
    : length - start;
}

/**
 * The variables in the file at `path`.
 * @throws SweepError `invalid` when it cannot be read or understood.
 */
export function readEnvFile(path: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    throw new SweepError("invalid", `--env-file ${path} cannot be read (${code}); give the path of an existing file`, {
      cause,
    });
  }
  return parseEnvFile(text, `--env-file ${path}`);
}

/**
 * The environment with what `--env-file` adds. As with `node --env-file`, what the environment holds already wins, even
 * where it is empty: that is how one command line unsets what the file sets. Of several files the last wins.
 */
export function withEnvFiles(
  env: Readonly<Record<string, string | undefined>>,
  paths: readonly string[],
): Record<string, string | undefined> {
  const merged: Record<string, string | undefined> = {};
  for (const path of paths) Object.assign(merged, readEnvFile(path));
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined) merged[name] = value;
  }
  return merged;
}
