/**
 * A file-sharing application in small: its table, its store, and filesweep beside it, all on one clock that the test
 * turns. After every run the sums of the report are checked.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, onTestFinished } from "vitest";
import { compareKeys } from "../../src/core/keys.ts";
import type { RemovalState, RunReport, SweepName } from "../../src/core/model.ts";
import type { Clock, Database, ListedObject, ListPage, LogEvent, Store, Value } from "../../src/core/ports.ts";
import { accountedFor } from "../../src/core/report.ts";
import { type RunOutcome, type RunParts, type RunRequest, runSlice } from "../../src/core/run.ts";
import { DAY_MS, HOUR_MS, MARKER_KEY } from "../../src/core/safety.ts";
import { checkSettings, type RunSettings } from "../../src/core/settings.ts";
import type { SqlClient } from "../../src/database/client.ts";
import { createDatabase } from "../../src/database/open.ts";
import { migrate } from "../../src/database/schema.ts";
import { counted } from "../../src/storage/counted.ts";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { createMemoryStore, type MemoryStore } from "../../src/storage/memory.ts";
import { readOnly } from "../../src/storage/read-only.ts";
import { openTestClient, plain, TEST_NOW, temporaryFolder } from "./database.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";

export interface FileFields {
  readonly id?: string;
  readonly key: Value;
  readonly status?: string;
  readonly size_bytes?: Value;
  readonly created_at?: Value;
  readonly expires_at?: Value;
  readonly downloaded_at?: Value;
  readonly downloads?: Value;
  readonly max_downloads?: Value;
  readonly hold?: Value;
}

export interface Removal {
  readonly key: string;
  readonly state: RemovalState;
  readonly reason: string;
  readonly released_by: string | null;
  readonly attempts: number;
  readonly error: string | null;
}

/** What one process of filesweep is made of. */
export interface InstanceOptions {
  readonly settings?: Partial<RunSettings>;
  /** Wraps the client that filesweep uses, not the application's. */
  readonly wrapClient?: (client: SqlClient) => SqlClient;
  readonly wrapStore?: (store: Store) => Store;
}

export interface WorldOptions extends InstanceOptions {
  readonly clock?: FakeClock;
  /** Where the bytes are; by default in memory. */
  readonly bytes?: () => Bytes;
  /** False: the catalog has no live file but those of the test, so that a run may be held for that (`no-live-files`). */
  readonly liveFile?: boolean;
}

/**
 * The application's one file that every world has: live for ever, and in a corner where no sweep looks. Neither
 * `statuses()` nor `keys()` show it.
 */
const ANCHOR = { id: "anchor", key: ".filesweep/anchor" };

/** How many objects a run asks for when it looks whether the store holds any: its pages are of another size. */
export const PROBE_LIMIT = 10;

/** A store together with a way past it: what the application, or a person, does to the bytes. */
export interface Bytes {
  readonly store: Store;
  /** Puts an object of 10 bytes. */
  put(key: string, modifiedAt: number): void;
  remove(key: string): void;
  has(key: string): boolean;
  keys(): string[];
  /** Begins a multipart upload; absent where the store has none. */
  beginUpload?(key: string, initiatedAt: number): void;
  /** The keys of the uploads under way. */
  uploads?(): string[];
}

export type World = Awaited<ReturnType<typeof createWorld>>;

export const DEFAULT_SETTINGS: RunSettings = defaultSettings();

function defaultSettings(): RunSettings {
  const checked = checkSettings({}, { runtime: "node" });
  if (!("settings" in checked)) throw new Error("the defaults are not valid");
  // A schedule of once a year: that a test lets months go by is no jump of the clock.
  return { ...checked.settings, firstRun: "remove", intervalMs: 365 * DAY_MS };
}

