/**
 * What protects a key, in the two directions in which that is asked: from a key to the rows that may mean it (before an
 * object is condemned), and from a row to the keys that it may mean (in the gate's triggers). In doubt a value means
 * every key that it might: as written, and with the prefix stripped.
 */
import {
  type CatalogMapping,
  type DerivedPattern,
  isOfStore,
  literal,
  type MappedReference,
  type NamingColumn,
  named,
  protects,
  table,
} from "./mapping.ts";
import { type SQL, sql } from "./sql.ts";

/** A column that protects what it names, in the rows for which that holds. */
export interface Source extends NamingColumn {
  readonly table: string;
  readonly format: "text" | "json-array";
  readonly holds: (alias: string) => SQL;
}

/** Everything that protects keys: the application's table, and the columns it refers to its objects by. */
export function sources(mapping: CatalogMapping): Source[] {
  return [ownSource(mapping, (alias) => protects(mapping, alias)), ...mapping.references.map(referenceSource)];
}

/** A value that refers to an object always protects it. */
export function referenceSource(reference: MappedReference): Source {
  return { ...reference, holds: () => sql`1` };
}

export function ownSource(mapping: CatalogMapping, holds: (alias: string) => SQL): Source {
  return { ...mapping.key, table: mapping.table, format: "text", holds };
}

/** Whether anything protects a key. Null safe: 0 or 1. */
export function isProtected(mapping: CatalogMapping, key: SQL): SQL {
  return isNamedByAny(mapping, sources(mapping), key);
}

/** Whether rows that a condition picks, or a reference, would protect a key. */
export function isProtectedBy(mapping: CatalogMapping, key: SQL, holds: (alias: string) => SQL): SQL {
  return isNamedByAny(mapping, [ownSource(mapping, holds), ...mapping.references.map(referenceSource)], key);
}

/** Whether a row of this store names a key, protecting it or not. */
export function isNamedByRow(mapping: CatalogMapping, key: SQL): SQL {
  return isNamedByAny(mapping, [ownSource(mapping, (alias) => isOfStore(mapping, alias))], key);
}

function isNamedByAny({ derived }: CatalogMapping, from: readonly Source[], key: SQL): SQL {
  const each = from.map((source) => isNamedBy(source, derived, key));
  return each.length === 1 && each[0] !== undefined ? each[0] : sql`(${sql.join(each, sql` OR `)})`;
}

/**
 * With an index each spelling of a key is looked up. Without one the column is listed, once for a statement however many
 * keys it asks about: one pass over the table instead of one for each key.
 */
function isNamedBy(source: Source, derived: readonly DerivedPattern[], key: SQL): SQL {
  if (source.indexed && source.format === "text") {
    return sql`EXISTS (SELECT 1 FROM ${table(source, "p")} WHERE ${means(source, derived, "p", key)} AND ${source.holds("p")})`;
  }
  const spellings = spellingsOf(source, derived, key).map((spelling) => sql`SELECT ${spelling} AS value`);
  return sql`EXISTS (SELECT 1 FROM (${sql.join(spellings, sql` UNION ALL `)}) s WHERE s.value IN (
    SELECT ${valueIn(source)} FROM ${from(source)} WHERE ${source.holds("p")} AND ${valueIn(source)} IS NOT NULL))`;
}

function from(source: Source): SQL {
  if (source.format === "text") return table(source, "p");
  return sql`${table(source, "p")}, json_tree(${asJson(named("p", source.column))}) e`;
}

function valueIn(source: Source): SQL {
  return source.format === "text" ? named("p", source.column) : sql`e.atom`;
}

/** Whatever was meant as JSON, as JSON: what is none is one text, and every leaf of an object counts as well. */
function asJson(value: SQL): SQL {
  return sql`CASE WHEN typeof(${value}) = 'blob' AND json_valid(${value}, 8) THEN json_array(json(${value}))
    WHEN json_valid(CAST(${value} AS TEXT), 3) THEN json_array(json(CAST(${value} AS TEXT)), CAST(${value} AS TEXT))
    ELSE json_array(CAST(${value} AS TEXT)) END`;
}

