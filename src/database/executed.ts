/** The statements that a run sends about the application's table, for looking at and not for executing. */
import type { CatalogCursor, Claim, FileRow, HeldLease } from "../core/ports.ts";
import type { Row, SqlClient, Statement } from "./client.ts";
import type { CatalogMapping } from "./mapping.ts";
import { createDatabase } from "./open.ts";

/** The statements of one method of the ports. */
export interface Executed {
  readonly method: string;
  readonly statements: readonly Statement[];
}

/**
 * Lets the adapters work over a client that keeps what it is sent, and executes nothing: so these are the statements
 * that a run sends, and not copies that could differ. Their parameters mean nothing.
 */
export async function executedStatements(mapping: CatalogMapping, databaseNow: string): Promise<Executed[]> {
  let sent: Statement[] = [];
  const client: SqlClient = {
    async batch(statements) {
      sent.push(...statements);
      return statements.map(answerTo);
    },
    explain: () => Promise.resolve([]),
    calls: () => 0,
    close() {},
  };
  const clock = { now: () => 0, monotonicMs: () => 0 };
  const database = createDatabase({ client, clock, gateMs: 0, mapping, databaseNow });
  const held = await database.leases.acquire("doctor");
  if (!("timeLeftMs" in held)) return [];
  const executed: Executed[] = [];
  for (const [method, call] of CALLS) {
    sent = [];
    await call(database, held, placeIn(mapping));
    executed.push({ method, statements: sent.filter(({ sql }) => !isOfTheLease(sql)) });
  }
  return executed;
}

type Call = (database: ReturnType<typeof createDatabase>, held: HeldLease, place: CatalogCursor) => Promise<unknown>;

const CUTOFFS = { expiredBefore: 1, downloadedBefore: 1 };
const OLD = { downloadedBefore: 1, expiredBefore: 1 };
const RUN = { runId: "", now: 1 };
/** A place that a row of any table could have. */
function placeIn({ identity }: CatalogMapping): CatalogCursor {
  return { stage: 0, position: 1, identity: JSON.stringify(identity.map(() => "")) };
}

const ROW: FileRow = {
  id: "",
  key: "k",
  status: "",
  sizeBytes: 0,
  expiresAt: null,
  downloadedAt: null,
  createdAt: null,
  downloads: null,
  maxDownloads: null,
  hold: null,
  standing: "live",
  version: [[], []],
};
const CLAIM: Claim = { file: ROW, key: "k", reason: "expired", removalId: "", takesAlong: true, derived: [] };
const STRETCH = { after: "a", to: "z", keys: ["k"], madeBefore: 1, missingLimit: 1 };

const CALLS: readonly (readonly [method: string, call: Call])[] = [
  ["catalog.due", ({ catalog }, held) => catalog.due(held, { ...CUTOFFS, after: null, limit: 1 })],
  ["catalog.countDue", ({ catalog }, held) => catalog.countDue(held, CUTOFFS, 1)],
  ["catalog.countLive", ({ catalog }, held) => catalog.countLive(held, 1)],
  ["catalog.old", ({ catalog }, held) => catalog.old(held, { ...OLD, after: null, limit: 1 })],
  ["catalog.claim", ({ catalog }, held) => catalog.claim(held, [CLAIM], RUN)],
  ["catalog.compare", ({ catalog }, held) => catalog.compare(held, STRETCH)],
  [
    "catalog.protectedAfter",
    ({ catalog }, held, cursor) => catalog.protectedAfter(held, ["k"], { ...CUTOFFS, cursor }),
  ],
  ["ledger.condemn", ({ ledger }, held) => ledger.condemn(held, { ...RUN, limit: 1, ignorePrefixes: [] })],
];

function isOfTheLease(sql: string): boolean {
  return sql.includes("filesweep_lease");
}

/** A lease that was had; of everything else nothing. */
function answerTo({ sql }: Statement): Row[] {
  if (isOfTheLease(sql)) return [{ holder: "doctor", fence: 1, expires_at: 1, now: 0 }];
  if (sql.includes("changes() AS ended")) return [{ ended: 0 }];
  if (sql.includes(" AS BLOB) AS packed")) return [{ packed: new TextEncoder().encode("[]") }];
  return sql.includes(" AS packed") ? [{ packed: "[]" }] : [];
}
