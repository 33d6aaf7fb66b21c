/**
 * Instants of the application's table, for SQL: stretches of an index that hold what lies at or before an instant. The
 * decision reads every value again (`readInstant`); what is said here must bring it every row that may be due, and count
 * those that are.
 */
import { FIRST_DATE, lastTexts, type TimeReading } from "../core/catalog-time.ts";
import type { Instant } from "../core/model.ts";
import { DAY_MS, MAX_INSTANT, SECONDS_BELOW } from "../core/safety.ts";
import { anyOf, type SQL, sql } from "./sql.ts";

/** A stretch of an index over instants. */
export interface Range {
  readonly covers: (value: SQL) => SQL;
  /** What lies in it is no instant. */
  readonly unreadable: boolean;
}

const isInstant = (covers: Range["covers"]): Range => ({ covers, unreadable: false });
const isNone = (covers: Range["covers"]): Range => ({ covers, unreadable: true });

/**
 * The stretches that hold what lies at or before an instant, and what cannot be read. Numbers sort before texts, and
 * those before blobs. Where ISO texts are declared, what cannot be read and sorts behind all that may be due is left
 * for when its turn comes: so that rows which are not due are not read. Where nothing is declared, all texts are walked
 * for it, once, in an index that has them.
 */
export function rangesUpTo({ form, zone }: TimeReading, instant: Instant): Range[] {
  switch (form) {
    case "epoch-ms":
      return [isNone((value) => sql`${value} < ${SECONDS_BELOW}`), milliseconds(instant), isNone(isText)];
    case "epoch-s":
      return [isNone((value) => sql`${value} <= 0`), seconds(instant), isNone(isText)];
    case "iso":
      return [isNone((value) => sql`${value} < ''`), ...declaredTexts(instant, zone)];
    case "auto": {
      const numbers = [isNone((value) => sql`${value} <= 0`), seconds(instant), milliseconds(instant)];
      const others = isNone((value) => sql`${isText(value)} AND (${value} < ${FIRST_DATE} OR NOT ${isIso(value)})`);
      return [...numbers, textsUpTo(instant, zone), others];
    }
  }
}

/** Whether a value can be read as an instant at or before another. */
export function isInstantUpTo(times: TimeReading, value: SQL, instant: Instant): SQL {
  const ranges = rangesUpTo(times, instant).filter(({ unreadable }) => !unreadable);
  return anyOf(ranges.map(({ covers }) => covers(value)));
}

/** Whether a value can be read as an instant, as far as SQL can tell it. */
export function isReadable({ form }: TimeReading, value: SQL): SQL {
  // At or before 1970 a number is none; that is said where it is shown.
  const number = sql`${value} > 0 AND ${value} <= ${MAX_INSTANT}`;
  const text = sql`typeof(${value}) = 'text' AND ${isIso(value)}`;
  if (form === "auto") return anyOf([number, text]);
  return form === "iso" ? sql`(${text})` : sql`(${number})`;
}

/** Numbers below {@link SECONDS_BELOW} are seconds, and stay so where that is declared. */
function seconds(instant: Instant): Range {
  return isInstant((value) => sql`${value} > 0 AND ${value} <= ${Math.floor(instant / 1000)}`);
}

function milliseconds(instant: Instant): Range {
  return isInstant((value) => sql`${value} >= ${SECONDS_BELOW} AND ${value} <= ${instant}`);
}

/** Texts, and blobs. */
function isText(value: SQL): SQL {
  return sql`${value} >= ''`;
}

// ---------------------------------------------------------------------------------------------------------- texts

function declaredTexts(instant: Instant, zone: string): Range[] {
  const { end } = lastTexts(instant, zone);
  return [
    isNone((value) => sql`${value} >= '' AND ${value} < '0'`),
    textsUpTo(instant, zone),
    isNone((value) => sql`${value} >= '0' AND ${value} < ${end} AND (${value} < ${FIRST_DATE} OR NOT ${isIso(value)})`),
    isNone((value) => sql`${value} >= ':'`),
  ];
}

/**
 * Texts sort by their local time. One index stretch holds whatever may have come in some zone; which of it has is told
 * by reading each, as if one without a zone were in UTC, and comparing it with what the clocks of its zone show.
 */
function textsUpTo(instant: Instant, zone: string): Range {
  const { local, end } = lastTexts(instant, zone);
  const last = (value: SQL): SQL =>
    local === instant
      ? sql`iif(length(${value}) = 10, ${local - DAY_MS}, ${local})`
      : sql`CASE WHEN length(${value}) = 10 THEN ${local - DAY_MS}
          WHEN ${value} GLOB '*Z' OR ${value} GLOB ${WITH_OFFSET} THEN ${instant} ELSE ${local} END`;
  return isInstant(
    (value) => sql`${value} >= ${FIRST_DATE} AND ${value} < ${end} AND ${isIso(value)}
      AND 1000 * unixepoch(${spelt(value)}, 'subsec') <= ${last(value)}`,
  );
}

const WITH_OFFSET = "*:*[+-][0-1][0-9]*";

/** Whether a text has one of the forms that are read. SQLite by itself takes more: the 30th of February, a 24th hour, blanks. */
function isIso(value: SQL): SQL {
  return sql`(unixepoch(${spelt(value)}) IS NOT NULL AND date(substr(${value}, 1, 10)) = substr(${value}, 1, 10)
    AND substr(${value}, 12, 2) < '24' AND instr(substr(${value}, 12), ' ') = 0)`;
}

/** A text as SQLite reads it: `+0530` and `+05` as `+05:30` and `+05:00`. */
function spelt(value: SQL): SQL {
  return sql`CASE WHEN ${value} GLOB '*:*[+-][0-1][0-9][0-5][0-9]' THEN substr(${value}, 1, length(${value}) - 2) || ':' || substr(${value}, -2)
    WHEN ${value} GLOB '*:*[+-][0-1][0-9]' THEN ${value} || ':00' ELSE ${value} END`;
}
