import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { readSourceFacts } from "./support/source-facts.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Floor {
  /** The folders of src/ that it may import. */
  readonly floors: readonly string[];
  /** The npm packages that it may import. */
  readonly packages: readonly string[];
  /** Its files that may import Node's own modules. */
  readonly builtinsIn?: RegExp;
}

const DOOR = ["core", "database", "storage", "api", "client"];

/** Imports go down only: see ARCHITECTURE.md. A new dependency of a floor is a line here, and a decision. */
const FLOORS: Readonly<Record<string, Floor>> = {
  core: { floors: ["core"], packages: ["valibot", "@date-fns/tz"] },
  database: { floors: ["core", "database"], packages: ["libsql", "drizzle-orm"] },
  storage: {
    floors: ["core", "storage"],
    packages: ["aws4fetch"],
    builtinsIn: /^src\/storage\/filesystem/,
  },
  api: { floors: ["core", "api"], packages: ["@valibot/to-json-schema", "hono", "valibot"] },
  // For programs elsewhere: the forms of documents, and errors.
  client: { floors: ["core", "client"], packages: [] },
  cron: { floors: [...DOOR, "library", "cron"], packages: ["@hono/node-server", "hono"], builtinsIn: /^/ },
  // What all doors are made of: the composition, the choice of adapters, notifications; and what a process adds to that.
  library: {
    floors: [...DOOR, "library"],
    packages: ["croner", "uuid"],
    builtinsIn: /^src\/library\/(create-sweeper|environment|files|process|run-thread|work-in-thread)\.ts$/,
  },
  // src/index.ts: the names that other programs import, and nothing of its own.
  index: { floors: ["core", "library"], packages: [] },
  // src/testing.ts: the reference store, for other programs' tests.
  testing: { floors: ["core", "storage"], packages: [] },
  cli: {
    // `serve` opens the Node door.
    floors: [...DOOR, "library", "cron", "cli"],
    packages: ["@hono/node-server", "cli-table3", "commander", "hono", "ora", "picocolors", "uuid"],
    builtinsIn: /^/,
  },
};

/** What is wrong with the imports of `file`, a path such as `src/core/run.ts`, and in the core with what it names. */
function floorViolations(file: string, source: string): string[] {
  const name = /^src\/([^/]+?)(?:\.ts$|\/)/.exec(file)?.[1] ?? "";
  const floor = FLOORS[name];
  if (floor === undefined) return [`${file} stands on no floor that FLOORS knows`];
  const { imports, impurities } = readSourceFacts(file, source);
  return [
    ...imports.filter((specifier) => !mayImport(file, floor, specifier)).map((bad) => `${file} imports ${bad}`),
    ...(name === "core" ? impurities.map((bad) => `${file} names ${bad}`) : []),
  ];
}

function mayImport(file: string, floor: Floor, specifier: string): boolean {
  if (specifier.startsWith(".")) {
    const target = path.posix.join(path.posix.dirname(file), specifier);
    return target.endsWith(".ts") && floor.floors.some((below) => target.startsWith(`src/${below}/`));
  }
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return floor.builtinsIn?.test(file) ?? false;
  return floor.packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
}

async function sourceFiles(): Promise<string[]> {
  const names = await readdir(path.join(ROOT, "src"), { recursive: true });
  return names
    .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
    .map((name) => `src/${name.split(path.sep).join("/")}`)
    .sort();
}

describe("the floors of src/", () => {
  it("finds the sources", async () => {
    const files = await sourceFiles();
    expect(files).toContain("src/core/model.ts");
    expect(files.filter((file) => file.startsWith("src/core/")).length).toBeGreaterThanOrEqual(4);
  });

  it("imports go down only, and the core names no clock, chance or runtime", async () => {
    const sources = (await sourceFiles()).map(
      async (file) => [file, await readFile(path.join(ROOT, file), "utf8")] as const,
    );
    const violations = (await Promise.all(sources)).flatMap(([file, source]) => floorViolations(file, source));
    expect(violations).toEqual([]);
  });
});

