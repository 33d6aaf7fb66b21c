/** Watches what filesweep writes: by whom, which rows end and why, and that ledger and gate go with them. */
import type { Row, Statement } from "../../src/database/client.ts";
import type { FileRow } from "./catalogs.ts";
import type { Knowledge } from "./knowledge.ts";
import { BEFORE, type Look, toLook } from "./look.ts";
import type { Process } from "./process.ts";
import { isDue, isIgnored, isOld, protectedKeys, protects, RULES, standing } from "./rules.ts";
import { quote } from "./stage.ts";
import type { Content } from "./table.ts";
import type { Slice } from "./witness.ts";

export class DatabaseWatch {
  readonly #known: Knowledge;

  constructor(known: Knowledge) {
    this.#known = known;
  }

  async write(process: Process, slice: Slice, statements: readonly Statement[]): Promise<Row[][]> {
    const [first, ...results] = await this.#known.stage.batch([BEFORE, ...statements, this.#known.after]);
    const before = toLook(first);
    const after = toLook(results.pop());
    const changes = after.changes - before.changes;
    if (changes > 0) this.#checkHolder(process, slice, { changes, before: before.lease, after });
    this.#checkRows(process, slice, after);
    this.#checkRemovals(after);
    this.#known.coverage.see(after);
    this.#known.last = after;
    return results;
  }

  /** P7. */
  #checkHolder(
    process: Process,
    slice: Slice,
    { changes, before, after }: { changes: number; before: Row | null; after: Look },
  ): void {
    const now = this.#known.stage.databaseNow();
    const isFree = before === null || Number(before["expires_at"]) <= now;
    // A request for the lease that arrives twice takes it again where nobody else did, and writes nothing more.
    const tookIt = after.lease?.["fence"] !== before?.["fence"] || (isFree && changes === 1);
    if (tookIt && after.lease?.["holder"] === process.name) {
      if (!isFree)
        this.#known.note(RULES.lease, `${process.name} took a lease that ${String(before?.["holder"])} still has`);
      slice.fence = Number(after.lease["fence"]);
      const isNested = after.holds.some(
        ({ cause, status }) => cause === "nested-store" && standing.hold.has(String(status)),
      );
      if (isNested) this.#known.nested.heldSlices.add(slice);
      return;
    }
    const holds = before?.["holder"] === process.name && before["fence"] === slice.fence;
    if (!holds || isFree) {
      this.#known.note(RULES.lease, `${process.name} wrote without the lease, which ${String(before?.["holder"])} has`);
    }
  }

  /** Rows end only when their end has come, and take what nothing protects any more into the ledger with them. */
  #checkRows(process: Process, slice: Slice, { content, removals }: Look): void {
    const before = this.#known.application.table.content.rows;
    const { catalog } = this.#known.stage;
    const open = new Set(removals.filter(({ state }) => standing.open.has(String(state))).map(({ key }) => key));
    const kept = protectedKeys(content, catalog);
    for (const row of before.values()) {
      const now = content.rows.get(row.id);
      if (now !== undefined && same(row, now)) continue;
      this.#checkEnd(process, slice, row, now);
      for (const key of protects(row) ? [row.key, ...catalog.derived(row.key)] : []) {
        const mayStay = kept.has(key) || open.has(key) || isIgnored(key, slice.ignorePrefixes);
        if (!mayStay && !this.#wasKept(removals, key)) {
          this.#known.note(
            RULES.sameTransaction,
            `${row.id} was the last to protect ${quote(key)}, and no removal is open`,
          );
        }
      }
    }
    if (content.rows.size > before.size) this.#known.note(RULES.rows, "a row came that the application did not insert");
    this.#checkReferences(content);
    this.#known.application.table.content = content;
  }

  #checkReferences({ references }: Content): void {
    const before = this.#known.application.table.content.references;
    if (JSON.stringify([...before]) !== JSON.stringify([...references])) {
      this.#known.note(RULES.rows, "a reference to an object was changed");
    }
  }

  #checkRemovals({ removals, gate }: Look): void {
    const shut = new Set(gate.filter(({ leaves_at }) => leaves_at === null).map(({ key }) => key));
    for (const { key, state, reason } of removals) {
      if (state === "condemned" && !shut.has(key)) {
        this.#known.note(RULES.gate, `${quote(String(key))} is condemned, and not behind the gate`);
      }
      const isOwn = this.#known.stage.site.leftovers === "own";
      if (isOwn && state === "suspected" && reason === "left-over" && !this.#known.removedOnce.has(String(key))) {
        this.#known.note(
          RULES.notOurs,
          `${quote(String(key))} was left by an ended row, and filesweep never removed it`,
        );
      }
    }
    for (const { key, state } of removals) if (state === "removed") this.#known.removedOnce.add(String(key));
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
    this.#known.checkSlice(slice, `the row ${before.id} was ${how}`);
    if (isIgnored(before.key, slice.ignorePrefixes)) this.#known.note(RULES.ignored, `${before.id} was ${how}`);
    const now = this.#known.stage.now + slice.skewMs;
    const isMarked = this.#known.stage.catalog.atItsEnd === "marked";
    const isRight =
      after === undefined
        ? isOld(before, now, settings) || (!isMarked && isDue(before, now, settings))
        : isMarked && isDue(before, now, settings) && same({ ...before, status: "expired" }, after);
    if (!isRight) this.#known.note(RULES.rows, `${before.id} was ${how} before its end: ${JSON.stringify(before)}`);
  }
}

function same(a: FileRow, b: FileRow): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
