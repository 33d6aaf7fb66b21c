/** A person with the command line, on a connection of their own: decides about holds, runs and removals, and tells of a restore. */
import { isSweepError } from "../../src/core/errors.ts";
import { parseMarker } from "../../src/core/identity.ts";
import { createSweeperOf, type Sweeper } from "../../src/core/sweeper.ts";
import { planRestored } from "../../src/database/doctor-actions.ts";
import { type Conditions, IGNORED, type Step } from "./history.ts";
import type { Oracle } from "./oracle.ts";
import { GATE_MS, type Process } from "./process.ts";
import { pick, quote, type Stage } from "./stage.ts";

export class Operator {
  readonly #stage: Stage;
  readonly #oracle: Oracle;
  readonly #processes: readonly [Process, ...Process[]];
  readonly #conditions: Conditions;
  /** From when rows are lost, since the database was put back and nobody told of it. */
  #lostSince: number | null = null;

  constructor(stage: Stage, oracle: Oracle, processes: readonly [Process, ...Process[]], conditions: Conditions) {
    this.#conditions = conditions;
    this.#stage = stage;
    this.#oracle = oracle;
    this.#processes = processes;
  }

  /** The database was put back. */
  restored(backupAt: number): void {
    this.#lostSince = Math.min(backupAt, this.#lostSince ?? backupAt);
  }

  /** A run begins. Unless it is held for the restore, nobody can tell any more when the database was last in use. */
  runBegins(): void {
    if (this.#conditions.toldFirst && !this.#oracle.known.mustHold) this.#lostSince = null;
  }

  async does(step: Step): Promise<void> {
    switch (step.do) {
      case "approve":
      case "cancel-hold":
        return this.#decideHold(step.do, step.n);
      case "cancel-run":
        return this.#cancelRun(step.n);
      case "release":
        return this.#release(step.n);
      case "retry":
        return this.#retry(step.n);
      case "ignore":
        this.#stage.ignorePrefixes = step.ignored ? [IGNORED] : [];
        if (step.ignored) this.#stage.count("a prefix is kept out");
        this.#stage.tell(step.ignored ? `from now on ${quote(IGNORED)} is kept out` : "nothing is kept out any more");
        return;
      case "tell-restored":
        return this.#tellRestored();
      default:
        throw new Error(`nobody knows how to ${step.do}`);
    }
  }

  /** A person says yes to everything, and has everything tried again. */
  async approveAll(): Promise<void> {
    for (const { id, cause } of await this.#stage.rows(
      "SELECT id, cause FROM filesweep_holds WHERE status IN ('open', 'cancelled')",
    )) {
      await this.#tryTo("approves", (sweeper) => sweeper.approve(String(id)));
      this.#oracle.known.approved(String(cause));
    }
    this.#oracle.known.approved("restored-backup", "clock-skew", "nested-store");
    for (const { id } of await this.#stage.rows(
      "SELECT id FROM filesweep_removals WHERE state IN ('failed', 'abandoned')",
    )) {
      await this.#tryTo("has it tried again", (sweeper) => sweeper.retry(String(id)));
    }
  }

  async #cancelRun(n: number): Promise<void> {
    const runs = await this.#stage.rows("SELECT id FROM filesweep_runs WHERE status IN ('paused', 'held', 'running')");
    const run = pick(runs, n);
    if (run === undefined) return;
    await this.#tryTo(`cancels ${String(run["id"])}`, (sweeper) => sweeper.cancel(String(run["id"])));
  }

  async #retry(n: number): Promise<void> {
    const failed = await this.#stage.rows("SELECT id FROM filesweep_removals WHERE state IN ('failed', 'abandoned')");
    const removal = pick(failed, n);
    if (removal === undefined) return;
    await this.#tryTo("has a removal tried again", (sweeper) => sweeper.retry(String(removal["id"])));
  }

  async #decideHold(what: "approve" | "cancel-hold", n: number): Promise<void> {
    const holds = await this.#stage.rows("SELECT id, cause FROM filesweep_holds WHERE status IN ('open', 'cancelled')");
    const hold = pick(holds, n);
    if (hold === undefined) return;
    const id = String(hold["id"]);
    const cause = String(hold["cause"]);
    if (what === "cancel-hold") await this.#tryTo(`silences ${cause}`, (sweeper) => sweeper.cancel(id));
    else if (await this.#tryTo(`approves ${cause}`, (sweeper) => sweeper.approve(id)))
      this.#oracle.known.approved(cause);
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
    if (done) this.#oracle.keptByAPerson(key, !isAsked);
  }

  /** As `doctor --restored` does, under the lease: with what the database remembers, and the marker of the store. */
  async #tellRestored(): Promise<void> {
    if (this.#lostSince === null) return;
    const { leases } = this.#processes[0].operator().database;
    const held = await leases.acquire("a person");
    if (!("timeLeftMs" in held)) return;
    const meta = new Map(
      (await this.#stage.rows("SELECT name, value FROM filesweep_meta")).map(({ name, value }) => [
        String(name),
        String(value),
      ]),
    );
    const twin = parseMarker(meta.get("twin") ?? "");
    const marker = parseMarker((await this.#stage.store.readMarker()) ?? "");
    const isOurs = twin !== "unreadable" && marker !== "unreadable" && twin.instance === marker.instance;
    const from = Number(meta.get("last_run_at") ?? 0);
    const told = { from, to: this.#stage.now, storeEpoch: isOurs ? marker.epoch : null };
    for (const sql of planRestored(told, GATE_MS)) await this.#stage.rows(sql);
    await leases.release(held);
    this.#stage.count("a person tells of the restore");
    this.#stage.tell("a person tells filesweep that the database was put back");
    this.#oracle.known.toldRestored(this.#lostSince);
    this.#lostSince = null;
  }

  /** Answers whether it was done: what a person looked at may have gone on meanwhile. */
  async #tryTo(what: string, work: (sweeper: Sweeper) => Promise<unknown>): Promise<boolean> {
    try {
      await work(createSweeperOf(this.#processes[0].operator()));
      this.#stage.tell(`a person ${what}`);
      return true;
    } catch (error) {
      if (isSweepError(error, "conflict") || isSweepError(error, "not-found")) return false;
      throw error;
    }
  }
}
