/**
 * One process of filesweep. Before and after the effect of every call to a port it waits for its turn, so that anything
 * may happen in between: others go on, time goes by, the process ends, the answer is lost, the call arrives twice.
 */
import { isSweepError, LeaseLostError, SweepError } from "../../src/core/errors.ts";
import type { Mode } from "../../src/core/model.ts";
import type { Clock, Store } from "../../src/core/ports.ts";
import { type RunOutcome, type RunParts, runSlice } from "../../src/core/run.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/core/safety.ts";
import type { RunSettings } from "../../src/core/settings.ts";
import type { SqlClient } from "../../src/database/client.ts";
import { createDatabase } from "../../src/database/open.ts";
import { counted } from "../../src/storage/counted.ts";
import { readOnly } from "../../src/storage/read-only.ts";
import { type CallName, through } from "../support/faults.ts";
import { TEST_NOW } from "../support/statements.ts";
import { PROBE_LIMIT } from "../support/world.ts";
import type { Site } from "./history.ts";
import type { Stage } from "./stage.ts";
import { answerDelete, answerHead, answerList, answerListUploads } from "./store-faults.ts";
import type { Slice, Witness } from "./witness.ts";

/** What becomes of a call that waits. */
export type Turn = "go" | "fail" | "fail-late" | "twice";

interface Parked {
  readonly call: CallName;
  readonly phase: "before" | "after";
  readonly since: number;
  readonly resume: (turn: Turn) => void;
}

export const GATE_MS = 10 * MINUTE_MS;

export class Process {
  readonly name: string;
  settings: RunSettings;
  skewMs = 0;
  slice: Slice | null = null;
  #stage: Stage;
  #witness: Witness;
  /** Calls that wait for their turn, the oldest first: filesweep makes some beside others. */
  #parked: Parked[] = [];
  /** Effects that are being worked on at this moment. */
  #active = 0;

  constructor(name: string, stage: Stage, witness: Witness, site: Site = stage.site) {
    this.name = name;
    this.#stage = stage;
    this.#witness = witness;
    this.settings = settingsOf(stage, site);
  }

  /** The calls that have had no effect yet. */
  waiting(): readonly Pick<Parked, "call" | "since">[] {
    return this.#parked.filter(({ phase }) => phase === "before");
  }

  /** Begins a slice, and comes to its first call. */
  async start(mode: Mode, trigger: "schedule" | "cli"): Promise<void> {
    if (this.slice !== null) return;
    const { ignorePrefixes } = this.#stage;
    this.settings = { ...this.settings, ignorePrefixes };
    const slice: Slice = {
      mode,
      fence: null,
      deletes: 0,
      aborts: 0,
      rowsEnded: 0,
      ignorePrefixes,
      skewMs: this.skewMs,
      storeSkewMs: null,
    };
    this.slice = slice;
    void this.#work(slice, trigger);
    await this.#calm();
  }

