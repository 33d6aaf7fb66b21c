/** Which states, and which steps from one to another, the histories came through. */
import type { Row } from "../../src/database/client.ts";

export interface Sight {
  readonly removals: readonly Row[];
  readonly gate: readonly Row[];
  readonly holds: readonly Row[];
  readonly runs: readonly Row[];
}

export const MACHINES = ["ledger", "gate", "hold", "run", "upload"] as const;
export type Machine = (typeof MACHINES)[number];

/** `from -> to`, and how often, by what takes the step. */
export type Steps = Readonly<Record<Machine, Map<string, number>>>;

export function emptyCoverage(): Steps {
  return { ledger: new Map(), gate: new Map(), hold: new Map(), run: new Map(), upload: new Map() };
}

export function addTo(sum: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, count] of more) sum.set(name, (sum.get(name) ?? 0) + count);
}

export function addCoverage(sum: Steps, more: Steps): void {
  for (const machine of MACHINES) addTo(sum[machine], more[machine]);
}

export class Coverage {
  readonly seen: Steps = emptyCoverage();
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

  /** @param aborted by filesweep, of those that are not under way any more; the others were completed */
  seeUploads(underWay: ReadonlySet<string>, aborted: ReadonlySet<string>): void {
    for (const id of underWay) this.#step("upload", id, "begun");
    for (const [name, state] of [...this.#last]) {
      const id = name.startsWith("upload ") ? name.slice(7) : null;
      if (id === null || state !== "begun" || underWay.has(id)) continue;
      this.#step("upload", id, aborted.has(id) ? "aborted" : "completed");
    }
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
