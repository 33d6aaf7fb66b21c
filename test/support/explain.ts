/** What SQLite makes of the statements that are really executed: their plans, and how many steps they took. */
import { createClient } from "@libsql/client/sqlite3";
import type { Row, SqlClient, Statement } from "../../src/database/client.ts";
import { plain } from "./database.ts";

export interface Recorder {
  readonly wrap: (client: SqlClient) => SqlClient;
  /** The statements since the last call, each once. */
  take(): Statement[];
}

export function recorder(): Recorder {
  let seen = new Map<string, Statement>();
  return {
    wrap: (client) => ({
      ...client,
      batch(statements, mode) {
        for (const statement of statements) seen.set(statement.sql, statement);
        return client.batch(statements, mode);
      },
    }),
    take() {
      const statements = [...seen.values()];
      seen = new Map();
      return statements;
    },
  };
}

/**
 * The lines of EXPLAIN QUERY PLAN. On a connection of its own, and outside a transaction: explaining a write leaves a
 * local connection unable to commit (@libsql/client 0.18).
 */
export async function explain(path: string, statement: Statement): Promise<string[]> {
  const client = createClient({ url: `file:${path}`, intMode: "bigint" });
  try {
    const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${statement.sql}`, args: [...statement.args] });
    return rows.map((row) => String(row["detail"]));
  } finally {
    client.close();
  }
}

/** Steps of SQLite's virtual machine, triggers included. */
export interface Work {
  readonly sql: string;
  readonly steps: number;
  /** Rows that were stepped over in full scans, of a table, an index, or a list of parameters. */
  readonly scanned: number;
  readonly sorts: number;
  readonly autoIndexes: number;
}

export interface Meter {
  readonly wrap: (client: SqlClient) => SqlClient;
  /** The work of all statements since the last call. */
  take(): Work[];
}

/**
 * Counts by SQLite's own counters (the virtual table `sqlite_stmt`, which libSQL's build has): read in the transaction
 * of the statements, while these are still prepared.
 */
export function meter(): Meter {
  let works: Work[] = [];
  let statements = 0;
  return {
    wrap: (client) => ({
      ...client,
      async batch(batch, mode) {
        const marked = batch.map(({ sql, args }) => {
          statements += 1;
          return { sql: `/* metered ${statements} */ ${sql}`, args };
        });
        const counters = plain("SELECT sql, nstep, nscan, nsort, naidx FROM sqlite_stmt WHERE sql LIKE '/* metered %'");
        const results = await client.batch([...marked, counters], mode);
        const own = new Set(marked.map(({ sql }) => sql));
        works.push(...(results.at(-1) ?? []).filter(({ sql }) => own.has(String(sql))).map(toWork));
        return results.slice(0, -1);
      },
    }),
    take() {
      const taken = works;
      works = [];
      return taken;
    },
  };
}

function toWork(row: Row): Work {
  return {
    sql: String(row["sql"]),
    steps: Number(row["nstep"]),
    scanned: Number(row["nscan"]),
    sorts: Number(row["nsort"]),
    autoIndexes: Number(row["naidx"]),
  };
}
