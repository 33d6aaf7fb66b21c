/**
 * The application's tables as it sees them, and its statements: plain SQL, past filesweep's code. What the gate refuses
 * changes nothing.
 */
import { isSweepError } from "../../src/core/errors.ts";
import type { Value } from "../../src/core/ports.ts";
import type { Row } from "../../src/database/client.ts";
import { GATE_MESSAGE } from "../../src/database/gate.ts";
import { type Catalog, type FileRow, selectReferences, selectRows, written } from "./catalogs.ts";
import { protectedKeys } from "./rules.ts";
import type { Stage } from "./stage.ts";

/** What the tables say at one moment. */
export interface Content {
  readonly rows: ReadonlyMap<string, FileRow>;
  /** The keys that other columns refer to, by the place that does. */
  readonly references: ReadonlyMap<string, string>;
}

export class Table {
  /** As the application and the oracle last saw it. */
  content: Content = { rows: new Map(), references: new Map() };
  readonly #stage: Stage;
  readonly #catalog: Catalog;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#catalog = stage.catalog;
  }

  async refresh(): Promise<void> {
    const [found] = await this.#stage.rows(
      `SELECT (${selectRows(this.#catalog)}) AS files, (${selectReferences(this.#catalog)}) AS refs`,
    );
    this.content = toContent(found?.["files"], found?.["refs"]);
  }

  /** Every key that something protects, by the words of the contract. */
  protectedKeys(): ReadonlySet<string> {
    return protectedKeys(this.content, this.#catalog);
  }

  /** All of the rows, which have the same fields, or none. */
  insert(what: string, rows: readonly Partial<FileRow>[]): Promise<boolean> {
    const names = written(this.#catalog, rows[0] ?? {}).map(([name]) => name);
    const values = rows.map((row) => written(this.#catalog, row).map(([, value]) => value));
    const marks = `(${names.map(() => "?").join(", ")})`;
    const sql = `INSERT INTO ${this.#catalog.table} (${names.join(", ")}) VALUES ${values.map(() => marks).join(", ")}`;
    return this.execute(what, `${sql} RETURNING 1`, values.flat());
  }

  update(what: string, id: string, fields: Partial<FileRow>): Promise<boolean> {
    const columns = written(this.#catalog, fields);
    const set = columns.map(([name]) => `${name} = ?`).join(", ");
    const sql = `UPDATE ${this.#catalog.table} SET ${set} WHERE ${this.#catalog.columns.id.name} = ? RETURNING 1`;
    return this.execute(what, sql, [...columns.map(([, value]) => value), id]);
  }

  delete(id: string): Promise<boolean> {
    const { table, columns } = this.#catalog;
    return this.execute(`deletes ${id}`, `DELETE FROM ${table} WHERE ${columns.id.name} = ? RETURNING 1`, [id]);
  }

  /** Answers whether something was changed. */
  async execute(what: string, sql: string, args: readonly Value[]): Promise<boolean> {
    try {
      const changed = await this.#stage.rows(sql, [...args]);
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
}

/** From what {@link selectRows} and {@link selectReferences} brought, as text or as JSON. */
export function toContent(files: unknown, references: unknown): Content {
  const list = (value: unknown): readonly Row[] => (typeof value === "string" ? JSON.parse(value) : value) as Row[];
  return {
    // Made by the statements of `catalogs.ts`, which select these fields.
    rows: new Map(list(files).map((row) => [String(row["id"]), row as unknown as FileRow])),
    references: new Map(list(references).map(({ id, key }) => [String(id), String(key)])),
  };
}
