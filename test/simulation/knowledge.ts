/** What the oracle knows, and what it has noted: shared by its watches over the database and over the store. */
import type { ListedObject } from "../../src/core/ports.ts";
import { APPROVAL_MS, CLOCK_TOLERANCE_MS, DAY_MS } from "../../src/core/safety.ts";
import type { Statement } from "../../src/database/client.ts";
import type { Application } from "./application.ts";
import type { Coverage } from "./coverage.ts";
import { type Look, lookAfter } from "./look.ts";
import { RULES } from "./rules.ts";
import type { Stage } from "./stage.ts";
import type { Slice } from "./witness.ts";

export interface Violation {
  /** The promise that is broken, and how: the same words for the same break. */
  readonly rule: string;
  readonly detail: string;
}

/** Between a backup and the moment in which a person told that it was put back. */
interface Restore {
  readonly from: number;
  readonly to: number;
}

export class Knowledge {
  readonly stage: Stage;
  readonly application: Application;
  readonly coverage: Coverage;
  readonly violations: Violation[] = [];
  /** Objects that filesweep deleted. */
  removals = 0;
  /** A restored database that must be held, until a person says otherwise. */
  mustHold = false;
  /** The statement that looks at everything, and what it brought last. */
  readonly after: Statement;
  last: Look | null = null;
  /** What a person kept: the object's look, and whether no earlier delete of it can be on its way. */
  readonly kept = new Map<string, { readonly look: string; readonly isSafe: boolean }>();
  /** Keys that filesweep removed once. */
  readonly removedOnce = new Set<string>();
  /** Uploads that filesweep aborted. */
  readonly aborted = new Set<string>();
  restores: readonly Restore[] = [];
  /**
   * Of another store inside of this one: the runs that were shown it, what had been made due before, the slices that
   * began while it held, and whether a person said yes to it.
   */
  nested = { runs: new Set<string>(), exempt: new Set<string>(), heldSlices: new WeakSet<Slice>(), approved: false };
  clockIsApproved = false;
  approvedUntil = 0;

  constructor(stage: Stage, application: Application, coverage: Coverage) {
    this.stage = stage;
    this.application = application;
    this.coverage = coverage;
    this.after = lookAfter(stage.catalog);
  }

  note(rule: string, detail: string): void {
    this.stage.tell(`*** ${rule}: ${detail}`);
    this.violations.push({ rule, detail });
  }

  approved(...causes: readonly string[]): void {
    this.approvedUntil = this.stage.now + APPROVAL_MS + 40 * DAY_MS;
    if (causes.includes("restored-backup")) this.mustHold = false;
    if (causes.includes("clock-skew")) this.clockIsApproved = true;
    if (causes.includes("nested-store")) {
      this.nested = { runs: new Set(), exempt: new Set(), heldSlices: new WeakSet(), approved: true };
    }
  }

  /** The database was put back: it knows of what a person had told by the backup, and of these releases alone. */
  restored(backupAt: number, keptKeys: ReadonlySet<string>): void {
    this.restores = this.restores.filter(({ to }) => to <= backupAt);
    for (const key of this.kept.keys()) if (!keptKeys.has(key)) this.kept.delete(key);
    this.nested.heldSlices = new WeakSet();
  }

  /** A person told of the restore: of what came since the backup, nothing is an orphan from now on. */
  toldRestored(from: number): void {
    this.restores = [...this.restores, { from, to: this.stage.now }];
    this.mustHold = false;
  }

  cameSinceBackup(key: string, restores = this.restores): boolean {
    const putAt = this.stage.putAt(key);
    return restores.some(({ from, to }) => putAt >= from && putAt <= to);
  }

  /** P8, P9: whether a slice may end or remove anything at all. */
  checkSlice(slice: Slice, what: string): void {
    if (slice.mode === "plan") this.note(RULES.plan, `in a plan ${what}`);
    if (this.mustHold) this.note(RULES.restored, `${what}, although the database was put back`);
    if (this.nested.heldSlices.has(slice)) this.note(RULES.nested, `${what} in a run that is held for it`);
    if (!this.clockIsApproved && (slice.storeSkewMs ?? 0) > CLOCK_TOLERANCE_MS) {
      this.note(RULES.clock, `${what}, and the clock is ${(slice.storeSkewMs ?? 0) / 60_000} min off`);
    }
  }
}

/** By what an object is told from another one under its key. */
export function lookOf({ etag, sizeBytes, modifiedAt }: ListedObject): string {
  return etag ?? `${sizeBytes}@${modifiedAt}`;
}
