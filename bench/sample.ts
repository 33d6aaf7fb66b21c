/** The tree and the database that a measurement works on: the same for filesweep and for its peers. */
import { closeSync, copyFileSync, existsSync, futimesSync, mkdirSync, openSync, rmSync } from "node:fs";
import path from "node:path";
import { createClient } from "@libsql/client/sqlite3";
import { openFileClient } from "../src/database/embedded-client.ts";
import { migrate } from "../src/database/schema.ts";
import { DATABASE_NOW } from "../src/database/sql.ts";

export interface Sample {
  /** `expired`: every object has a row that expired. `orphans`: 1 % of the objects have no row, the others a live one. */
  readonly kind: "expired" | "orphans";
  /** Holds the store, the database, and the database as it was at first. */
  readonly folder: string;
  readonly objects: number;
  /** Live rows beside those of the objects. */
  readonly otherRows: number;
}

const FILES_PER_DIRECTORY = 1000;
const DIRECTORIES_PER_DIRECTORY = 32;
const ORPHAN_EVERY = 100;

const DAY_SECONDS = 24 * 60 * 60;
/** The age of what stays, and of what is to go: far enough apart for a peer that can tell them by age alone. */
const STAYS_AGE_DAYS = 10;
const GOES_AGE_DAYS = 30;
/** What `find -mtime` and Node's loop are told: older than this is to go. */
export const GOES_AFTER_DAYS = 20;

export const storeOf = (sample: Sample): string => path.join(sample.folder, "store");
export const databaseOf = (sample: Sample): string => path.join(sample.folder, "catalog.db");
const pristineOf = (sample: Sample): string => path.join(sample.folder, "pristine.db");

/** Like the names of a real store, in no order within their directory. {@link SQL_KEY} makes the same. */
function keyOf(index: number): string {
  const directory = Math.floor(index / FILES_PER_DIRECTORY);
  const top = Math.floor(directory / DIRECTORIES_PER_DIRECTORY);
  return `${hex(top, 2)}/${hex(directory, 4)}/${hex(Math.imul(index, 2654435761) >>> 0, 8)}-upload.bin`;
}

const SQL_HASH = "(i * 2654435761) & 4294967295";
const SQL_KEY = `printf('%02x/%04x/%08x-upload.bin', i / ${FILES_PER_DIRECTORY * DIRECTORIES_PER_DIRECTORY}, i / ${FILES_PER_DIRECTORY}, ${SQL_HASH})`;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

const goes = (sample: Sample, index: number): boolean =>
  sample.kind === "expired" || index % ORPHAN_EVERY === ORPHAN_EVERY - 1;

/** How many objects a sweep is to remove. */
export function removable(sample: Sample): number {
  return sample.kind === "expired" ? sample.objects : Math.floor(sample.objects / ORPHAN_EVERY);
}

/** Makes tree and database. Without a tree (`rows-only`) the objects of all rows are missing. */
export async function seed(sample: Sample, what: "all" | "rows-only"): Promise<void> {
  mkdirSync(storeOf(sample), { recursive: true });
  await seedDatabase(sample);
  if (what === "all") putFiles(sample, () => true);
}

/** Puts back what a measurement removed, and the database as it was. */
export function restore(sample: Sample): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(databaseOf(sample) + suffix, { force: true });
  copyFileSync(pristineOf(sample), databaseOf(sample));
  putFiles(sample, (index) => goes(sample, index));
}

/** @throws Error unless exactly what was to go is gone */
export function verify(sample: Sample): void {
  for (let index = 0; index < sample.objects; index += 1) {
    const key = keyOf(index);
    if (existsSync(path.join(storeOf(sample), key)) !== goes(sample, index)) continue;
    throw new Error(`${key} ${goes(sample, index) ? "is still there" : "is gone"}: this run measured something else`);
  }
}

function putFiles(sample: Sample, wanted: (index: number) => boolean): void {
  const root = storeOf(sample);
  const now = Date.now() / 1000;
  let directory = "";
  for (let index = 0; index < sample.objects; index += 1) {
    if (!wanted(index)) continue;
    const file = path.join(root, keyOf(index));
    if (path.dirname(file) !== directory) {
      directory = path.dirname(file);
      mkdirSync(directory, { recursive: true });
    }
    const modifiedAt = now - (goes(sample, index) ? GOES_AGE_DAYS : STAYS_AGE_DAYS) * DAY_SECONDS;
    const descriptor = openSync(file, "w");
    futimesSync(descriptor, modifiedAt, modifiedAt);
    closeSync(descriptor);
  }
}

async function seedDatabase(sample: Sample): Promise<void> {
  const prepared = await openFileClient(databaseOf(sample));
  await migrate(prepared, DATABASE_NOW);
  prepared.close();
  const client = createClient({ url: `file:${databaseOf(sample)}` });
  await client.execute("PRAGMA cache_size = -400000");
  await client.execute("PRAGMA synchronous = OFF");
  const now = Date.now();
  const createdAt = now - GOES_AGE_DAYS * DAY_SECONDS * 1000;
  const expiresAt = `iif(i < ${sample.kind === "expired" ? sample.objects : 0}, ${now} - 86400000 - i, ${now} + 86400000 + i)`;
  const hasRow =
    sample.kind === "expired" ? "true" : `(i >= ${sample.objects} OR i % ${ORPHAN_EVERY} < ${ORPHAN_EVERY - 1})`;
  await client.execute(
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${sample.objects + sample.otherRows - 1})
      INSERT INTO files (id, key, original_name, size_bytes, created_at, expires_at)
      SELECT printf('%08x-%08x', ${SQL_HASH}, i), ${SQL_KEY}, 'upload.bin', 0, ${createdAt}, ${expiresAt} FROM n WHERE ${hasRow}`,
  );
  await client.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  client.close();
  copyFileSync(databaseOf(sample), pristineOf(sample));
}
