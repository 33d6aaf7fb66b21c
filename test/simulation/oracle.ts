/**
 * The oracle: what must be true after every step, told from plain SQL and from what the application knows. Nothing here
 * uses a line of filesweep that decides anything. What is not true is noted under the name of the promise it breaks.
 */
import type { DeleteOutcome, DeleteRequest, ListedObject, UploadName } from "../../src/core/ports.ts";
import type { RunOutcome } from "../../src/core/run.ts";
import { APPROVAL_MS, DAY_MS } from "../../src/core/safety.ts";
import type { Row, Statement } from "../../src/database/client.ts";
import { plain } from "../support/statements.ts";
import { type Application, FILE_COLUMNS, type FileRow, protects, quote, toFileRows } from "./application.ts";
import type { Coverage } from "./coverage.ts";
import type { Process, Slice, Witness } from "./process.ts";
import { checkSums, isDue, isOld, standing } from "./rules.ts";
import type { Stage } from "./stage.ts";

export interface Violation {
  /** The promise that is broken, and how: the same words for the same break. */
  readonly rule: string;
  readonly detail: string;
}

const LEASE = `(SELECT json_object('holder', holder, 'fence', fence, 'expires_at', expires_at)
  FROM filesweep_lease WHERE id = 1)`;
const all = (table: string, columns: readonly string[]): string =>
  `(SELECT json_group_array(json_object(${columns.map((name) => `'${name}', ${name}`).join(", ")})) FROM ${table})`;

/** What stands in a table, as one value: a statement each would take longer than what filesweep does. */
const BEFORE = plain(`SELECT json_object('changes', total_changes(), 'lease', json(${LEASE})) AS look`);
const AFTER = plain(`SELECT json_object('changes', total_changes(), 'lease', json(${LEASE}),
  'files', json(${all("files", FILE_COLUMNS)}),
  'removals', json(${all("filesweep_removals", ["id", "key", "state", "sweep", "run_id", "etag", "released_by"])}),
  'gate', json(${all("filesweep_gate", ["key", "leaves_at"])}),
  'holds', json(${all("filesweep_holds", ["id", "cause", "sweep", "status"])}),
  'runs', json(${all("filesweep_runs", ["id", "mode", "status"])})) AS look`);

interface Look {
  readonly changes: number;
  readonly lease: Row | null;
  readonly files: readonly FileRow[];
  readonly removals: readonly Row[];
  readonly gate: readonly Row[];
  readonly holds: readonly Row[];
  readonly runs: readonly Row[];
}

function toLook(rows: readonly Row[] | undefined): Look {
  // Made by the statements above, of columns that hold numbers and texts.
  return JSON.parse(String(rows?.[0]?.["look"])) as Look;
}

/** No delete starts with less left of the lease than a call may take. */
const CALL_MS = 10_000;
const DUE_LIMIT = { floor: 100, percent: 50 };
const ORPHAN_LIMIT = { floor: 20, percent: 10 };

export class Oracle implements Witness {
  readonly violations: Violation[] = [];
  removals = 0;
  /** A restored database that must be held, until a person says otherwise. */
  mustHold = false;
  readonly #stage: Stage;
  readonly #application: Application;
  readonly #coverage: Coverage;
  readonly #asked = new WeakMap<DeleteRequest, Row>();
  /** What a person kept: the object's etag, and whether no earlier delete of it can be on its way. */
  readonly #kept = new Map<string, { readonly etag: string | null; readonly isSafe: boolean }>();
  #approvedUntil = 0;
  #approvedSweepsAtStart: ReadonlySet<string> = new Set();

  constructor(stage: Stage, application: Application, coverage: Coverage) {
    this.#stage = stage;
    this.#application = application;
    this.#coverage = coverage;
  }

  note(rule: string, detail: string): void {
    this.#stage.tell(`*** ${rule}: ${detail}`);
    this.violations.push({ rule, detail });
  }