export async function createWorld(options: WorldOptions = {}) {
  const clock = options.clock ?? createFakeClock();
  const path = join(fastFolder(), "catalog.db");
  await writePrepared(path, clock);
  const client = await openTestClient(path, clock);
  const memory = createMemoryStore({ now: () => clock.now() });
  const bytes = options.bytes?.() ?? inMemory(memory);
  const logs: LogEvent[] = [];
  let ids = 0;
  let files = 0;
  const makeId = (): string => `id-${String(++ids).padStart(8, "0")}`;

  /** Another process on the same database and store. */
  async function createInstance(wrap: InstanceOptions = options): Promise<Instance> {
    const own = await openTestClient(path, clock);
    const settings = { ...DEFAULT_SETTINGS, ...options.settings, ...wrap.settings };
    const wrapped = wrap.wrapClient?.(own) ?? own;
    const database = createDatabase({ client: wrapped, clock, gateMs: settings.gateMs, databaseNow: TEST_NOW });
    const { store, calls } = counted(wrap.wrapStore?.(bytes.store) ?? bytes.store);
    return {
      database,
      store,
      planStore: readOnly(store),
      storeCalls: calls,
      settings,
      clock,
      makeId,
      log: (event) => void logs.push(event),
      holder: `test-${makeId()}`,
    };
  }
  const parts = await createInstance();
  if (options.liveFile !== false) {
    const anchor = plain("INSERT INTO files (id, key, created_at) VALUES (?, ?, ?)", [
      ANCHOR.id,
      ANCHOR.key,
      clock.now(),
    ]);
    await client.batch([anchor], "write");
  }

  async function slice(request: Partial<RunRequest> = {}, on: RunParts = parts): Promise<RunOutcome> {
    const outcome = await runSlice(on, { mode: "remove", sweeps: on.settings.sweeps, trigger: "library", ...request });
    if (outcome.kind === "ran") expectSumsToHold(outcome.report);
    return outcome;
  }

  /** One slice that must have run. */
  async function run(request: Partial<RunRequest> = {}, on: RunParts = parts): Promise<RunReport> {
    const outcome = await slice(request, on);
    if (outcome.kind !== "ran") throw new Error(`the lease is held by ${outcome.holder.holder}`);
    return outcome.report;
  }

  async function rows<Row>(sql: string, args: Value[] = []): Promise<Row[]> {
    const [result] = await client.batch([plain(sql, args)], "read");
    // What a test selects is what it names as the type.
    return (result ?? []) as Row[];
  }

  /** Inserts rows as the application does; ids are made in order where none is given. */
  async function insert(...inserted: FileFields[]): Promise<void> {
    const statements = inserted.map((fields) => {
      files += 1;
      const row = { id: `file-${String(files).padStart(6, "0")}`, created_at: clock.now(), size_bytes: 10, ...fields };
      const names = Object.keys(row);
      const marks = names.map(() => "?").join(", ");
      return plain(`INSERT INTO files (${names.join(", ")}) VALUES (${marks})`, Object.values(row));
    });
    await client.batch(statements, "write");
  }

  /** Puts objects of 10 bytes that are old enough to be orphans, unless an age is given. */
  function put(keys: readonly string[], ageMs: number = 1000 * HOUR_MS): void {
    for (const key of keys) bytes.put(key, clock.now() - ageMs);
  }

  /** A live file, with its row and its object. */
  async function upload(fields: FileFields & { readonly key: string }, ageMs?: number): Promise<void> {
    await insert(fields);
    put([fields.key], ageMs);
  }

  async function dump(
    wanted: (table: string) => boolean,
    wantedObject: (object: ListedObject) => boolean = () => true,
  ): Promise<unknown> {
    const tables = await rows<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    const contents: [string, unknown][] = [];
    for (const { name } of tables.filter((table) => wanted(table.name))) {
      contents.push([name, await rows(`SELECT * FROM "${name}" ORDER BY 1`)]);
    }
    const objects = (await listAll(bytes.store)).filter(wantedObject);
    return { tables: contents, objects };
  }

  return {
    clock,
    path,
    client,
    store: memory,
    bytes,
    parts,
    logs,
    slice,
    run,
    rows,
    insert,
    put,
    upload,
    createInstance,
    plan: (): Promise<RunReport> => run({ mode: "plan" }),
    /** The objects, filesweep's identity marker aside. */
    keys: (): string[] => bytes.keys().filter((key) => key !== MARKER_KEY),
    execute: (sql: string, args: Value[] = []): Promise<unknown> => client.batch([plain(sql, args)], "write"),
    /** The status of each row, by id. */
    statuses: async (): Promise<Record<string, string>> => {
      const found = await rows<{ id: string; status: string }>(
        "SELECT id, status FROM files WHERE id <> ? ORDER BY id",
        [ANCHOR.id],
      );
      return Object.fromEntries(found.map(({ id, status }) => [id, status]));
    },
    removals: (): Promise<Removal[]> =>
      rows<Removal>("SELECT key, state, reason, released_by, attempts, error FROM filesweep_removals ORDER BY key, id"),
    /** `key state` of every removal. */
    ledger: async (): Promise<string[]> => {
      const found = await rows<Removal>("SELECT key, state FROM filesweep_removals ORDER BY key, id");
      return found.map(({ key, state }) => `${key} ${state}`);
    },
    /** What is the application's: its rows, and the objects with their looks. */
    dumpOfOthers: (): Promise<unknown> =>
      dump(
        (table) => !table.startsWith("filesweep_") && table !== "test_clock",
        ({ key }) => key !== MARKER_KEY,
      ),
    /** Everything, the fake clock's row aside. */
    dumpOfAll: (): Promise<unknown> => dump((table) => table !== "test_clock"),
  };
}

