/**
 * Where a history plays: one virtual clock, a real libSQL database in a file, the reference store behind whatever the
 * history does to it, and a trace of what happened. Nothing here decides anything.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pid } from "node:process";
import { createClient } from "@libsql/client/sqlite3";
import type { DeleteOutcome, DeleteRequest, ListedObject, Store, Value } from "../../src/core/ports.ts";
import type { Row, SqlClient, Statement } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { migrate } from "../../src/database/schema.ts";
import { createMemoryStore, type MemoryStore } from "../../src/storage/memory.ts";
import { START } from "../support/fake-clock.ts";
import { followClock, plain, TEST_CLOCK, TEST_NOW, turnClock } from "../support/statements.ts";
import type { Site, StoreFault } from "./history.ts";

/** An effect that is on its way: nobody waits for its answer. */
export interface InFlight {
  readonly what: string;
  readonly startedAt: number;
  readonly isDelete: boolean;
  deliver(): Promise<void>;
}

export class Stage {
  readonly site: Site;
  readonly memory: MemoryStore;
  readonly trace: string[] = [];
  readonly inFlight: InFlight[] = [];
  /** The true time, by which the application lives. */
  now: number = START;
  monotonic = 1_000_000;
  storeFault: StoreFault | null = null;
  /** What a stale listing shows. */
  frozenListing: readonly ListedObject[] | null = null;
  /** How often each fault came about. */
  readonly faults = new Map<string, number>();
  #folder: string;
  #client: SqlClient;
  #replica: SqlClient | null = null;
  #hasBackup = false;
  #ids = 0;

  private constructor(site: Site, folder: string, client: SqlClient) {
    this.site = site;
    this.#folder = folder;
    this.#client = client;
    this.memory = createMemoryStore({ now: () => this.now });
  }

  static async open(site: Site): Promise<Stage> {
    const prepared = await preparedFolder();
    const folder = mkdtempSync(join(prepared, "history-"));
    copyFileSync(join(prepared, "prepared.db"), join(folder, "prepared.db"));
    return new Stage(site, folder, await openCopy(folder, "prepared", "catalog"));
  }

  close(): void {
    this.#client.close();
    this.#replica?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  databaseNow(): number {
    return this.now + this.site.databaseSkewMs;
  }

  advance(ms: number): void {
    this.now += ms;
    this.monotonic += ms;
  }

  makeId = (): string => {
    this.#ids += 1;
    return `id-${String(this.#ids).padStart(6, "0")}`;
  };

  count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }

  tell(what: string): void {
    this.trace.push(`${clockTime(this.now - START)}  ${what}`);
  }

  // ---------------------------------------------------------------------------------------------------- database

  /** One transaction on the primary, whose clock is right. */
  async batch(statements: readonly Statement[]): Promise<Row[][]> {
    const turn = turnClock({ now: () => this.databaseNow() });
    return (await this.#client.batch([turn, ...statements], "write")).slice(1);
  }

  /** What is only read may come from a replica that lags behind. */
  async readBatch(statements: readonly Statement[]): Promise<Row[][]> {
    if (this.#replica !== null) this.count("replica lags");
    return (this.#replica ?? this.#client).batch(statements, "read");
  }

  async rows(sql: string, args: Value[] = []): Promise<Row[]> {
    const [rows] = await this.batch([plain(sql, args)]);
    return rows ?? [];
  }

  backup(): void {
    copyFileSync(join(this.#folder, "catalog.db"), join(this.#folder, "backup.db"));
    this.#hasBackup = true;
  }

  /** Answers false where there is no backup. */
  async restore(): Promise<boolean> {
    if (!this.#hasBackup) return false;
    this.#client.close();
    this.#client = await openCopy(this.#folder, "backup", "catalog");
    await this.thaw();
    return true;
  }

  /** From now on reads are answered by a replica that stands still, until {@link thaw}. */
  async freezeReplica(): Promise<void> {
    this.#replica?.close();
    this.#replica = await openCopy(this.#folder, "catalog", "replica");
  }

  async thaw(): Promise<void> {
    this.#replica?.close();
    this.#replica = null;
  }

  // ------------------------------------------------------------------------------------------------------- store

  async freezeListing(): Promise<void> {
    this.frozenListing = (await this.memory.list({ after: null, limit: 1_000_000 })).objects;
  }

  takeFault(...fitting: readonly StoreFault[]): StoreFault | null {
    const fault = this.storeFault;
    if (fault === null || !fitting.includes(fault)) return null;
    this.storeFault = null;
    this.count(`store: ${fault}`);
    this.tell(`the store: ${fault}`);
    return fault;
  }

  /** Deletes as the contract allows: a store that cannot compare deletes whatever is there. */
  async deleteFromMemory(requests: readonly DeleteRequest[]): Promise<DeleteOutcome[]> {
    const { compares } = this.site;
    return this.memory.delete(
      requests.map(({ key, expected }) => (compares && expected ? { key, expected } : { key })),
    );
  }

  async objects(): Promise<ReadonlyMap<string, ListedObject>> {
    const { objects } = await this.memory.list({ after: null, limit: 1_000_000 });
    return new Map(objects.map((object) => [object.key, object]));
  }

  /** The identity marker as it is, whatever the way to it. */
  marker: Store["readMarker"] = () => this.memory.readMarker();
}

export function clockTime(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  const time = new Date(((ms % 86_400_000) + 86_400_000) % 86_400_000).toISOString().slice(11, 19);
  return `day ${days} ${time}`;
}

/** A copy of a database under a name, whose file is new: an earlier connection to that name keeps the old one. */
async function openCopy(folder: string, from: string, to: string): Promise<SqlClient> {
  const path = join(folder, `${to}.db`);
  rmSync(path, { force: true });
  copyFileSync(join(folder, `${from}.db`), path);
  return openFileClient(path);
}

/** One folder for each process, in which every history has its own. */
let prepared: Promise<string> | null = null;

function preparedFolder(): Promise<string> {
  prepared ??= prepareFolder();
  return prepared;
}

/** A database that was migrated, as it is copied for every history. In memory where the system has such a place. */
async function prepareFolder(): Promise<string> {
  const ram = "/dev/shm";
  const folder = mkdtempSync(join(existsSync(ram) ? ram : tmpdir(), `filesweep-simulation-${pid}-`));
  globalThis.process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "prepared.db");
  // Begun without a write-ahead log, the file alone is the database, and may be copied between two transactions.
  const raw = createClient({ url: `file:${path}` });
  for (const { sql } of TEST_CLOCK) await raw.execute(sql);
  raw.close();
  const client = await openFileClient(path);
  await migrate(followClock(client, { now: () => START }), TEST_NOW);
  client.close();
  return folder;
}
