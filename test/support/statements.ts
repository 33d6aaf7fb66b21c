/** What a test says to a database, and by which clock. Nothing here belongs to a test runner. */
import type { Clock } from "../../src/core/ports.ts";
import type { SqlClient, Statement } from "../../src/database/client.ts";

/** The database's clock of a test: a table of one row, which follows the fake clock. */
export const TEST_NOW = "(SELECT now_ms FROM test_clock)";

/** Makes the row that {@link TEST_NOW} reads. */
export const TEST_CLOCK: readonly Statement[] = [
  plain("CREATE TABLE IF NOT EXISTS test_clock (id INTEGER PRIMARY KEY CHECK (id = 1), now_ms INTEGER NOT NULL)"),
  plain("INSERT OR IGNORE INTO test_clock (id, now_ms) VALUES (1, 0)"),
];

/** Sets the database's clock to this one, in the transaction that follows. */
export function turnClock(clock: Pick<Clock, "now">): Statement {
  return plain("UPDATE test_clock SET now_ms = ?", [clock.now()]);
}

/** A client whose database follows a clock: every batch but a mere read sets it first. */
export function followClock(client: SqlClient, clock: Pick<Clock, "now">): SqlClient {
  return {
    ...client,
    async batch(statements, mode, options) {
      if (mode === "read") return client.batch(statements, mode, options);
      const results = await client.batch([turnClock(clock), ...statements], mode, options);
      return results.slice(1);
    },
  };
}

export function plain(sql: string, args: Statement["args"] = []): Statement {
  return { sql, args };
}
