/**
 * A real site: a folder, an embedded database, the built command as a process of its own, and an application that goes on
 * writing beside it. What must be there is what the application knows; nothing here asks filesweep.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isSweepError } from "../../src/core/errors.ts";
import type { Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import type { Row, SqlClient } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { GATE_MESSAGE } from "../../src/database/gate.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";
import { plain } from "../support/statements.ts";

const COMMAND = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Nothing is held, and what is old enough goes at once: what is tried here is crashes, not patience. */
const SETTINGS = {
  CLEANUP_FIRST_RUN: "remove",
  CLEANUP_HOLD_PERCENT: "100",
  CLEANUP_HOLD_EXPIRED_PERCENT: "100",
  CLEANUP_QUARANTINE_HOURS: "0",
  CLEANUP_PAGE_SIZE: "50",
  LOG_FORMAT: "json",
};

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** What the application knows of one of its files. */
interface File {
  readonly id: string;
  readonly key: string;
  readonly expiresAt: number | null;
}

export class FaultSite {
  readonly folder: string;
  readonly store: string;
  readonly client: SqlClient;
  /** Files whose bytes must be there for as long as they have not expired. */
  readonly files: File[] = [];
  readonly orphans = new Set<string>();
  operations = 0;
  refusedByGate = 0;
  readonly #random: () => number;

  private constructor(folder: string, client: SqlClient, random: () => number) {
    this.folder = folder;
    this.store = join(folder, "data/uploads");
    this.client = client;
    this.#random = random;
  }

  static async make(folder: string, random: () => number): Promise<FaultSite> {
    if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is not built: npm run build`);
    mkdirSync(join(folder, "data/uploads"), { recursive: true });
    const client = await openFileClient(join(folder, "data/filesweep.db"));
    await migrate(client, DATABASE_NOW);
    const site = new FaultSite(folder, client, random);
    await site.upload(null);
    return site;
  }

  async query(sql: string, args: Value[] = []): Promise<Row[]> {
    const [rows] = await this.client.batch([plain(sql, args)], "write");
    return rows ?? [];
  }

  start(args: readonly string[] = ["run", "--json"]): Started {
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...SETTINGS };
    const child = spawn(process.execPath, [COMMAND, ...args], {
      cwd: this.folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
    return { child, ended };
  }

  /** The lease of a holder that is no more runs out after 30 seconds; here at once. */
  async letLeaseRunOut(): Promise<void> {
    await this.query("UPDATE filesweep_lease SET expires_at = 0");
  }

  // ------------------------------------------------------------------------------------------------ application

  /** A few things that an application does, each in one of the ways that people do it. */
  async work(): Promise<void> {
    for (let times = 0; times < 12; times += 1) {
      const draw = this.#random();
      if (draw < 0.45) await this.upload(Date.now() - HOUR_MS);
      else if (draw < 0.65) await this.upload(null);
      else if (draw < 0.85) this.abandon();
      else await this.#reuse();
      this.operations += 1;
    }
  }

  /** Row first or object first, under a key of its own. With an instant in the past it is due at once. */
  async upload(expiresAt: number | null): Promise<void> {
    const file = { id: `f${this.files.length}`, key: this.#newKey("file"), expiresAt };
    const isRowFirst = this.#random() < 0.5;
    if (!isRowFirst) this.#put(file.key);
    await this.#insert(file);
    if (isRowFirst) this.#put(file.key);
    this.files.push(file);
  }

  /** The key of a file that has gone is used again, the row first: refused while it is behind the gate. */
  async #reuse(): Promise<void> {
    const ended = this.files.filter(({ expiresAt, key }) => expiresAt !== null && !this.#isNamed(key));
    const old = ended[Math.floor(this.#random() * ended.length)];
    if (old === undefined) return;
    const file = { id: `f${this.files.length}`, key: old.key, expiresAt: null };
    try {
      await this.#insert(file);
    } catch (error) {
      const refused = isSweepError(error, "conflict") && String(error.details["vendor"]).includes(GATE_MESSAGE);
      if (!refused) throw error;
      this.refusedByGate += 1;
      return;
    }
    this.#put(file.key);
    this.files.push(file);
  }

  #isNamed(key: string): boolean {
    return this.files.some((file) => file.key === key && file.expiresAt === null);
  }

  #insert({ id, key, expiresAt }: File): Promise<Row[]> {
    return this.query("INSERT INTO files (id, key, size_bytes, created_at, expires_at) VALUES (?, ?, 10, ?, ?)", [
      id,
      key,
      Date.now() - 2 * DAY_MS,
      expiresAt,
    ]);
  }

  /** An object that no row names, old enough to go. */
  abandon(): void {
    const key = this.#newKey("orphan");
    const old = new Date(Date.now() - 40 * DAY_MS);
    this.#put(key, old);
    this.orphans.add(key);
  }

  #newKey(what: string): string {
    return `${what}/${Math.floor(this.#random() * 8)}/${this.operations}-${Math.floor(this.#random() * 1e9)}`;
  }

  /** As applications do: beside it first, then by one rename. Its age is told before it has its name. */
  #put(key: string, modifiedAt?: Date): void {
    const path = join(this.store, key);
    const part = join(this.folder, "part");
    writeFileSync(part, "0123456789");
    if (modifiedAt !== undefined) utimesSync(part, modifiedAt, modifiedAt);
    // A folder that filesweep emptied may go between the two calls.
    for (;;) {
      mkdirSync(dirname(path), { recursive: true });
      try {
        renameSync(part, path);
        return;
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      }
    }
  }

  // ----------------------------------------------------------------------------------------------------- oracle

  has(key: string): boolean {
    return existsSync(join(this.store, key));
  }

  /** Live files without their bytes: there must be none, at any moment. */
  lost(): string[] {
    return this.files.filter(({ expiresAt, key }) => expiresAt === null && !this.has(key)).map(({ key }) => key);
  }

  /** What is not as it must be once filesweep has run to its end and nobody writes. In words. */
  async leftOver(): Promise<string[]> {
    const named = new Set(this.files.filter(({ expiresAt }) => expiresAt === null).map(({ key }) => key));
    const left = filesOf(this.store).filter((key) => !named.has(key) && !key.startsWith(".filesweep/"));
    const rows = await this.query("SELECT id FROM files WHERE status = 'active' AND expires_at <= ?", [Date.now()]);
    const open = await this.query(
      "SELECT key, state FROM filesweep_removals WHERE state NOT IN ('removed', 'released')",
    );
    const shut = await this.query("SELECT key FROM filesweep_gate WHERE leaves_at IS NULL");
    return [
      ...left.map((key) => `${key} is garbage`),
      ...rows.map(({ id }) => `the row ${String(id)} is due`),
      ...open.map(({ key, state }) => `the removal of ${String(key)} is ${String(state)}`),
      ...shut.map(({ key }) => `${String(key)} is behind the gate for ever`),
    ];
  }

  async removals(): Promise<number> {
    const [row] = await this.query("SELECT count(*) AS count FROM filesweep_removals WHERE state = 'removed'");
    return Number(row?.["count"]);
  }

  remove(): void {
    this.client.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
