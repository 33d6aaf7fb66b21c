/** Plays one history from its first step to the end, at which everything must be as the rules want it. */
import { HOUR_MS } from "../../src/core/safety.ts";
import type { Row } from "../../src/database/client.ts";
import { Application } from "./application.ts";
import { Coverage } from "./coverage.ts";
import { type Conditions, type History, KEYS, type Step } from "./history.ts";
import type { Violation } from "./knowledge.ts";
import { leftOver, type Scene } from "./left-over.ts";
import { Operator } from "./operator.ts";
import { Oracle } from "./oracle.ts";
import { GATE_MS, Process } from "./process.ts";
import { RULES } from "./rules.ts";
import { pick, Stage } from "./stage.ts";

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
    const { violations, removals } = player.oracle.known;
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
  readonly #processes: readonly [Process, Process, Process];
  readonly #operator: Operator;
  #triggers: readonly Row[] = [];

  constructor(stage: Stage, conditions: Conditions, coverage: Coverage) {
    this.#stage = stage;
    this.#conditions = conditions;
    this.#application = new Application(stage, conditions);
    this.oracle = new Oracle(stage, this.#application, coverage);
    const make = (name: string): Process => new Process(name, stage, this.oracle);
    this.#processes = [make("one"), make("two"), make("three")];
    this.#operator = new Operator(stage, this.oracle, this.#processes, conditions);
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
    return pick(this.#processes, n) ?? this.#processes[0];
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
      this.#operator.runBegins();
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
        this.#stage.store.refuse(KEYS[step.key] ?? "", step.refused ? "AccessDenied" : null);
        return;
      case "freeze":
        return step.what === "listings" ? this.#stage.freezeListings() : this.#stage.freezeReplica();
      default:
        return this.#operator.does(step);
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
    const { backupAt } = this.#stage;
    if (backupAt === null || !(await this.#stage.restore())) return;
    this.#operator.restored(backupAt);
    this.#stage.count("the database is put back");
    this.#stage.tell("the database is put back as it was at the backup");
    await this.#application.restored();
    const kept = await this.#stage.rows("SELECT key FROM filesweep_removals WHERE released_by = 'operator'");
    this.oracle.known.restored(backupAt, new Set(kept.map(({ key }) => String(key))));
    const [meta] = await this.#stage.rows("SELECT value FROM filesweep_meta WHERE name = 'twin'");
    const text = await this.#stage.marker();
    const twin = meta === undefined ? null : epochOf(String(meta["value"]));
    const marker = text === null ? null : epochOf(text);
    const known = this.#stage.site.identityMarker && twin !== null && marker !== null;
    this.oracle.known.mustHold = known && marker > twin;
  }

  async #gate(stands: boolean): Promise<void> {
    this.#stage.tell(stands ? "the gate is put back" : "the gate's triggers are dropped");
    for (const { name, sql } of this.#triggers) {
      await this.#stage.rows(`DROP TRIGGER IF EXISTS "${String(name)}"`);
      if (stands) await this.#stage.rows(String(sql));
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
    if (stage.storeSkewMs !== null) stage.storeSkewMs = 0;
    for (const key of KEYS) stage.store.refuse(key, null);
    await stage.thaw();
    this.#application.uploads.forget();
    if (!this.#conditions.gate) await this.#gate(true);
    stage.tell("--- no more faults; a person approves whatever is held ---");
    let left: string[] = [];
    for (let round = 0; round < 9; round += 1) {
      stage.advance(2 * HOUR_MS + 60_000);
      await this.#operator.approveAll();
      await this.#runToItsEnd();
      await this.#look();
      left = await leftOver(this.#scene());
      if (left.length === 0 || this.oracle.violations.length > 0) return;
    }
    this.oracle.known.note(RULES.converge, left.join("; "));
  }

  #scene(): Scene {
    const { settings } = this.#process(0);
    return {
      stage: this.#stage,
      application: this.#application,
      oracle: this.oracle,
      settings: { ...settings, ignorePrefixes: this.#stage.ignorePrefixes },
    };
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
    this.oracle.known.note(RULES.converge, "after 5 slices the run is not over");
  }
}

/** The epoch in an identity marker, or in its twin. */
function epochOf(text: string): number {
  const data: unknown = JSON.parse(text);
  const has = typeof data === "object" && data !== null && "epoch" in data;
  return has ? Number(data.epoch) : 0;
}