  /** P2: whatever is reachable has its bytes. */
  check(): void {
    for (const { id, key } of this.#application.reachable()) {
      if (!this.#stage.memory.has(key)) this.note(RULES.reachable, `${id} names ${quote(key)}, whose bytes are gone`);
    }
    for (const [key, { etag }] of this.#kept) if (this.#etagOf(key) !== etag) this.#kept.delete(key);
  }

  keptByAPerson(key: string, isSafe: boolean): void {
    const etag = this.#etagOf(key);
    if (etag !== undefined) this.#kept.set(key, { etag, isSafe });
  }

  isKept(key: string): boolean {
    return this.#kept.has(key);
  }

  approved(): void {
    this.#approvedUntil = this.#stage.now + APPROVAL_MS + 40 * DAY_MS;
  }

  /** The database was put back: it knows of these releases alone. */
  restored(keptKeys: ReadonlySet<string>): void {
    for (const key of this.#kept.keys()) if (!keptKeys.has(key)) this.#kept.delete(key);
  }

  #etags: ReadonlyMap<string, ListedObject> = new Map();
  async refresh(): Promise<void> {
    this.#etags = await this.#stage.objects();
  }
  #etagOf(key: string): string | null | undefined {
    return this.#etags.get(key)?.etag;
  }

  // --------------------------------------------------------------------------------------------------- database

  async write(process: Process, slice: Slice, statements: readonly Statement[]): Promise<Row[][]> {
    const [first, ...results] = await this.#stage.batch([BEFORE, ...statements, AFTER]);
    const before = toLook(first);
    const after = toLook(results.pop());
    const changes = after.changes - before.changes;
    if (changes > 0) this.#checkHolder(process, slice, changes, before.lease, after.lease);
    this.#checkRows(process, slice, toFileRows(after.files), after);
    this.#coverage.see(after);
    return results;
  }

  /** P7. */
  #checkHolder(process: Process, slice: Slice, changes: number, before: Row | null, after: Row | null): void {
    const now = this.#stage.databaseNow();
    const isFree = before === null || Number(before["expires_at"]) <= now;
    // A request for the lease that arrives twice takes it again where nobody else did, and writes nothing more.
    const tookIt = after?.["fence"] !== before?.["fence"] || (isFree && changes === 1);
    if (tookIt && after?.["holder"] === process.name) {
      if (!isFree) this.note(RULES.lease, `${process.name} took a lease that ${String(before?.["holder"])} still has`);
      slice.fence = Number(after["fence"]);
      return;
    }
    const holds = before?.["holder"] === process.name && before["fence"] === slice.fence;
    if (!holds || isFree) {
      this.note(RULES.lease, `${process.name} wrote without the lease, which ${String(before?.["holder"])} has`);
    }
  }

  /** Rows end only when their end has come, and take what nothing protects any more into the ledger with them. */
  #checkRows(process: Process, slice: Slice, after: ReadonlyMap<string, FileRow>, { removals, gate }: Look): void {
    const before = this.#application.rows;
    for (const row of before.values()) {
      const now = after.get(row.id);
      if (now !== undefined && same(row, now)) continue;
      this.#checkEnd(process, slice, row, now);
      const isNamed = [...after.values()].some((other) => other.key === row.key && protects(other));
      const isOpen = removals.some(({ key, state }) => key === row.key && standing.open.has(String(state)));
      if (protects(row) && !isNamed && !isOpen && !this.#wasKept(removals, row.key)) {
        this.note(RULES.sameTransaction, `${row.id} was the last to protect ${quote(row.key)}, and no removal is open`);
      }
    }
    if (after.size > before.size) this.note(RULES.rows, "a row came that the application did not insert");
    this.#application.rows = after;
    for (const { key, state } of removals) {
      if (state === "condemned" && !gate.some((row) => row["key"] === key && row["leaves_at"] === null)) {
        this.note(RULES.gate, `${quote(String(key))} is condemned, and not behind the gate`);
      }
    }
  }

