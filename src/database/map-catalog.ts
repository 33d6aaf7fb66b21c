/** From the settings to a mapping: every name is looked up in the database's own catalogue before it is used. */
import { nearest } from "../core/settings/nearest.ts";
import type { SettingProblem, StatusValue } from "../core/settings.ts";
import { type CatalogColumns, type CatalogReference, type CatalogSettings, SettingsError } from "../core/settings.ts";
import type { SqlClient } from "./client.ts";
import { guessColumns } from "./guess-columns.ts";
import {
  type CatalogMapping,
  type Constant,
  DEFAULT_MAPPING,
  decidingColumns,
  type MappedReference,
} from "./mapping.ts";
import { type Affinity, type ColumnFacts, readTables, sameName, type TableFacts } from "./table-facts.ts";

/**
 * The mapping that the settings describe, over the tables that are there. One round trip.
 * @throws SettingsError with everything that is wrong, kind `invalid`
 */
export async function mapCatalog(client: SqlClient, settings: CatalogSettings): Promise<CatalogMapping> {
  const checked = await checkMapping(client, settings);
  if ("problems" in checked) throw new SettingsError(checked.problems);
  return checked.mapping;
}

/**
 * As {@link mapCatalog}, for who wants to show what is wrong: a table or column that is not there, one that cannot be
 * used, and for a table `files` of another shape a `CATALOG_COLUMNS` to paste. A default table that is not there yet is
 * nothing wrong: `migrate` makes it.
 */
export async function checkMapping(
  client: SqlClient,
  settings: CatalogSettings,
): Promise<{ readonly mapping: CatalogMapping } | { readonly problems: readonly SettingProblem[] }> {
  const look = lookAt(await readTables(client, [settings.table, ...settings.references.map(({ table }) => table)]));
  const own = mapOwnTable(look, settings);
  const references = settings.references.map((reference) => mapReference(look, reference));
  const derived = settings.derived.map((pattern) => {
    const [before = "", behind = ""] = pattern.split("{key}");
    return { before, behind };
  });
  if (look.problems.length > 0 || own === null) return { problems: look.problems };
  const mapping = { ...own, references: references.filter((each) => each !== null), derived };
  return { mapping };
}

/** The catalogue as it was read, and what is wrong with the names so far. */
interface Look {
  readonly problems: SettingProblem[];
  /** The table, if it is one that rows can be ended in or protect from; else why not is among the problems. */
  table(variable: string, name: string): TableFacts | null;
  isThere(name: string): boolean;
  /** The column; where there is none, null, and the nearest names are among the problems. */
  column(variable: string, table: TableFacts, name: string, what: string): ColumnFacts | null;
  refuse(variable: string, message: string): void;
}

function lookAt({ names, tables }: Awaited<ReturnType<typeof readTables>>): Look {
  const problems: SettingProblem[] = [];
  const refuse = (variable: string, message: string): void => {
    problems.push({ variable, code: "conflict", given: null, allowed: null, message: `${variable} ${message}` });
  };
  const find = (name: string): TableFacts | undefined => tables.find((each) => sameName(each.name, name));
  return {
    problems,
    refuse,
    isThere: (name) => find(name) !== undefined,
    table(variable, name) {
      const found = find(name);
      if (found === undefined) {
        refuse(variable, `names the table ${quoted(name)}, which the database does not have; ${suggest(name, names)}`);
        return null;
      }
      if (found.kind === "table") return found;
      const why = found.kind === "view" ? "is a view" : "is a virtual table";
      refuse(
        variable,
        `names ${quoted(name)}, which ${why}: no trigger can guard it. Name the table that holds the rows`,
      );
      return null;
    },
    column(variable, table, name, what) {
      const found = table.columns.find((each) => sameName(each.name, name));
      if (found !== undefined) return found;
      const columns = table.columns.map((each) => each.name);
      const where = `which the table ${quoted(table.name)} does not have; ${suggest(name, columns)}`;
      refuse(variable, `names the column ${quoted(name)} ${what}, ${where}`);
      return null;
    },
  };
}

