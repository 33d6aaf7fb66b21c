/** A file-sharing application in every way that people write one. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/core/safety.ts";
import { Belief, type Reachable } from "./belief.ts";
import type { FileRow } from "./catalogs.ts";
import { type Conditions, KEYS, NESTED, type Step } from "./history.ts";
import { isLive, protects } from "./rules.ts";
import { pick, quote, type Stage } from "./stage.ts";
import { Table } from "./table.ts";
import { type Pending, Uploads } from "./uploads.ts";

/** The one file that is always live, so that the catalog is never empty. */
export const ANCHOR = "anchor";

type Change = Extract<Step, { n: number }>;

export class Application {
  readonly table: Table;
  readonly uploads: Uploads;
  readonly #belief: Belief;
  readonly #stage: Stage;
  #turn = 0;
  #names = 0;
  constructor(stage: Stage, conditions: Conditions) {
    this.#stage = stage;
    this.table = new Table(stage);
    this.uploads = new Uploads(stage, conditions);
    this.#belief = new Belief(stage, this.table);
  }

  async begin(): Promise<void> {
    this.#stage.put(ANCHOR);
    await this.#insert(ANCHOR, ANCHOR, null, null);
    this.#belief.complete(ANCHOR);
    if (!this.#stage.site.garbage) return;
    for (const key of [KEYS[0], KEYS[1]]) {
      this.#put(key);
      const id = await this.#insert(this.#name("file"), key, -MINUTE_MS, null);
      if (id !== null) this.#belief.complete(id);
    }
    this.#abandon(KEYS[3], "old");
  }

  get rows(): ReadonlyMap<string, FileRow> {
    return this.table.content.rows;
  }

  /** What is protected, and whose bytes are there, as far as the application knows. */
  reachable(): Reachable[] {
    return this.#belief.reachable();
  }

  /** The database was put back. */
  async restored(): Promise<void> {
    await this.table.refresh();
    this.uploads.forget();
    this.#belief.restored();
  }

  /** Does a step of its own; answers false for one that is none of its. */
  async does(step: Step): Promise<boolean> {
    this.#turn += 1;
    switch (step.do) {
      case "row-first": {
        const key = this.#keyOf(step.key);
        const id = await this.#insert(this.#name("file"), key, step.ttlMs, step.max);
        if (id !== null) this.uploads.begin("row-first", key, this.#turn, id);
        return true;
      }
      case "object-first": {
        const key = this.#keyOf(step.key);
        this.#put(key);
        this.uploads.begin("object-first", key, this.#turn);
        return true;
      }
      case "multipart":
        this.uploads.beginMultipart(this.#keyOf(step.key), step.begun, this.#turn);
        return true;
      case "complete-upload":
        this.uploads.complete(step.n, this.#turn);
        return true;
      case "look-first":
        this.#look(this.#keyOf(step.key), step.revive);
        return true;
      case "finish-upload":
        await this.#finish(step);
        return true;
      default:
        return this.#doesMore(step);
    }
  }

  async #doesMore(step: Step): Promise<boolean> {
    switch (step.do) {
      case "abandon":
        this.#abandon(this.#keyOf(step.key), step.age);
        return true;
      case "crowd":
        await this.#crowd(step.of);
        return true;
      case "nest":
        this.#nest(step.there);
        return true;
      case "drop-reference":
        await this.#dropReference(step.n);
        return true;
      case "share":
      case "extend":
      case "download":
      case "overwrite":
      case "late-put":
      case "derive":
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

  #keyOf(index: number): string {
    const key = KEYS[index % KEYS.length] ?? KEYS[0];
    return this.uploads.conditions.freshKeys ? `${key}-${this.#name("v")}` : key;
  }

  /** De-duplicated, or revived: the bytes are there already, or so it saw. */
  #look(key: string, revive: boolean): void {
    if (this.uploads.conditions.freshKeys || !this.#stage.store.has(key)) return;
    const ended = [...this.rows.values()].find((row) => row.key === key && !protects(row));
    if (revive && ended === undefined) return;
    this.#stage.tell(`the application sees that ${quote(key)} is there`);
    this.uploads.begin("look-first", key, this.#turn, revive ? ended?.id : undefined);
  }

  async #finish({ n, ttlMs, by }: Extract<Step, { do: "finish-upload" }>): Promise<void> {
    const pending = this.uploads.take(n);
    if (pending === null) return;
    const { kind, key, id } = pending;
    if (kind === "row-first") {
      this.#put(key);
      const row = id === null ? undefined : this.rows.get(id);
      if (row === undefined || row.key !== key || !protects(row)) return;
      this.#belief.isNamed(row.id, pending);
      // Put this moment, whatever became of what was there before.
      this.#belief.complete(row.id);
    } else if (this.uploads.isInTime(pending)) {
      const named = await this.#nameIt(pending, ttlMs, by === "reference" && this.#stage.catalog.references !== null);
      if (named !== null) this.#belief.isNamed(named, pending);
    }
  }

  #nameIt({ key, id }: Pending, ttlMs: number | null, byReference: boolean): Promise<string | null> {
    if (id !== null) return this.#revive(id, ttlMs);
    return byReference ? this.#refer(key) : this.#insert(this.#name("file"), key, ttlMs, null);
  }

  #abandon(key: string, age: "old" | "new" | "unknown"): void {
    if (this.#stage.store.has(key)) return;
    this.#stage.tell(`an object that nobody names: ${quote(key)}, of ${age === "unknown" ? "unknown" : `${age}`} age`);
    this.#stage.put(key, age === "unknown" ? "unknown" : { ms: age === "new" ? 0 : 40 * DAY_MS });
  }

  async #crowd(of: "orphans" | "due rows"): Promise<void> {
    const crowd = this.#name("crowd");
    const count = of === "orphans" ? 25 : 101;
    this.#stage.tell(`${count} ${of} at once`);
    const { now } = this.#stage;
    for (let index = 0; index < count; index += 1) this.#stage.put(`${crowd}/${index}`, { ms: 40 * DAY_MS });
    if (of === "orphans") return;
    const row = { ...NEW_ROW, created_at: now - DAY_MS, expires_at: now - HOUR_MS };
    const ids = Array.from({ length: count }, (_, index) => `${crowd}/${index}`);
    await this.table.insert(
      "inserts them",
      ids.map((id) => ({ ...row, id, key: id })),
    );
    for (const id of ids) this.#belief.complete(id);
  }

  /** Another instance has its store inside of this one: a marker, and an object. */
  #nest(there: boolean): void {
    const keys = [`${NESTED}.filesweep/identity.json`, `${NESTED}theirs`];
    this.#stage.tell(there ? "another instance's store lies in this one" : "the other instance's store is taken away");
    if (there) this.#stage.count("another store inside of this one");
    for (const key of keys) {
      if (there) this.#stage.put(key, { ms: 40 * DAY_MS });
      else this.#stage.store.remove(key);
    }
  }

  // -------------------------------------------------------------------------------------------------- references

  /** From another column, in one of three places; answers which, or null where the gate refuses it. */
  async #refer(key: string): Promise<string | null> {
    const { references } = this.#stage.catalog;
    const place = `place${this.#turn % 3}`;
    const done = await this.table.execute(`refers to ${quote(key)} from ${place}`, references?.name ?? "", [
      place,
      key,
    ]);
    if (done) this.#belief.incomplete(place);
    return done ? place : null;
  }

  async #dropReference(n: number): Promise<void> {
    const { references } = this.#stage.catalog;
    const place = pick([...this.table.content.references.keys()], n);
    if (references === null || place === undefined) return;
    await this.table.execute(`drops the reference of ${place}`, references.drop, [place]);
    this.#belief.incomplete(place);
  }