/**
 * Whether a column that names objects holds a blob, of which nobody can tell what it means. Blobs sort behind every
 * text. JSON may be stored as one.
 */
export function holdsBlobs(mapping: CatalogMapping): SQL {
  const from = [ownSource(mapping, (alias) => isOfStore(mapping, alias)), ...mapping.references.map(referenceSource)];
  const each = from.map((source) => {
    const value = named("p", source.column);
    const isJson = sql`(json_valid(${value}, 8) OR json_valid(CAST(${value} AS TEXT), 3))`;
    return sql`EXISTS (SELECT 1 FROM ${table(source, "p")} WHERE ${value} >= x'' AND ${source.holds("p")}
      ${source.format === "text" ? sql`` : sql`AND NOT ${isJson}`})`;
  });
  return sql`(${sql.join(each, sql` OR `)})`;
}

// -------------------------------------------------------------------------------------- from a key to its values

/** Whether a value may mean a key: in a form that an index of the column serves. */
export function means(source: NamingColumn, derived: readonly DerivedPattern[], alias: string, key: SQL): SQL {
  return sql`${named(alias, source.column)} IN (${sql.join(spellingsOf(source, derived, key))})`;
}

function spellingsOf(source: NamingColumn, derived: readonly DerivedPattern[], key: SQL): SQL[] {
  return [key, ...derived.map((pattern) => baseOf(pattern, key))].flatMap((base) => spelt(source, base));
}

/** The values that may mean a key; NULL means none. A blob means the key that it spells, a number its decimal text. */
function spelt({ prefix, isText }: NamingColumn, key: SQL): SQL[] {
  const spellings = [key, sql`CAST(${key} AS BLOB)`];
  if (!isText) {
    spellings.push(sql`iif(${key} NOT GLOB '*[^0-9.eE+-]*' AND json_valid(${key}), CAST(${key} AS NUMERIC), NULL)`);
  }
  if (prefix !== "") {
    const written = sql`${literal(prefix)} || ${key}`;
    spellings.push(written, sql`CAST(${written} AS BLOB)`);
  }
  return spellings;
}

/** The key of the file that a derived object belongs to; NULL where it is none of that pattern. */
function baseOf({ before, behind }: DerivedPattern, key: SQL): SQL {
  const [head, tail] = [lengthOf(before), lengthOf(behind)];
  const begins = sql`substr(${key}, 1, ${sql.raw(String(head))}) = ${literal(before)}`;
  const ends = tail === 0 ? sql`1` : sql`substr(${key}, -${sql.raw(String(tail))}) = ${literal(behind)}`;
  const rest = sql`length(${key}) - ${sql.raw(String(head + tail))}`;
  return sql`iif(${rest} >= 0 AND ${begins} AND ${ends}, substr(${key}, ${sql.raw(String(head + 1))}, ${rest}), NULL)`;
}

// ------------------------------------------------------------------------------------- from a value to its keys

/** The keys that a new row of a source would protect, for a trigger: to be listed behind IN. */
export function keysOfNew(source: Source, derived: readonly DerivedPattern[]): SQL {
  if (source.format === "text") return sql.join(meanings(source, derived, named("NEW", source.column)));
  const listed = meanings(source, derived, sql`e.atom`).map(
    (meaning) => sql`SELECT ${meaning} FROM json_tree(${asPlainJson(named("NEW", source.column))}) e`,
  );
  return sql.join(listed, sql` UNION ALL `);
}

/**
 * {@link asJson} for a trigger, which the application's own SQLite executes: `json_valid` with two arguments, newer than
 * 3.45, would make every INSERT of an older one fail. Of what it does not take apart {@link mayMean} tells.
 */
