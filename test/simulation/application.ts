/**
 * A file-sharing application in every way that people write one, and what it believes: which of its files are complete,
 * and under which key the bytes must therefore be. Its statements are plain SQL, past filesweep's code.
 */
import { isSweepError } from "../../src/core/errors.ts";
import type { Value } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/core/safety.ts";
import type { Row } from "../../src/database/client.ts";
import { GATE_MESSAGE } from "../../src/database/gate.ts";
import { type Conditions, KEYS, type Step } from "./history.ts";
import { GATE_MS } from "./process.ts";
import type { Stage } from "./stage.ts";

/** A row as it stands in the table. */
export interface FileRow {
  readonly id: string;
  readonly key: string;
  readonly status: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly downloaded_at: number | null;
  readonly downloads: number;
  readonly max_downloads: number | null;
  readonly hold: number;
}

export const FILE_COLUMNS = [
  ...["id", "key", "status", "created_at", "expires_at", "downloaded_at", "downloads", "max_downloads", "hold"],
] as const;

/** Half of an upload, or of a revival. */
interface Pending {
  readonly kind: "row-first" | "object-first" | "look-first" | "multipart";
  readonly key: string;
  /** When its bytes were put, or looked for. */
  readonly at: number;
  /** The step in which they were. */
  readonly turn: number;
  /** The row that was inserted, or is to be revived; or the multipart upload. */
  readonly id: string | null;
}

/** What keeps a row from ending, and its object from going: the words of the contract, not filesweep's. */
export function protects({ status }: Pick<FileRow, "status">): boolean {
  return status !== "expired";
}

/** The one file that is always live, so that the catalog is never empty. */
export const ANCHOR = "anchor";

export class Application {
  /** The table as the application and the oracle last saw it. */
  rows: ReadonlyMap<string, FileRow> = new Map();
  readonly #complete = new Set<string>();
  readonly #stage: Stage;
  readonly #conditions: Conditions;
  #pending: Pending[] = [];
  #turn = 0;
  #names = 0;
  /** When somebody other than filesweep last took the bytes of a key away. */
  readonly #takenAt = new Map<string, number>();

  constructor(stage: Stage, conditions: Conditions) {
    this.#stage = stage;
    this.#conditions = conditions;
  }

