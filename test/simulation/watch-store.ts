/** Watches what filesweep asks of the store: deletes, aborts and the marker, and what becomes of the objects. */
import type { DeleteOutcome, DeleteRequest, ListedObject, ListPage, Store, UploadName } from "../../src/core/ports.ts";
import { CLOCK_TOLERANCE_MS } from "../../src/core/safety.ts";
import type { Row } from "../../src/database/client.ts";
import { NESTED } from "./history.ts";
import { type Knowledge, lookOf } from "./knowledge.ts";
import { BEFORE, type Look, toLook } from "./look.ts";
import type { Process } from "./process.ts";
import { isIgnored, protectedKeys, RULES } from "./rules.ts";
import { quote } from "./stage.ts";
import type { Slice } from "./witness.ts";

/** No delete starts with less left of the lease than a call may take. */
const CALL_MS = 10_000;
const ORPHAN_LIMIT = { floor: 20, percent: 10 };
const NESTED_MARKER = `${NESTED}.filesweep/identity.json`;

/** What was known of a delete when it was asked for. */
interface Asked {
  readonly removal: Row;
  /** How far the clock of who asked was ahead. */
  readonly skewMs: number;
  /** Restores that a person had told of by then. */
  readonly restores: number;
}

export class StoreWatch {
  readonly #known: Knowledge;
  readonly #asked = new WeakMap<DeleteRequest, Asked>();

  constructor(known: Knowledge) {
    this.#known = known;
  }

