/** Holds: written by runs, decided by people, and what one says the other does not undo. */
import { describe, expect, test } from "vitest";
import type { Hold, HoldStatus, SweepName, SweepStatus } from "../../src/core/model.ts";
import type { HeldLease, JournalEntry, SweepProgress } from "../../src/core/ports.ts";
import { emptyProgress } from "../../src/core/report.ts";
import { DAY_MS, LEASE_MS } from "../../src/core/safety.ts";
import { START } from "../support/fake-clock.ts";
import { freshEntry, one, openHold, openPorts, type Ports } from "../support/ports.ts";

const APPROVED = { status: "approved", until: START + 7 * DAY_MS } as const;
const CANCELLED = { status: "cancelled" } as const;

async function withLease(): Promise<Ports & { held: HeldLease }> {
  const ports = await openPorts();
  return { ...ports, held: await ports.hold() };
}

async function write({ database }: Ports, held: HeldLease, ...holds: Hold[]): Promise<void> {
  for (const hold of holds) database.holds.write(held, hold);
  await database.leases.renew(held);
}

/** Every hold, whatever a person or a run said of it. */
function all({ database }: Ports): Promise<Hold[]> {
  return database.holds.list({ closed: true });
}

describe("a hold is written by a run", () => {
  test("queued, and read again as it was written", async () => {
    const ports = await withLease();
    const before = ports.database.calls();
    const hold = openHold("h", { sweep: null, cause: "first-contact", sample: [] });
    ports.database.holds.write(ports.held, hold);
    expect(ports.database.calls()).toBe(before);
    await ports.database.leases.renew(ports.held);
    expect(await all(ports)).toEqual([hold]);
  });

  test("with its sample, byte for byte", async () => {
    const ports = await withLease();
    const sample = [{ key: `'"\u{1F600}\n%`, bytes: 7, reason: "unreferenced", mayGoAt: START }];
    await write(ports, ports.held, openHold("h", { sample }));
    expect(one(await all(ports)).sample).toEqual(sample);
  });

  test("a later tick refreshes it under its id: since when it stands does not change", async () => {
    const ports = await withLease();
    await write(ports, ports.held, openHold("h"));
    const later = { asOf: START + 5, runId: "run-2", detail: "more of them", count: 31, bytes: 310, sample: [] };
    await write(ports, ports.held, openHold("h", { ...later, openedAt: START + 5 }));
    expect(await all(ports)).toEqual([openHold("h", later)]);
  });

  test.each([
    { what: "of one sweep", first: {}, second: {} },
    {
      what: "of the run",
      first: { cause: "gate-lost" as const, sweep: null },
      second: { cause: "gate-lost" as const, sweep: null },
    },
    { what: "of one sweep, silenced", first: { status: "cancelled" as const }, second: {} },
  ])("a second standing hold $what for the same cause is refused, with all that was written with it", async (holds) => {
    const ports = await withLease();
    await write(ports, ports.held, openHold("a", holds.first));
    const before = await ports.dump();
    ports.database.journal.remember(ports.held, { lastRunAt: START });
    await expect(write(ports, ports.held, openHold("b", holds.second))).rejects.toMatchObject({ kind: "conflict" });
    expect(await ports.dump()).toBe(before);
  });

  test.each([
    { what: "another cause", more: { cause: "over-count" as const } },
    { what: "another sweep", more: { sweep: "old-records" as const } },
    { what: "the run", more: { sweep: null } },
  ])("one for $what stands beside it", async ({ more }) => {
    const ports = await withLease();
    await write(ports, ports.held, openHold("a"), openHold("b", more));
    expect(await all(ports)).toHaveLength(2);
  });

  test.each<HoldStatus>(["closed", "approved"])(
    "once it is %s, another may open for the same cause",
    async (status) => {
      const ports = await withLease();
      await write(ports, ports.held, openHold("a", { status }), openHold("b"));
      expect((await all(ports)).map((hold) => hold.status)).toEqual(["open", status]);
    },
  );
});

describe("the list of holds", () => {
  const STATUSES: HoldStatus[] = ["open", "approved", "cancelled", "closed"];

  test.each([
    { closed: false, ids: ["2-cancelled", "1-approved", "0-open"] },
    { closed: true, ids: ["3-closed", "2-cancelled", "1-approved", "0-open"] },
  ])("comes the newest first, with closed ones: $closed", async ({ closed, ids }) => {
    const ports = await withLease();
    const sweeps = ["orphaned-objects", "old-records", "expired-files", "missing-objects"] as const;
    const holds = STATUSES.map((status, index) =>
      openHold(`${index}-${status}`, { status, sweep: sweeps[index] ?? "history" }),
    );
    await write(ports, ports.held, ...holds);
    expect((await ports.database.holds.list({ closed })).map(({ id }) => id)).toEqual(ids);
  });

  test("a run is told of all that are not closed", async () => {
    const ports = await withLease();
    const holds = [openHold("a"), openHold("b", { status: "approved", approvedUntil: START + 1 })];
    await write(ports, ports.held, ...holds, openHold("c", { status: "closed", sweep: "history" }));
    expect((await ports.database.journal.open(ports.held, freshEntry("run-2"))).holds).toEqual(holds);
  });
});