function suggest(name: string, names: readonly string[]): string {
  if (names.length === 0) return "there are none at all";
  const likely = nearest(name, names);
  const shown = names.slice(0, 30).map(quoted).join(", ");
  return `did you mean ${quoted(likely ?? "")}? There are ${shown}${names.length > 30 ? `, and ${names.length - 30} more` : ""}`;
}

function quoted(name: string): string {
  return JSON.stringify(name);
}

// ------------------------------------------------------------------------------------------ the application's table

function mapOwnTable(look: Look, settings: CatalogSettings): CatalogMapping | null {
  if (!settings.mapped && !look.isThere(settings.table)) return withSettings(DEFAULT_MAPPING, DEFAULT_TYPES, settings);
  const table = look.table("CATALOG_TABLE", settings.table);
  if (table === null) return null;
  if (settings.columns === null) return mapWithoutColumns(look, table, settings);
  const columns = mapColumns(look, table, settings.columns);
  const where = Object.keys(settings.where ?? {}).map((name) =>
    look.column("CATALOG_WHERE", table, name, "to pick rows by"),
  );
  if (columns === null || where.includes(null)) return null;
  return mapTable(look, table, columns, settings);
}

/** The default table's columns, which a table of the application's own may happen to have. */
function mapWithoutColumns(look: Look, table: TableFacts, settings: CatalogSettings): CatalogMapping | null {
  const missing = Object.values(DEFAULT_MAPPING.columns).filter(
    (name) => !table.columns.some((each) => sameName(each.name, name)),
  );
  if (missing.length > 0) {
    const has = table.columns.map(({ name }) => name).join(", ");
    const guess = guessColumns(table.columns);
    const suggestion = guess.missing.length === 0 ? "" : `, and fill in ${guess.missing.join(" and ")}`;
    look.refuse(
      "CATALOG_COLUMNS",
      `is not set, and the table ${quoted(table.name)} has another shape than the one that filesweep makes, and is never altered: the columns ${missing.join(", ")} are missing (it has ${has}). If it holds your files, set this and check what it says${suggestion}:\n${guess.lines.join("\n")}`,
    );
    return null;
  }
  if (settings.mapped) return mapTable(look, table, DEFAULT_MAPPING.columns, settings);
  const toldApart = toldApartBy(look, table);
  return toldApart && withSettings({ ...DEFAULT_MAPPING, ...toldApart }, typesOf(table), settings);
}

function mapColumns(look: Look, table: TableFacts, asked: CatalogColumns): CatalogColumns | null {
  const found = Object.entries(asked).map(([field, name]) => {
    // A table without a key of its own still tells its rows apart.
    const isRowid = field === "id" && table.rowid !== null && sameName(name, table.rowid);
    const column = isRowid ? table.rowid : look.column("CATALOG_COLUMNS", table, name, `for ${field}`)?.name;
    return [field, column] as const;
  });
  if (found.some(([, name]) => name === undefined)) return null;
  // Every field that was asked for is there, under the name that the database gives it.
  return Object.fromEntries(found) as unknown as CatalogColumns;
}

/**
 * Rows are told apart by their rowid, and in a table WITHOUT ROWID by the primary key: both are there whatever the id
 * column holds, and end every index, so that an index in the order of an instant needs no sorting.
 */
function toldApartBy(look: Look, table: TableFacts): Pick<CatalogMapping, "identity" | "rowid"> | null {
  const identity = table.rowid === null ? table.primaryKey : [table.rowid];
  if (identity.length > 0) return { identity, rowid: table.rowid };
  look.refuse("CATALOG_TABLE", `names ${quoted(table.name)}, whose columns hide the rowid under all its names`);
  return null;
}

