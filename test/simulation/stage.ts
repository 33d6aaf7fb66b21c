/**
 * Where a history plays: one virtual clock, a real libSQL database in a file, the reference store behind whatever the
 * history does to it, and a trace of what happened. Nothing here decides anything.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pid } from "node:process";
import { createClient } from "@libsql/client/sqlite3";
import type { DeleteOutcome, DeleteRequest, ListedObject, ListedUpload, Store, Value } from "../../src/core/ports.ts";
import { readSettings, type Settings } from "../../src/core/settings.ts";
import type { Row, SqlClient, Statement } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { installGate } from "../../src/database/install-gate.ts";
import { mapCatalog } from "../../src/database/map-catalog.ts";
import type { CatalogMapping } from "../../src/database/mapping.ts";
import { migrate } from "../../src/database/schema.ts";
import { createMemoryStore, type MemoryStore } from "../../src/storage/memory.ts";
import { START } from "../support/fake-clock.ts";
import { followClock, plain, TEST_CLOCK, TEST_NOW, turnClock } from "../support/statements.ts";
import { CATALOGS, type Catalog, type CatalogName } from "./catalogs.ts";
import { createFolderStore } from "./folder-store.ts";
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
  readonly store: MemoryStore;
  readonly catalog: Catalog;
  readonly mapping: CatalogMapping;
  /** What the application's own settings say, and the defaults of the rest. */
  readonly settings: Settings;
  readonly trace: string[] = [];
  readonly inFlight: InFlight[] = [];
  /** The true time, by which the application lives. */
  now: number = START;
  monotonic = 1_000_000;
  storeFault: StoreFault | null = null;
  /** What stale listings show. */
  frozenListing: readonly ListedObject[] | null = null;
  frozenUploads: readonly ListedUpload[] | null = null;
  /** How far the store's clock is ahead; null where its answers carry none, and then it is right. */
  storeSkewMs: number | null;
  /** What the operator keeps out, for runs that begin from now on. */
  ignorePrefixes: readonly string[] = [];
  /** How often each fault came about. */
  readonly faults = new Map<string, number>();
  #folder: string;
  #client: SqlClient;
  #replica: SqlClient | null = null;
  /** When the backup was made, by the true time. */
  #backupAt: number | null = null;
  /** When each object was put, by the true time, whatever the store says. */
  readonly #putAt = new Map<string, number>();
  #ids = 0;

  private constructor(site: Site, prepared: Prepared, folder: string, client: SqlClient) {
    this.site = site;
    this.catalog = CATALOGS[site.catalog];
    this.mapping = prepared.mapping;
    this.settings = prepared.settings;
    this.#folder = folder;
    this.#client = client;
    this.storeSkewMs = site.folder ? null : site.storeSkewMs;
    const now = (): number => this.storeNow();
    this.store = site.folder ? createFolderStore(join(folder, "store"), now) : createMemoryStore({ now });
  }

  static async open(site: Site): Promise<Stage> {
    const prepared = await preparedFor(site.catalog);
    const folder = mkdtempSync(join(dirname(prepared.path), "history-"));
    copyFileSync(prepared.path, join(folder, "prepared.db"));
    return new Stage(site, prepared, folder, await openCopy(folder, "prepared", "catalog"));
  }

  close(): void {
    this.#client.close();
    this.#replica?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  databaseNow(): number {
    return this.now + this.site.databaseSkewMs;
  }

  /** By the store's own clock. */
  storeNow(): number {
    return this.now + (this.storeSkewMs ?? 0);
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
    this.#backupAt = this.now;
  }

  get backupAt(): number | null {
    return this.#backupAt;
  }

  /** Answers false where there is no backup. */
  async restore(): Promise<boolean> {
    if (this.#backupAt === null) return false;
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

  /** Puts 10 bytes; by default now. A folder knows no unknown age. */
  put(key: string, age: { readonly ms: number } | "unknown" = { ms: 0 }): void {
    const isUnknown = age === "unknown" && !this.site.folder;
    const ageMs = age === "unknown" ? 0 : age.ms;
    this.store.put(key, { sizeBytes: 10, modifiedAt: isUnknown ? null : this.storeNow() - ageMs });
    this.#putAt.set(key, this.now - ageMs);
  }

  /** How long what is under a key is there, by the true time. An upload's object is as old as the upload. */
  putAt(key: string): number {
    return this.#putAt.get(key) ?? this.now;
  }

  /** Answers whether there is an object now. */
  completeUpload(uploadId: string): boolean {
    const upload = this.store.uploads().find((each) => each.uploadId === uploadId);
    if (upload === undefined || !this.store.completeUpload(uploadId, { sizeBytes: 10 })) return false;
    this.#putAt.set(upload.key, (upload.initiatedAt ?? this.storeNow()) - (this.storeSkewMs ?? 0));
    return true;
  }

  /** What stale listings show from now on. */
  async freezeListings(): Promise<void> {
    this.frozenListing = (await this.store.list({ after: null, limit: 1_000_000 })).objects;
    this.frozenUploads = this.store.uploads();
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
  async deleteFromStore(requests: readonly DeleteRequest[]): Promise<DeleteOutcome[]> {
    // A folder always compares.
    const compares = this.site.compares || this.site.folder;
    return this.store.delete(requests.map(({ key, expected }) => (compares && expected ? { key, expected } : { key })));
  }

  async objects(): Promise<ReadonlyMap<string, ListedObject>> {
    const { objects } = await this.store.list({ after: null, limit: 1_000_000 });
    return new Map(objects.map((object) => [object.key, object]));
  }

  /** The identity marker as it is, whatever the way to it. */
  marker: Store["readMarker"] = () => this.store.readMarker();
}

export function pick<Item>(items: readonly Item[], n: number): Item | undefined {
  return items[n % Math.max(1, items.length)];
}

export function quote(key: string): string {
  return JSON.stringify(key);
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

/** A database that was migrated, as it is copied for every history, and how its catalog is read. */
interface Prepared {
  readonly path: string;
  readonly mapping: CatalogMapping;
  readonly settings: Settings;
}

/** One folder for each process, in which every history has its own. In memory where the system has such a place. */
let folder: string | null = null;
const prepared = new Map<CatalogName, Promise<Prepared>>();

function preparedFor(name: CatalogName): Promise<Prepared> {
  const known = prepared.get(name) ?? prepare(name);
  prepared.set(name, known);
  return known;
}

async function prepare(name: CatalogName): Promise<Prepared> {
  const path = join(sharedFolder(), `${name}.db`);
  const { ddl, env } = CATALOGS[name];
  // Begun without a write-ahead log, the file alone is the database, and may be copied between two transactions.
  const raw = createClient({ url: `file:${path}` });
  for (const sql of [...TEST_CLOCK.map(({ sql }) => sql), ...ddl]) await raw.execute(sql);
  raw.close();
  const settings = readSettings(env, { runtime: "node" });
  const client = await openFileClient(path);
  const mapping = await mapCatalog(client, settings.catalog);
  const clocked = followClock(client, { now: () => START });
  await migrate(clocked, TEST_NOW, { mapping });
  await installGate(clocked, mapping, TEST_NOW);
  client.close();
  return { path, mapping, settings };
}

function sharedFolder(): string {
  if (folder !== null) return folder;
  const ram = "/dev/shm";
  const made = mkdtempSync(join(existsSync(ram) ? ram : tmpdir(), `filesweep-simulation-${pid}-`));
  globalThis.process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}
