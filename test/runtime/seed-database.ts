/** The scenario's catalog, in a database file of its own. */
import { join } from "node:path";
import type { Value } from "../../src/core/ports.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";
import { plain } from "../support/statements.ts";

/** Makes the database with these rows, in `folder`. */
export async function seedDatabase(folder: string, rows: readonly Readonly<Record<string, Value>>[]): Promise<string> {
  const file = join(folder, "filesweep.db");
  const client = await openFileClient(file);
  await migrate(client, DATABASE_NOW);
  const statements = rows.map((row) => {
    const marks = Object.keys(row).map(() => "?");
    return plain(`INSERT INTO files (${Object.keys(row).join(", ")}) VALUES (${marks.join(", ")})`, Object.values(row));
  });
  await client.batch(statements, "write");
  client.close();
  return file;
}
