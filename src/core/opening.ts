/** What is looked at before a run touches anything: clocks, identity, the gate, and whether the catalog is plausible. */
import type { Finding, HoldBook } from "./holds.ts";
import {
  type IdentityCause,
  type IdentityVerdict,
  judgeIdentity,
  type Marker,
  parseMarker,
  type Twin,
} from "./identity.ts";
import type { Hold, HoldCause, Instant } from "./model.ts";
import type { Opening, ReadableStore } from "./ports.ts";
import { CLOCK_TOLERANCE_MS, DAY_MS, OWN_PREFIX } from "./safety.ts";

/** The holds under which not even a sighting is written down: who saw what, or when, is in doubt. */
const DOUBTFUL: readonly HoldCause[] = ["wrong-pair", "restored-backup", "clock-skew", "clock-jump"];

const IDENTITY_CAUSES: readonly IdentityCause[] = ["first-contact", "wrong-pair", "marker-lost", "restored-backup"];

/** What was found of the store at the beginning of a slice. */
export interface StoreView {
  readonly marker: Marker | "unreadable" | null;
  readonly isEmpty: boolean;
  /** How far the store's clock is from the runtime's, at the least; null where its answers carry none. */
  readonly clockSkewMs: number | null;
}

/**
 * Two calls at once: the marker, and whether anything but filesweep's own corner is there. A store that is missing throws
 * here, before anything is touched.
 */
export async function lookAtStore(store: ReadableStore): Promise<StoreView> {
  const asked = [store.list({ after: null, limit: 10 }), store.readMarker()] as const;
  // Whatever becomes of one, the other is waited for: no call is left behind.
  await Promise.allSettled(asked);
  const [page, text] = await Promise.all(asked);
  const isEmpty = page.next === null && page.objects.every(({ key }) => key.startsWith(OWN_PREFIX));
  return { marker: text === null ? null : parseMarker(text), isEmpty, clockSkewMs: store.clockSkewMs() };
}

export interface OpeningEvidence {
  readonly opening: Opening;
  readonly view: StoreView;
  /** How far the database's clock is from the runtime's, at the least. */
  readonly clockSkewMs: number;
  readonly now: Instant;
  readonly intervalMs: number;
  readonly usesMarker: boolean;
  /** `remove`: a store that was never met is taken as it is. */
  readonly firstRun: "hold" | "remove";
}

export interface OpeningVerdict {
  readonly findings: readonly Finding[];
  readonly identity: IdentityVerdict;
}

/** Pure. */
export function judgeOpening(evidence: OpeningEvidence): OpeningVerdict {
  const { opening, view, usesMarker } = evidence;
  const identity = judgeIdentity({ marker: view.marker, twin: opening.twin, storeIsEmpty: view.isEmpty, usesMarker });
  const findings = [...clockFindings(evidence), ...identityFindings(identity, evidence)];
  if (!opening.gateStands) findings.push(finding("gate-lost", GATE_LOST));
  if (!opening.hasLiveFiles && !view.isEmpty) findings.push(finding("no-live-files", NO_LIVE_FILES));
  return { findings, identity };
}

function clockFindings({ clockSkewMs, view, now, opening, intervalMs }: OpeningEvidence): Finding[] {
  const findings: Finding[] = [];
  const skews = [
    { whose: "the database", skewMs: clockSkewMs },
    { whose: "the store", skewMs: view.clockSkewMs ?? 0 },
  ].filter(({ skewMs }) => skewMs > CLOCK_TOLERANCE_MS);
  if (skews.length > 0) {
    const told = skews.map(({ whose, skewMs }) => `${Math.round(skewMs / 60_000)} minutes off that of ${whose}`);
    findings.push(finding("clock-skew", `the clock of this machine is ${told.join(" and ")}: no age can be told`));
  }
  const { lastRunAt } = opening;
  if (lastRunAt === null) return findings;
  if (now < lastRunAt - CLOCK_TOLERANCE_MS) {
    findings.push(
      finding("clock-jump", `the clock says ${iso(now)}, but the last run was at ${iso(lastRunAt)}: it went backwards`),
    );
  } else if (now > lastRunAt + 7 * DAY_MS + 10 * intervalMs) {
    findings.push(
      finding(
        "clock-jump",
        `the last run was at ${iso(lastRunAt)} and the clock says ${iso(now)}: either it jumped, or nothing ran for over a week`,
      ),
    );
  }
  return findings;
}