  async #work(slice: Slice, trigger: "schedule" | "cli"): Promise<void> {
    let outcome: RunOutcome | null = null;
    try {
      const { mode } = slice;
      outcome = await runSlice(this.#parts(slice), { mode, sweeps: this.settings.sweeps, trigger });
    } catch (error) {
      if (!(error instanceof LeaseLostError || isSweepError(error, "unavailable"))) this.#witness.broke(this, error);
      this.#stage.tell(`${this.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (outcome !== null) this.#stage.tell(`${this.name}: ${describe(outcome)}`);
    this.#witness.ended(slice, outcome);
    this.slice = null;
  }

  /** Lets the process go on, through so many waits or to its end. */
  async go(turns: number): Promise<void> {
    for (let turn = 0; turn < turns && this.#parked.length > 0; turn += 1) await this.resume("go");
  }

  /** Lets it go on until it stands before, or behind, the effect of such a call, or has come to its end. */
  async goTo(call: CallName, phase: "before" | "after"): Promise<void> {
    do await this.resume("go");
    while (this.#parked.length > 0 && !this.#parked.some((parked) => parked.call === call && parked.phase === phase));
    // What it was brought to is what its next turn is about.
    const [wanted] = this.#parked.filter((parked) => parked.call === call && parked.phase === phase);
    if (wanted !== undefined) this.#parked = [wanted, ...this.#parked.filter((parked) => parked !== wanted)];
  }

  async resume(turn: Turn): Promise<void> {
    this.#parked.shift()?.resume(turn);
    await this.#calm();
  }

  /** The process is no more. With `late`, the calls that it waited for may have their effect all the same. */
  async kill(late: boolean): Promise<void> {
    if (this.slice === null) return;
    const calls = this.#parked.map(({ call, phase }) => `${phase} ${call}`).join(", ");
    this.#stage.count("killed");
    this.#stage.tell(`process ${this.name} is killed, ${calls}`);
    this.slice = null;
    const parked = this.#parked.splice(0);
    for (const { phase, resume } of parked) if (late && phase === "before") resume("fail-late");
    await this.#calm();
    this.#parked = [];
  }

  /** Until nothing goes on any more: all that could is done, or waits for its turn. There are no timers below. */
  async #calm(): Promise<void> {
    for (let still = 0; still < 2; still = this.#active > 0 ? 0 : still + 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #busily<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    this.#active += 1;
    try {
      return await work();
    } finally {
      this.#active -= 1;
    }
  }

  #park(slice: Slice, call: CallName, phase: "before" | "after"): Promise<Turn> {
    return new Promise((resolve) => {
      // Whoever was killed waits for ever.
      if (this.slice === slice) this.#parked.push({ call, phase, since: this.#stage.now, resume: resolve });
    });
  }

  /** The way of every call. */
  async #pass<Answer>(slice: Slice, call: CallName, work: () => Promise<Answer>): Promise<Answer> {
    const stage = this.#stage;
    const startedAt = stage.now;
    const turn = await this.#park(slice, call, "before");
    if (turn === "fail") throw this.#fault(`${call} failed`);
    const later = { what: `${this.name}'s ${call}`, startedAt, isDelete: call === "delete" };
    const deliver = async (): Promise<void> => {
      await work().catch((error: unknown) => {
        if (!isSweepError(error)) throw error;
      });
    };
    if (turn === "fail-late") {
      stage.inFlight.push({ ...later, deliver });
      throw this.#fault(`${call} was given up, and may take effect later`);
    }
    if (turn === "twice") {
      stage.inFlight.push({ ...later, deliver });
      this.#fault(`${call} arrives twice`);
    }
    const answer = await this.#busily(work);
    const after = await this.#park(slice, call, "after");
    if (after !== "go" && after !== "twice") throw this.#fault(`the answer to ${call} was lost`);
    return answer;
  }

  #fault(what: string): SweepError {
    this.#stage.count(what);
    this.#stage.tell(`${this.name}: ${what}`);
    return new SweepError("unavailable", `injected: ${what}`);
  }

  #parts(slice: Slice): RunParts {
    const stage = this.#stage;
    const now = (): number => {
      slice.skewMs = this.skewMs;
      return stage.now + this.skewMs;
    };
    const clock: Clock = { now, monotonicMs: () => stage.monotonic };
    const { wrapClient, wrapStore } = through((call, work) => this.#pass(slice, call, work));
    const client = this.#countedClient(wrapClient(this.#client(slice)));
    const { store, calls } = counted(this.#watchedStore(slice, wrapStore(this.#store(slice))));
    return {
      database: createDatabase({ client, clock, gateMs: GATE_MS, databaseNow: TEST_NOW, mapping: stage.mapping }),
      store,
      planStore: readOnly(store),
      storeCalls: calls,
      settings: this.settings,
      clock,
      makeId: stage.makeId,
      log: () => {},
      holder: this.name,
    };
  }

  /** What a person's command line is made of: the same database and store, without waits and faults. */
  operator(): RunParts {
    const stage = this.#stage;
    const client: SqlClient = {
      batch: (statements, mode) => (mode === "read" ? stage.readBatch(statements) : stage.batch(statements)),
      explain: () => Promise.resolve([]),
      calls: () => 0,
      close: () => {},
    };
    const clock: Clock = { now: () => stage.now, monotonicMs: () => stage.monotonic };
    return {
      database: createDatabase({ client, clock, gateMs: GATE_MS, databaseNow: TEST_NOW, mapping: stage.mapping }),
      store: stage.store,
      planStore: readOnly(stage.store),
      storeCalls: () => 0,
      settings: this.settings,
      clock,
      makeId: stage.makeId,
      log: () => {},
      holder: "a person",
    };
  }

  /** What the calls of a slice do to the database once their turn has come. */
  #client(slice: Slice): SqlClient {
    return {
      batch: (statements, mode) =>
        mode === "read" ? this.#stage.readBatch(statements) : this.#witness.write(this, slice, statements),
      explain: () => Promise.resolve([]),
      calls: () => 0,
      close: () => {},
    };
  }