  async begin(): Promise<void> {
    this.#stage.memory.put(ANCHOR, { sizeBytes: 10 });
    await this.#insert(ANCHOR, ANCHOR, null, null);
    this.#complete.add(ANCHOR);
    if (!this.#stage.site.garbage) return;
    for (const key of [KEYS[0], KEYS[1]]) {
      this.#put(key);
      const id = await this.#insert(this.#name("file"), key, -MINUTE_MS, null);
      if (id !== null) this.#complete.add(id);
    }
    this.#abandon(KEYS[3], "old");
  }

  /** Rows that protect a key and whose bytes are there, as far as the application knows. */
  reachable(): FileRow[] {
    return [...this.rows.values()].filter((row) => protects(row) && this.#complete.has(row.id));
  }

  async refresh(): Promise<void> {
    this.rows = toFileRows(await this.#stage.rows(`SELECT ${FILE_COLUMNS.join(", ")} FROM files`));
  }

  /** The database was put back: rows may be back whose bytes are gone. */
  async restored(): Promise<void> {
    await this.refresh();
    this.#pending = [];
    for (const { id, key } of this.rows.values()) if (!this.#stage.memory.has(key)) this.#complete.delete(id);
  }

  forgetUploads(): void {
    this.#pending = [];
  }

  /** Does a step of its own; answers false for one that is none of its. */
  async does(step: Step): Promise<boolean> {
    this.#turn += 1;
    switch (step.do) {
      case "row-first":
      case "object-first":
      case "multipart":
      case "look-first":
      case "abandon":
      case "crowd":
        await this.#begin(step);
        return true;
      case "finish-upload":
        await this.#finish(step.n, step.ttlMs);
        return true;
      case "share":
      case "extend":
      case "download":
      case "overwrite":
      case "late-put":
      case "lose":
      case "delete":
      case "pin":
      case "set-status":
        await this.#change(step);
        return true;
      default:
        return false;
    }
  }

  // ----------------------------------------------------------------------------------------------------- uploads

  async #begin(
    step: Extract<Step, { do: "row-first" | "object-first" | "multipart" | "look-first" | "abandon" | "crowd" }>,
  ) {
    if (step.do === "crowd") return this.#crowd(step.of);
    const key = this.#keyOf(step.key);
    if (step.do === "abandon") return this.#abandon(key, step.age);
    const begun = { kind: step.do, key, at: this.#stage.now, turn: this.#turn };
    if (step.do === "row-first") {
      const id = await this.#insert(this.#name("file"), key, step.ttlMs, step.max);
      if (id !== null) this.#pending.push({ ...begun, id });
    } else if (step.do === "object-first") {
      this.#put(key);
      this.#pending.push({ ...begun, id: null });
    } else if (step.do === "multipart") {
      this.#stage.tell(`the application begins a multipart upload of ${quote(key)}`);
      this.#pending.push({ ...begun, id: this.#stage.memory.beginUpload(key) });
    } else if (step.do === "look-first") {
      // De-duplicated, or revived: the bytes are there already, or so it saw.
      if (this.#conditions.freshKeys || !this.#stage.memory.has(key)) return;
      const ended = [...this.rows.values()].find((row) => row.key === key && row.status === "expired");
      if (step.revive && ended === undefined) return;
      this.#stage.tell(`the application sees that ${quote(key)} is there`);
      this.#pending.push({ ...begun, id: step.revive ? (ended?.id ?? null) : null });
    }
  }

  #keyOf(index: number): string {
    const key = KEYS[index % KEYS.length] ?? KEYS[0];
    return this.#conditions.freshKeys ? `${key}-${this.#name("v")}` : key;
  }

  async #finish(n: number, ttlMs: number | null): Promise<void> {
    const pending = pick(this.#pending, n);
    if (pending === undefined) return;
    this.#pending = this.#pending.filter((other) => other !== pending);
    const { kind, key, id } = pending;
    if (kind === "row-first") {
      this.#put(key);
      const row = id === null ? undefined : this.rows.get(id);
      if (row !== undefined && row.key === key && protects(row)) this.#complete.add(row.id);
      return;
    }
    if (kind === "multipart") return this.#endUpload(key, id ?? "", ttlMs);
    if (this.#stage.now - pending.at >= this.#timeToName()) return;
    const named =
      id === null ? await this.#insert(this.#name("file"), key, ttlMs, null) : await this.#revive(id, ttlMs);
    const wasTaken = (this.#takenAt.get(key) ?? 0) > pending.turn;
    if (named !== null && !wasTaken) this.#complete.add(named);
  }

  /** The parts become an object, which is named at once; or the upload was aborted, and there is no file. */
  async #endUpload(key: string, uploadId: string, ttlMs: number | null): Promise<void> {
    const { memory } = this.#stage;
    if (!memory.uploads().some((upload) => upload.uploadId === uploadId)) return;
    await memory.abortUpload({ key, uploadId });
    this.#put(key);
    const named = await this.#insert(this.#name("file"), key, ttlMs, null);
    if (named !== null) this.#complete.add(named);
  }

  /** How long the application may take from seeing the bytes to naming them. */
  #timeToName(): number {
    if (!this.#conditions.namedInTime) return Infinity;
    return this.#conditions.freshKeys ? HOUR_MS : GATE_MS;
  }

  #abandon(key: string, age: "old" | "new" | "unknown"): void {
    if (this.#stage.memory.has(key)) return;
    const modifiedAt = age === "unknown" ? null : age === "new" ? this.#stage.now : this.#stage.now - 40 * DAY_MS;
    this.#stage.tell(`an object that nobody names: ${quote(key)}, of ${age === "unknown" ? "unknown" : `${age}`} age`);
    this.#stage.memory.put(key, { sizeBytes: 10, modifiedAt });
  }

  async #crowd(of: "orphans" | "due rows"): Promise<void> {
    const crowd = this.#name("crowd");
    const count = of === "orphans" ? 25 : 101;
    this.#stage.tell(`${count} ${of} at once`);
    for (let index = 0; index < count; index += 1) {
      const key = `${crowd}/${index}`;
      this.#stage.memory.put(key, { sizeBytes: 10, modifiedAt: this.#stage.now - 40 * DAY_MS });
    }
    if (of === "orphans") return;
    await this.#stage.rows(
      `INSERT INTO files (id, key, size_bytes, created_at, expires_at)
        SELECT ? || '/' || value, ? || '/' || value, 10, ?, ? FROM generate_series(0, ?)`,
      [crowd, crowd, this.#stage.now - DAY_MS, this.#stage.now - HOUR_MS, count - 1],
    );
    await this.refresh();
    for (const id of this.rows.keys()) if (id.startsWith(`${crowd}/`)) this.#complete.add(id);
  }

  // ----------------------------------------------------------------------------------------------------- changes

  async #change(step: Extract<Step, { n: number }>): Promise<void> {
    const files = [...this.rows.values()].filter(({ id }) => id !== ANCHOR && !id.startsWith("crowd"));
    const row = pick(files, step.n);
    if (row === undefined) return;
    const { id, key } = row;
    const isLive = row.status === "active" && (row.expires_at ?? Infinity) > this.#stage.now;
    if (step.do === "share" && isLive) {
      // The row is read and the new one written in one transaction.
      const shared = await this.#insert(this.#name("file"), key, step.ttlMs, null);
      if (shared !== null && this.#complete.has(id)) this.#complete.add(shared);
    } else if (step.do === "extend" && isLive) {
      await this.#update(`extends ${id}`, "expires_at = ?", [this.#until(step.ttlMs)], id);
    } else if (step.do === "download" && isLive) {
      await this.#update(`downloads ${id}`, "downloads = downloads + 1, downloaded_at = ?", [this.#stage.now], id);
    } else if (step.do === "overwrite" && protects(row)) {
      this.#put(key);
    } else if (step.do === "late-put") {
      this.#put(key);
    } else if (step.do === "lose") {
      this.#take(key);
    } else if (step.do === "delete") {
      await this.#delete(row, step.object);
    } else if (step.do === "pin") {
      await this.#update(step.pinned ? `pins ${id}` : `lets ${id} go`, "hold = ?", [step.pinned ? 1 : 0], id);
    } else if (step.do === "set-status" && !(row.status === "expired" && step.status !== "expired")) {
      await this.#update(`sets ${id} to ${step.status}`, "status = ?", [step.status], id);
    }
  }

  async #delete({ id, key }: FileRow, object: boolean): Promise<void> {
    await this.#execute(`deletes ${id}`, "DELETE FROM files WHERE id = ?", [id]);
    this.#complete.delete(id);
    const named = [...this.rows.values()].some((other) => other.key === key && protects(other));
    if (object && !named) this.#take(key);
  }

  /** Somebody other than filesweep takes the bytes away. */
  #take(key: string): void {
    this.#stage.tell(`the bytes of ${quote(key)} are taken away, not by filesweep`);
    this.#stage.memory.remove(key);
    this.#takenAt.set(key, this.#turn);
    for (const row of this.rows.values()) if (row.key === key) this.#complete.delete(row.id);
  }

  #put(key: string): void {
    this.#stage.tell(`the application puts the bytes of ${quote(key)}`);
    this.#stage.memory.put(key, { sizeBytes: 10 });
  }

  async #revive(id: string, ttlMs: number | null): Promise<string | null> {
    const set = "status = 'active', expires_at = ?, downloads = 0, downloaded_at = NULL";
    const done = await this.#update(`revives ${id}`, set, [this.#until(ttlMs)], id, "AND status = 'expired'");
    return done ? id : null;
  }

