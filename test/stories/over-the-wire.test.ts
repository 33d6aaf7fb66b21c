/** P6 on a remote database: what servers, proxies and networks do to requests, and where later runs end all the same. */
import { describe, expect, onTestFinished, test } from "vitest";
import { isSweepError, LeaseLostError } from "../../src/core/errors.ts";
import type { RunReport } from "../../src/core/model.ts";
import { HOUR_MS, LEASE_MS } from "../../src/core/safety.ts";
import { openRemoteClient, type RemoteOptions } from "../../src/database/remote-client.ts";
import { converge, createScenario, END, expectLiveObjects, stateOf } from "../support/crash-matrix.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { seeded, through } from "../support/faults.ts";
import { type HranaServer, type Mishap, startHranaServer } from "../support/hrana-server.ts";
import { followClock } from "../support/statements.ts";
import type { Instance, World } from "../support/world.ts";

async function serve(world: World): Promise<HranaServer> {
  const server = await startHranaServer({ fileAt: () => world.path });
  onTestFinished(() => server.close());
  return server;
}

/** A process of filesweep that reaches the database at `url`. After every call of it the live objects are there. */
function createRemoteInstance(world: World, url: string, options: Partial<RemoteOptions> = {}): Promise<Instance> {
  const client = followClock(openRemoteClient({ url, authToken: null, pausesMs: [0, 0], ...options }), world.clock);
  const watching = through(async (_name, work) => {
    const answer = await work();
    expectLiveObjects(world.bytes);
    return answer;
  });
  return world.createInstance({ ...watching, wrapClient: () => watching.wrapClient(client) });
}

/** Two runs, the second after the quarantine, whatever becomes of them. */
async function twoRuns(world: World, instance: Instance): Promise<void> {
  for (const waitMs of [25 * HOUR_MS, LEASE_MS + 1000]) {
    await runWhateverComes(world, instance);
    world.clock.advance(waitMs);
  }
}

async function runWhateverComes(world: World, instance: Instance): Promise<void> {
  try {
    await world.slice({}, instance);
  } catch (error) {
    if (!(error instanceof LeaseLostError || isSweepError(error, "unavailable"))) throw error;
  }
}

describe("a run over the wire", () => {
  /** What a report says of the run, but not how long it took. */
  const shown = ({ durationMs: _, ...report }: RunReport): unknown => report;

  test("is the run that it is on an embedded database, and makes one request for each call that it reports", async () => {
    const [here, there] = [await createScenario(), await createScenario()];
    const server = await serve(there);
    const remote = await createRemoteInstance(there, server.url);
    const local = await here.createInstance();
    for (const mode of ["plan", "remove", "remove"] as const) {
      const before = server.requests();
      const [embedded, report] = [await here.run({ mode }, local), await there.run({ mode }, remote)];
      expect(shown(report)).toEqual(shown(embedded));
      expect(server.requests() - before).toBe(report.calls.database);
      for (const world of [here, there]) world.clock.advance(25 * HOUR_MS);
    }
    expect(await stateOf(there)).toEqual(END);
  });
});

describe("a mishap at any request of two runs: later runs come to the same end", () => {
  const INSTEAD: readonly Mishap["instead"][] = [
    "reset",
    "half",
    { status: 502, body: "<html>Bad gateway</html>" },
    { status: 200, body: "<html>Sign in</html>" },
    { status: 429, body: "" },
    { status: 401, body: "" },
  ];

  /** The kinds take turns, and so a request meets each of them where `lasting` and the offset differ. */
  async function untilTheEnd(mishaps: (at: number) => { effect: boolean; lasting: number }): Promise<number> {
    let requests = Number.POSITIVE_INFINITY;
    for (let at = 1; at <= requests; at += 1) {
      const world = await createScenario();
      const server = await serve(world);
      const { effect, lasting } = mishaps(at);
      const instead = INSTEAD[at % INSTEAD.length] ?? "reset";
      server.disturb((request) => (request >= at && request < at + lasting ? { effect, instead } : null));
      try {
        await twoRuns(world, await createRemoteInstance(world, server.url));
      } catch (error) {
        if (!isSweepError(error, "unauthorized")) throw error;
        world.clock.advance(25 * HOUR_MS);
      }
      // One request more than an undisturbed pair of runs makes is none.
      if (server.requests() < at) requests = server.requests();
      expect(await converge(world), `request ${at}: ${JSON.stringify({ effect, lasting, instead })}`).toEqual(END);
    }
    return requests;
  }

  test("its answer is lost, and comes when it is sent again", async () => {
    expect(await untilTheEnd(() => ({ effect: true, lasting: 1 }))).toBeGreaterThan(30);
  });

  test("it is lost for good, done or not", async () => {
    expect(await untilTheEnd((at) => ({ effect: at % 4 < 2, lasting: 3 }))).toBeGreaterThan(30);
  });
});

describe("a network that drops, cuts, swallows and delays: once it is well, a run ends as if nothing had been", () => {
  test.each(Array.from({ length: 12 }, (_, index) => index + 1))("seed %i", async (seed) => {
    const world = await createScenario();
    const { port } = new URL((await serve(world)).url);
    const proxy = await startFaultProxy(Number(port), { draw: seeded(seed) });
    onTestFinished(() => proxy.close());
    const url = `http://127.0.0.1:${proxy.port}`;
    const instance = await createRemoteInstance(world, url, { timeoutMs: 150, pausesMs: [1, 5, 20] });
    for (let run = 0; run < 6; run += 1) {
      await runWhateverComes(world, instance);
      world.clock.advance(25 * HOUR_MS);
    }
    expect(proxy.mistreated()).toBeGreaterThan(0);
    proxy.heal();
    // Also the machine's own slowness passes for a fault above; not from here on.
    const patient = await createRemoteInstance(world, url, { pausesMs: [1, 5, 20] });
    // The run after the faults finishes what is open; what they kept from being seen may need the quarantine after it.
    expect((await world.run({}, patient)).status).toMatch(/^completed/);
    world.clock.advance(25 * HOUR_MS);
    await world.run({}, patient);
    expect(await stateOf(world)).toEqual(END);
  });
});
