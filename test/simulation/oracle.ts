/**
 * The oracle: what must be true after every step, told from plain SQL and from what the application knows. Nothing here
 * uses a line of filesweep that decides anything. What is not true is noted under the name of the promise it breaks.
 */
import type { DeleteRequest, ListedObject, ListPage, Store, UploadName } from "../../src/core/ports.ts";
import type { RunOutcome } from "../../src/core/run.ts";
import type { Row, Statement } from "../../src/database/client.ts";
import type { Application } from "./application.ts";
import type { Coverage } from "./coverage.ts";
import { Knowledge, lookOf, type Violation } from "./knowledge.ts";
import type { Process } from "./process.ts";
import { checkSums, isLive, RULES } from "./rules.ts";
import { quote, type Stage } from "./stage.ts";
import { DatabaseWatch } from "./watch-database.ts";
import { StoreWatch } from "./watch-store.ts";
import type { Slice, Witness } from "./witness.ts";

const DUE_LIMIT = { floor: 100, percent: 50 };

export class Oracle implements Witness {
  readonly known: Knowledge;
  readonly #database: DatabaseWatch;
  readonly #store: StoreWatch;
  #approvedSweepsAtStart: ReadonlySet<string> = new Set();
  #objects: ReadonlyMap<string, ListedObject> = new Map();

  constructor(stage: Stage, application: Application, coverage: Coverage) {
    this.known = new Knowledge(stage, application, coverage);
    this.#database = new DatabaseWatch(this.known);
    this.#store = new StoreWatch(this.known);
  }

  get violations(): readonly Violation[] {
    return this.known.violations;
  }

  async refresh(): Promise<void> {
    this.#objects = await this.known.stage.objects();
  }

  /** P2: whatever is reachable has its bytes. */
  check(): void {
    for (const { id, key } of this.known.application.reachable()) {
      if (!this.known.stage.store.has(key))
        this.known.note(RULES.reachable, `${id} names ${quote(key)}, whose bytes are gone`);
    }
    for (const [key, { look }] of this.known.kept) if (this.#lookOf(key) !== look) this.known.kept.delete(key);
    const uploads = new Set(this.known.stage.store.uploads().map(({ uploadId }) => uploadId));
    this.known.coverage.seeUploads(uploads, this.known.aborted);
  }

  #lookOf(key: string): string | null {
    const object = this.#objects.get(key);
    return object === undefined ? null : lookOf(object);
  }

  keptByAPerson(key: string, isSafe: boolean): void {
    const look = this.#lookOf(key);
    if (look !== null) this.known.kept.set(key, { look, isSafe });
  }

  isKept(key: string): boolean {
    return this.known.kept.has(key);
  }

  write(process: Process, slice: Slice, statements: readonly Statement[]): Promise<Row[][]> {
    return this.#database.write(process, slice, statements);
  }

  lists(slice: Slice, page: ListPage): void {
    this.#store.lists(slice, page);
  }

  asks(process: Process, slice: Slice, requests: readonly DeleteRequest[]): Promise<void> {
    return this.#store.asks(process, slice, requests);
  }

  delete(process: Process, requests: readonly DeleteRequest[]): ReturnType<Store["delete"]> {
    return this.#store.delete(process, requests);
  }

  puts(slice: Slice): void {
    this.known.checkSlice(slice, "the marker is put");
  }

  asksToAbort(process: Process, slice: Slice, upload: UploadName): Promise<void> {
    return this.#store.asksToAbort(process, slice, upload);
  }

  abort(upload: UploadName): ReturnType<Store["abortUpload"]> {
    return this.#store.abort(upload);
  }

  started(): void {
    this.#approvedSweepsAtStart = this.known.coverage.approvedSweeps();
  }

  ended(slice: Slice, outcome: RunOutcome | null): void {
    if (outcome?.kind !== "ran") return;
    const { report } = outcome;
    for (const problem of checkSums(report.sweeps)) this.known.note(RULES.sums, problem);
    const isHeld = report.holds.some(({ sweep, cause }) => sweep === null && cause !== "nested-store");
    const { deletes, rowsEnded, aborts } = slice;
    if (isHeld && deletes + rowsEnded + aborts > 0) {
      this.known.note(
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
    const live = [...this.known.application.rows.values()].filter(isLive).length;
    const limit = Math.max(DUE_LIMIT.floor, (DUE_LIMIT.percent * (live + ended)) / 100);
    if (report.mode === "remove" && ended > limit && this.known.stage.now >= this.known.approvedUntil) {
      this.known.note(RULES.plausible, `run ${report.id} ended ${ended} rows beside ${live}, and nobody was asked`);
    }
    if (status === "held" && rowsEnded > 0 && !this.#approvedSweepsAtStart.has("expired-files") && isHeld) {
      this.known.note(RULES.held, "a held sweep ended rows");
    }
  }

  broke(process: Process, error: unknown): void {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.known.note(RULES.error, `${process.name} ended with ${text}`);
  }
}
