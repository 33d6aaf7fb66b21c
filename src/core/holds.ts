/**
 * Holds: a sweep, or a run, waits for a person because what it would do is not plausible. The rules are pure; the book
 * keeps, for one slice, what stands, what is raised and what is over.
 */
import type { Hold, HoldCause, HoldSample, Instant, Mode, SweepName } from "./model.ts";
import type { Clock, Database, HeldLease, Log, MakeId } from "./ports.ts";
import { APPROVAL_MS } from "./safety.ts";

/** Something that is not plausible. */
export interface Finding {
  readonly cause: HoldCause;
  readonly sweep: SweepName | null;
  /** One sentence for a person. */
  readonly detail: string;
  readonly count: number;
  readonly bytes: number;
  readonly sample: readonly HoldSample[];
}

export interface Share {
  /** What would be ended now. What is kept, and what an approval covers, does not count. */
  readonly would: number;
  /** What was ended in the last 24 hours, so that a little every hour is noticed too. */
  readonly lately: number;
  /** What there is now. */
  readonly base: number;
}

/** Whether a share is over the limit. Nothing to end is never too much; up to `floor` is never too much either. */
export function isTooMuch({ would, lately, base }: Share, percent: number, floor: number): boolean {
  const ended = would + lately;
  return would > 0 && ended > floor && ended * 100 > percent * (base + lately);
}

/** How many there must be at least for a share not to be too much: counting further than this changes nothing. */
export function enoughFor({ would, lately }: Omit<Share, "base">, percent: number): number {
  return percent === 0 ? Number.MAX_SAFE_INTEGER : Math.ceil(((would + lately) * 100) / percent);
}

/** Up to when approvals cover, where every one of these is needed. Null where one is missing, or none is needed. */
export function earliestApproval(instants: readonly (Instant | null)[]): Instant | null {
  const given = instants.filter((instant) => instant !== null);
  return given.length === 0 || given.length < instants.length ? null : Math.min(...given);
}

export interface HoldBook {
  /** Opens a hold, or refreshes the one that stands under the same id. From then on it holds. */
  raise(finding: Finding): void;
  /** A cause is not there (any more): whatever stands for it is closed. */
  clear(cause: HoldCause, sweep: SweepName | null): void;
  /** The approval in force for a cause. */
  approval(cause: HoldCause, sweep: SweepName | null): Hold | null;
  /** What an approval covered is done; so is what earlier ones for the same cause did. */
  fulfil(approval: Hold): void;
  /** Whether a hold for this cause stands, be it silenced, from an earlier run. */
  stands(cause: HoldCause, sweep: SweepName | null): boolean;
  /** The holds that were raised in this slice. */
  raised(): readonly Hold[];
}

export interface HoldBookParts {
  readonly database: Database;
  readonly held: HeldLease;
  readonly run: { readonly id: string; readonly mode: Mode };
  readonly now: Instant;
  readonly clock: Clock;
  readonly makeId: MakeId;
  readonly log: Log;
  readonly standing: readonly Hold[];
}

export function openHoldBook(parts: HoldBookParts): HoldBook {
  const { database, held, run, now } = parts;
  const standing = new Map<string, Hold>();
  const approved: Hold[] = [];
  const raised = new Map<string, Hold>();
  const write = (hold: Hold): void => database.holds.write(held, hold);
  const close = (hold: Hold): void => {
    write({ ...hold, status: "closed" });
    parts.log({ level: "info", event: "hold.closed", hold: hold.id, cause: hold.cause, sweep: hold.sweep });
  };
  for (const hold of parts.standing) {
    if (hold.status !== "approved") standing.set(nameOf(hold.cause, hold.sweep), hold);
    else if ((hold.approvedUntil ?? 0) > now) approved.push(hold);
    else close(hold);
  }
  const approvals = (cause: HoldCause, sweep: SweepName | null): Hold[] =>
    approved.filter((hold) => nameOf(hold.cause, hold.sweep) === nameOf(cause, sweep));
  const drop = (cause: HoldCause, sweep: SweepName | null): void => {
    for (const hold of approvals(cause, sweep)) {
      approved.splice(approved.indexOf(hold), 1);
      close(hold);
    }
  };
  return {
    raise(finding) {
      const name = nameOf(finding.cause, finding.sweep);
      const before = standing.get(name);
      const hold: Hold = {
        ...finding,
        id: before?.id ?? parts.makeId(),
        status: before?.status ?? "open",
        openedAt: before?.openedAt ?? now,
        // Later than the slice's `now`: what was seen on the way to this hold is covered by its approval.
        asOf: parts.clock.now(),
        // A plan looks again, and has nothing that could go on: the run that is held stays the one that an approval opens.
        runId: run.mode === "plan" && before !== undefined ? before.runId : run.id,
        approvedUntil: null,
      };
      standing.set(name, hold);
      raised.set(name, hold);
      write(hold);
      if (before === undefined) {
        parts.log({
          level: "warn",
          event: "hold.opened",
          hold: hold.id,
          cause: hold.cause,
          sweep: hold.sweep,
          detail: hold.detail,
        });
      }
    },
    clear(cause, sweep) {
      const name = nameOf(cause, sweep);
      const before = standing.get(name);
      if (before !== undefined) close(before);
      standing.delete(name);
      drop(cause, sweep);
    },
    // Of several the newest: what a person looked at last includes what was there before.
    approval: (cause, sweep) => approvals(cause, sweep).toSorted((a, b) => b.asOf - a.asOf)[0] ?? null,
    fulfil: ({ cause, sweep }) => drop(cause, sweep),
    stands: (cause, sweep) => standing.has(nameOf(cause, sweep)),
    raised: () => [...raised.values()],
  };
}

/** Until when an approval given now lasts. */
export function approvedUntil(now: Instant): Instant {
  return now + APPROVAL_MS;
}

function nameOf(cause: HoldCause, sweep: SweepName | null): string {
  return `${cause} ${sweep ?? ""}`;
}
