/**
 * The oracle: what must be true after every step, told from plain SQL and from what the application knows. Nothing here
 * uses a line of filesweep that decides anything. What is not true is noted under the name of the promise it breaks.
 */
import type { DeleteOutcome, DeleteRequest, ListedObject, ListPage, Store, UploadName } from "../../src/core/ports.ts";
import type { RunOutcome } from "../../src/core/run.ts";
import { APPROVAL_MS, CLOCK_TOLERANCE_MS, DAY_MS } from "../../src/core/safety.ts";
import type { Row, Statement } from "../../src/database/client.ts";
import type { Application } from "./application.ts";
import type { FileRow } from "./catalogs.ts";
import type { Coverage } from "./coverage.ts";
import { NESTED } from "./history.ts";
import { BEFORE, type Look, lookAfter, toLook } from "./look.ts";
import type { Process, Slice, Witness } from "./process.ts";
import { checkSums, isDue, isIgnored, isLive, isOld, protectedKeys, protects, RULES, standing } from "./rules.ts";
import { quote, type Stage } from "./stage.ts";
import type { Content } from "./table.ts";

export interface Violation {
  /** The promise that is broken, and how: the same words for the same break. */
  readonly rule: string;
  readonly detail: string;
}

/** No delete starts with less left of the lease than a call may take. */
const CALL_MS = 10_000;
const DUE_LIMIT = { floor: 100, percent: 50 };
const ORPHAN_LIMIT = { floor: 20, percent: 10 };
const NESTED_MARKER = `${NESTED}.filesweep/identity.json`;

/** What was known of a delete when it was asked for. */
interface Asked {
  readonly removal: Row;
  /** Restores that a person had told of by then. */
  readonly restores: number;
}

export class Oracle implements Witness {
  readonly violations: Violation[] = [];
  removals = 0;
  /** A restored database that must be held, until a person says otherwise. */
  mustHold = false;
  readonly #stage: Stage;
  readonly #application: Application;
  readonly #coverage: Coverage;
  readonly #after: Statement;
  readonly #asked = new WeakMap<DeleteRequest, Asked>();
  /** What a person kept: the object's look, and whether no earlier delete of it can be on its way. */
  readonly #kept = new Map<string, { readonly look: string; readonly isSafe: boolean }>();
  /** Keys that filesweep removed once. */
  readonly #removedOnce = new Set<string>();
  /** Between a backup and the moment in which a person told that it was put back. */
  #restores: readonly { readonly from: number; readonly to: number }[] = [];
  readonly #aborted = new Set<string>();
  #nested = { runs: new Set<string>(), exempt: new Set<string>(), heldSlices: new WeakSet<Slice>(), approved: false };
  #clockIsApproved = false;
  #approvedUntil = 0;
  #approvedSweepsAtStart: ReadonlySet<string> = new Set();
  #objects: ReadonlyMap<string, ListedObject> = new Map();
  #last: Look | null = null;

  constructor(stage: Stage, application: Application, coverage: Coverage) {
    this.#stage = stage;
    this.#application = application;
    this.#coverage = coverage;
    this.#after = lookAfter(stage.catalog);
  }

  note(rule: string, detail: string): void {
    this.#stage.tell(`*** ${rule}: ${detail}`);
    this.violations.push({ rule, detail });
  }

  async refresh(): Promise<void> {
    this.#objects = await this.#stage.objects();
  }