  /** What they do to the store. */
  #store(slice: Slice): Store {
    const stage = this.#stage;
    return {
      ...stage.store,
      list: async (options) => {
        const page = await answerList(stage, options);
        // The look that opens a slice is no part of its scan.
        if (options.limit !== PROBE_LIMIT) this.#witness.lists(slice, page);
        return page;
      },
      head: (key) => answerHead(stage, key),
      writeMarker: (text) => {
        this.#witness.puts(slice);
        return stage.store.writeMarker(text);
      },
      listUploads: (options) => answerListUploads(stage, options),
      abortUpload: (upload) => this.#witness.abort(upload),
      delete: (requests) => answerDelete(stage, requests, (some) => this.#witness.delete(this, some)),
    };
  }

  /** The database as filesweep has it: calls count when they are made, whatever becomes of them. */
  #countedClient(client: SqlClient): SqlClient {
    let calls = 0;
    return {
      ...client,
      batch: (statements, mode) => {
        calls += 1;
        return client.batch(statements, mode);
      },
      calls: () => calls,
    };
  }

  /** The store as filesweep has it: what it asks for is told before any of it happens. */
  #watchedStore(slice: Slice, store: Store): Store {
    return {
      ...store,
      clockSkewMs: () => {
        const { storeSkewMs } = this.#stage;
        slice.storeSkewMs = storeSkewMs === null ? null : Math.abs(storeSkewMs - this.skewMs);
        if ((slice.storeSkewMs ?? 0) > 0) this.#stage.count("the store's clock is off");
        return slice.storeSkewMs;
      },
      abortUpload: async (upload) => {
        await this.#busily(() => this.#witness.asksToAbort(this, slice, upload));
        return store.abortUpload(upload);
      },
      delete: async (requests, signal, sent) => {
        await this.#busily(() => this.#witness.asks(this, slice, requests));
        return store.delete(requests, signal, sent);
      },
    };
  }
}

function describe(outcome: RunOutcome): string {
  if (outcome.kind === "lease-held") return "somebody else has the lease";
  const { id, mode, status, holds, sweeps } = outcome.report;
  const causes = holds.map(({ cause }) => cause).join(", ");
  const removed = sweeps.reduce((sum, sweep) => sum + sweep.removed.count, 0);
  return `${mode} ${id} is ${status}${causes ? ` (${causes})` : ""}, ${removed} removed`;
}

/** Short graces, so that a history of a few hours has everything in it. */
function settingsOf({ settings }: Stage, site: Site): RunSettings {
  return {
    ...settings,
    orphanGraceMs: HOUR_MS,
    downloadGraceMs: HOUR_MS,
    oldFilesMs: 4 * HOUR_MS,
    uploadGraceMs: 3 * HOUR_MS,
    historyMs: 30 * DAY_MS,
    scanEveryMs: 2 * HOUR_MS,
    // One call after the other: which of two came first would be chance.
    concurrency: 1,
    gateMs: GATE_MS,
    quarantineMs: site.quarantineMs,
    leftovers: site.leftovers,
    pageSize: site.pageSize,
    maxCalls: site.maxCalls,
    maxRemovals: site.maxRemovals,
    oldFilesLive: site.oldFilesLive,
    firstRun: site.firstRun,
    identityMarker: site.identityMarker,
  };
}