describe("a person decides, without the lease", () => {
  test.each<HoldStatus>(["open", "cancelled"])("approves one that is %s, until an instant", async (status) => {
    const ports = await withLease();
    await write(ports, ports.held, openHold("h", { status }));
    const decided = await ports.database.holds.decide("h", APPROVED);
    expect(decided).toEqual(openHold("h", { status: "approved", approvedUntil: APPROVED.until }));
    expect(await all(ports)).toEqual([decided]);
  });

  test.each<HoldStatus>(["open", "cancelled"])("silences one that is %s: it stands all the same", async (status) => {
    const ports = await withLease();
    await write(ports, ports.held, openHold("h", { status }));
    expect(await ports.database.holds.decide("h", CANCELLED)).toEqual(openHold("h", { status: "cancelled" }));
    expect(await ports.database.holds.list({ closed: false })).toHaveLength(1);
  });

  test.each([
    { status: "approved" as const, decision: APPROVED },
    { status: "approved" as const, decision: CANCELLED },
    { status: "closed" as const, decision: APPROVED },
    { status: "closed" as const, decision: CANCELLED },
  ])("one that is $status cannot be $decision.status any more, and nothing changes", async ({ status, decision }) => {
    const ports = await withHeldRun();
    await write(ports, ports.held, openHold("h", { status }));
    await ports.database.leases.release(ports.held);
    const before = await ports.dump();
    await expect(ports.database.holds.decide("h", decision)).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringContaining(status),
    });
    expect(await ports.dump()).toBe(before);
  });

  test("a decision that comes second, between the other's look and its write, reopens nothing", async () => {
    const ports = await withHeldRun();
    await write(ports, ports.held, openHold("h"));
    let overtaken = false;
    const slow = await ports.connect((client) => ({
      ...client,
      async batch(statements, mode) {
        if (!overtaken && statements.some(({ sql }) => sql.startsWith("UPDATE"))) {
          overtaken = true;
          await ports.execute("UPDATE filesweep_holds SET status = 'closed'");
        }
        return client.batch(statements, mode);
      },
    }));
    await expect(slow.holds.decide("h", APPROVED)).rejects.toMatchObject({ kind: "conflict" });
    expect(one(await ports.rows("SELECT status FROM filesweep_runs"))).toEqual({ status: "held" });
  });

  test("one that does not exist is none", async () => {
    const { database } = await openPorts();
    expect(await database.holds.decide("nobody's", APPROVED)).toBeNull();
  });
});

describe("what a person said meanwhile stays", () => {
  test.each([APPROVED, CANCELLED])(
    "$status: a refresh by a run that knew an open hold changes nothing",
    async (said) => {
      const ports = await withLease();
      await write(ports, ports.held, openHold("h"));
      await ports.database.holds.decide("h", said);
      const before = await ports.dump();
      await expectUnchanged(
        ports,
        openHold("h", { asOf: START + 5, count: 99, detail: "more", runId: "run-2" }),
        before,
      );
    },
  );

  test("an approval: also a run that knew a silenced hold does not widen what it covers", async () => {
    const ports = await withLease();
    await write(ports, ports.held, openHold("h", { status: "cancelled" }));
    await ports.database.holds.decide("h", APPROVED);
    const before = await ports.dump();
    await expectUnchanged(ports, openHold("h", { status: "cancelled", asOf: START + 5, count: 99 }), before);
  });

  test("one that is over is closed, whatever was said", async () => {
    const ports = await withLease();
    await write(ports, ports.held, openHold("h"));
    await ports.database.holds.decide("h", APPROVED);
    await write(ports, ports.held, openHold("h", { status: "closed" }));
    expect(one(await all(ports)).status).toBe("closed");
    await write(ports, ports.held, openHold("h"));
    expect(one(await all(ports)).status, "a late refresh does not open it again").toBe("closed");
  });

  async function expectUnchanged(ports: Ports & { held: HeldLease }, hold: Hold, before: string): Promise<void> {
    await write(ports, ports.held, hold);
    expect(await ports.dump()).toBe(before);
  }
});