function mapTable(
  look: Look,
  table: TableFacts,
  columns: CatalogColumns,
  settings: CatalogSettings,
): CatalogMapping | null {
  const toldApart = toldApartBy(look, table);
  if (toldApart === null) return null;
  const status = table.columns.find(({ name }) => name === columns.status);
  if (status?.generated && settings.expiredAction === "mark") {
    look.refuse(
      "CATALOG_COLUMNS",
      `names the column ${quoted(status.name)} for status, which is computed and cannot be written: set CATALOG_EXPIRED_ACTION=delete`,
    );
    return null;
  }
  const mapping = withSettings({ ...DEFAULT_MAPPING, columns }, typesOf(table), settings);
  const deciding = decidingColumns(mapping);
  return {
    ...mapping,
    mapped: true,
    table: table.name,
    ...toldApart,
    key: {
      column: columns.key,
      prefix: settings.keyPrefix,
      isText: affinityIn(table, columns.key) === "text",
      indexed: findsValues(table, columns.key),
    },
    ordered: {
      expiresAt: hasOrder(table, columns, columns.expiresAt),
      downloadedAt: columns.downloadedAt !== undefined && findsValues(table, columns.downloadedAt),
    },
    generated: table.columns.some(({ name, generated }) => generated && deciding.includes(name)),
  };
}

/** What the settings say of any table. */
function withSettings(
  mapping: CatalogMapping,
  types: (column: string) => Affinity,
  settings: CatalogSettings,
): CatalogMapping {
  const { columns } = mapping;
  const statusType = columns.status === undefined ? "none" : types(columns.status);
  const { live, expired, deleted } = settings.status;
  const asStatus = (value: StatusValue): Constant => asKept(value, statusType);
  return {
    ...mapping,
    key: { ...mapping.key, prefix: settings.keyPrefix },
    where: Object.entries(settings.where ?? {}).map(([column, value]) => ({
      column,
      value: asKept(value, types(column)),
    })),
    status: { live: live.map(asStatus), expired: asStatus(expired), deleted: deleted.map(asStatus) },
    expiredAction: settings.expiredAction,
    times: settings.times,
  };
}

function mapReference(look: Look, reference: CatalogReference): MappedReference | null {
  const table = look.table("CATALOG_REFERENCES", reference.table);
  if (table === null) return null;
  const column = look.column("CATALOG_REFERENCES", table, reference.column, "that refers to objects");
  if (column === null) return null;
  return {
    table: table.name,
    column: column.name,
    prefix: reference.stripPrefix ?? "",
    isText: reference.format === "text" && column.affinity === "text",
    indexed: findsValues(table, column.name),
    format: reference.format,
    generated: column.generated,
  };
}

// ------------------------------------------------------------------------------------------------ types and indexes

const DEFAULT_TYPES = (column: string): Affinity =>
  ["size_bytes", "created_at", "expires_at", "downloaded_at", "downloads", "max_downloads", "hold"].includes(column)
    ? "number"
    : "text";

function typesOf(table: TableFacts): (column: string) => Affinity {
  return (column) => affinityIn(table, column);
}

function affinityIn(table: TableFacts, column: string): Affinity {
  return table.columns.find(({ name }) => sameName(name, column))?.affinity ?? "none";
}

/** A value as the column keeps it, so that it is found there, and written without changing the column's type. */
function asKept(value: StatusValue | null, affinity: Affinity): Constant {
  if (value === null) return null;
  if (affinity === "text") return String(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  return affinity === "number" && typeof value === "string" && /^-?\d{1,15}(\.\d+)?$/.test(value)
    ? Number(value)
    : value;
}

/** Whether an index, or the table itself, is in the order of a column. */
function findsValues(table: TableFacts, column: string): boolean {
  const first = [...table.indexes, table.primaryKey].map(([name]) => name);
  return first.some((name) => typeof name === "string" && sameName(name, column));
}

/** Whether an index brings the live rows in the order of an instant: it begins with that, or with the status. */
function hasOrder(table: TableFacts, { status }: CatalogColumns, instant: string | undefined): boolean {
  if (instant === undefined) return false;
  if (findsValues(table, instant)) return true;
  return table.indexes.some(([first, second]) => first === status && status !== undefined && second === instant);
}
