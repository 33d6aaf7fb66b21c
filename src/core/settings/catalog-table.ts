import {
  catalogColumns,
  catalogDerived,
  catalogReferences,
  catalogStatus,
  catalogWhere,
  tableName,
} from "./catalog-kinds.ts";
import { setting } from "./definition.ts";
import { anyText, choice, timeZone, truth } from "./kinds.ts";

/** How a table that exists already is read. */
export const CATALOG = {
  table: setting("CATALOG_TABLE", {
    kind: tableName,
    default: "files",
    help: "The table with one row per file.",
    built: true,
  }),
  where: setting("CATALOG_WHERE", {
    kind: catalogWhere,
    default: null,
    help: "Which of its rows are this store's; the others protect nothing here.",
    built: true,
  }),
  columns: setting("CATALOG_COLUMNS", {
    kind: catalogColumns,
    default: null,
    defaultNote: "the default table's",
    help: "Which column holds what.",
    built: true,
  }),
  status: setting("CATALOG_STATUS", {
    kind: catalogStatus,
    default: '{"live":["active"],"expired":"expired","deleted":[]}',
    help: "What the values of the status column mean.",
    built: true,
  }),
  expiredAction: setting("CATALOG_EXPIRED_ACTION", {
    kind: choice(["mark", "delete"]),
    default: "mark",
    help: "What becomes of a row whose end has come. A table without a status column must say delete.",
    built: true,
  }),
  time: setting("CATALOG_TIME", {
    kind: choice(["auto", "epoch-ms", "epoch-s", "iso"]),
    default: "auto",
    help: "How instants are written.",
    built: true,
  }),
  timezone: setting("CATALOG_TIMEZONE", {
    kind: timeZone,
    default: "UTC",
    help: "The zone of ISO texts that carry none.",
    built: true,
  }),
  keyPrefix: setting("CATALOG_KEY_PREFIX", {
    kind: anyText,
    default: null,
    help: "Stripped from the key column to get the object's key.",
    built: true,
  }),
  references: setting("CATALOG_REFERENCES", {
    kind: catalogReferences,
    default: null,
    help: "Other columns whose values protect objects.",
    built: true,
  }),
  derived: setting("CATALOG_DERIVED", {
    kind: catalogDerived,
    default: null,
    help: "Objects that live and die with their file, such as thumbnails.",
    built: true,
  }),
  allowCascade: setting("CATALOG_ALLOW_CASCADE", {
    kind: truth,
    default: "false",
    help: "true: rows are deleted even where that cascades or fires triggers.",
    built: true,
  }),
};