  // ----------------------------------------------------------------------------------------------------- changes

  async #change(step: Change): Promise<void> {
    const files = [...this.rows.values()].filter(({ id }) => id !== ANCHOR && !id.startsWith("crowd"));
    const row = pick(files, step.n);
    if (row === undefined) return;
    const { id, key } = row;
    const { now } = this.#stage;
    const isOpen = isLive(row) && (row.expires_at ?? Infinity) > now;
    if (step.do === "share" && isOpen) {
      // The row is read and the new one written in one transaction.
      const shared = await this.#insert(this.#name("file"), key, step.ttlMs, null);
      if (shared !== null && this.#belief.isComplete(id)) this.#belief.complete(shared);
    } else if (step.do === "extend" && isOpen) {
      await this.table.update(`extends ${id}`, id, { expires_at: this.#until(step.ttlMs) });
    } else if (step.do === "download" && isOpen) {
      await this.table.update(`downloads ${id}`, id, { downloads: row.downloads + 1, downloaded_at: now });
    } else if ((step.do === "overwrite" && protects(row)) || step.do === "late-put") {
      this.#put(key);
    } else if (step.do === "lose") {
      this.#take(key);
    } else if (step.do === "delete") {
      await this.#delete(row, step.object);
    } else if (step.do === "pin") {
      await this.table.update(step.pinned ? `pins ${id}` : `lets ${id} go`, id, { hold: step.pinned ? 1 : 0 });
    } else await this.#changeMore(step, row);
  }

  async #changeMore(step: Change, row: FileRow): Promise<void> {
    const { id, key } = row;
    if (step.do === "derive") {
      for (const derived of this.#stage.catalog.derived(key)) this.#putDerived(derived, key);
    } else if (step.do === "set-status") {
      const fields = this.#stage.catalog.statuses(step.status, this.#stage.now);
      // What has ended is revived by who looks first.
      if (fields === null || (!protects(row) && protects({ ...row, ...fields }))) return;
      await this.table.update(`sets ${id} to ${step.status}`, id, fields);
    }
  }

  async #delete({ id, key }: FileRow, object: boolean): Promise<void> {
    await this.table.delete(id);
    this.#belief.incomplete(id);
    if (object && !this.table.protectedKeys().has(key)) this.#take(key);
  }

  /** Somebody other than filesweep takes the bytes away. */
  #take(key: string): void {
    this.#stage.tell(`the bytes of ${quote(key)} are taken away, not by filesweep`);
    this.#stage.store.remove(key);
    this.#belief.taken(key, this.#turn);
  }