describe("what a Worker is bundled from", () => {
  it("holds the whole composition, and neither Node's modules, nor the folder store, nor the native client", async () => {
    const { metafile } = await build({
      absWorkingDir: ROOT,
      entryPoints: ["src/library/compose.ts", "src/library/places.ts"],
      bundle: true,
      write: false,
      metafile: true,
      outdir: "unused",
      format: "esm",
      // As wrangler bundles: with Node's modules left out, so that each is listed with whoever wants it.
      conditions: ["workerd", "worker", "browser"],
      external: [...builtinModules, "node:*"],
    });
    const inputs = Object.entries(metafile.inputs);
    const wants = (wanted: RegExp): string[] =>
      inputs.filter(([, { imports }]) => imports.some((one) => wanted.test(one.path))).map(([name]) => name);
    expect(inputs.map(([name]) => name)).toContain("src/core/run.ts");
    expect(wants(/^node:/)).toEqual([]);
    expect(wants(new RegExp(`^(${builtinModules.join("|")})$`))).toEqual([]);
    expect(wants(/sqlite3|node_modules\/libsql\/|storage\/filesystem/)).toEqual([]);
  });
});

describe("the rule on imports", () => {
  it.each([
    ["src/core/run.ts", `import { RunReport } from "./model.ts";`],
    ["src/core/sweeps/expired-files.ts", `import type { Instant } from "../model.ts";`],
    ["src/core/settings.ts", `import * as v from "valibot";`],
    ["src/core/run.ts", `const text = 'import x from "node:fs"'; // import y from "hono"`],
    ["src/database/embedded-client.ts", `const { default: Database } = await import("libsql");`],
    ["src/storage/filesystem.ts", `import { unlink } from "node:fs/promises";`],
    ["src/storage/filesystem/walk.ts", `import { SweepError } from "../../core/errors.ts"; import "node:path";`],
    ["src/api/app.ts", `import { Hono } from "hono"; import { bearerAuth } from "hono/bearer-auth";`],
    ["src/cli/main.ts", `import "../database/client.ts"; import "../api/app.ts"; import "node:process";`],
    ["src/cron/node.ts", `import "../storage/memory.ts"; import { serve } from "@hono/node-server";`],
    ["src/cron/cloudflare.ts", `import { composeSweeper } from "../library/compose.ts";`],
    ["src/library/files.ts", `import { stat } from "node:fs/promises";`],
  ])("%s may hold: %s", (file, source) => {
    expect(floorViolations(file, source)).toEqual([]);
  });

  it.each([
    ["src/core/run.ts", `import { open } from "../database/client.ts";`, "../database/client.ts"],
    ["src/core/run.ts", `import type { Client } from "../database/client.ts";`, "../database/client.ts"],
    ["src/core/run.ts", `import { type Database } from "libsql";`, "libsql"],
    ["src/core/run.ts", `type Database = import("libsql").Database;`, "libsql"],
    ["src/core/run.ts", `export * from "../storage/memory.ts";`, "../storage/memory.ts"],
    ["src/core/run.ts", `export type { Stats } from "node:fs";`, "node:fs"],
    ["src/core/run.ts", `const fs = await import("fs");`, "fs"],
    ["src/core/run.ts", "const any = await import(name);", "<computed>"],
    ["src/core/run.ts", `/// <reference types="node" />`, "node"],
    ["src/core/run.ts", `import x from "valibot-of-somebody-else";`, "valibot-of-somebody-else"],
    ["src/core/run.ts", `import "./model.js";`, "./model.js"],
    ["src/core/run.ts", `import "../../test/support/random.ts";`, "../../test/support/random.ts"],
    ["src/database/client.ts", `import "../storage/memory.ts";`, "../storage/memory.ts"],
    ["src/database/client.ts", `import { readFile } from "node:fs/promises";`, "node:fs/promises"],
    ["src/storage/r2.ts", `import "../database/client.ts";`, "../database/client.ts"],
    ["src/storage/s3.ts", `import { createHash } from "node:crypto";`, "node:crypto"],
    ["src/api/app.ts", `import "../storage/memory.ts";`, "../storage/memory.ts"],
    ["src/api/app.ts", `import "../cron/node.ts";`, "../cron/node.ts"],
    ["src/cron/node.ts", `import "../cli/main.ts";`, "../cli/main.ts"],
    ["src/library/compose.ts", `import "../cron/node.ts";`, "../cron/node.ts"],
    ["src/library/compose.ts", `import "../cli/io.ts";`, "../cli/io.ts"],
    ["src/library/compose.ts", `import { hostname } from "node:os";`, "node:os"],
    ["src/index.ts", `export * from "./database/client.ts";`, "./database/client.ts"],
  ])("%s may not hold: %s", (file, source, bad) => {
    expect(floorViolations(file, source)).toEqual([`${file} imports ${bad}`]);
  });

  it("knows every floor by name, so that a new folder is a decision", () => {
    expect(floorViolations("src/utils/text.ts", "")).toEqual([
      "src/utils/text.ts stands on no floor that FLOORS knows",
    ]);
  });

  it("refuses a file that it cannot parse", () => {
    expect(() => floorViolations("src/core/run.ts", "const = ;")).toThrow("cannot parse src/core/run.ts");
  });
});

