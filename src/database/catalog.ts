/** The application's table: what is due or old, who protects what, and which rows have no object. */
import type {
  Catalog,
  CatalogCursor,
  Comparison,
  Cutoffs,
  FileRow,
  HeldLease,
  KeyFacts,
  ListedStretch,
  OldCutoffs,
  RowPage,
} from "../core/ports.ts";
import { claimRows, DELETE, ERASE, MARK } from "./claims.ts";
import type { Row } from "./client.ts";
import type { GateTimes } from "./condemn.ts";
import type { LeaseSession } from "./lease.ts";
import {
  type CatalogMapping,
  column,
  exactIdentity,
  isFree,
  isLive,
  liveStretches,
  named,
  protects,
  table,
} from "./mapping.ts";
import { OPEN } from "./migrations.ts";
import { isNamedByRow, isProtected, isProtectedBy, objectKey } from "./protection.ts";
import {
  countRows,
  isUpTo,
  meantBy,
  type PageQuery,
  pageOfRows,
  sizeOf,
  toPage,
  toPlace,
  toTally,
} from "./row-pages.ts";
import { toRemovalState } from "./rows.ts";
import { integer, integerOrNull, jsonRows, type SQL, sql, text, textOrNull } from "./sql.ts";
import { dueStages, endedOnly, oldStages, type Stage } from "./stages.ts";
import { isInstantUpTo } from "./time-ranges.ts";
import { packedValues, readable, unpackedValues } from "./values.ts";

export function createCatalog(mapping: CatalogMapping, session: LeaseSession, gate: GateTimes): Catalog {
  const dueRows = (ask: RowPage & Cutoffs): PageQuery => pageOfRows(mapping, dueStages(mapping, ask), ask);
  const oldRows = (ask: RowPage & OldCutoffs): PageQuery => pageOfRows(mapping, oldStages(mapping, ask), ask);
  const page = async (held: HeldLease, ask: PageQuery) => toPage(mapping, await session.read(held, ask.query), ask);
  const count = async (held: HeldLease, stages: Stage[], sample: number, madeBy?: number) => {
    const readable = stages.filter(({ unreadable }) => !unreadable);
    if (readable.length === 0) return { due: toTally(undefined), files: [] };
    const first = pageOfRows(mapping, readable, { after: null, limit: sample });
    const [tallies, rows] = await session.write(held, [countRows(mapping, readable, madeBy), first.query], "again");
    return { due: toTally(tallies?.[0]), files: toPage(mapping, rows, first).files };
  };
  const keysOf = async (held: HeldLease, query: SQL) =>
    new Set((await session.read(held, query)).map((row) => text(row, "key")));

  return {
    knowsAges: mapping.columns.createdAt !== undefined,
    due: (held, ask) => page(held, dueRows(ask)),
    countDue: (held, cutoffs, sample, madeBy) => count(held, dueStages(mapping, cutoffs), sample, madeBy),
    old: (held, ask) => page(held, oldRows(ask)),
    countOld: (held, cutoffs, sample, madeBy) =>
      count(held, endedOnly(mapping, oldStages(mapping, cutoffs), cutoffs), sample, madeBy),
    claim: (held, claims, run, next) => {
      const kind = mapping.expiredAction === "mark" ? MARK : DELETE;
      return claimRows(mapping, session, kind, { held, claims, run, gate, next: next ? dueRows(next) : null });
    },
    erase: (held, claims, run, next) =>
      claimRows(mapping, session, ERASE, { held, claims, run, gate, next: next ? oldRows(next) : null }),
    protectedAfter: (held, keys, upTo) => keysOf(held, protectedAfter(mapping, keys, upTo)),
    protectedBeside: (held, keys, rows) => keysOf(held, protectedBeside(mapping, keys, rows)),
    async deletionReach(held) {
      return (await session.read(held, deletionReach(mapping))).map((row) => text(row, "reach"));
    },
    async countLive(held, limit) {
      const [row] = await session.read(held, liveUpTo(mapping, limit));
      return row === undefined ? 0 : integer(row, "count");
    },
    async compare(held, page) {
      const queries = [unprotectedKeys(mapping, page.keys)];
      if (page.madeBefore !== null) queries.push(missingRows(mapping, { ...page, madeBefore: page.madeBefore }));
      const [unprotected, missing] = await session.write(held, queries, "again");
      return {
        unprotected: new Map((unprotected ?? []).map((row) => [text(row, "key"), toKeyFacts(row)])),
        missing: page.madeBefore === null ? [] : toMissing(missing),
      };
    },
  };
}

