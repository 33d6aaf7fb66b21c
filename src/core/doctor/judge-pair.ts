/** What the doctor says of the pair of database and store, and of what running costs. Pure. */
import { type IdentityEvidence, judgeIdentity } from "../identity.ts";
import { IDENTITY_DETAILS } from "../opening.ts";
import { DAY_MS } from "../safety.ts";
import type { RunSettings } from "../settings.ts";
import { type Check, ok, problem, warning } from "./check.ts";

export function judgePair(evidence: IdentityEvidence, firstRun: RunSettings["firstRun"]): Check {
  const verdict = judgeIdentity(evidence);
  if (verdict.kind === "known") return ok("identity", "this database and this store know each other");
  if (verdict.kind === "new") return ok("identity", "neither has met another: the first run makes them a pair");
  if (verdict.cause === "first-contact") {
    if (firstRun === "remove") {
      return warning(
        "identity",
        "CLEANUP_FIRST_RUN=remove: the first run removes at once from a store that it never met",
        {
          needed: "a person who looks once",
          mend: "CLEANUP_FIRST_RUN=hold",
        },
      );
    }
    return warning(
      "identity",
      "this database and this store have not met: the first run removes nothing, and waits for a person",
      {
        needed: "a person who looks at what would go, and approves it",
        mend: "filesweep run --plan --list, then filesweep run and filesweep approve HOLD",
      },
    );
  }
  return problem("identity", "held", IDENTITY_DETAILS[verdict.cause], {
    needed: "the database and the store that belong together",
    mend:
      verdict.cause === "restored-backup"
        ? "filesweep doctor --restored, if the database was restored from a backup"
        : "DATABASE_URL or STORAGE_URL; or filesweep run and filesweep approve HOLD, if they do belong together",
  });
}

export function judgeQuarantine({
  quarantineMs,
  orphanGraceMs,
}: Pick<RunSettings, "quarantineMs" | "orphanGraceMs">): Check {
  const hours = (ms: number): string => `${Math.round((ms / DAY_MS) * 240) / 10} h`;
  if (quarantineMs > 0) {
    return ok(
      "quarantine",
      `an orphan waits ${hours(orphanGraceMs)} of age, and then ${hours(quarantineMs)} from its first sighting`,
    );
  }
  return warning("quarantine", "CLEANUP_QUARANTINE_HOURS is 0: an orphan goes in the run that sees it first", {
    needed: "a second look: a folder's age is what cp -p and rsync -t say it is, and rows may come late",
    mend: "CLEANUP_QUARANTINE_HOURS=24",
  });
}

/** Calls of a run that finds nothing to do, from the table "Round trips" in ARCHITECTURE.md; test/figures.test.ts counts them. */
const CALLS_OF_A_RUN = { database: 10, storage: 3 };
/** What a scan adds, besides one call each for a page. */
const CALLS_OF_A_SCAN = 2;
const MONTH_MS = 30 * DAY_MS;

export interface CostEvidence {
  readonly settings: Pick<RunSettings, "intervalMs" | "scanEveryMs" | "pageSize"> & { readonly enabled: boolean };
  /** Of the last scan; null before the first. */
  readonly objects: number | null;
}

/** An estimate: calls and rows a month, of a schedule that mostly finds nothing to do. */
export function judgeCost({ settings, objects }: CostEvidence): Check {
  if (!settings.enabled) return ok("cost", "none: CLEANUP_ENABLED=false, so nothing runs by itself");
  const runs = Math.round(MONTH_MS / settings.intervalMs);
  const scans = Math.min(runs, settings.scanEveryMs === 0 ? runs : Math.round(MONTH_MS / settings.scanEveryMs));
  const pages = Math.ceil((objects ?? 0) / settings.pageSize);
  const database = runs * CALLS_OF_A_RUN.database + scans * (CALLS_OF_A_SCAN + pages);
  const storage = runs * CALLS_OF_A_RUN.storage + scans * pages;
  // Looking a key up reads its row and its place in an index; a call writes the lease's row.
  const read = 2 * scans * (objects ?? 0) + database;
  const scanned =
    objects === null ? "the store was not scanned yet" : `each of ${scans} scans lists ${grouped(objects)} objects`;
  return ok(
    "cost",
    `about ${grouped(database)} database calls and ${grouped(storage)} store calls a month, ${grouped(read)} rows read and ${grouped(database)} written (${grouped(runs)} runs; ${scanned}); files that go add 1 database call and 1 store call for each 1,000`,
  );
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
