import { accept, type Input, type Kind, type Parsed, quote, refuse, type SettingsContext } from "./definition.ts";
import { nearest } from "./nearest.ts";

/** The fields of a file that a column may hold. */
export const COLUMN_FIELDS = [
  "id",
  "key",
  "status",
  "expiresAt",
  "downloadedAt",
  "createdAt",
  "deletedAt",
  "size",
  "hold",
  "downloads",
  "maxDownloads",
] as const;
export type ColumnField = (typeof COLUMN_FIELDS)[number];

/** Which column holds what; a field that is absent has none. */
export type CatalogColumns = Readonly<{ id: string; key: string } & Partial<Record<ColumnField, string>>>;

/** A value of a status column: a text, or a number, or what a database keeps for true and false. */
export type StatusValue = string | number | boolean;

/** What the values of the status column mean. */
export interface CatalogStatus {
  readonly live: readonly StatusValue[];
  /** What filesweep writes into a row whose end has come. */
  readonly expired: StatusValue;
  readonly deleted: readonly StatusValue[];
}

/** Another column of the database whose values protect objects. */
export interface CatalogReference {
  readonly table: string;
  readonly column: string;
  /** Taken off the beginning of a value to get the key. */
  readonly stripPrefix: string | null;
  readonly format: "text" | "json-array";
}

/** `{column: value}`: which rows of the table are this store's. */
export type CatalogWhere = Readonly<Record<string, string | number | boolean | null>>;

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A table, a column or a value that is no empty text. SQLite's names may hold anything but NUL. */
function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 128 && !value.includes("\0");
}

/** JSON's numbers, and nothing that a float cannot hold exactly: statuses are compared for equality. */
function isStatus(value: unknown): value is StatusValue {
  return isName(value) || typeof value === "boolean" || Number.isSafeInteger(value);
}

function areStatuses(value: unknown): value is readonly StatusValue[] {
  return Array.isArray(value) && value.every(isStatus);
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isName);
}

/** Says which of the object's keys is not among `known`, or null. */
function unknownKey(value: Json, known: readonly string[]): string | null {
  const odd = Object.keys(value).find((key) => !known.includes(key));
  return odd === undefined ? null : `${quote(odd)} is not known; did you mean ${nearest(odd, known)}?`;
}

/** JSON text, or the same as a Worker's typed variable. */
function json<T>(allowed: string, read: (data: unknown, context: SettingsContext) => Parsed<T>): Kind<T> {
  const parse = (input: Input, context: SettingsContext): Parsed<T> => {
    if ("data" in input) return read(input.data, context);
    let data: unknown;
    try {
      data = JSON.parse(input.text);
    } catch {
      return refuse("it is not valid JSON");
    }
    return read(data, context);
  };
  return { allowed, parse };
}

/** The name of a table. */
export const tableName: Kind<string> = {
  allowed: "the name of a table",
  parse: (input) => ("text" in input && isName(input.text) ? accept(input.text) : refuse()),
};

export const catalogColumns: Kind<CatalogColumns> = json(
  `a JSON object with id and key, and any of ${COLUMN_FIELDS.slice(2).join(", ")}, each with the name of its column`,
  (data) => {
    if (!isObject(data)) return refuse("it is not an object");
    const odd = unknownKey(data, COLUMN_FIELDS);
    if (odd !== null) return refuse(odd);
    const { id, key } = data;
    if (!isName(id) || !isName(key)) return refuse("id and key must name a column");
    const columns: { id: string; key: string } & Partial<Record<ColumnField, string>> = { id, key };
    for (const field of COLUMN_FIELDS) {
      const column = data[field];
      if (column === undefined) continue;
      if (!isName(column)) return refuse(`${field} must name a column`);
      columns[field] = column;
    }
    return accept(columns);
  },
);

/** What a column makes the same of: a text column holds '1' for 1, and where there are no booleans true is 1. */
function spelling(value: StatusValue): string {
  if (value === true || value === "true") return "1";
  return value === false || value === "false" ? "0" : String(value);
}

export const catalogStatus: Kind<CatalogStatus> = json(
  'a JSON object such as {"live":["active"],"expired":"expired","deleted":["deleted"]}',
  (data) => {
    if (!isObject(data)) return refuse("it is not an object");
    const odd = unknownKey(data, ["live", "expired", "deleted"]);
    if (odd !== null) return refuse(odd);
    const { live, expired, deleted = [] } = data;
    if (!areStatuses(live) || live.length === 0) {
      return refuse("live must be a list of at least one text, whole number, true or false");
    }
    if (!isStatus(expired)) return refuse("expired must be a text, a whole number, true or false");
    if (!areStatuses(deleted)) return refuse("deleted must be a list of texts, whole numbers, true or false");
    // A status with two meanings would make one row protect its object and be garbage at once. A column may hold '1' for 1.
    const ended = [expired, ...deleted].map(spelling);
    const twice = live.find((value) => ended.includes(spelling(value)));
    if (twice !== undefined) return refuse(`${quote(String(twice))} is live and not live at once`);
    return accept({ live, expired, deleted });
  },
);

export const catalogWhere: Kind<CatalogWhere> = json('a JSON object such as {"bucket":"uploads"}', (data) => {
  if (!isObject(data) || Object.keys(data).length === 0) return refuse("it is not an object with at least one column");
  const where: Record<string, string | number | boolean | null> = {};
  for (const [column, value] of Object.entries(data)) {
    const plain = value === null || ["string", "number", "boolean"].includes(typeof value);
    if (!isName(column) || !plain) return refuse(`${quote(column)} must have a text, a number, true, false or null`);
    where[column] = value as string | number | boolean | null; // seen above; `includes` does not narrow
  }
  return accept(where);
});

const REFERENCE_FIELDS = ["table", "column", "stripPrefix", "format"];

function readReference(data: unknown): Parsed<CatalogReference> {
  if (!isObject(data)) return refuse("an item is not an object");
  const odd = unknownKey(data, REFERENCE_FIELDS);
  if (odd !== null) return refuse(odd);
  const { table, column, stripPrefix = null, format = "text" } = data;
  if (!isName(table) || !isName(column)) return refuse("an item must have a table and a column");
  if (stripPrefix !== null && !isName(stripPrefix)) return refuse("stripPrefix must be a text");
  if (format !== "text" && format !== "json-array") return refuse("format must be text or json-array");
  return accept({ table, column, stripPrefix, format });
}

export const catalogReferences: Kind<readonly CatalogReference[]> = json(
  'a JSON array of {"table","column","stripPrefix"?,"format"?: "text" or "json-array"}',
  (data) => {
    if (!Array.isArray(data)) return refuse("it is not a list");
    const references: CatalogReference[] = [];
    for (const item of data) {
      const reference = readReference(item);
      if (!reference.ok) return reference;
      references.push(reference.value);
    }
    return accept(references);
  },
);

export const catalogDerived: Kind<readonly string[]> = json(
  'a JSON array of texts that hold {key} once, such as ["{key}.thumb.jpg"]',
  (data) => {
    if (!isNames(data)) return refuse("it is not a list of texts");
    const odd = data.find((item) => item.split("{key}").length !== 2 || item === "{key}");
    return odd === undefined ? accept(data) : refuse(`${quote(odd)} must hold {key} once, and more than that`);
  },
);