  /** P2: whatever is reachable has its bytes. */
  check(): void {
    for (const { id, key } of this.#application.reachable()) {
      if (!this.#stage.store.has(key)) this.note(RULES.reachable, `${id} names ${quote(key)}, whose bytes are gone`);
    }
    for (const [key, { look }] of this.#kept) if (this.#lookOf(key) !== look) this.#kept.delete(key);
    const uploads = new Set(this.#stage.store.uploads().map(({ uploadId }) => uploadId));
    this.#coverage.seeUploads(uploads, this.#aborted);
  }

  #lookOf(key: string): string | null {
    const object = this.#objects.get(key);
    return object === undefined ? null : lookOf(object);
  }

  // ------------------------------------------------------------------------------------------------------ people

  keptByAPerson(key: string, isSafe: boolean): void {
    const look = this.#lookOf(key);
    if (look !== null) this.#kept.set(key, { look, isSafe });
  }

  isKept(key: string): boolean {
    return this.#kept.has(key);
  }

  approved(...causes: readonly string[]): void {
    this.#approvedUntil = this.#stage.now + APPROVAL_MS + 40 * DAY_MS;
    if (causes.includes("restored-backup")) this.mustHold = false;
    if (causes.includes("clock-skew")) this.#clockIsApproved = true;
    if (causes.includes("nested-store")) {
      this.#nested = { runs: new Set(), exempt: new Set(), heldSlices: new WeakSet(), approved: true };
    }
  }

  /** The database was put back: it knows of what a person had told by the backup, and of these releases alone. */
  restored(backupAt: number, keptKeys: ReadonlySet<string>): void {
    this.#restores = this.#restores.filter(({ to }) => to <= backupAt);
    for (const key of this.#kept.keys()) if (!keptKeys.has(key)) this.#kept.delete(key);
    this.#nested.heldSlices = new WeakSet();
  }

  /** A person told of the restore: of what came since the backup, nothing is an orphan from now on. */
  toldRestored(from: number): void {
    this.#restores = [...this.#restores, { from, to: this.#stage.now }];
    this.mustHold = false;
  }

  #cameSinceBackup(key: string, restores = this.#restores): boolean {
    const putAt = this.#stage.putAt(key);
    return restores.some(({ from, to }) => putAt >= from && putAt <= to);
  }

  // --------------------------------------------------------------------------------------------------- database

  async write(process: Process, slice: Slice, statements: readonly Statement[]): Promise<Row[][]> {
    const [first, ...results] = await this.#stage.batch([BEFORE, ...statements, this.#after]);
    const before = toLook(first);
    const after = toLook(results.pop());
    const changes = after.changes - before.changes;
    if (changes > 0) this.#checkHolder(process, slice, { changes, before: before.lease, after });
    this.#checkRows(process, slice, after);
    this.#checkRemovals(after);
    this.#coverage.see(after);
    this.#last = after;
    return results;
  }

  /** P7. */
  #checkHolder(
    process: Process,
    slice: Slice,
    { changes, before, after }: { changes: number; before: Row | null; after: Look },
  ): void {
    const now = this.#stage.databaseNow();
    const isFree = before === null || Number(before["expires_at"]) <= now;
    // A request for the lease that arrives twice takes it again where nobody else did, and writes nothing more.
    const tookIt = after.lease?.["fence"] !== before?.["fence"] || (isFree && changes === 1);
    if (tookIt && after.lease?.["holder"] === process.name) {
      if (!isFree) this.note(RULES.lease, `${process.name} took a lease that ${String(before?.["holder"])} still has`);
      slice.fence = Number(after.lease["fence"]);
      const isNested = after.holds.some(
        ({ cause, status }) => cause === "nested-store" && standing.hold.has(String(status)),
      );
      if (isNested) this.#nested.heldSlices.add(slice);
      return;
    }
    const holds = before?.["holder"] === process.name && before["fence"] === slice.fence;
    if (!holds || isFree) {
      this.note(RULES.lease, `${process.name} wrote without the lease, which ${String(before?.["holder"])} has`);
    }
  }

  /** Rows end only when their end has come, and take what nothing protects any more into the ledger with them. */
  #checkRows(process: Process, slice: Slice, { content, removals }: Look): void {
    const before = this.#application.table.content.rows;
    const { catalog } = this.#stage;
    const open = new Set(removals.filter(({ state }) => standing.open.has(String(state))).map(({ key }) => key));
    const kept = protectedKeys(content, catalog);
    for (const row of before.values()) {
      const now = content.rows.get(row.id);
      if (now !== undefined && same(row, now)) continue;
      this.#checkEnd(process, slice, row, now);
      for (const key of protects(row) ? [row.key, ...catalog.derived(row.key)] : []) {
        const mayStay = kept.has(key) || open.has(key) || isIgnored(key, slice.ignorePrefixes);
        if (!mayStay && !this.#wasKept(removals, key)) {
          this.note(RULES.sameTransaction, `${row.id} was the last to protect ${quote(key)}, and no removal is open`);
        }
      }
    }
    if (content.rows.size > before.size) this.note(RULES.rows, "a row came that the application did not insert");
    this.#checkReferences(content);
    this.#application.table.content = content;
  }

