/** Uploads that are half done: what was put, begun or looked for, and waits to be named. */
import { HOUR_MS } from "../../src/core/safety.ts";
import type { Conditions, Step } from "./history.ts";
import { GATE_MS } from "./process.ts";
import { pick, quote, type Stage } from "./stage.ts";

/** Half of an upload, or of a revival. */
export interface Pending {
  readonly kind: "row-first" | "object-first" | "look-first" | "multipart";
  readonly key: string;
  /** When its bytes were put, completed, or looked for. */
  readonly at: number;
  /** How old its object is, by what the store says: as old as a multipart upload is. */
  readonly since: number;
  /** The step in which they were. */
  readonly turn: number;
  /** The row that was inserted, or is to be revived; or the multipart upload. */
  readonly id: string | null;
  /** What lay with them then. */
  readonly derived: readonly string[];
}

/** Longer ago than filesweep waits for an upload. */
const LONG_AGO_MS = 4 * HOUR_MS;

export class Uploads {
  readonly conditions: Conditions;
  readonly #stage: Stage;
  #pending: Pending[] = [];

  constructor(stage: Stage, conditions: Conditions) {
    this.#stage = stage;
    this.conditions = conditions;
  }

  forget(): void {
    this.#pending = [];
  }

  begin(kind: Pending["kind"], key: string, turn: number, id: string | null = null, since = this.#stage.now): void {
    const derived = this.#stage.catalog.derived(key).filter((other) => this.#stage.store.has(other));
    this.#pending.push({ kind, key, at: this.#stage.now, since, turn, id, derived });
  }

  beginMultipart(key: string, begun: Extract<Step, { do: "multipart" }>["begun"], turn: number): void {
    const { store, site, now } = this.#stage;
    if (site.folder) return;
    const ageMs = begun === "long ago" ? LONG_AGO_MS : 0;
    const initiatedAt = begun === "at no known time" ? null : this.#stage.storeNow() - ageMs;
    this.#stage.tell(`a multipart upload of ${quote(key)}, begun ${begun}`);
    this.begin("multipart", key, turn, store.beginUpload(key, initiatedAt), now - ageMs);
  }

  /** The parts become an object, which waits to be named; or the upload was aborted, and there is none. */
  complete(n: number, turn: number): void {
    const multipart = this.#pending.filter(({ kind }) => kind === "multipart");
    const pending = pick(multipart, n);
    if (pending === undefined) return;
    this.#pending = this.#pending.filter((other) => other !== pending);
    const { key, id, since } = pending;
    const isThere = this.#stage.completeUpload(id ?? "");
    this.#stage.tell(`the upload of ${quote(key)} ${isThere ? "is completed" : "was aborted"}`);
    if (!isThere) return;
    if (since < this.#stage.now) this.#stage.count("an upload is completed late");
    this.begin("object-first", key, turn, null, since);
  }

  /** Takes one that can be named, or whose row waits for its bytes. */
  take(n: number): Pending | null {
    const pending = pick(
      this.#pending.filter(({ kind }) => kind !== "multipart"),
      n,
    );
    if (pending === undefined) return null;
    this.#pending = this.#pending.filter((other) => other !== pending);
    return pending;
  }

  /** Whether the application may still take it for granted that the bytes are there. */
  isInTime({ at, since }: Pending): boolean {
    const { namedInTime, freshKeys } = this.conditions;
    const { now } = this.#stage;
    if (!namedInTime || now - at < GATE_MS) return true;
    return freshKeys && now - since < HOUR_MS;
  }
}