  /** Answers the id, or null where the gate refuses the row. */
  async #insert(id: string, key: string, ttlMs: number | null, max: number | null): Promise<string | null> {
    const done = await this.#execute(
      `inserts ${id} for ${quote(key)}${ttlMs === null ? "" : `, for ${ttlMs / 60_000} min`}`,
      "INSERT INTO files (id, key, size_bytes, created_at, expires_at, max_downloads) VALUES (?, ?, 10, ?, ?, ?) RETURNING id",
      [id, key, this.#stage.now, this.#until(ttlMs), max],
    );
    return done ? id : null;
  }

  #update(what: string, set: string, args: Value[], id: string, and = ""): Promise<boolean> {
    return this.#execute(what, `UPDATE files SET ${set} WHERE id = ? ${and} RETURNING id`, [...args, id]);
  }

  /** Answers whether a row was changed. */
  async #execute(what: string, sql: string, args: Value[]): Promise<boolean> {
    try {
      const changed = await this.#stage.rows(sql, args);
      this.#stage.tell(`the application ${what}`);
      await this.refresh();
      return changed.length > 0;
    } catch (error) {
      const refused = isSweepError(error, "conflict") && String(error.details["vendor"]).includes(GATE_MESSAGE);
      if (!refused) throw error;
      this.#stage.count("the gate refused a row");
      this.#stage.tell(`the application ${what}: refused by the gate`);
      return false;
    }
  }

  #until(ttlMs: number | null): number | null {
    return ttlMs === null ? null : this.#stage.now + ttlMs;
  }

  #name(what: string): string {
    this.#names += 1;
    return `${what}${this.#names}`;
  }
}

export function pick<Item>(items: readonly Item[], n: number): Item | undefined {
  return items[n % Math.max(1, items.length)];
}

export function quote(key: string): string {
  return JSON.stringify(key);
}

export function toFileRows(rows: readonly (Row | FileRow)[]): ReadonlyMap<string, FileRow> {
  // The columns of the default table, with the types that the application gives them.
  return new Map(rows.map((row) => [String(row.id), row as unknown as FileRow]));
}