  #checkReferences({ references }: Content): void {
    const before = this.#application.table.content.references;
    if (JSON.stringify([...before]) !== JSON.stringify([...references])) {
      this.note(RULES.rows, "a reference to an object was changed");
    }
  }

  #checkRemovals({ removals, gate }: Look): void {
    const shut = new Set(gate.filter(({ leaves_at }) => leaves_at === null).map(({ key }) => key));
    for (const { key, state, reason } of removals) {
      if (state === "condemned" && !shut.has(key)) {
        this.note(RULES.gate, `${quote(String(key))} is condemned, and not behind the gate`);
      }
      const isOwn = this.#stage.site.leftovers === "own";
      if (isOwn && state === "suspected" && reason === "left-over" && !this.#removedOnce.has(String(key))) {
        this.note(RULES.notOurs, `${quote(String(key))} was left by an ended row, and filesweep never removed it`);
      }
    }
    for (const { key, state } of removals) if (state === "removed") this.#removedOnce.add(String(key));
  }

  #wasKept(removals: readonly Row[], wanted: string): boolean {
    return removals.some(
      ({ key, state, released_by }) => key === wanted && state === "released" && released_by === "operator",
    );
  }

  #checkEnd(process: Process, slice: Slice, before: FileRow, after: FileRow | undefined): void {
    const settings = { ...process.settings, ignorePrefixes: slice.ignorePrefixes };
    const how = after === undefined ? "deleted" : "changed";
    slice.rowsEnded += 1;
    this.#checkSlice(slice, `the row ${before.id} was ${how}`);
    if (isIgnored(before.key, slice.ignorePrefixes)) this.note(RULES.ignored, `${before.id} was ${how}`);
    const now = process.now();
    const isMarked = this.#stage.catalog.atItsEnd === "marked";
    const isRight =
      after === undefined
        ? isOld(before, now, settings) || (!isMarked && isDue(before, now, settings))
        : isMarked && isDue(before, now, settings) && same({ ...before, status: "expired" }, after);
    if (!isRight) this.note(RULES.rows, `${before.id} was ${how} before its end: ${JSON.stringify(before)}`);
  }

  /** P8, P9: whether a slice may end or remove anything at all. */
  #checkSlice(slice: Slice, what: string): void {
    if (slice.mode === "plan") this.note(RULES.plan, `in a plan ${what}`);
    if (this.mustHold) this.note(RULES.restored, `${what}, although the database was put back`);
    if (this.#nested.heldSlices.has(slice)) this.note(RULES.nested, `${what} in a run that is held for it`);
    if (!this.#clockIsApproved && (slice.storeSkewMs ?? 0) > CLOCK_TOLERANCE_MS) {
      this.note(RULES.clock, `${what}, and the clock is ${(slice.storeSkewMs ?? 0) / 60_000} min off`);
    }
  }

  // ------------------------------------------------------------------------------------------------------ store

  lists(slice: Slice, { objects }: ListPage): void {
    const { store } = this.#stage;
    const isSeen = objects.some(({ key }) => key === NESTED_MARKER) && store.has(NESTED_MARKER);
    if (!isSeen || this.#nested.approved || isIgnored(NESTED_MARKER, slice.ignorePrefixes)) return;
    const run = this.#last?.runs.find(({ mode, status }) => mode === slice.mode && status === "running");
    if (run === undefined || this.#nested.runs.has(String(run["id"]))) return;
    this.#nested.runs.add(String(run["id"]));
    // What an earlier pass, which did not show it, has made due goes on.
    for (const { id, state } of this.#last?.removals ?? []) {
      if (state !== "suspected") this.#nested.exempt.add(String(id));
    }
  }

  async #checkLease(process: Process, slice: Slice, { lease }: Look, what: string): Promise<void> {
    const left = Number(lease?.["expires_at"]) - this.#stage.databaseNow();
    if (lease?.["holder"] !== process.name || lease["fence"] !== slice.fence || left <= CALL_MS) {
      this.note(RULES.lease, `${process.name} starts ${what} without enough of the lease`);
    }
  }

  async asks(process: Process, slice: Slice, requests: readonly DeleteRequest[]): Promise<void> {
    slice.deletes += requests.length;
    this.#checkSlice(slice, "a delete is asked for");
    const look = toLook(await this.#stage.rows(this.#after.sql));
    const { removals, gate } = look;
    await this.#checkLease(process, slice, look, "a delete");
    for (const request of requests) {
      const name = quote(request.key);
      const removal = removals.find(({ key, state }) => key === request.key && state === "condemned");
      if (removal === undefined) {
        this.note(RULES.ledger, `${name} is to be deleted, and no removal of it is condemned`);
      } else {
        this.#asked.set(request, { removal, restores: this.#restores.length });
        this.#checkNested(removal);
      }
      if (!gate.some(({ key, leaves_at }) => key === request.key && leaves_at === null)) {
        this.note(RULES.gate, `${name} is to be deleted, and not behind the gate`);
      }
      if (isIgnored(request.key, slice.ignorePrefixes)) this.note(RULES.ignored, `${name} is to be deleted`);
    }
    this.#checkCrowd(removals);
  }

  #checkNested({ id, key, sweep, run_id }: Row): void {
    const { runs, exempt } = this.#nested;
    const isOfScan = sweep === "orphaned-objects" && runs.has(String(run_id)) && !exempt.has(String(id));
    if (isOfScan && this.#stage.store.has(NESTED_MARKER)) {
      this.note(RULES.nested, `${quote(String(key))} goes, of a scan that saw it`);
    }
  }

  async delete(process: Process, requests: readonly DeleteRequest[]): Promise<DeleteOutcome[]> {
    const outcomes: DeleteOutcome[] = [];
    for (const request of requests) {
      const before = (await this.#stage.objects()).get(request.key);
      outcomes.push(...(await this.#stage.deleteFromStore([request])));
      if (before === undefined || this.#stage.store.has(request.key)) continue;
      this.removals += 1;
      this.#stage.tell(`${process.name} deletes ${quote(request.key)}`);
      await this.#went(process, before, this.#asked.get(request));
    }
    return outcomes;
  }

  async #went(process: Process, object: ListedObject, asked: Asked | undefined): Promise<void> {
    const { key } = object;
    const { content } = toLook(await this.#stage.rows(this.#after.sql));
    if (protectedKeys(content, this.#stage.catalog).has(key)) {
      this.note(RULES.protected, `${quote(key)} was deleted while something names it`);
    }
    const kept = this.#kept.get(key);
    if (kept?.isSafe && kept.look === lookOf(object)) {
      this.note(RULES.released, `${quote(key)} was deleted although a person kept it`);
    }
    if (asked?.removal["sweep"] === "orphaned-objects" && looksLike(object, asked.removal)) {
      this.#checkAge(process, object, asked);
    }
  }

  /** P3. */
  #checkAge(process: Process, { key, modifiedAt }: ListedObject, { restores }: Asked): void {
    const { orphanGraceMs } = process.settings;
    const { now, storeSkewMs } = this.#stage;
    if (this.#cameSinceBackup(key, this.#restores.slice(0, restores))) {
      this.note(RULES.backup, `${quote(key)} was put after the backup that was put back`);
    }
    if (modifiedAt === null) this.note(RULES.age, `${quote(key)} went as an orphan, of unknown age`);
    else if (!(process.now() - modifiedAt > orphanGraceMs)) this.note(RULES.age, `${quote(key)} was too young`);
    // By the true time, whatever the store's clock says: no more than the clocks may be apart.
    const isYoung = now - this.#stage.putAt(key) <= orphanGraceMs - CLOCK_TOLERANCE_MS;
    if (storeSkewMs !== null && isYoung && !this.#clockIsApproved) {
      this.note(RULES.age, `${quote(key)} was too young, by the true time`);
    }
  }

  /** P8, of the rules that count: what one run ends without a person is plausible. */
  #checkCrowd(removals: readonly Row[]): void {
    if (this.#stage.now < this.#approvedUntil) return;
    const byRun = new Map<string, number>();
    for (const { sweep, run_id, state } of removals) {
      if (sweep !== "orphaned-objects" || state === "suspected" || state === "released") continue;
      byRun.set(String(run_id), (byRun.get(String(run_id)) ?? 0) + 1);
    }
    const there = this.#stage.store.keys().length + this.removals;
    for (const [run, count] of byRun) {
      if (count > Math.max(ORPHAN_LIMIT.floor, (ORPHAN_LIMIT.percent * there) / 100)) {
        this.note(
          RULES.plausible,
          `run ${run} removes ${count} orphans of at most ${there} objects, and nobody was asked`,
        );
      }
    }
  }

  puts(slice: Slice): void {
    this.#checkSlice(slice, "the marker is put");
  }

  async asksToAbort(process: Process, slice: Slice, { key, uploadId }: UploadName): Promise<void> {
    slice.aborts += 1;
    this.#checkSlice(slice, "an abort is asked for");
    await this.#checkLease(process, slice, toLook(await this.#stage.rows(BEFORE.sql)), "an abort");
    if (isIgnored(key, slice.ignorePrefixes)) this.note(RULES.ignored, `an upload of ${quote(key)} is to be aborted`);
    // One that is no more was listed by a store that lags.
    const upload = this.#stage.store.uploads().find((each) => each.uploadId === uploadId);
    if (upload === undefined) return;
    const { initiatedAt } = upload;
    const isOld = initiatedAt !== null && initiatedAt + process.settings.uploadGraceMs < process.now();
    if (!isOld) this.note(RULES.age, `an upload of ${quote(key)} is to be aborted too soon`);
  }

  async abort(upload: UploadName): ReturnType<Store["abortUpload"]> {
    const { store } = this.#stage;
    const left = (): string[] => store.uploads().flatMap(({ uploadId: id }) => (id === upload.uploadId ? [] : [id]));
    const isThere = store.uploads().some(({ uploadId }) => uploadId === upload.uploadId);
    const before = { objects: await this.#stage.objects(), uploads: left() };
    const outcome = await store.abortUpload(upload);
    if (isThere && outcome.outcome === "gone") this.#aborted.add(upload.uploadId);
    const after = { objects: await this.#stage.objects(), uploads: left() };
    if (JSON.stringify(Object.values(before).map(listed)) !== JSON.stringify(Object.values(after).map(listed))) {
      this.note(RULES.abort, `an abort of an upload of ${quote(upload.key)}`);
    }
    return outcome;
  }

  // ----------------------------------------------------------------------------------------------------- slices

  started(): void {
    this.#approvedSweepsAtStart = this.#coverage.approvedSweeps();
  }

  ended(slice: Slice, outcome: RunOutcome | null): void {
    if (outcome?.kind !== "ran") return;
    const { report } = outcome;
    for (const problem of checkSums(report.sweeps)) this.note(RULES.sums, problem);
    const isHeld = report.holds.some(({ sweep, cause }) => sweep === null && cause !== "nested-store");
    const { deletes, rowsEnded, aborts } = slice;
    if (isHeld && deletes + rowsEnded + aborts > 0) {
      this.note(
        RULES.held,
        `a held run asked for ${deletes} deletes and ${aborts} aborts, and ended ${rowsEnded} rows`,
      );
    }
    const { status, removed, deferred } = report.sweeps.find(({ name }) => name === "expired-files") ?? {
      status: "skipped",
      removed: null,
      deferred: null,
    };
    const ended = (removed?.count ?? 0) + (deferred?.count ?? 0);
    const live = [...this.#application.rows.values()].filter(isLive).length;
    const limit = Math.max(DUE_LIMIT.floor, (DUE_LIMIT.percent * (live + ended)) / 100);
    if (report.mode === "remove" && ended > limit && this.#stage.now >= this.#approvedUntil) {
      this.note(RULES.plausible, `run ${report.id} ended ${ended} rows beside ${live}, and nobody was asked`);
    }
    if (status === "held" && rowsEnded > 0 && !this.#approvedSweepsAtStart.has("expired-files") && isHeld) {
      this.note(RULES.held, "a held sweep ended rows");
    }
  }

  broke(process: Process, error: unknown): void {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.note(RULES.error, `${process.name} ended with ${text}`);
  }
}

/** By what an object is told from another one under its key. */
function lookOf({ etag, sizeBytes, modifiedAt }: ListedObject): string {
  return etag ?? `${sizeBytes}@${modifiedAt}`;
}

/** Whether it is the object that a removal is about. */
function looksLike(object: ListedObject, { etag, size_bytes, modified_at }: Row): boolean {
  if (object.etag !== null) return object.etag === etag;
  return object.sizeBytes === size_bytes && object.modifiedAt === modified_at;
}

function listed(things: ReadonlyMap<string, ListedObject> | readonly string[]): unknown {
  return [...things];
}

function same(a: FileRow, b: FileRow): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
