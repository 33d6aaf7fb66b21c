/** The real command, as a child process on a folder and a database of its own. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect } from "vitest";
import type { Value } from "../../../src/core/ports.ts";
import { HOUR_MS, OWN_PREFIX } from "../../../src/core/safety.ts";
import type { Row } from "../../../src/database/client.ts";
import { openFileClient } from "../../../src/database/embedded-client.ts";
import { migrate } from "../../../src/database/schema.ts";
import { DATABASE_NOW } from "../../../src/database/sql.ts";
import { plain, temporaryFolder } from "../../support/database.ts";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** How this runtime starts the command. Deno takes the sources; Node 20 takes what {@link buildCommand} made of them. */
let startArgs: readonly string[] = ["run", "--allow-all", join(ROOT, "src/cli/main.ts")];

/**
 * Builds the command as `npm run build` does, into a folder of its own, for the tests of the file that calls this.
 * Answers that folder, which looks like a clone after `npm ci`.
 */
export function buildCommand(): string {
  if ("deno" in process.versions) return ROOT;
  const folder = mkdtempSync(join(tmpdir(), "filesweep-built-"));
  beforeAll(async () => {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    await promisify(execFile)(process.execPath, [
      tsc,
      "-p",
      join(ROOT, "tsconfig.build.json"),
      "--outDir",
      join(folder, "dist"),
    ]);
    copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    // The `--` is the one of the command's first line.
    startArgs = ["--", join(folder, "dist/cli/main.js")];
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

/**
 * What a process needs to start at all; nothing of the tests' own environment reaches the settings. A first run is not
 * held, unless a test says so.
 */
export const BARE = {
  PATH: process.env["PATH"] ?? "",
  HOME: process.env["HOME"] ?? "",
  CLEANUP_FIRST_RUN: "remove",
};

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once stderr holds `text`, so many times; rejects if the process ends before. */
  saw(text: string, times?: number): Promise<void>;
}

export function start(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(process.execPath, [...startArgs, ...args], {
    cwd: folder,
    env: { ...BARE, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return {
    child,
    ended,
    saw: (text, times = 1) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stderr.split(text).length > times) resolve();
        };
        child.stderr.on("data", look);
        child.on("close", () => reject(new Error(`ended without ${text}:\n${stderr}`)));
        look();
      }),
  };
}

/** A store and a database in a folder that is gone after the test. Paths are the defaults, relative to the folder. */
export interface Site {
  readonly folder: string;
  readonly store: string;
  readonly database: string;
  filesweep(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** Puts a file that is old enough to be an orphan. */
  put(key: string, content?: string): void;
  has(key: string): boolean;
  insert(...rows: Readonly<Record<string, Value>>[]): Promise<void>;
  query(sql: string, args?: readonly Value[]): Promise<Row[]>;
  /** Everything of the application: its rows, and name, content and time of every file of the store. */
  fingerprint(): Promise<string>;
}

/** With `prepared`, the default, the tables are there; else neither the store nor the database is. */
export async function makeSite({ prepared = true } = {}): Promise<Site> {
  const folder = temporaryFolder();
  const store = join(folder, "data/uploads");
  const database = join(folder, "data/filesweep.db");
  const site: Site = {
    folder,
    store,
    database,
    filesweep: (args, env) => start(folder, args, env).ended,
    put(key, content = "0123456789") {
      const path = join(store, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      const old = new Date(Date.now() - 1000 * HOUR_MS);
      utimesSync(path, old, old);
    },
    has: (key) => existsSync(join(store, key)),
    async insert(...rows) {
      for (const row of rows) {
        const marks = Object.keys(row).map(() => "?");
        await site.query(
          `INSERT INTO files (${Object.keys(row).join(", ")}) VALUES (${marks.join(", ")})`,
          Object.values(row),
        );
      }
    },
    async query(sql, args = []) {
      const client = await openFileClient(database);
      try {
        const [rows] = await client.batch([plain(sql, [...args])], "write");
        return rows ?? [];
      } finally {
        client.close();
      }
    },
    async fingerprint() {
      const hash = createHash("sha256").update(JSON.stringify(await site.query("SELECT * FROM files ORDER BY id")));
      for (const key of filesOf(store)) {
        const path = join(store, key);
        hash.update(JSON.stringify([key, statSync(path).mtimeMs, readFileSync(path, "base64")]));
      }
      return hash.digest("hex");
    },
  };
  if (prepared) {
    mkdirSync(store, { recursive: true });
    const client = await openFileClient(database);
    await migrate(client, DATABASE_NOW);
    client.close();
  }
  return site;
}

/** Every file of a folder, as keys, but for filesweep's own. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((key) => !key.startsWith(OWN_PREFIX))
    .sort();
}

/** A row whose end has come. */
export function expired(id: string, key: string): Record<string, Value> {
  return { id, key, size_bytes: 10, created_at: Date.now() - 48 * HOUR_MS, expires_at: Date.now() - HOUR_MS };
}

/** A row whose end has not come. */
export function live(id: string, key: string): Record<string, Value> {
  return { ...expired(id, key), expires_at: Date.now() + HOUR_MS };
}

/** Two expired files, one that is not, and an orphan. */
export async function sharingSite(): Promise<Site> {
  const site = await makeSite();
  for (const key of ["a.txt", "b/b.txt", "kept.txt", "orphan.txt"]) site.put(key);
  await site.insert(expired("1", "a.txt"), expired("2", "b/b.txt"), live("3", "kept.txt"));
  return site;
}

/** Errors are for people: no stack, and no SQL. */
export function expectNoStack({ stdout, stderr }: Ended): void {
  expect(stdout + stderr).not.toMatch(/^\s+at .*:\d+/m);
  expect(stdout + stderr).not.toMatch(/SELECT|INSERT|UPDATE/);
}
