/** What the doctor says of the application's table, and of how its keys and the store's meet. Pure. */
import type { SweepError } from "../errors.ts";
import type { Instant } from "../model.ts";
import type { FileRow, GateStanding, StatementPlan, Value } from "../ports.ts";
import { SettingsError } from "../settings.ts";
import { type Check, ok, problem, unknown, warning } from "./check.ts";
import type { Guess } from "./guess.ts";

export interface TableEvidence {
  readonly table: string;
  readonly hasTable: boolean;
  readonly rows: number;
  /** Rows were counted up to this. */
  readonly countLimit: number;
  readonly liveRows: number;
}

export function judgeTable({ table, hasTable, rows, countLimit, liveRows }: TableEvidence): Check {
  const name = JSON.stringify(table);
  if (!hasTable) {
    return warning("table", `there is no table ${name} yet: the first run makes an empty one`, {
      needed: "the table with one row per file, if there is one already",
      mend: "CATALOG_TABLE and CATALOG_COLUMNS, or DATABASE_URL",
    });
  }
  const counted = rows >= countLimit ? `over ${countLimit}` : String(rows);
  if (liveRows === 0) {
    return warning("table", `the table ${name} has the columns it needs, and ${counted} rows, but none is live`, {
      needed:
        "rows whose status is one of the live values: without one every run over a store that holds objects is held",
      mend: "CATALOG_STATUS or CATALOG_TABLE, unless no file is live",
    });
  }
  return ok("table", `the table ${name} has the columns it needs, and ${counted} rows`);
}

/** The table is not as the settings say. What there is to paste stands below the message's first line. */
export function judgeMapping(error: SweepError): Check {
  const messages = error instanceof SettingsError ? error.problems.map(({ message }) => message) : [error.message];
  const lines = messages.map((message) => message.split("\n"));
  const pasted = lines.flatMap(([, ...rest]) => rest);
  return problem("table", "settings", lines.map(([first]) => first).join("; "), {
    needed: "the table with one row per file, and its columns by their names",
    mend: pasted.length > 0 ? pasted.join("\n") : "CATALOG_TABLE, CATALOG_COLUMNS or DATABASE_URL",
  });
}

/** The columns that hold instants. */
export const TIME_FIELDS = ["expiresAt", "downloadedAt", "createdAt"] as const;
export type TimeField = (typeof TIME_FIELDS)[number];

export interface TimeEvidence {
  readonly files: readonly Pick<FileRow, TimeField>[];
  /** As the sweeps read a value. */
  readonly readTime: (value: Value) => Instant | null | "unreadable";
  /** The columns, as the database calls them; a field that the table does not have is left out. */
  readonly columns: Readonly<Partial<Record<TimeField, string>>>;
}

const EXAMPLES = 3;

export function judgeTimes({ files, readTime, columns }: TimeEvidence): Check {
  const bad = TIME_FIELDS.flatMap((field) => {
    const given = files.map((file) => file[field]).filter((value) => value !== null);
    const unreadable = given.filter((value) => readTime(value) === "unreadable");
    const column = columns[field] ?? field;
    return unreadable.length === 0 ? [] : [{ column, given: given.length, unreadable }];
  });
  if (files.length === 0) return unknown("times", "no live row to read a time of");
  if (bad.length === 0) return ok("times", `every time of ${files.length} live rows can be read`);
  const told = bad.map(({ column, given, unreadable }) => {
    const examples = [...new Set(unreadable.map(shown))].slice(0, EXAMPLES).join(", ");
    const percent = Math.max(1, Math.round((100 * unreadable.length) / given));
    return `${column}: ${unreadable.length} of ${given} (${percent} %) cannot be read, such as ${examples}`;
  });
  return warning("times", `${told.join("; ")}. Such files are kept (unreadable-time)`, {
    needed: "epoch seconds or milliseconds, or ISO 8601 texts",
    mend: "CATALOG_TIME, CATALOG_COLUMNS, or the rows",
  });
}

function shown(value: Value): string {
  return value instanceof Uint8Array ? "a blob" : typeof value === "string" ? JSON.stringify(value) : String(value);
}

export interface KeyEvidence {
  readonly storeIsEmpty: boolean;
  /** Live rows whose key column names no single key, such as one without `CATALOG_KEY_PREFIX` in front. */
  readonly unreadable: number;
  /** Live rows that were looked up, and the keys of those without an object. */
  readonly rows: number;
  readonly withoutObject: readonly string[];
  /** Objects of the listing's first page, and the keys of those that no row names. */
  readonly objects: number;
  readonly unnamed: readonly string[];
  readonly guess: Guess | null;
}

