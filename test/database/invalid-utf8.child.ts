/** Started by due.test.ts: ends due rows, of which one has a key and one an id that is no valid UTF-8, and prints the keys. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stdout } from "node:process";
import type { Claim } from "../../src/core/ports.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { createDatabase } from "../../src/database/open.ts";
import { migrate } from "../../src/database/schema.ts";
import { DATABASE_NOW } from "../../src/database/sql.ts";

const folder = mkdtempSync(join(tmpdir(), "filesweep-test-"));
try {
  const client = await openFileClient(join(folder, "catalog.db"));
  await migrate(client, DATABASE_NOW);
  const insert = "INSERT INTO files (id, key, created_at, expires_at) VALUES";
  const statements = [
    `${insert} ('odd', CAST(x'61ff62' AS TEXT), 1, 2)`,
    `${insert} (CAST(x'22ff0ac3a95c' AS TEXT), 'odd id, ü', 1, 2)`,
    `${insert} ('plain', 'plain', 1, 2)`,
  ];
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
  const claims = page.files.flatMap((file, index): Claim[] => {
    const { key } = file;
    if (typeof key !== "string") return [];
    return [{ file, key, reason: "expired", removalId: `removal-${index}`, takesAlong: true, derived: [] }];
  });
  const { ended, condemned } = await database.catalog.claim(held, claims, { runId: "run", now: 3 });
  const keys = { ended: [...ended].map(({ key }) => key), condemned: condemned.map(({ key }) => key) };
  stdout.write(JSON.stringify({ seen: page.files.length, ...keys }));
  client.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
