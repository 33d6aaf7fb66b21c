/** What the oracle reads: the application's tables and filesweep's own, as one value, by plain SQL. */
import type { Row, Statement } from "../../src/database/client.ts";
import { plain } from "../support/statements.ts";
import { type Catalog, selectReferences, selectRows } from "./catalogs.ts";
import { type Content, toContent } from "./table.ts";

export interface Look {
  /** Rows written so far on this connection. */
  readonly changes: number;
  readonly lease: Row | null;
  readonly content: Content;
  readonly removals: readonly Row[];
  readonly gate: readonly Row[];
  readonly holds: readonly Row[];
  readonly runs: readonly Row[];
}

const LEASE = `(SELECT json_object('holder', holder, 'fence', fence, 'expires_at', expires_at)
  FROM filesweep_lease WHERE id = 1)`;

function all(table: string, columns: readonly string[]): string {
  return `(SELECT json_group_array(json_object(${columns.map((name) => `'${name}', ${name}`).join(", ")})) FROM ${table})`;
}

const OWN = {
  removals: all("filesweep_removals", [
    ...["id", "key", "state", "sweep", "run_id", "reason", "released_by"],
    ...["etag", "modified_at", "size_bytes"],
  ]),
  gate: all("filesweep_gate", ["key", "leaves_at"]),
  holds: all("filesweep_holds", ["id", "cause", "sweep", "status"]),
  runs: all("filesweep_runs", ["id", "mode", "status"]),
};

/** The first look of a transaction, which needs less. */
export const BEFORE = plain(`SELECT json_object('changes', total_changes(), 'lease', json(${LEASE})) AS look`);

/** One statement: one for each table would take longer than what filesweep does. */
export function lookAfter(catalog: Catalog): Statement {
  const own = Object.entries(OWN).map(([name, select]) => `'${name}', json(${select})`);
  return plain(`SELECT json_object('changes', total_changes(), 'lease', json(${LEASE}),
    'files', json((${selectRows(catalog)})), 'refs', json((${selectReferences(catalog)})), ${own.join(", ")}) AS look`);
}

export function toLook(rows: readonly Row[] | undefined): Look {
  // Made by the statements above, of columns that hold numbers and texts.
  const look = JSON.parse(String(rows?.[0]?.["look"])) as Look & { files?: unknown; refs?: unknown };
  return { ...look, content: toContent(look.files ?? [], look.refs ?? []) };
}
