/** Rows of another application's catalog, put into the default table. */
import { SweepError } from "../core/errors.ts";
import { type ImportedFile, MAX_DOWNLOADS } from "../core/tinydb.ts";
import type { SqlClient } from "./client.ts";
import { GATE_MESSAGE } from "./gate.ts";
import { jsonRows, type SQL, sql, text } from "./sql.ts";

export interface ImportAnswer {
  readonly imported: number;
  /** Ids of rows that were there before, and differ in what decides about their object. They stay as they are. */
  readonly differing: readonly string[];
}

/** Rows in one statement: what a remote database takes in one request, with room to spare. */
const CHUNK = 1000;

/**
 * One round trip, one transaction: adds the files whose id is not there yet. A row that is there stays as it is: it may
 * have been extended since, or its object may be gone.
 * @throws SweepError `conflict` where a file's object is being removed at this moment; then nothing is imported
 */
export async function importFiles(
  client: SqlClient,
  files: readonly ImportedFile[],
  databaseNow: string,
): Promise<ImportAnswer> {
  if (files.length === 0) return { imported: 0, differing: [] };
  const chunks = Array.from({ length: Math.ceil(files.length / CHUNK) }, (_, index) =>
    files.slice(index * CHUNK, (index + 1) * CHUNK),
  );
  const statements = chunks.flatMap((chunk) => [findDiffering(chunk), insert(chunk, databaseNow)]);
  const answers = await client.batch(statements, "write").catch((error: unknown) => {
    throw refusedByGate(error) ?? error;
  });
  const [differing, inserted] = [0, 1].map((which) =>
    answers.flatMap((rows, index) => (index % 2 === which ? rows : [])),
  );
  return { imported: inserted?.length ?? 0, differing: (differing ?? []).map((row) => text(row, "id")) };
}

function field(name: keyof ImportedFile): SQL {
  return sql`j.value ->> ${`$.${name}`}`;
}

function findDiffering(files: readonly ImportedFile[]): SQL {
  return sql`SELECT f.id FROM ${jsonRows(files)} j JOIN files f ON f.id = ${field("id")}
    WHERE f.key IS NOT ${field("key")} OR f.expires_at IS NOT ${field("expiresAt")}
      OR f.downloaded_at IS NOT ${field("downloadedAt")} ORDER BY f.id`;
}

function insert(files: readonly ImportedFile[], databaseNow: string): SQL {
  return sql`INSERT INTO files
      (id, key, original_name, uploaded_by, status, created_at, expires_at, downloaded_at, downloads, max_downloads)
    SELECT ${field("id")}, ${field("key")}, ${field("originalName")}, ${field("uploadedBy")}, ${field("status")},
      coalesce(${field("createdAt")}, ${sql.raw(databaseNow)}), ${field("expiresAt")}, ${field("downloadedAt")},
      ${field("downloads")}, ${MAX_DOWNLOADS}
    FROM ${jsonRows(files)} j WHERE true ON CONFLICT (id) DO NOTHING RETURNING id`;
}

function refusedByGate(error: unknown): SweepError | null {
  if (!(error instanceof SweepError) || !String(error.details["vendor"]).includes(GATE_MESSAGE)) return null;
  const message =
    "the object of one of the files is being removed at this moment: nothing was imported; try again later";
  return new SweepError("conflict", message, { cause: error });
}