export type Instance = RunParts & { readonly database: Database };

function inMemory(store: MemoryStore): Bytes {
  return {
    store,
    put: (key, modifiedAt) => store.put(key, { sizeBytes: 10, modifiedAt }),
    remove: (key) => store.remove(key),
    has: (key) => store.has(key),
    keys: () => store.keys(),
    beginUpload: (key, initiatedAt) => void store.beginUpload(key, initiatedAt),
    uploads: () => store.uploads().map(({ key }) => key),
  };
}

/** A real folder. */
export function inFolder(): Bytes {
  const root = fastFolder();
  const names = (): string[] =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return {
    store: createFilesystemStore({ root }),
    put(key, modifiedAt) {
      const path = join(root, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, "0123456789");
      utimesSync(path, modifiedAt / 1000, modifiedAt / 1000);
    },
    remove: (key) => rmSync(join(root, key)),
    has: (key) => existsSync(join(root, key)),
    keys: () => names().sort(compareKeys),
  };
}

/** A database that was migrated, as its files hold it: made once, and written again for every world. */
let prepared: { readonly suffix: string; readonly content: Buffer }[] | null = null;

async function writePrepared(path: string, clock: Clock): Promise<void> {
  if (prepared === null) {
    const original = join(fastFolder(), "prepared.db");
    await migrate(await openTestClient(original, clock), TEST_NOW);
    const suffixes = ["", "-wal"].filter((suffix) => existsSync(original + suffix));
    prepared = suffixes.map((suffix) => ({ suffix, content: readFileSync(original + suffix) }));
  }
  for (const { suffix, content } of prepared) writeFileSync(path + suffix, content);
}

const RAM = "/dev/shm";

/** In memory where the system has such a place: worlds are made by the hundred, and every commit of theirs is synced. */
function fastFolder(): string {
  if (!existsSync(RAM)) return temporaryFolder();
  const path = mkdtempSync(join(RAM, "filesweep-test-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function listAll(store: Store): Promise<ListedObject[]> {
  const objects: ListedObject[] = [];
  for (let after: string | null = null; ; ) {
    const page: ListPage = await store.list({ after, limit: 1000 });
    objects.push(...page.objects);
    if (page.next === null) return objects;
    after = page.next;
  }
}

/** P5. */
export function expectSumsToHold(report: RunReport): void {
  for (const sweep of report.sweeps) {
    expect(accountedFor(sweep), `the sum of ${sweep.name}`).toEqual(sweep.seen);
    for (const tally of [sweep.seen, sweep.removed, sweep.suspected, sweep.deferred, sweep.failed]) {
      expect(tally.count).toBeGreaterThanOrEqual(0);
      expect(tally.bytes).toBeGreaterThanOrEqual(0);
    }
  }
}

export function sweepOf(report: RunReport, name: SweepName): RunReport["sweeps"][number] {
  const found = report.sweeps.find((sweep) => sweep.name === name);
  if (found === undefined) throw new Error(`the report has no sweep ${name}`);
  return found;
}
