/** The documents against the code: what they say exists, and what is generated is what they show. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../src/cli/exit-code.ts";
import type { Output } from "../src/cli/io.ts";
import { runCommandLine } from "../src/cli/program.ts";
import { HOLD_CAUSES, KEEP_REASONS, SWEEP_NAMES } from "../src/core/model.ts";
import { renderSettingsTable, VARIABLE_NAMES } from "../src/core/settings.ts";
import { DEFAULT_TABLE } from "../src/database/default-table.ts";
import { GATE_MESSAGE } from "../src/database/gate.ts";
import * as library from "../src/index.ts";
import { temporaryFolder } from "./support/database.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DOCUMENTS = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "docs/dashboard.md",
  "docs/databases.md",
  "docs/from-an-existing-application.md",
  "docs/leaving.md",
  "docs/mapping.md",
  "docs/safety.md",
  "docs/stores.md",
  "docs/upgrading.md",
  "docs/cloudflare.md",
  "docs/deno.md",
  "docs/lambda.md",
] as const;
const README = readDocument("README.md");

function readDocument(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

/** The contents of all fenced blocks of a language, in their order. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, of, body]) =>
    of === language ? [body ?? ""] : [],
  );
}

function withoutBlocks(text: string): string {
  return text.replace(/^```.*?^```$/gms, "");
}

/** What stands between single backticks, outside fenced blocks. */
function codeSpans(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, span]) => span ?? "");
}

/** What stands between `from` and `to`. */
function between(text: string, from: string, to: string): string {
  const start = text.indexOf(from);
  const end = text.indexOf(to, start + from.length);
  if (start < 0 || end < 0) expect.unreachable(`the document has no part between ${from} and ${to}`);
  return text.slice(start + from.length, end);
}