/**
 * A RESTRICT needs no mention: it fails its own row. A trigger's own text tells its event: what stands between its name
 * and the table is DELETE, whatever else the body does.
 */
function deletionReach(mapping: CatalogMapping): SQL {
  const name = mapping.table;
  return sql`SELECT 'the rows of ' || m.name || ' that refer to it (ON DELETE ' || k.on_delete || ')' AS reach
      FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k
      WHERE m.type = 'table' AND k."table" = ${name} COLLATE NOCASE AND k.on_delete NOT IN ('NO ACTION', 'RESTRICT')
    UNION SELECT 'whatever the trigger ' || name || ' does' FROM sqlite_master
      WHERE type = 'trigger' AND tbl_name = ${name} COLLATE NOCASE
        AND upper(replace(replace(sql, char(10), ' '), char(9), ' ')) LIKE '% DELETE ON %'
    ORDER BY 1`;
}

/** Counts no further than it has to. */
function liveUpTo(mapping: CatalogMapping, limit: number): SQL {
  const parts = liveStretches(mapping).map(
    (isLive) => sql`SELECT * FROM (SELECT 1 FROM ${table(mapping, "f")} WHERE ${isLive("f")} LIMIT ${limit})`,
  );
  return sql`SELECT count(*) AS count FROM (${sql.join(parts, sql` UNION ALL `)})`;
}

/**
 * Live rows in a stretch of the listing that was verified, whose key was not on it. What stands before each key in the
 * column changes nothing about their order. The unary plus makes SQLite walk the keys, not every live row.
 */
function missingRows(mapping: CatalogMapping, stretch: ListedStretch & { readonly madeBefore: number }): SQL {
  const { column: name, prefix } = mapping.key;
  const written = named("f", name);
  const key = objectKey(mapping, "f");
  const rows = sql`SELECT ${key} AS key, max(${sizeOf(mapping, "f")}) AS size
    FROM ${table(mapping, "f")}
    WHERE ${stretch.after === null ? sql`${written} >= ${prefix}` : sql`${written} > ${prefix + stretch.after}`}
      AND ${stretch.to === null ? sql`${written} < x''` : sql`${written} <= ${prefix + stretch.to}`}
      AND ${isLive(mapping, "f")}
      AND typeof(${written}) = 'text' AND typeof(${key}) = 'text' AND instr(${key}, char(0)) = 0
      AND ${isInstantUpTo(mapping.times, column(mapping, "f", "createdAt"), stretch.madeBefore)}
      AND ${key} NOT IN (SELECT value FROM ${jsonRows(stretch.keys)})
    GROUP BY ${key} ORDER BY ${written} LIMIT ${stretch.missingLimit}`;
  return packedValues([readable(sql`key`), sql`size`], rows);
}

/** A key that is no UTF-8 comes as its bytes, and names no object that could be looked for. */
function toMissing(answer: readonly Row[] | undefined): Comparison["missing"] {
  return unpackedValues(answer).flatMap(([key, sizeBytes]) =>
    typeof key === "string" && typeof sizeBytes === "number" ? [{ key, sizeBytes }] : [],
  );
}