describe("approving reopens the run that was held, under its id", () => {
  async function runs(ports: Ports): Promise<JournalEntry[]> {
    return ports.database.journal.latest(10);
  }

  test("what was held back in a sweep is done anew, the others stay as they are", async () => {
    const ports = await withHeldRun();
    await write(ports, ports.held, openHold("h"), openHold("other", { sweep: "old-records" }));
    const [expired, , history] = one(await runs(ports)).sweeps;
    await ports.database.holds.decide("h", APPROVED);
    expect(one(await runs(ports))).toMatchObject({ id: "run-1", status: "paused", finishedAt: null, slices: 1 });
    expect(one(await runs(ports)).sweeps).toEqual([
      expired,
      { ...emptyProgress("orphaned-objects"), letThrough: 3 },
      history,
    ]);
    expect(one(await runs(ports)).holds.map(({ id }) => id)).toEqual(["other"]);
  });

  test("where the whole run was held, every sweep that was part of it is done anew", async () => {
    const ports = await withHeldRun();
    await write(ports, ports.held, openHold("h", { cause: "first-contact", sweep: null }));
    await ports.database.holds.decide("h", APPROVED);
    expect(one(await runs(ports)).sweeps).toEqual([
      { ...emptyProgress("expired-files"), letThrough: 3 },
      { ...emptyProgress("orphaned-objects"), letThrough: 3 },
      SKIPPED,
    ]);
  });

  test("the next tick goes on with it, and not with a new one", async () => {
    const ports = await withHeldRun();
    await write(ports, ports.held, openHold("h"));
    await ports.database.holds.decide("h", APPROVED);
    const { entry, resumed } = await ports.database.journal.open(ports.held, freshEntry("run-2"));
    expect([entry.id, resumed]).toEqual(["run-1", true]);
  });

  test("a hold that was refreshed since reopens the run that refreshed it", async () => {
    const ports = await withHeldRun();
    const next = await withHeldRun(ports, "run-2");
    await write(next, next.held, openHold("h", { runId: "run-1" }), openHold("h", { runId: "run-2" }));
    await ports.database.holds.decide("h", APPROVED);
    expect((await runs(ports)).map(({ id, status }) => [id, status])).toEqual([
      ["run-2", "paused"],
      ["run-1", "held"],
    ]);
  });

  test.each<Partial<JournalEntry>>([
    { status: "completed" },
    { status: "cancelled" },
    { status: "failed" },
    { mode: "plan" },
  ])("but none that is %j", async (more) => {
    const ports = await withHeldRun(undefined, "run-1", more);
    await write(ports, ports.held, openHold("h"));
    const before = await runs(ports);
    await ports.database.holds.decide("h", APPROVED);
    expect(await runs(ports)).toEqual(before);
  });

  test("silencing reopens nothing", async () => {
    const ports = await withHeldRun();
    await write(ports, ports.held, openHold("h"));
    const before = await runs(ports);
    await ports.database.holds.decide("h", CANCELLED);
    expect(await runs(ports)).toEqual(before);
  });

  test("a run that history has forgotten is none", async () => {
    const ports = await withLease();
    await write(ports, ports.held, openHold("h"));
    expect(await ports.database.holds.decide("h", APPROVED)).toMatchObject({ status: "approved" });
    expect(await runs(ports)).toEqual([]);
  });
});

const SKIPPED: SweepProgress = {
  ...emptyProgress("history"),
  report: { ...emptyProgress("history").report, status: "skipped" },
  done: true,
};

/** A run that is held by its orphans; everything else in it is done, or was not asked for. */
async function withHeldRun(
  given?: Ports,
  id = "run-1",
  more: Partial<JournalEntry> = {},
): Promise<Ports & { held: HeldLease }> {
  const ports = given ?? (await openPorts());
  const { leases, journal } = ports.database;
  const progress = (name: SweepName, status: SweepStatus): SweepProgress => ({
    ...emptyProgress(name),
    report: { ...emptyProgress(name).report, status, seen: { count: 40, bytes: 400 } },
    done: true,
    place: { phase: "removing", held: true },
    letThrough: 3,
  });
  const sweeps = [progress("expired-files", "completed"), progress("orphaned-objects", "held"), SKIPPED];
  const holds = [openHold("h"), openHold("other", { sweep: "old-records" })];
  ports.clock.advance(LEASE_MS);
  const held = await ports.hold();
  journal.follow(held, freshEntry(id, { status: "held", finishedAt: START + 1, slices: 1, sweeps, holds, ...more }));
  await leases.release(held);
  return { ...ports, held: await ports.hold() };
}
