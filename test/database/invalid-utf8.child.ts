/** Started by due.test.ts: reads a page of due rows in which one key is no valid UTF-8, and prints the ids. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stdout } from "node:process";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { createDatabase } from "../../src/database/open.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";

const folder = mkdtempSync(join(tmpdir(), "filesweep-test-"));
try {
  const client = await openFileClient(join(folder, "catalog.db"));
  await migrate(client, DATABASE_NOW);
  const insert = "INSERT INTO files (id, key, created_at, expires_at) VALUES";
  const statements = [`${insert} ('odd', CAST(x'61ff62' AS TEXT), 1, 2)`, `${insert} ('plain', 'plain', 1, 2)`];
  await client.batch(
    statements.map((sql) => ({ sql, args: [] })),
    "write",
  );
  const clock = { now: () => Date.now(), monotonicMs: () => performance.now() };
  const database = createDatabase({ client, clock, gateMs: 1 });
  const held = await database.leases.acquire("child");
  if (!("timeLeftMs" in held)) throw new Error("the lease is held");
  const page = await database.catalog.due(held, {
    expiredBefore: 1e12,
    downloadedBefore: 1e12,
    after: null,
    limit: 10,
  });
  stdout.write(JSON.stringify(page.files.map(({ id }) => id)));
  client.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
