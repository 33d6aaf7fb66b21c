/** Which states, and which steps from one to another, the histories came through. */
import type { Row } from "../../src/database/client.ts";

export interface Sight {
  readonly removals: readonly Row[];
  readonly gate: readonly Row[];
  readonly holds: readonly Row[];
  readonly runs: readonly Row[];
}

export type Machine = "ledger" | "gate" | "hold" | "run";

export class Coverage {
  /** `from -> to`, and how often. */
  readonly seen: Record<Machine, Map<string, number>> = {
    ledger: new Map(),
    gate: new Map(),
    hold: new Map(),
    run: new Map(),
  };
  readonly #last = new Map<string, string>();
  #approved: ReadonlySet<string> = new Set();

  /** A new history: what was is no more. */
  begin(): void {
    this.#last.clear();
  }

  approvedSweeps(): ReadonlySet<string> {
    return this.#approved;
  }

  see({ removals, gate, holds, runs }: Sight): void {
    for (const { id, state } of removals) this.#step("ledger", String(id), String(state));
    for (const { id, status } of runs) this.#step("run", String(id), String(status));
    for (const { id, status } of holds) this.#step("hold", String(id), String(status));
    const behind = new Map(
      gate.map(({ key, leaves_at }) => [String(key), leaves_at === null ? "shut" : "opens later"]),
    );
    for (const [key, state] of behind) this.#step("gate", key, state);
    for (const name of this.#last.keys()) {
      if (name.startsWith("gate ") && !behind.has(name.slice(5))) this.#step("gate", name.slice(5), "open");
    }
    this.#approved = new Set(
      holds.filter(({ status }) => status === "approved").map(({ sweep }) => String(sweep ?? "the run")),
    );
  }

  #step(machine: Machine, id: string, state: string): void {
    const name = `${machine} ${id}`;
    const before = this.#last.get(name) ?? "-";
    if (before === state) return;
    this.#last.set(name, state);
    const step = `${before} -> ${state}`;
    this.seen[machine].set(step, (this.seen[machine].get(step) ?? 0) + 1);
  }
}