describe("the rule on what the core names", () => {
  it.each([
    "const at = new Date(now);",
    "const at = Date.UTC(2026, 10, 22);",
    "const isDate = (value: unknown): value is Date => value instanceof Date;",
    "const least = Math.min(1, 2);",
    "const start = (job: { process: number; fetch(): void }) => job.process;",
    `const text = "Date.now()"; // Math.random()`,
  ])("allows: %s", (source) => {
    expect(floorViolations("src/core/run.ts", source)).toEqual([]);
  });

  it.each([
    ["const now = Date.now();", "Date.now"],
    [`const now = Date["now"]();`, "Date.now"],
    ["const { now } = Date;", "Date.now"],
    ["const now = new Date();", "Date.now"],
    ["const now = new Date(...parts);", "Date.now"],
    ["const local = new Date(2026, 10, 22);", "Date.now"],
    ["const now = Date();", "Date.now"],
    ["const id = Math.random();", "Math.random"],
    [`const id = Math["random"]();`, "Math.random"],
    ["const { random } = Math;", "Math.random"],
    ["await fetch(url);", "fetch"],
    ["type Fetch = typeof fetch;", "fetch"],
    ["setTimeout(done, 1);", "setTimeout"],
    ["setInterval(done, 1);", "setInterval"],
    ["queueMicrotask(done);", "queueMicrotask"],
    ["console.log(1);", "console"],
    ["const port = process.env.PORT;", "process"],
    ["const all = { process };", "process"],
    ["Deno.exit();", "Deno"],
    ["const id = crypto.randomUUID();", "crypto"],
    ["const t = performance.now();", "performance"],
    [`const f = globalThis["fetch"];`, "globalThis"],
  ])("forbids: %s", (source, bad) => {
    expect(floorViolations("src/core/run.ts", source)).toEqual([`src/core/run.ts names ${bad}`]);
    expect(floorViolations("src/cli/main.ts", source)).toEqual([]);
  });
});

describe("tsconfig.core.json", () => {
  it("checks src/core without the types of any runtime, but with AbortSignal", async () => {
    const uses = ["process", "fetch", "setTimeout", "console", "crypto", "performance", "Deno", "URL", "Buffer"];
    const folder = await mkdtemp(path.join(tmpdir(), "filesweep-core-types-"));
    try {
      const globals = path.join(ROOT, "test/support/core-globals.d.ts");
      const config = { extends: path.join(ROOT, "tsconfig.core.json"), include: ["sample.ts", globals] };
      await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify(config));
      const sample = [
        "export const stopped = (signal: AbortSignal): boolean => signal.aborted;",
        ...uses.map((name) => `void ${name};`),
      ];
      await writeFile(path.join(folder, "sample.ts"), sample.join("\n"));

      const output = await typeCheck(folder);

      const complaints = output
        .split("\n")
        .map((line) => /^sample\.ts\((\d+),.*Cannot find name '(\w+)'/.exec(line)?.slice(1));
      expect(complaints.filter((found) => found !== undefined)).toEqual(
        uses.map((name, index) => [`${index + 2}`, name]),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  function typeCheck(folder: string): Promise<string> {
    const tsc = path.join(ROOT, "node_modules/typescript/bin/tsc");
    return new Promise((resolve) => {
      execFile(process.execPath, [tsc, "--pretty", "false", "-p", folder], { cwd: folder }, (_error, stdout) =>
        resolve(stdout),
      );
    });
  }
});
