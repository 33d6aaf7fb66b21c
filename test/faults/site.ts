/**
 * A real site: bytes and rows at a place, the built command as a process of its own, and an application that goes on
 * writing beside it. What must be there is what the application knows; nothing here asks filesweep.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isSweepError } from "../../src/core/errors.ts";
import type { Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import type { Row } from "../../src/database/client.ts";
import { GATE_MESSAGE } from "../../src/database/gate.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";
import { plain } from "../support/statements.ts";
import { type Place, placeIn } from "./places.ts";

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
  readonly place: Place;
  /** Files whose bytes must be there for as long as they have not expired. */
  readonly files: File[] = [];
  operations = 0;
  refusedByGate = 0;
  readonly #random: () => number;

  private constructor(folder: string, place: Place, random: () => number) {
    this.folder = folder;
    this.place = place;
    this.#random = random;
  }

  /** @param openPlace opens the site's place in its folder; by default a folder and an embedded database */
  static async make(
    folder: string,
    random: () => number,
    openPlace: (folder: string) => Promise<Place> = placeIn,
  ): Promise<FaultSite> {
    if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is not built: npm run build`);
    mkdirSync(folder, { recursive: true });
    const place = await openPlace(folder);
    await migrate(place.client, DATABASE_NOW);
    const site = new FaultSite(folder, place, random);
    await site.upload(null);
    return site;
  }

  async query(sql: string, args: Value[] = []): Promise<Row[]> {
    const [rows] = await this.place.client.batch([plain(sql, args)], "write");
    return rows ?? [];
  }

  start(args: readonly string[] = ["run", "--json"]): Started {
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...SETTINGS, ...this.place.env };
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
      else if (draw < 0.85) await this.abandon();
      else await this.#reuse();
      this.operations += 1;
    }
  }

  /** Row first or object first, under a key of its own. With an instant in the past it is due at once. */
  async upload(expiresAt: number | null): Promise<void> {
    const file = { id: `f${this.files.length}`, key: this.#newKey("file"), expiresAt };
    const isRowFirst = this.#random() < 0.5;
    const { bytes } = this.place;
    if (!isRowFirst) await bytes.put(file.key);
    await this.#insert(file);
    if (isRowFirst) await bytes.put(file.key);
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
    await this.place.bytes.put(file.key);
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
  abandon(): Promise<void> {
    return this.place.bytes.put(this.#newKey("orphan"), new Date(Date.now() - 40 * DAY_MS));
  }

  #newKey(what: string): string {
    return `${what}/${Math.floor(this.#random() * 8)}/${this.operations}-${Math.floor(this.#random() * 1e9)}`;
  }

  // ----------------------------------------------------------------------------------------------------- oracle

  /** Live files without their bytes: there must be none, at any moment. */
  async lost(): Promise<string[]> {
    const there = new Set(await this.place.bytes.keys());
    return this.files.filter(({ expiresAt, key }) => expiresAt === null && !there.has(key)).map(({ key }) => key);
  }

  /** What is not as it must be once filesweep has run to its end and nobody writes. In words. */
  async leftOver(): Promise<string[]> {
    const named = new Set(this.files.filter(({ expiresAt }) => expiresAt === null).map(({ key }) => key));
    const keys = await this.place.bytes.keys();
    const left = keys.filter((key) => !named.has(key) && !key.startsWith(".filesweep/"));
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

  async remove(): Promise<void> {
    await this.place.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