  lists(slice: Slice, { objects }: ListPage): void {
    const { store } = this.#known.stage;
    const isSeen = objects.some(({ key }) => key === NESTED_MARKER) && store.has(NESTED_MARKER);
    if (!isSeen || this.#known.nested.approved || isIgnored(NESTED_MARKER, slice.ignorePrefixes)) return;
    const run = this.#known.last?.runs.find(({ mode, status }) => mode === slice.mode && status === "running");
    if (run === undefined || this.#known.nested.runs.has(String(run["id"]))) return;
    this.#known.nested.runs.add(String(run["id"]));
    // What an earlier pass, which did not show it, has made due goes on.
    for (const { id, state } of this.#known.last?.removals ?? []) {
      if (state !== "suspected") this.#known.nested.exempt.add(String(id));
    }
  }

  async #checkLease(process: Process, slice: Slice, { lease }: Look, what: string): Promise<void> {
    const left = Number(lease?.["expires_at"]) - this.#known.stage.databaseNow();
    if (lease?.["holder"] !== process.name || lease["fence"] !== slice.fence || left <= CALL_MS) {
      this.#known.note(RULES.lease, `${process.name} starts ${what} without enough of the lease`);
    }
  }

  async asks(process: Process, slice: Slice, requests: readonly DeleteRequest[]): Promise<void> {
    slice.deletes += requests.length;
    this.#known.checkSlice(slice, "a delete is asked for");
    const look = toLook(await this.#known.stage.rows(this.#known.after.sql));
    const { removals, gate } = look;
    await this.#checkLease(process, slice, look, "a delete");
    for (const request of requests) {
      const name = quote(request.key);
      const removal = removals.find(({ key, state }) => key === request.key && state === "condemned");
      if (removal === undefined) {
        this.#known.note(RULES.ledger, `${name} is to be deleted, and no removal of it is condemned`);
      } else {
        this.#asked.set(request, { removal, skewMs: slice.skewMs, restores: this.#known.restores.length });
        this.#checkNested(removal);
      }
      if (!gate.some(({ key, leaves_at }) => key === request.key && leaves_at === null)) {
        this.#known.note(RULES.gate, `${name} is to be deleted, and not behind the gate`);
      }
      if (isIgnored(request.key, slice.ignorePrefixes)) this.#known.note(RULES.ignored, `${name} is to be deleted`);
    }
    this.#checkCrowd(removals);
  }

  #checkNested({ id, key, sweep, run_id }: Row): void {
    const { runs, exempt } = this.#known.nested;
    const isOfScan = sweep === "orphaned-objects" && runs.has(String(run_id)) && !exempt.has(String(id));
    if (isOfScan && this.#known.stage.store.has(NESTED_MARKER)) {
      this.#known.note(RULES.nested, `${quote(String(key))} goes, of a scan that saw it`);
    }
  }

  async delete(process: Process, requests: readonly DeleteRequest[]): Promise<DeleteOutcome[]> {
    const outcomes: DeleteOutcome[] = [];
    for (const request of requests) {
      const before = (await this.#known.stage.objects()).get(request.key);
      outcomes.push(...(await this.#known.stage.deleteFromStore([request])));
      if (before === undefined || this.#known.stage.store.has(request.key)) continue;
      this.#known.removals += 1;
      this.#known.stage.tell(`${process.name} deletes ${quote(request.key)}`);
      await this.#went(process, before, this.#asked.get(request));
    }
    return outcomes;
  }

  async #went(process: Process, object: ListedObject, asked: Asked | undefined): Promise<void> {
    const { key } = object;
    const { content } = toLook(await this.#known.stage.rows(this.#known.after.sql));
    if (protectedKeys(content, this.#known.stage.catalog).has(key)) {
      this.#known.note(RULES.protected, `${quote(key)} was deleted while something names it`);
    }
    const kept = this.#known.kept.get(key);
    if (kept?.isSafe && kept.look === lookOf(object)) {
      this.#known.note(RULES.released, `${quote(key)} was deleted although a person kept it`);
    }
    if (asked?.removal["sweep"] === "orphaned-objects" && looksLike(object, asked.removal)) {
      this.#checkAge(process, object, asked);
    }
  }

  /** P3. */
  #checkAge(process: Process, { key, modifiedAt }: ListedObject, { restores, skewMs }: Asked): void {
    const { orphanGraceMs } = process.settings;
    const { now, storeSkewMs } = this.#known.stage;
    if (this.#known.cameSinceBackup(key, this.#known.restores.slice(0, restores))) {
      this.#known.note(RULES.backup, `${quote(key)} was put after the backup that was put back`);
    }
    if (modifiedAt === null) this.#known.note(RULES.age, `${quote(key)} went as an orphan, of unknown age`);
    else if (!(now + skewMs - modifiedAt > orphanGraceMs)) this.#known.note(RULES.age, `${quote(key)} was too young`);
    // By the true time, whatever the store's clock says: no more than the clocks may be apart.
    const isYoung = now - this.#known.stage.putAt(key) <= orphanGraceMs - CLOCK_TOLERANCE_MS;
    if (storeSkewMs !== null && isYoung && !this.#known.clockIsApproved) {
      this.#known.note(RULES.age, `${quote(key)} was too young, by the true time`);
    }
  }

  /** P8, of the rules that count: what one run ends without a person is plausible. */
  #checkCrowd(removals: readonly Row[]): void {
    if (this.#known.stage.now < this.#known.approvedUntil) return;
    const byRun = new Map<string, number>();
    for (const { sweep, run_id, state } of removals) {
      if (sweep !== "orphaned-objects" || state === "suspected" || state === "released") continue;
      byRun.set(String(run_id), (byRun.get(String(run_id)) ?? 0) + 1);
    }
    const there = this.#known.stage.store.keys().length + this.#known.removals;
    for (const [run, count] of byRun) {
      if (count > Math.max(ORPHAN_LIMIT.floor, (ORPHAN_LIMIT.percent * there) / 100)) {
        this.#known.note(
          RULES.plausible,
          `run ${run} removes ${count} orphans of at most ${there} objects, and nobody was asked`,
        );
      }
    }
  }

  puts(slice: Slice): void {
    this.#known.checkSlice(slice, "the marker is put");
  }

  async asksToAbort(process: Process, slice: Slice, { key, uploadId }: UploadName): Promise<void> {
    slice.aborts += 1;
    this.#known.checkSlice(slice, "an abort is asked for");
    await this.#checkLease(process, slice, toLook(await this.#known.stage.rows(BEFORE.sql)), "an abort");
    if (isIgnored(key, slice.ignorePrefixes))
      this.#known.note(RULES.ignored, `an upload of ${quote(key)} is to be aborted`);
    // One that is no more was listed by a store that lags.
    const upload = this.#known.stage.store.uploads().find((each) => each.uploadId === uploadId);
    if (upload === undefined) return;
    const { initiatedAt } = upload;
    const isOld =
      initiatedAt !== null && initiatedAt + process.settings.uploadGraceMs < this.#known.stage.now + slice.skewMs;
    if (!isOld) this.#known.note(RULES.age, `an upload of ${quote(key)} is to be aborted too soon`);
  }

  async abort(upload: UploadName): ReturnType<Store["abortUpload"]> {
    const { store } = this.#known.stage;
    const left = (): string[] => store.uploads().flatMap(({ uploadId: id }) => (id === upload.uploadId ? [] : [id]));
    const isThere = store.uploads().some(({ uploadId }) => uploadId === upload.uploadId);
    const before = { objects: await this.#known.stage.objects(), uploads: left() };
    const outcome = await store.abortUpload(upload);
    if (isThere && outcome.outcome === "gone") this.#known.aborted.add(upload.uploadId);
    const after = { objects: await this.#known.stage.objects(), uploads: left() };
    if (JSON.stringify(Object.values(before).map(listed)) !== JSON.stringify(Object.values(after).map(listed))) {
      this.#known.note(RULES.abort, `an abort of an upload of ${quote(upload.key)}`);
    }
    return outcome;
  }
}

/** Whether it is the object that a removal is about. */
function looksLike(object: ListedObject, { etag, size_bytes, modified_at }: Row): boolean {
  if (object.etag !== null) return object.etag === etag;
  return object.sizeBytes === size_bytes && object.modifiedAt === modified_at;
}

function listed(things: ReadonlyMap<string, ListedObject> | readonly string[]): unknown {
  return [...things];
}