  #wasKept(removals: readonly Row[], wanted: string): boolean {
    return removals.some(
      ({ key, state, released_by }) => key === wanted && state === "released" && released_by === "operator",
    );
  }

  #checkEnd(process: Process, slice: Slice, before: FileRow, after: FileRow | undefined): void {
    const { settings } = process;
    const how = after === undefined ? "deleted" : "changed";
    slice.rowsEnded += 1;
    if (slice.mode === "plan") this.note(RULES.plan, `a plan ${how} the row ${before.id}`);
    if (this.mustHold) this.note(RULES.restored, `the row ${before.id} was ${how} although the database was put back`);
    const now = process.now();
    const isRight =
      after === undefined
        ? isOld(before, now, settings)
        : isDue(before, now, settings) && same({ ...before, status: "expired" }, after);
    if (!isRight) this.note(RULES.rows, `${before.id} was ${how} before its end: ${JSON.stringify(before)}`);
  }

  // ------------------------------------------------------------------------------------------------------ store

  async asks(process: Process, slice: Slice, requests: readonly DeleteRequest[]): Promise<void> {
    slice.deletes += requests.length;
    if (slice.mode === "plan") this.note(RULES.plan, "a plan asks the store to delete");
    if (this.mustHold) this.note(RULES.restored, "a delete is asked for although the database was put back");
    const { lease: holder, removals, gate } = toLook(await this.#stage.rows(AFTER.sql));
    const left = Number(holder?.["expires_at"]) - this.#stage.databaseNow();
    if (holder?.["holder"] !== process.name || holder["fence"] !== slice.fence || left <= CALL_MS) {
      this.note(RULES.lease, `${process.name} starts a delete without enough of the lease`);
    }
    for (const request of requests) {
      const removal = removals.find(({ key, state }) => key === request.key && state === "condemned");
      if (removal === undefined) {
        this.note(RULES.ledger, `${quote(request.key)} is to be deleted, and no removal of it is condemned`);
      } else this.#asked.set(request, removal);
      if (!gate.some(({ key, leaves_at }) => key === request.key && leaves_at === null)) {
        this.note(RULES.gate, `${quote(request.key)} is to be deleted, and not behind the gate`);
      }
    }
    this.#checkCrowd(removals);
  }

  async delete(process: Process, requests: readonly DeleteRequest[]): Promise<DeleteOutcome[]> {
    const outcomes: DeleteOutcome[] = [];
    for (const request of requests) {
      const before = (await this.#stage.objects()).get(request.key);
      outcomes.push(...(await this.#stage.deleteFromMemory([request])));
      if (before === undefined || this.#stage.memory.has(request.key)) continue;
      this.removals += 1;
      this.#stage.tell(`${process.name} deletes ${quote(request.key)}`);
      await this.#went(process, before, this.#asked.get(request));
    }
    return outcomes;
  }

  async #went(process: Process, object: ListedObject, removal: Row | undefined): Promise<void> {
    const { key } = object;
    const named = await this.#stage.rows("SELECT id FROM files WHERE key = ? AND status <> 'expired'", [key]);
    if (named.length > 0)
      this.note(RULES.protected, `${quote(key)} was deleted while ${String(named[0]?.["id"])} names it`);
    const kept = this.#kept.get(key);
    if (kept?.isSafe && kept.etag === object.etag) {
      this.note(RULES.released, `${quote(key)} was deleted although a person kept it`);
    }
    if (removal?.["sweep"] !== "orphaned-objects" || removal["etag"] !== object.etag) return;
    const { orphanGraceMs } = process.settings;
    if (object.modifiedAt === null) this.note(RULES.age, `${quote(key)} went as an orphan, of unknown age`);
    else if (!(process.now() - object.modifiedAt > orphanGraceMs)) this.note(RULES.age, `${quote(key)} was too young`);
  }

  /** P8, of the rules that count: what one run ends without a person is plausible. */
  #checkCrowd(removals: readonly Row[]): void {
    if (this.#stage.now < this.#approvedUntil) return;
    const byRun = new Map<string, number>();
    for (const { sweep, run_id, state } of removals) {
      if (sweep !== "orphaned-objects" || state === "suspected" || state === "released") continue;
      byRun.set(String(run_id), (byRun.get(String(run_id)) ?? 0) + 1);
    }
    const there = this.#stage.memory.keys().length + this.removals;
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
    if (slice.mode === "plan") this.note(RULES.plan, "a plan puts the marker");
    if (this.mustHold) this.note(RULES.restored, "the marker is put although the database was put back");
  }

  aborts(process: Process, slice: Slice, { key, uploadId }: UploadName): void {
    if (slice.mode === "plan") this.note(RULES.plan, "a plan aborts an upload");
    if (this.mustHold) this.note(RULES.restored, "an upload is aborted although the database was put back");
    const upload = this.#stage.memory.uploads().find((each) => each.uploadId === uploadId);
    const isOld = (upload?.initiatedAt ?? -Infinity) + process.settings.uploadGraceMs < process.now();
    if (!isOld) this.note(RULES.age, `an upload of ${quote(key)} was aborted too soon`);
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
    if (isHeld && slice.deletes + slice.rowsEnded > 0) {
      this.note(RULES.held, `a held run asked for ${slice.deletes} deletes and ended ${slice.rowsEnded} rows`);
    }
    const { status, removed, deferred } = report.sweeps.find(({ name }) => name === "expired-files") ?? {
      status: "skipped",
      removed: null,
      deferred: null,
    };
    const ended = (removed?.count ?? 0) + (deferred?.count ?? 0);
    const live = [...this.#application.rows.values()].filter(({ status: each }) => each === "active").length;
    const limit = Math.max(DUE_LIMIT.floor, (DUE_LIMIT.percent * (live + ended)) / 100);
    if (report.mode === "remove" && ended > limit && this.#stage.now >= this.#approvedUntil) {
      this.note(RULES.plausible, `run ${report.id} ended ${ended} rows beside ${live}, and nobody was asked`);
    }
    if (status === "held" && slice.rowsEnded > 0 && !this.#approvedSweepsAtStart.has("expired-files") && isHeld) {
      this.note(RULES.held, "a held sweep ended rows");
    }
  }

  broke(process: Process, error: unknown): void {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.note(RULES.error, `${process.name} ended with ${text}`);
  }
}

/** The names of the assertions, by the promise that they stand for. */
export const RULES = {
  ledger: "P1 a delete without a committed removal",
  protected: "P2 a protected object was deleted",
  reachable: "P2 a reachable file lost its bytes",
  gate: "P2 a condemned key is not behind the gate",
  age: "P3 an orphan of unknown age, or too young, was removed",
  rows: "P4 a row was ended before its end",
  sums: "P5 a sum does not hold",
  sameTransaction: "P6 the last row of a key ended without its removal",
  converge: "P6 the runs do not come to the end they should",
  lease: "P7 a holder without the lease wrote, or started a delete",
  held: "P8 something held removed all the same",
  plausible: "P8 too much went without a person",
  restored: "P8 a restored database removed before a person looked",
  released: "P8 what a person kept was removed",
  plan: "P9 a plan changed something",
  error: "P11 a run ended with an error that is none of its surroundings",
} as const;

function same(a: FileRow, b: FileRow): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
