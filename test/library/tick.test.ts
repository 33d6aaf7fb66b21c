import { describe, expect, it } from "vitest";
import type { LogEvent } from "../../src/core/ports.ts";
import { createSweeperOf } from "../../src/core/sweeper.ts";
import { type TickOptions, tick } from "../../src/library/tick.ts";
import { due, knownSite } from "../support/site.ts";
import { createWorld } from "../support/world.ts";

interface Ticked {
  readonly events: LogEvent[];
  readonly error: unknown;
}

async function tickOf(sweeper: TickOptions["sweeper"], enabled = true): Promise<Ticked> {
  const events: LogEvent[] = [];
  const error = await tick({ sweeper, enabled, log: (event) => void events.push(event) }).then(
    () => null,
    (failure: unknown) => failure,
  );
  return { events, error };
}

const names = ({ events }: Ticked): string[] => events.map(({ event }) => event);

describe("a tick", () => {
  it("works off a slice, as the schedule", async () => {
    const world = await knownSite(3);
    await world.insert(...due(2));
    const sweeper = createSweeperOf(world.parts);
    expect(await tickOf(sweeper)).toEqual({ events: [], error: null });
    const { lastRun } = await sweeper.status();
    expect(lastRun).toMatchObject({ trigger: "schedule", status: "completed" });
  });

  it("does nothing where the schedule is off", async () => {
    const sweeper = createSweeperOf((await createWorld()).parts);
    expect(names(await tickOf(sweeper, false))).toEqual(["schedule.disabled"]);
    expect((await sweeper.status()).lastRun).toBeNull();
  });

  it("has nothing to do where another holder has the lease", async () => {
    const sweeper = createSweeperOf((await createWorld()).parts);
    const held = { kind: "lease-held", holder: { holder: "another", expiresAt: 0 } } as const;
    const ticked = await tickOf({ ...sweeper, run: async () => held });
    expect([names(ticked), ticked.error]).toEqual([["run.skipped"], null]);
  });

  it.each([
    ["failed", false],
    ["completed-with-failures", true],
  ] as const)(
    "fails where the run is %s and database or store could not be reached: %s",
    async (status, unreachable) => {
      const sweeper = createSweeperOf((await createWorld()).parts);
      const ticked = await tickOf({
        ...sweeper,
        async run(options) {
          const outcome = await sweeper.run(options);
          return outcome.kind === "ran" ? { ...outcome, unreachable, report: { ...outcome.report, status } } : outcome;
        },
      });
      expect(names(ticked).at(-1)).toBe("run.failed");
      expect(String(ticked.error)).toContain(`ended as ${status}`);
    },
  );

  it("does not fail where single files could not be removed", async () => {
    const sweeper = createSweeperOf((await createWorld()).parts);
    const ticked = await tickOf({
      ...sweeper,
      async run(options) {
        const outcome = await sweeper.run(options);
        const status = "completed-with-failures";
        return outcome.kind === "ran" ? { ...outcome, report: { ...outcome.report, status } } : outcome;
      },
    });
    expect(ticked.error).toBeNull();
  });
});