function asPlainJson(value: SQL): SQL {
  return sql`CASE WHEN json_valid(CAST(${value} AS TEXT)) THEN json_array(json(CAST(${value} AS TEXT)), CAST(${value} AS TEXT))
    ELSE json_array(CAST(${value} AS TEXT)) END`;
}

/**
 * Whether a new value that is meant as JSON, but not plainly written (JSON5, JSONB), may mean a key: for a trigger. In doubt
 * it does, where it holds the key's bytes or an escape. Null: the values of this source are no JSON.
 */
export function mayMean(source: Source, derived: readonly DerivedPattern[], key: SQL): SQL | null {
  if (source.format === "text") return null;
  const value = named("NEW", source.column);
  const begins = sql`substr(ltrim(${value}, char(9, 10, 13, 32)), 1, 1) IN ('[', '{', '''', '/')`;
  const bases = [key, ...derived.map((pattern) => baseOf(pattern, key))];
  const holds = bases.map((base) => sql` OR instr(CAST(${value} AS BLOB), CAST(${base} AS BLOB)) > 0`);
  return sql`(typeof(${value}) = 'blob' OR ${begins}) AND NOT json_valid(CAST(${value} AS TEXT))
      AND (instr(CAST(${value} AS BLOB), x'5c') > 0${sql.join(holds, sql``)})`;
}

/** Every key that a value may mean, with the objects derived from it; NULL where there is none. */
function meanings(source: NamingColumn, derived: readonly DerivedPattern[], value: SQL): SQL[] {
  const plain = readings(source, value);
  const more = derived.flatMap(({ before, behind }) =>
    plain.map((key) => sql`${literal(before)} || ${key} || ${literal(behind)}`),
  );
  return [...plain, ...more];
}

/** SQLite writes a real with 15 digits, the application perhaps with 17, or a whole one without its `.0`. */
function readings({ prefix, isText }: NamingColumn, value: SQL): SQL[] {
  const text = sql`CAST(${value} AS TEXT)`;
  const keys = [text];
  if (prefix !== "") {
    const length = sql.raw(String(lengthOf(prefix)));
    keys.push(sql`iif(substr(${text}, 1, ${length}) = ${literal(prefix)}, substr(${text}, ${length} + 1), NULL)`);
  }
  if (!isText) {
    const real = (spelling: SQL): SQL => sql`iif(typeof(${value}) = 'real', ${spelling}, NULL)`;
    keys.push(
      real(sql`printf('%!.16g', ${value})`),
      real(sql`printf('%!.17g', ${value})`),
      real(sql`iif(${value} = CAST(${value} AS INTEGER), CAST(CAST(${value} AS INTEGER) AS TEXT), NULL)`),
    );
  }
  return keys;
}

/** As SQLite counts: in code points. */
function lengthOf(text: string): number {
  return [...text].length;
}

/**
 * The object's key where a row names exactly one: a text, or the decimal text of a whole number; with a prefix only a
 * text that begins with it. Anything else comes as it is stored, a text as bytes: it protects what it may mean, and
 * nominates nothing.
 */
export function objectKey({ key: { column, prefix, isText } }: CatalogMapping, alias: string): SQL {
  const value = named(alias, column);
  if (prefix === "" && isText) return value;
  const bytes = sql`CAST(${value} AS BLOB)`;
  const length = sql.raw(String(new TextEncoder().encode(prefix).length));
  const stripped =
    prefix === ""
      ? value
      : sql`iif(substr(${bytes}, 1, ${length}) = CAST(${literal(prefix)} AS BLOB), CAST(substr(${bytes}, ${length} + 1) AS TEXT), ${bytes})`;
  const whole = prefix === "" ? sql`CAST(${value} AS TEXT)` : bytes;
  return sql`CASE typeof(${value}) WHEN 'text' THEN ${stripped} WHEN 'integer' THEN ${whole} ELSE ${value} END`;
}
