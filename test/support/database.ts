import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Clock } from "../../src/core/ports.ts";
import type { SqlClient, Statement } from "../../src/database/client.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";

/** The database's clock of a test: a table of one row, which follows the fake clock. */
export const TEST_NOW = "(SELECT now_ms FROM test_clock)";

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "filesweep-test-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** An embedded database whose clock follows `clock`: every batch sets it first. */
export async function openTestClient(path: string, clock: Clock): Promise<SqlClient> {
  const client = await openFileClient(path);
  onTestFinished(() => client.close());
  await client.batch(
    [
      plain("CREATE TABLE IF NOT EXISTS test_clock (id INTEGER PRIMARY KEY CHECK (id = 1), now_ms INTEGER NOT NULL)"),
      plain("INSERT OR IGNORE INTO test_clock (id, now_ms) VALUES (1, 0)"),
    ],
    "write",
  );
  return {
    ...client,
    async batch(statements, mode) {
      const turn = { sql: "UPDATE test_clock SET now_ms = ?", args: [clock.now()] };
      const results = await client.batch(mode === "write" ? [turn, ...statements] : statements, mode);
      return mode === "write" ? results.slice(1) : results;
    },
  };
}

export function plain(sql: string, args: Statement["args"] = []): Statement {
  return { sql, args };
}
