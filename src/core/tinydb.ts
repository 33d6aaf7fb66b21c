/**
 * What a Buzzdrop database says about files: one JSON file of TinyDB's, with tables of numbered documents. Pure.
 *
 * Buzzdrop lets a file be downloaded once and removes its bytes then, while its status stays `active`. Its instants are
 * local ISO texts with microseconds and without a zone.
 */
import { SweepError } from "./errors.ts";
import { isPlainText } from "./keys.ts";
import type { Instant } from "./model.ts";

/** A row for the default table. An instant that cannot be read is a text that SQLite takes for no number. */
export interface ImportedFile {
  readonly id: string;
  readonly key: string;
  readonly originalName: string | null;
  readonly uploadedBy: string | null;
  readonly status: string;
  /** Null: not known, so that the table's own default stands. */
  readonly createdAt: Instant | string | null;
  readonly expiresAt: Instant | string | null;
  readonly downloadedAt: Instant | string | null;
  readonly downloads: 0 | 1;
}

export interface TinyDbImport {
  readonly files: readonly ImportedFile[];
  /** What was understood in part, for a person. The rows are imported all the same. */
  readonly warnings: readonly string[];
  /** Documents that name no file: while there is one, nothing is to be imported. For a person. */
  readonly problems: readonly string[];
}

export interface ImportRules {
  /** The key of the object that a document's path means. `warning` where that is a guess. */
  readonly keyOf: (path: string, id: string) => { readonly key: string; readonly warning?: string };
  /** The instant that a time of a document means. */
  readonly readTime: (value: string | number) => Instant | null | "unreadable";
}

/** Used up by one download. */
export const MAX_DOWNLOADS = 1;

const IMPORTED = ["id", "path", "original_name", "uploaded_by", "status", "created_at", "expiry_at", "downloaded_at"];
/** Buzzdrop's fields that no sweep asks for. */
const LEFT_OUT = ["decryption_success", "type", "shared_with", "downloaded_by_ip"];
const KNOWN: ReadonlySet<string> = new Set([...IMPORTED, ...LEFT_OUT]);

/** What the table `files` calls live and ended; a row of any other status protects its object for ever. */
const STATUSES: ReadonlySet<unknown> = new Set(["active", "expired"]);

/** @throws SweepError `invalid` where the text is no database of TinyDB's */
export function readTinyDb(text: string, rules: ImportRules): TinyDbImport {
  const files = new Map<string, { readonly file: ImportedFile; readonly name: string }>();
  const problems: string[] = [];
  const warnings = createWarnings();
  for (const { name, document } of documentsOf(text)) {
    const [id, path] = [nameOf(document["id"]), nameOf(document["path"])];
    if (id === null || path === null) {
      const lacking = [...(id === null ? ["id"] : []), ...(path === null ? ["path"] : [])];
      problems.push(`${name} has no ${lacking.join(" and no ")} that can be read`);
      continue;
    }
    const file = toFile(document, { id, path, name }, rules, warnings);
    const before = files.get(id);
    if (before === undefined) files.set(id, { file, name });
    // One row protects one key: of two documents, one would leave its object to be an orphan.
    else if (JSON.stringify(before.file) !== JSON.stringify(file)) {
      problems.push(`${name} has the id of ${before.name}, and says something else`);
    }
  }
  return { files: [...files.values()].map(({ file }) => file), warnings: warnings.list(), problems };
}

type Document = Readonly<Record<string, unknown>>;

function documentsOf(text: string): { readonly name: string; readonly document: Document }[] {
  // TinyDB makes an empty file, and reads it as a database without documents.
  const database = text.trim() === "" ? {} : parse(text);
  const tables = Object.entries(tableOf(database, "it is no object of tables"));
  return tables.flatMap(([table, documents]) =>
    Object.entries(tableOf(documents, `its table ${JSON.stringify(table)} is no object of documents`)).map(
      ([number, document]) => ({
        name: `document ${number} of ${table}`,
        document: isObject(document) ? document : {},
      }),
    ),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SweepError("invalid", "it is no JSON, and so no database of TinyDB's", { cause });
  }
}

function tableOf(value: unknown, otherwise: string): Document {
  if (isObject(value)) return value;
  throw new SweepError("invalid", `${otherwise}, as a database of TinyDB's has`);
}

function isObject(value: unknown): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An id or a path. What the database would cut or change is none: it would name another file. */
function nameOf(value: unknown): string | null {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" && isPlainText(value) ? value : null;
}

function toFile(
  document: Document,
  { id, path, name }: { readonly id: string; readonly path: string; readonly name: string },
  { keyOf, readTime }: ImportRules,
  warnings: Warnings,
): ImportedFile {
  const { key, warning } = keyOf(path, id);
  if (warning !== undefined) warnings.add(warning, name);
  for (const field of Object.keys(document)) {
    if (!KNOWN.has(field)) warnings.add(`the field ${JSON.stringify(field)} is not known, and was left out`, name);
  }
  const time = (field: string): Instant | string | null => {
    const value = document[field] ?? null;
    const read = readDocumentTime(value, readTime);
    if (typeof read !== "string") return read;
    const shown = `${field} ${JSON.stringify(value)}`;
    warnings.add(`${shown} is no time that can be read: imported as it is, and kept as unreadable-time`, name);
    return read;
  };
  const status = textOf(document["status"]) ?? "active";
  if (!STATUSES.has(status)) {
    const shown = JSON.stringify(status);
    warnings.add(`the status ${shown} is neither active nor expired: such a row keeps its object for ever`, name);
  }
  const downloadedAt = time("downloaded_at");
  return {
    id,
    key,
    originalName: textOf(document["original_name"]),
    uploadedBy: textOf(document["uploaded_by"]),
    status,
    createdAt: time("created_at"),
    expiresAt: time("expiry_at"),
    downloadedAt,
    downloads: downloadedAt === null ? 0 : 1,
  };
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return (typeof value === "string" ? value : JSON.stringify(value)).toWellFormed();
}

/** A text: it cannot be read. */
function readDocumentTime(value: unknown, readTime: ImportRules["readTime"]): Instant | string | null {
  if (value === null) return null;
  const read = typeof value === "number" || typeof value === "string" ? readTime(value) : "unreadable";
  // A part of a millisecond counts as a whole one: the file stays so much longer.
  return typeof read === "number" ? Math.ceil(read) : asText(value);
}

/** In quotes where SQLite would make a number of it, which is an instant again, and not the one that was meant. */
function asText(value: unknown): string {
  const text = textOf(value) ?? "";
  return Number.isNaN(Number(text)) ? text : JSON.stringify(text);
}

interface Warnings {
  add(what: string, document: string): void;
  list(): string[];
}

/** Each warning once, with the first document that it is true of, and how many more. */
function createWarnings(): Warnings {
  const found = new Map<string, { readonly first: string; count: number }>();
  return {
    add(what, document) {
      const before = found.get(what);
      if (before === undefined) found.set(what, { first: document, count: 1 });
      else before.count += 1;
    },
    list: () =>
      [...found].map(([what, { first, count }]) => {
        const others = count === 1 ? "" : ` (and ${count - 1} more)`;
        return `${first}${others}: ${what}`;
      }),
  };
}
