/** The doctor over the places that the settings name: for every door the same. */
import { readInstant } from "../core/catalog-time.ts";
import { type Check, type Diagnosis, type DoctorParts, examine, examineMapping } from "../core/doctor.ts";
import { lookAtStore } from "../core/opening.ts";
import type { LeaseHolder } from "../core/ports.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";
import type { SqlClient } from "../database/client.ts";
import { planIndexes, planRestored } from "../database/doctor-actions.ts";
import { planGate, planGateRemoval } from "../database/install-gate.ts";
import { mapCatalog } from "../database/map-catalog.ts";
import { type CatalogMapping, DEFAULT_MAPPING } from "../database/mapping.ts";
import { DATABASE_NOW } from "../database/sql.ts";
import { createSurvey } from "../database/survey.ts";
import { timed } from "../storage/timed.ts";
import { openDatabase, prepare, prepareForQuestions, type Setup, withClient } from "./compose.ts";

/** Looks at everything that a run depends on. Makes nothing, not even the database; what is found never throws. */
export function diagnose(setup: Setup): Promise<Diagnosis> {
  return examine(partsOf(setup));
}

/** What looks like a wrong mapping. Reads alone. */
export function doubtMapping(setup: Setup): Promise<readonly Check[]> {
  return examineMapping(partsOf(setup));
}

function partsOf({ settings, database, store, clock }: Setup): DoctorParts {
  const { catalog } = settings;
  return {
    settings,
    places: { database: database.name, store: store.name },
    clock,
    async openSurvey() {
      const client = await database.open("existing");
      return { survey: createSurvey({ client, catalog, databaseNow: DATABASE_NOW }), close: () => client.close() };
    },
    store: timed(store.open(clock), CALL_TIMEOUT_MS),
    storeAbsence: () => store.absence(),
    times: {
      readTime: (value) => readInstant(value, catalog.times),
      columns: catalog.columns ?? DEFAULT_MAPPING.columns,
    },
    isMapped: catalog.mapped,
  };
}

// ------------------------------------------------------------------------------------------------------------ acting

/** What the doctor does when it is told to. */
export type DoctorAction = "installGate" | "removeGate" | "createIndexes" | "restored";

export interface PlannedAction {
  /** For people: what the statements are for. */
  readonly title: string;
  readonly statements: readonly string[];
  /** What to do or to know next. */
  readonly note: string | null;
  /** Nobody may be at work meanwhile. */
  readonly underLease: boolean;
}

/**
 * What actions would execute, one after the other; nothing is.
 * @throws SweepError `unavailable` where database or store cannot be reached; `not-found` where filesweep never ran
 */
export function planActions(setup: Setup, actions: readonly DoctorAction[]): Promise<PlannedAction> {
  return withClient(setup, "existing", async (client) => {
    const mapping = await mappingFor(actions, setup, client);
    const planned: PlannedAction[] = [];
    for (const action of actions) planned.push(await PLANS[action](setup, client, mapping));
    const notes = planned.flatMap(({ note }) => note ?? []);
    return {
      title: planned.map(({ title }) => title).join("; "),
      statements: planned.flatMap(({ statements }) => statements),
      note: notes.length === 0 ? null : notes.join(" "),
      underLease: planned.some(({ underLease }) => underLease),
    };
  });
}

/** An index needs no tables of filesweep's own. The gate does: they are made for it, so that it may be installed first of all. */
function mappingFor(actions: readonly DoctorAction[], setup: Setup, client: SqlClient): Promise<CatalogMapping> {
  if (actions.every((action) => action === "createIndexes")) return mapCatalog(client, setup.settings.catalog);
  return actions.includes("installGate") ? prepare(setup, client) : prepareForQuestions(setup, client);
}

type Plan = (setup: Setup, client: SqlClient, mapping: CatalogMapping) => Promise<PlannedAction>;

const PLANS: Readonly<Record<DoctorAction, Plan>> = {
  installGate: async (_, client, mapping) => ({
    title: "installs the gate",
    statements: await planGate(client, mapping, DATABASE_NOW),
    note: null,
    underLease: false,
  }),
  removeGate: async (_, client, { mapped }) => ({
    title: "removes the gate",
    statements: await planGateRemoval(client),
    note: mapped ? null : "Without its gate a run on this table is held (gate-lost).",
    underLease: false,
  }),
  createIndexes: async (_, client, mapping) => ({
    title: "creates the indexes that are missing",
    statements: await planIndexes(client, mapping),
    note: null,
    underLease: false,
  }),
  restored: planRestore,
};

/** The database is no older than the last run that it remembers; from when exactly it is, nobody knows. */
async function planRestore(setup: Setup, client: SqlClient): Promise<PlannedAction> {
  await prepareForQuestions(setup, client);
  const { settings, store, clock } = setup;
  const { catalog } = settings;
  const { twin, lastRunAt } = await createSurvey({ client, catalog, databaseNow: DATABASE_NOW }).memory();
  const { marker } = await lookAtStore(timed(store.open(clock), CALL_TIMEOUT_MS));
  const isOurs = marker !== null && marker !== "unreadable" && marker.instance === twin?.instance;
  const restore = { from: lastRunAt ?? 0, to: clock.now(), storeEpoch: isOurs ? marker.epoch : null };
  return {
    title: "makes no orphan of what came since the backup, and drops what the restored ledger set out to remove",
    statements: planRestored(restore, settings.gateMs),
    note: "Now: filesweep run --plan --list",
    underLease: true,
  };
}

/** Executes a plan in one transaction. Answers who is at work, where that forbids it. */
export function takeActions(setup: Setup, { statements, underLease }: PlannedAction): Promise<LeaseHolder | null> {
  return withClient(setup, "existing", async (client) => {
    const execute = () =>
      client.batch(
        statements.map((sql) => ({ sql, args: [] })),
        "write",
      );
    if (!underLease) {
      await execute();
      return null;
    }
    const { leases } = openDatabase(setup, client, DEFAULT_MAPPING);
    const held = await leases.acquire(setup.holder);
    if (!("timeLeftMs" in held)) return held;
    try {
      await execute();
      return null;
    } finally {
      await leases.release(held);
    }
  });
}
