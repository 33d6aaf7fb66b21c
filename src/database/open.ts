/** Puts the database adapters together over one client. */
import type { Clock, Database } from "../core/ports.ts";
import { createCatalog } from "./catalog.ts";
import type { SqlClient } from "./client.ts";
import { createDesk } from "./desk.ts";
import { gateTriggers } from "./gate.ts";
import { createHolds } from "./holds.ts";
import { createJournal } from "./journal.ts";
import { createLeases } from "./lease.ts";
import { createLedger } from "./ledger.ts";
import { type CatalogMapping, DEFAULT_MAPPING } from "./mapping.ts";
import { DATABASE_NOW } from "./sql.ts";

export interface DatabaseOptions {
  readonly client: SqlClient;
  readonly clock: Clock;
  /** How long a key stays behind the gate after an answered attempt, in milliseconds. */
  readonly gateMs: number;
  readonly mapping?: CatalogMapping;
  /** The database's clock as an SQL expression in epoch milliseconds; for tests that turn it. */
  readonly databaseNow?: string;
}

/** The database ports over a client whose tables `migrate` has brought up to date. */
export function createDatabase(options: DatabaseOptions): Database {
  const { client, clock, gateMs, mapping = DEFAULT_MAPPING, databaseNow = DATABASE_NOW } = options;
  const { leases, session } = createLeases({ client, clock, databaseNow });
  return {
    leases,
    journal: createJournal({ client, session, databaseNow, gate: gateTriggers(mapping, databaseNow), mapping }),
    catalog: createCatalog(mapping, session, { databaseNow, gateMs }),
    desk: createDesk({ client, clock, mapping, databaseNow }),
    holds: createHolds(client, session, databaseNow),
    ledger: createLedger({ client, mapping, session, databaseNow, gateMs }),
    calls: () => client.calls(),
    rows: () => client.rows?.() ?? null,
  };
}
