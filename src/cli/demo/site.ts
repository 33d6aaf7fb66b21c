/** The site itself: files in a folder, rows in a database, written as an application writes them. */
import type { Instant } from "../../core/model.ts";
import type { Value } from "../../core/ports.ts";
import type { SqlClient, Statement } from "../../database/client.ts";
import { writeContent } from "./content.ts";
import type { SampleObject, SampleRow } from "./sample.ts";

/** Writes everything that was there before `until`, as it then was. */
export async function buildSite(
  uploads: string,
  client: SqlClient,
  sample: readonly SampleObject[],
  until: Instant,
): Promise<void> {
  await upload(
    uploads,
    sample.filter(({ modifiedAt }) => modifiedAt <= until),
  );
  const rows = rowsOf(sample).filter(({ row }) => row.createdAt <= until);
  await client.batch(rows.map(insertion), "write");
}

/** Goes on from there to today: new files, new rows, and what people changed. */
export async function liveOn(
  uploads: string,
  client: SqlClient,
  sample: readonly SampleObject[],
  since: Instant,
): Promise<void> {
  await upload(
    uploads,
    sample.filter(({ modifiedAt }) => modifiedAt > since),
  );
  const rows = rowsOf(sample);
  const created = rows.filter(({ row }) => row.createdAt > since).map(insertion);
  const changed = rows.flatMap(({ row }) => (row.since === undefined ? [] : [change(row, row.since)]));
  await client.batch([...created, ...changed], "write");
}

/** The keys of the rows that are active, by the catalog's own word. */
export async function activeKeys(client: SqlClient): Promise<string[]> {
  const [rows] = await client.batch(
    [{ sql: "SELECT DISTINCT key FROM files WHERE status = 'active' ORDER BY key", args: [] }],
    "read",
  );
  return (rows ?? []).map((row) => String(row["key"]));
}

async function upload(uploads: string, objects: readonly SampleObject[]): Promise<void> {
  for (const object of objects) await writeContent(uploads, object, object.modifiedAt);
}

interface ObjectRow {
  readonly object: SampleObject;
  readonly row: SampleRow;
}

function rowsOf(sample: readonly SampleObject[]): ObjectRow[] {
  return sample.flatMap((object) => object.rows.map((row) => ({ object, row })));
}

function insertion({ object, row }: ObjectRow): Statement {
  const values: Readonly<Record<string, Value>> = {
    id: row.id,
    key: object.key,
    original_name: row.name,
    uploaded_by: row.owner,
    size_bytes: object.sizeBytes,
    status: row.status,
    created_at: row.createdAt,
    expires_at: row.expiresAt,
    downloaded_at: row.downloadedAt,
    downloads: row.downloads,
    max_downloads: row.maxDownloads,
    hold: row.hold ? 1 : 0,
  };
  const names = Object.keys(values);
  const places = names.map(() => "?");
  return { sql: `INSERT INTO files (${names.join(", ")}) VALUES (${places.join(", ")})`, args: Object.values(values) };
}

function change(row: SampleRow, since: NonNullable<SampleRow["since"]>): Statement {
  const { expiresAt, downloadedAt, downloads } = { ...row, ...since };
  return {
    sql: "UPDATE files SET expires_at = ?, downloaded_at = ?, downloads = ? WHERE id = ?",
    args: [expiresAt, downloadedAt, downloads, row.id],
  };
}