export function judgeKeys(evidence: KeyEvidence): Check {
  const { storeIsEmpty, unreadable, rows, withoutObject, objects, unnamed, guess } = evidence;
  if (unreadable > rows) {
    return problem("keys", "settings", `of ${unreadable + rows} live rows ${unreadable} name no key`, {
      needed: "a column with texts, each of which begins with CATALOG_KEY_PREFIX where that is set",
      mend: "CATALOG_KEY_PREFIX, or key in CATALOG_COLUMNS",
    });
  }
  if (rows === 0)
    return unknown("keys", storeIsEmpty ? "no live row, and no object" : "no live row to look an object up for");
  const counts = `of ${rows} live rows ${withoutObject.length} have no object (such as ${some(withoutObject)}); of ${objects} objects ${unnamed.length} are named by no row (such as ${some(unnamed)})`;
  if (guess !== null) return judgeGuess(guess, evidence, counts);
  const matched = rows - withoutObject.length;
  if (matched === 0 && !storeIsEmpty && unnamed.length === objects) {
    return problem(
      "keys",
      "settings",
      `no key of the table is in this store, and no object of it is in the table: ${counts}`,
      {
        needed: "the table and the store of one application",
        mend: "DATABASE_URL, STORAGE_URL (another bucket or folder?) or CATALOG_COLUMNS (another column?)",
      },
    );
  }
  if (withoutObject.length === 0 && unnamed.length === 0)
    return ok("keys", `${rows} live rows and ${objects} objects: all meet`);
  // Some of both is what filesweep is for.
  if (2 * withoutObject.length > rows) {
    return warning("keys", counts, { needed: "an object for most live rows", mend: "filesweep run --plan --list" });
  }
  return ok("keys", counts);
}

function some(keys: readonly string[]): string {
  const [first] = keys;
  return first === undefined ? "none" : JSON.stringify(first);
}

/** What is told of each kind of difference, and what mends it. */
function judgeGuess(guess: Guess, { withoutObject, rows }: KeyEvidence, counts: string): Check {
  const { text, key } = guess.example;
  const { told, mend } = remedyOf(guess);
  const found = `${told}: the table says ${JSON.stringify(text)} where the store has ${JSON.stringify(key)} (for ${guess.explained} of ${withoutObject.length} live rows without an object; ${counts})`;
  const remedy = { needed: "keys that are written alike in the table and in the store", mend };
  // One row out of many may be chance; all that there are is none.
  const isSure = guess.explained === rows || guess.explained >= 3;
  return isSure ? problem("keys", "settings", found, remedy) : warning("keys", found, remedy);
}

function remedyOf({ kind, prefix }: Guess): { readonly told: string; readonly mend: string } {
  switch (kind) {
    case "strip-prefix":
      return { told: "a prefix has to be stripped from the key column", mend: `CATALOG_KEY_PREFIX=${prefix}` };
    case "leading-slash":
      return {
        told: "the keys of the table begin with a slash, those of the store do not",
        mend: "CATALOG_KEY_PREFIX=/",
      };
    case "add-prefix":
      return {
        told: "the store begins further up than the table's keys",
        mend: `STORAGE_URL with ${prefix} at its end`,
      };
    case "url-encoded":
      return { told: "the keys of the table are URL-encoded, those of the store are not", mend: REWRITE };
    case "url-decoded":
      return { told: "the keys of the store are URL-encoded, those of the table are not", mend: REWRITE };
    case "other-case":
      return { told: "the keys of table and store differ in upper and lower case", mend: REWRITE };
    case "unicode-form":
      return {
        told: "the keys of table and store differ in their Unicode form (composed, decomposed)",
        mend: REWRITE,
      };
    case "backslashes":
      return { told: "the keys of the table have backslashes where the store has slashes", mend: REWRITE };
    case "blanks":
      return { told: "the keys of the table have blanks around them", mend: REWRITE };
  }
}

const REWRITE = "a column with the exact keys, mapped as key in CATALOG_COLUMNS";

/** @param missing the statements that create what is missing */
export function judgeIndexes(plans: readonly StatementPlan[], missing: readonly string[]): Check {
  const slow = plans.filter((plan) => plan.slow.length > 0);
  if (slow.length === 0 && missing.length === 0) {
    return ok("indexes", "every statement on the table finds its rows by an index (EXPLAIN QUERY PLAN)");
  }
  const told = slow.map((plan) => `${plan.method} walks a whole table (${plan.slow.join("; ")})`);
  const found = told.length > 0 ? told.join("; ") : "indexes that keep a run's pages in order are not there";
  if (missing.length === 0)
    return warning("indexes", found, { needed: "more rows, or fewer JSON references: no index helps" });
  return warning("indexes", found, {
    needed: missing.map(oneLine).join("; "),
    mend: "filesweep doctor --create-indexes",
  });
}

function oneLine(statement: string): string {
  return statement.replace(/\s+/g, " ");
}

/** @param isMapped the table is the application's own: nobody installs a gate on it unasked */
export function judgeGate(
  standing: GateStanding,
  { isMapped, isPrepared }: { isMapped: boolean; isPrepared: boolean },
): Check {
  if (standing === "stands") return ok("gate", "the gate's triggers stand as they were written");
  if (!isMapped && !isPrepared) return ok("gate", "not there yet: the first run installs it");
  const mend = isMapped ? "filesweep doctor --install-gate" : "filesweep migrate";
  if (standing === "never") {
    return warning("gate", "there is no gate: a new row could name an object while it is being removed", {
      needed: "triggers that refuse such a row, or an application that never uses a key twice",
      mend,
    });
  }
  return problem(
    "gate",
    "held",
    "a trigger of the gate is gone, or is not what was written: runs are held (gate-lost)",
    {
      needed: "all triggers, as filesweep wrote them",
      mend,
    },
  );
}