  /** The bytes of a file, and the first of what lies with it. */
  #put(key: string): void {
    this.#stage.tell(`the application puts the bytes of ${quote(key)}`);
    this.#stage.put(key);
    const [first] = this.#stage.catalog.derived(key);
    if (first !== undefined) this.#putDerived(first, key);
  }

  #putDerived(key: string, base: string): void {
    this.#stage.put(key);
    this.#belief.putDerived(key, base);
  }

  async #revive(id: string, ttlMs: number | null): Promise<string | null> {
    const row = this.rows.get(id);
    if (row === undefined || protects(row)) return null;
    const live = { status: "active", deleted_at: null, ours: 1, downloads: 0, downloaded_at: null };
    const done = await this.table.update(`revives ${id}`, id, { ...live, expires_at: this.#until(ttlMs) });
    return done ? id : null;
  }

  /** Answers the id, or null where the gate refuses the row. */
  async #insert(id: string, key: string, ttlMs: number | null, max: number | null): Promise<string | null> {
    const what = `inserts ${id} for ${quote(key)}${ttlMs === null ? "" : `, for ${ttlMs / 60_000} min`}`;
    const fields = { created_at: this.#stage.now, expires_at: this.#until(ttlMs), max_downloads: max };
    const done = await this.table.insert(what, [{ ...NEW_ROW, id, key, ...fields }]);
    return done ? id : null;
  }

  #until(ttlMs: number | null): number | null {
    return ttlMs === null ? null : this.#stage.now + ttlMs;
  }

  #name(what: string): string {
    this.#names += 1;
    return `${what}${this.#names}`;
  }
}

const NEW_ROW = { status: "active", size: 10, downloads: 0, hold: 0, ours: 1 } as const;
