/** Plays one history from its first step to the end, at which everything must be as the rules want it. */

import { isSweepError } from "../../src/core/errors.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import { createSweeperOf, type Sweeper } from "../../src/core/sweeper.ts";
import type { Row } from "../../src/database/client.ts";
import { Application, pick, protects, quote } from "./application.ts";
import { Coverage } from "./coverage.ts";
import { type Conditions, type History, KEYS, type Step } from "./history.ts";
import { Oracle, RULES, type Violation } from "./oracle.ts";
import { GATE_MS, Process } from "./process.ts";
import { isDue, isOld } from "./rules.ts";
import { Stage } from "./stage.ts";

export interface Played {
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  readonly removals: number;
}

export async function play(history: History, conditions: Conditions, coverage = new Coverage()): Promise<Played> {
  const stage = await Stage.open(history.site);
  try {
    coverage.begin();
    const player = new Player(stage, conditions, coverage);
    await player.play(history.steps);
    const { violations, removals } = player.oracle;
    return { violations, trace: stage.trace, faults: stage.faults, removals };
  } finally {
    stage.close();
  }
}

class Player {
  readonly oracle: Oracle;
  readonly #stage: Stage;
  readonly #conditions: Conditions;
  readonly #application: Application;
  readonly #processes: readonly Process[];
  #triggers: readonly Row[] = [];

  constructor(stage: Stage, conditions: Conditions, coverage: Coverage) {
    this.#stage = stage;
    this.#conditions = conditions;
    this.#application = new Application(stage, conditions);
    this.oracle = new Oracle(stage, this.#application, coverage);
    this.#processes = ["one", "two", "three"].map((name) => new Process(name, stage, this.oracle));
  }

  async play(steps: readonly Step[]): Promise<void> {
    await this.#application.begin();
    this.#triggers = await this.#stage.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'");
    for (const step of steps) {
      if (!(await this.#application.does(step))) await this.#does(step);
      await this.#look();
      if (this.oracle.violations.length > 0) return;
    }
    await this.#settle();
  }

  async #look(): Promise<void> {
    await this.oracle.refresh();
    this.oracle.check();
  }

  #process(n: number): Process {
    const found = pick(this.#processes, n);
    if (found === undefined) throw new Error("there is no process");
    return found;
  }

  /** One of those that are in the middle of a slice. */
  #underWay(n: number): Process | undefined {
    return pick(
      this.#processes.filter(({ slice }) => slice !== null),
      n,
    );
  }

  async #does(step: Step): Promise<void> {
    switch (step.do) {
      case "run":
      case "start":
        return this.#start(step);
      case "go":
        return this.#underWay(step.n)?.go(step.turns);
      case "go-to":
        return this.#underWay(step.n)?.goTo(step.call, step.answered ? "after" : "before");
      case "strike":
        return this.#strike(step);
      case "fail":
        return this.#underWay(step.n)?.resume(step.late ? "fail-late" : "fail");
      case "twice":
        return this.#underWay(step.n)?.resume("twice");
      case "kill":
        return this.#underWay(step.n)?.kill(step.late);
      case "deliver":
        return this.#deliver(step.n);
      case "wait":
        return this.#wait(step.ms);
      case "backup":
        return this.#stage.backup();
      case "restore":
        return this.#restore();
      case "gate":
        return this.#gate(step.stands);
      default:
        return this.#decides(step);
    }
  }