/** Which keys something would still protect after every due row up to a place has ended. */
function protectedAfter(
  mapping: CatalogMapping,
  keys: readonly string[],
  upTo: { cursor: CatalogCursor } & Cutoffs,
): SQL {
  const stays = (alias: string): SQL =>
    sql`${protects(mapping, alias)} AND NOT coalesce(${endedUpTo(mapping, alias, upTo)}, 0)`;
  return sql`SELECT j.value AS key FROM ${jsonRows(keys)} j WHERE ${isProtectedBy(mapping, sql`j.value`, stays)}`;
}

function endedUpTo(mapping: CatalogMapping, alias: string, upTo: { cursor: CatalogCursor } & Cutoffs): SQL {
  const place = toPlace(upTo.cursor);
  const ended = dueStages(mapping, upTo).flatMap((stage, index) => {
    if (index > place.stage || stage.unreadable) return [];
    const upToPlace = index < place.stage ? sql`` : sql`AND ${isUpTo(mapping, stage, alias, place)}`;
    return [sql`(${stage.where(alias)} ${upToPlace})`];
  });
  return ended.length === 0 ? sql`0` : sql`${isFree(mapping, alias)} AND (${sql.join(ended, sql` OR `)})`;
}

/** Which keys something but some rows would still protect. A row that has no identity is none of them. */
function protectedBeside(
  mapping: CatalogMapping,
  keys: readonly string[],
  rows: readonly Pick<FileRow, "version">[],
): SQL {
  const stays = (alias: string): SQL =>
    sql`${protects(mapping, alias)} AND coalesce((${exactIdentity(mapping, alias)}) NOT IN (${meantBy(mapping, rows)}), 1)`;
  return sql`SELECT j.value AS key FROM ${jsonRows(keys)} j WHERE ${isProtectedBy(mapping, sql`j.value`, stays)}`;
}

// ----------------------------------------------------------------------------------------------- what protects keys

/**
 * The join is the database's: a page of keys goes up as one parameter, what nothing protects comes back. Nothing is said
 * of a key with a NUL: the client would cut it there, and take it for another.
 */
export function unprotectedKeys(mapping: CatalogMapping, keys: readonly string[]): SQL {
  return sql`SELECT j.value AS key, r.state, r.first_seen_at, r.first_seen_run, r.size_bytes, r.modified_at, r.etag,
      ${isNamedByRow(mapping, sql`j.value`)} AS referenced,
      EXISTS (SELECT 1 FROM filesweep_removals e WHERE e.key = j.value AND e.state = 'removed') AS ended,
      k.size_bytes AS kept_size, k.modified_at AS kept_modified, k.etag AS kept_etag
    FROM ${jsonRows(keys)} j
    LEFT JOIN filesweep_removals r ON r.key = j.value AND r.${sql.raw(OPEN)}
    LEFT JOIN filesweep_removals k ON k.id = (SELECT id FROM filesweep_removals
      WHERE key = j.value AND state = 'released' AND released_by = 'operator' ORDER BY finished_at DESC LIMIT 1)
    WHERE NOT ${isProtected(mapping, sql`j.value`)} AND instr(j.value, char(0)) = 0`;
}

export function toKeyFacts(row: Row): KeyFacts {
  const state = row["state"] ?? null;
  return {
    referenced: integer(row, "referenced") === 1,
    removedBefore: integer(row, "ended") === 1,
    removal:
      state === null
        ? null
        : {
            state: toRemovalState(state),
            firstSeenAt: integerOrNull(row, "first_seen_at"),
            firstSeenRun: textOrNull(row, "first_seen_run"),
            sizeBytes: integer(row, "size_bytes"),
            modifiedAt: integerOrNull(row, "modified_at"),
            etag: textOrNull(row, "etag"),
          },
    kept:
      row["kept_size"] === null
        ? null
        : {
            sizeBytes: integer(row, "kept_size"),
            modifiedAt: integerOrNull(row, "kept_modified"),
            etag: textOrNull(row, "kept_etag"),
          },
  };
}