function identityFindings(identity: IdentityVerdict, { firstRun }: OpeningEvidence): Finding[] {
  if (identity.kind !== "hold") return [];
  if (identity.cause === "first-contact" && firstRun === "remove") return [];
  return [finding(identity.cause, IDENTITY_DETAILS[identity.cause])];
}

export const IDENTITY_DETAILS: Readonly<Record<IdentityCause, string>> = {
  "first-contact":
    "this database and this store have not met before: look at what would go, and approve it if they belong together",
  "wrong-pair":
    "the store carries the identity marker of another database: one of the two settings points to the wrong place",
  "marker-lost":
    "the identity marker that was put into this store is gone: it may be another store, or an empty mount, or somebody removed the marker",
  "restored-backup":
    "the store has seen later runs than this database: an older copy of the database was put back, and files that came since look like orphans, unless `filesweep doctor --restored` tells of it",
};

const GATE_LOST =
  "the triggers of the gate are missing or changed, so a new row could name an object while it is being removed: `filesweep migrate` writes them again, and on a table of your own `filesweep doctor --install-gate`";

const NO_LIVE_FILES =
  "the catalog has no live file, but the store holds objects: the table may be empty, or the wrong one";

/**
 * Raises what holds the run, and closes what is over.
 * @returns whether to take the pair's identity on, where a person approved that or nothing speaks against it; and the
 * approvals that this fulfils once it is done
 */
export function raiseFindings(
  book: HoldBook,
  verdict: OpeningVerdict,
  nestedStoreStands: boolean,
): { readonly adopt: boolean; readonly fulfilled: readonly Hold[] } {
  let adopt = verdict.identity.kind === "new";
  const fulfilled: Hold[] = [];
  const causes: readonly HoldCause[] = [...IDENTITY_CAUSES, "gate-lost", "clock-skew", "clock-jump", "no-live-files"];
  const found = new Map(verdict.findings.map((each) => [each.cause, each]));
  const firstContactWaived = verdict.identity.kind === "hold" && found.get(verdict.identity.cause) === undefined;
  if (firstContactWaived) adopt = true;
  for (const cause of causes) {
    const each = found.get(cause);
    const approval = book.approval(cause, null);
    if (each === undefined) book.clear(cause, null);
    else if (approval === null) book.raise(each);
    else if (isIdentityCause(cause)) {
      adopt = true;
      fulfilled.push(approval);
    } else if (cause === "clock-jump") book.fulfil(approval);
  }
  if (nestedStoreStands) book.raise(finding("nested-store", NESTED_STORE));
  return { adopt, fulfilled };
}

export const NESTED_STORE =
  "another instance's identity marker lies deeper in this store: its objects look like orphans from here. Keep the two apart with CLEANUP_IGNORE_PREFIXES or another prefix";

export function finding(cause: HoldCause, detail: string): Finding {
  return { cause, sweep: null, detail, count: 0, bytes: 0, sample: [] };
}

export function isDoubtful(cause: HoldCause): boolean {
  return DOUBTFUL.includes(cause);
}

/** Whether a run that is held for this cause may be over an older copy of the database. */
export function mayBeOlderCopy(cause: HoldCause): boolean {
  return isIdentityCause(cause) && cause !== "marker-lost";
}

/** The twin that this run writes: a new pair, or the known one with a higher epoch. The store's epoch is never ahead of it. */
export function nextTwin(opening: Opening, view: StoreView, adopt: boolean, makeId: () => string): Twin {
  const marker = view.marker === null || view.marker === "unreadable" ? null : view.marker;
  const epoch = Math.max(opening.twin?.epoch ?? 0, marker?.epoch ?? 0) + 1;
  const instance = opening.twin?.instance ?? (adopt && marker !== null ? marker.instance : makeId());
  const metEmpty = opening.twin === null ? view.isEmpty : opening.twin.metEmpty === true && !adopt;
  return { instance, epoch, confirmed: opening.twin?.confirmed ?? false, metEmpty };
}

function isIdentityCause(cause: HoldCause): cause is IdentityCause {
  return IDENTITY_CAUSES.some((candidate) => candidate === cause);
}

function iso(instant: Instant): string {
  return new Date(instant).toISOString();
}