  /** Brings a process to a call, and strikes there. */
  async #strike({ process: which, call, how }: Extract<Step, { do: "strike" }>): Promise<void> {
    const process = this.#process(which);
    if (process.slice === null) {
      await this.#start({ do: "start", process: which, mode: "remove", scheduled: false });
    }
    await process.goTo(call, how === "lost" || how === "kill-after" ? "after" : "before");
    if (how.startsWith("kill")) return process.kill(how === "kill-late");
    return process.resume(how === "late" ? "fail-late" : how === "twice" ? "twice" : "fail");
  }

  async #start(step: Extract<Step, { do: "run" | "start" }>): Promise<void> {
    const process = this.#process(step.process);
    if (step.do === "start" && process.slice !== null) return;
    if (process.slice === null) {
      this.oracle.started();
      this.#stage.tell(`process ${process.name} begins a slice (${step.mode})`);
      await process.start(step.mode, step.do === "start" && step.scheduled ? "schedule" : "cli");
    }
    if (step.do === "run") await process.go(10_000);
  }

  async #decides(step: Step): Promise<void> {
    switch (step.do) {
      case "skew":
        this.#process(step.process).skewMs = step.ms;
        this.#stage.count("a skewed clock");
        this.#stage.tell(`the clock of process ${this.#process(step.process).name} is ${step.ms / 60_000} min off`);
        return;
      case "store-fault":
        this.#stage.storeFault = step.fault;
        return;
      case "refuse":
        this.#stage.memory.refuse(KEYS[step.key] ?? "", step.refused ? "AccessDenied" : null);
        return;
      case "freeze":
        return step.what === "listing" ? this.#stage.freezeListing() : this.#stage.freezeReplica();
      default:
        return this.#operates(step);
    }
  }

  /** Time goes by. A delete that nobody waits for has its effect within the gate's time, or never. */
  async #wait(ms: number): Promise<void> {
    const { inFlight } = this.#stage;
    if (this.#conditions.lateDeletesEnd) {
      const goesOn = inFlight.filter(
        ({ isDelete, startedAt }) => !isDelete || startedAt + GATE_MS > this.#stage.now + ms,
      );
      inFlight.splice(0, inFlight.length, ...goesOn);
      for (const process of this.#processes) {
        const waits = process.waiting().filter(({ call }) => call === "delete");
        // Frozen for so long, it does not go on: its call was given up below it.
        if (waits.some(({ since }) => since + GATE_MS <= this.#stage.now + ms)) await process.kill(false);
      }
    }
    this.#stage.advance(ms);
  }

  async #deliver(n: number): Promise<void> {
    const { inFlight } = this.#stage;
    const found = pick(inFlight, n);
    if (found === undefined) return;
    inFlight.splice(inFlight.indexOf(found), 1);
    this.#stage.count("a late effect");
    this.#stage.tell(`${found.what} takes effect after all`);
    await found.deliver();
  }

  async #restore(): Promise<void> {
    if (this.#conditions.stoppedForRestore) {
      for (const process of this.#processes) await process.kill(false);
      this.#stage.inFlight.length = 0;
    }
    if (!(await this.#stage.restore())) return;
    this.#stage.count("the database is put back");
    this.#stage.tell("the database is put back as it was at the backup");
    await this.#application.restored();
    const kept = await this.#stage.rows("SELECT key FROM filesweep_removals WHERE released_by = 'operator'");
    this.oracle.restored(new Set(kept.map(({ key }) => String(key))));
    const [meta] = await this.#stage.rows("SELECT value FROM filesweep_meta WHERE name = 'twin'");
    const text = await this.#stage.marker();
    const twin = meta === undefined ? null : epochOf(String(meta["value"]));
    const marker = text === null ? null : epochOf(text);
    const known = this.#stage.site.identityMarker && twin !== null && marker !== null;
    this.oracle.mustHold = known && marker > twin;
  }

  async #gate(stands: boolean): Promise<void> {
    this.#stage.tell(stands ? "the gate is put back" : "the gate's triggers are dropped");
    for (const { name, sql } of this.#triggers) {
      await this.#stage.rows(`DROP TRIGGER IF EXISTS "${String(name)}"`);
      if (stands) await this.#stage.rows(String(sql));
    }
  }

  // -------------------------------------------------------------------------------------------------- operator

  /** A person with the command line, on a connection of their own. */
  #sweeper(): Sweeper {
    return createSweeperOf(this.#process(0).operator());
  }

  async #operates(step: Step): Promise<void> {
    switch (step.do) {
      case "approve":
      case "cancel-hold":
        return this.#decideHold(step.do, step.n);
      case "cancel-run": {
        const runs = await this.#stage.rows(
          "SELECT id FROM filesweep_runs WHERE status IN ('paused', 'held', 'running')",
        );
        const run = pick(runs, step.n);
        if (run !== undefined)
          await this.#tryTo(`cancels ${String(run["id"])}`, (sweeper) => sweeper.cancel(String(run["id"])));
        return;
      }
      case "release":
        return this.#release(step.n);
      case "retry": {
        const failed = await this.#stage.rows(
          "SELECT id FROM filesweep_removals WHERE state IN ('failed', 'abandoned')",
        );
        const removal = pick(failed, step.n);
        if (removal !== undefined)
          await this.#tryTo("has a removal tried again", (sweeper) => sweeper.retry(String(removal["id"])));
        return;
      }
      default:
        throw new Error(`nobody knows how to ${step.do}`);
    }
  }

  async #decideHold(what: "approve" | "cancel-hold", n: number): Promise<void> {
    const holds = await this.#stage.rows("SELECT id, cause FROM filesweep_holds WHERE status IN ('open', 'cancelled')");
    const hold = pick(holds, n);
    if (hold === undefined) return;
    const id = String(hold["id"]);
    if (what === "cancel-hold") {
      await this.#tryTo(`silences ${String(hold["cause"])}`, (sweeper) => sweeper.cancel(id));
      return;
    }
    if (!(await this.#tryTo(`approves ${String(hold["cause"])}`, (sweeper) => sweeper.approve(id)))) return;
    this.oracle.approved();
    if (hold["cause"] === "restored-backup") this.oracle.mustHold = false;
  }

  async #release(n: number): Promise<void> {
    const open = await this.#stage.rows(
      "SELECT id, key FROM filesweep_removals WHERE state IN ('suspected', 'due', 'failed', 'abandoned')",
    );
    const removal = pick(open, n);
    if (removal === undefined) return;
    const key = String(removal["key"]);
    const isAsked =
      this.#stage.inFlight.some(({ isDelete }) => isDelete) ||
      this.#processes.some((process) => process.waiting().some(({ call }) => call === "delete"));
    const done = await this.#tryTo(`keeps ${quote(key)}`, (sweeper) => sweeper.release(String(removal["id"])));
    // An earlier delete of it may still be on its way.
    if (done) this.oracle.keptByAPerson(key, !isAsked);
  }

  /** Answers whether it was done: what a person looked at may have gone on meanwhile. */
  async #tryTo(what: string, work: (sweeper: Sweeper) => Promise<unknown>): Promise<boolean> {
    try {
      await work(this.#sweeper());
      this.#stage.tell(`a person ${what}`);
      return true;
    } catch (error) {
      if (isSweepError(error, "conflict") || isSweepError(error, "not-found")) return false;
      throw error;
    }
  }

  // ------------------------------------------------------------------------------------------------------- end

  /** Faults stop, a person says yes to everything, and filesweep runs: then all garbage goes, and nothing else. */
  async #settle(): Promise<void> {
    for (const process of this.#processes) {
      await process.kill(false);
      process.skewMs = 0;
    }
    const stage = this.#stage;
    stage.inFlight.length = 0;
    stage.storeFault = null;
    for (const key of KEYS) stage.memory.refuse(key, null);
    await stage.thaw();
    this.#application.forgetUploads();
    if (!this.#conditions.gate) await this.#gate(true);
    stage.tell("--- no more faults; a person approves whatever is held ---");
    let left: string[] = [];
    for (let round = 0; round < 9; round += 1) {
      stage.advance(2 * HOUR_MS + 60_000);
      await this.#approveAll();
      await this.#runToItsEnd();
      await this.#look();
      left = await this.#leftOver();
      if (left.length === 0 || this.oracle.violations.length > 0) return;
    }
    this.oracle.note(RULES.converge, left.join("; "));
  }

  async #approveAll(): Promise<void> {
    for (const { id } of await this.#stage.rows(
      "SELECT id FROM filesweep_holds WHERE status IN ('open', 'cancelled')",
    )) {
      await this.#tryTo("approves", (sweeper) => sweeper.approve(String(id)));
    }
    this.oracle.approved();
    this.oracle.mustHold = false;
    for (const { id } of await this.#stage.rows(
      "SELECT id FROM filesweep_removals WHERE state IN ('failed', 'abandoned')",
    )) {
      await this.#tryTo("has it tried again", (sweeper) => sweeper.retry(String(id)));
    }
  }

  async #runToItsEnd(): Promise<void> {
    const site = { ...this.#stage.site, pageSize: 1000, maxCalls: null, maxRemovals: null };
    const process = new Process("last", this.#stage, this.oracle, site);
    for (let slice = 0; slice < 5; slice += 1) {
      this.oracle.started();
      await process.start("remove", "cli");
      await process.go(100_000);
      const [paused] = await this.#stage.rows(
        "SELECT 1 AS one FROM filesweep_runs WHERE finished_at IS NULL AND mode = 'remove'",
      );
      if (paused === undefined || this.oracle.violations.length > 0) return;
    }
    this.oracle.note(RULES.converge, "after 5 slices the run is not over");
  }

  /** P6: ledger, gate, catalog and store agree, and nothing is left to do. What is not so, in words. */
  async #leftOver(): Promise<string[]> {
    const { settings } = this.#process(0);
    const now = this.#stage.now;
    const left: string[] = [];
    const rows = [...this.#application.rows.values()];
    for (const row of rows) {
      if (isDue(row, now, settings)) left.push(`${row.id} is due`);
      if (isOld(row, now, settings)) left.push(`the record ${row.id} is old`);
    }
    const named = new Set(rows.filter(protects).map(({ key }) => key));
    for (const { key, modifiedAt } of (await this.#stage.objects()).values()) {
      const mayStay = named.has(key) || this.oracle.isKept(key) || modifiedAt === null || key.startsWith(".filesweep/");
      if (!mayStay) left.push(`${quote(key)} is garbage`);
    }
    for (const { key, initiatedAt } of this.#stage.memory.uploads()) {
      if (initiatedAt !== null && initiatedAt + settings.uploadGraceMs < now)
        left.push(`an upload of ${quote(key)} is stale`);
    }
    const open = await this.#stage.rows(
      "SELECT key, state FROM filesweep_removals WHERE state NOT IN ('removed', 'released')",
    );
    for (const { key, state } of open) left.push(`the removal of ${quote(String(key))} is ${String(state)}`);
    const shut = await this.#stage.rows("SELECT key FROM filesweep_gate WHERE leaves_at IS NULL");
    for (const { key } of shut) left.push(`${quote(String(key))} is behind the gate for ever`);
    const holds = await this.#stage.rows("SELECT cause FROM filesweep_holds WHERE status IN ('open', 'cancelled')");
    for (const { cause } of holds) left.push(`the hold ${String(cause)} is not closed`);
    return left;
  }
}

/** The epoch in an identity marker, or in its twin. */
function epochOf(text: string): number {
  const data: unknown = JSON.parse(text);
  const has = typeof data === "object" && data !== null && "epoch" in data;
  return has ? Number(data.epoch) : 0;
}