/** A heading as GitHub makes an anchor of it. */
function anchors(text: string): string[] {
  const headings = [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading ?? "");
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** What stands in code in the first cells of a table of the README. */
function firstCells(head: string): string[] {
  const rows = between(README, head, "\n\n").split("\n");
  return rows.map((row) => /^\| `([\w-]+)` \|/.exec(row)?.[1] ?? row);
}

const oneSpace = (text: string): string => text.replace(/\s+/g, " ").trim();

/** What the command prints on stdout; its program in this process, as the one of the command line. */
async function printed(args: readonly string[]): Promise<string> {
  let text = "";
  const output = (write: (more: string) => void): Output => ({ write, isTerminal: false, hasColors: false });
  const stdout = output((more) => {
    text += more;
  });
  const code = await runCommandLine(args, { stdout, stderr: output(() => {}) });
  if (code !== EXIT.done) expect.unreachable(`filesweep ${args.join(" ")} ended with ${code}`);
  return text;
}

/** The long options that a command's help shows. */
function optionsIn(help: string): string[] {
  return [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option ?? "");
}

/** The commands that the help of the program shows. */
function commandsIn(help: string): string[] {
  const list = help.split("Commands:\n")[1]?.split("\n\n")[0] ?? "";
  return [...list.matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => name ?? "");
}

describe("the first commands of the README", () => {
  it("are exactly these two: .ci/run executes them in a fresh clone", () => {
    expect(blocks(README, "sh")[0]).toBe("npm ci\nnpm run demo\n");
  });

  it("stand in the first fenced block that begins with ```sh, as .ci/run looks for it", () => {
    const lines = README.split("\n");
    const start = lines.indexOf("```sh");
    expect(lines.slice(start + 1, start + 4)).toEqual(["npm ci", "npm run demo", "```"]);
  });

  it("make what the README shows: its plan is the demo's", async () => {
    const plan = (text: string): string => between(text, "Today, the plan\n", "\n\n");
    const shown = blocks(README, "text")[0] ?? "";
    expect(plan(shown)).toBe(plan(await printed(["demo", join(temporaryFolder(), "site")])));
  });
});

describe("the README's parts that are made from the code", () => {
  it("the settings are the generated tables", () => {
    const part = between(README, "<!-- settings:", "<!-- /settings -->");
    expect(part.slice(part.indexOf("-->") + 3).trim()).toBe(renderSettingsTable().trim());
  });

  it("the table `files` is the one that filesweep makes", () => {
    const made = DEFAULT_TABLE.map((statement) => `${oneSpace(statement).replace(" IF NOT EXISTS", "")};`);
    expect(oneSpace(blocks(README, "sql")[0] ?? "")).toBe(made.join(" "));
  });

  it("the gate's message is the one of its triggers", () => {
    expect(blocks(README, "text").map((block) => block.trim())).toContain(GATE_MESSAGE);
  });

  it("the exit codes are all there are, in their order", () => {
    const rows = between(README, "| exit code | says |\n|---|---|\n", "\n\n").split("\n");
    expect(rows.map((row) => Number(/^\| (\d+) \|/.exec(row)?.[1]))).toEqual(Object.values(EXIT));
  });

  it("the reasons for keeping are all there are, in their order", () => {
    expect(firstCells("| reason | means |\n|---|---|\n")).toEqual(KEEP_REASONS);
  });

  it("the causes of holds are all there are, in their order", () => {
    expect(firstCells("| cause | what is wrong | when | what approving does |\n|---|---|---|---|\n")).toEqual(
      HOLD_CAUSES,
    );
  });

  it("the library has what the section on it names", () => {
    const part = between(README, "## Inside your own program\n", "\n## ");
    const imports = /^import \{ (.*) \} from "filesweep";$/m.exec(part)?.[1]?.split(", ") ?? [];
    expect(imports.length).toBeGreaterThan(0);
    expect(imports.filter((name) => !(name in library))).toEqual([]);
    const sweeper = library.createSweeper({ env: {} });
    const methods = [...part.matchAll(/(?:`|sweeper\.)(\w+)\(\)/g)].map(([, name]) => name ?? "");
    expect(methods.length).toBeGreaterThan(10);
    expect(methods.filter((name) => !(name in sweeper))).toEqual([]);
  });

  it("every sweep is described", () => {
    const part = between(README, "## The sweeps\n", "\n## ");
    const described = [...part.matchAll(/^- \*\*([\w-]+)\*\*/gm)].map(([, name]) => name);
    expect(described).toEqual(SWEEP_NAMES);
  });
});

describe("the command line in the README", () => {
  const help = new Map<string, string>();
  let commands: string[] = [];

  beforeAll(async () => {
    help.set("", await printed(["--help"]));
    commands = commandsIn(help.get("") ?? "");
    for (const command of commands) help.set(command, await printed([command, "--help"]));
  });

  /** `filesweep …`, as in code spans, in shell blocks and after `npx`: the words behind the name. */
  function invocations(): string[][] {
    const lines = [
      ...codeSpans(README),
      ...[...blocks(README, "sh"), ...blocks(README, "text")]
        .flatMap((block) => block.split("\n"))
        .flatMap((line) => line.match(/npx filesweep .*/g) ?? []),
    ];
    return lines
      .map((line) => /^(?:npx )?filesweep (.*?)(?:\s+#.*)?$/.exec(line)?.[1])
      .filter((rest) => rest !== undefined)
      .map((rest) => rest.replace(/--env-file \S+/, "--env-file").split(/\s+/));
  }

  it("is found by this test", () => {
    expect(commands.length).toBeGreaterThanOrEqual(5);
    expect(invocations().length).toBeGreaterThanOrEqual(10);
  });

  it("names only commands and options that --help shows", () => {
    for (const words of invocations()) {
      const command = words.find((word) => !word.startsWith("-")) ?? "";
      const shown = help.get(command);
      if (shown === undefined) expect.unreachable(`there is no command filesweep ${command}`);
      const options = words.filter((word) => word.startsWith("--"));
      expect([command, options.filter((option) => !optionsIn(shown).includes(option))]).toEqual([command, []]);
    }
  });

  it("tells of each command, and of each of its options, in the table of commands", () => {
    const rows = between(README, "| command | does |\n|---|---|\n", "\n\n").split("\n");
    const told = rows.map((row) => ({
      command: /^\| `filesweep ([\w-]+)/.exec(row)?.[1] ?? row,
      options: [...new Set(row.match(/--[\w-]+/g) ?? [])].sort(),
    }));
    const everywhere = ["--help", ...optionsIn(help.get("") ?? "")];
    const there = commands.map((command) => ({
      command,
      options: optionsIn(help.get(command) ?? "")
        .filter((option) => !everywhere.includes(option))
        .sort(),
    }));
    expect(told).toEqual(there);
  });

  it("tells of the options that every command has", () => {
    const ordinary = ["--help", "--version"];
    const own = optionsIn(help.get("") ?? "").filter((option) => !ordinary.includes(option));
    expect(own).toContain("--env-file");
    for (const option of own) expect(README).toContain(`\`${option} `);
  });

  it("lists the exit codes that --help lists", () => {
    const list = help.get("")?.split("Exit codes:")[1]?.split("\n\n")[0] ?? "";
    const listed = [...list.matchAll(/(?:^| ) ?(\d) {2}\w/gm)].map(([, code]) => Number(code));
    expect(listed.sort()).toEqual(Object.values(EXIT));
  });
});

describe("the breaks in CONTRIBUTING.md", () => {
  const table = readDocument("CONTRIBUTING.md").split("<!-- breaks -->")[1] ?? "";
  const breaks = table.split("\n").flatMap((row) => {
    const [, file, title] = /^\| .+ \| ([\w/-]+): (.+) \|$/.exec(row) ?? [];
    return file === undefined || title === undefined ? [] : [{ file, title }];
  });

  it("are rows of a break, a file and a title", () => {
    const rows = table.split("\n").filter((row) => row.startsWith("| "));
    // All but the head of the table.
    expect(breaks).toHaveLength(rows.length - 1);
  });

  it.each(breaks)("$file has: $title", ({ file, title }) => {
    const [path] = [`test/${file}.test.ts`, `test/${file}.ts`].filter((one) => existsSync(join(ROOT, one)));
    if (path === undefined) expect.unreachable(`there is no test/${file}`);
    const text = readDocument(path);
    expect(title.split("…").filter((part) => !text.includes(part))).toEqual([]);
  });
});

describe.each(DOCUMENTS)("what %s names", (name) => {
  const text = readDocument(name);

  it("links: they lead to files of the repository, and to headings of the document", () => {
    const targets = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? "");
    const relative = targets.filter((target) => !/^https?:/.test(target));
    const dead = relative.filter((target) => {
      const [file = "", anchor] = target.split("#");
      if (file !== "" && !existsSync(join(ROOT, dirname(name), file))) return true;
      return anchor !== undefined && !anchors(file === "" ? text : readDocument(file)).includes(anchor);
    });
    expect(dead).toEqual([]);
  });

  it("paths: they are in the repository", () => {
    const paths = [...codeSpans(text), ...withoutBlocks(text).split(/[\s()[\]`;,]+/)]
      .map((word) => word.replace(/\.$/, ""))
      .filter((word) => /^(?:src|test|scripts|bench|\.ci)\/[\w./-]*\w$|^\.(?:env|dev\.vars)\.example$/.test(word));
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("code spans end on their line, or the tests here would not see them", () => {
    const broken = withoutBlocks(text)
      .split("\n")
      .filter((line) => (line.match(/`/g) ?? []).length % 2 === 1);
    expect(broken).toEqual([]);
  });

  it("npm scripts: package.json has them", () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(readDocument("package.json"));
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script]) => script ?? "");
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  it("settings: they are known", () => {
    const named = text.match(/\b(?:CLEANUP|CATALOG|S3|STORAGE|DATABASE|LOG|NOTIFY)_[A-Z][A-Z_]*\b/g) ?? [];
    expect(named.filter((setting) => !VARIABLE_NAMES.includes(setting))).toEqual([]);
  });
});
