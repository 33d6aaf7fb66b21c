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
  }),
  where: setting("CATALOG_WHERE", {
    kind: catalogWhere,
    default: null,
    help: "Which of its rows are this store's; the others protect nothing here.",
  }),
  columns: setting("CATALOG_COLUMNS", {
    kind: catalogColumns,
    default: null,
    defaultNote: "the default table's",
    help: "Which column holds what.",
  }),
  status: setting("CATALOG_STATUS", {
    kind: catalogStatus,
    default: '{"live":["active"],"expired":"expired","deleted":[]}',
    help: "What the values of the status column mean.",
  }),
  expiredAction: setting("CATALOG_EXPIRED_ACTION", {
    kind: choice(["mark", "delete"]),
    default: "mark",
    help: "What becomes of a row whose end has come. A table without a status column must say delete.",
  }),
  time: setting("CATALOG_TIME", {
    kind: choice(["auto", "epoch-ms", "epoch-s", "iso"]),
    default: "auto",
    help: "How instants are written.",
  }),
  timezone: setting("CATALOG_TIMEZONE", {
    kind: timeZone,
    default: "UTC",
    help: "The zone of ISO texts that carry none.",
  }),
  keyPrefix: setting("CATALOG_KEY_PREFIX", {
    kind: anyText,
    default: null,
    help: "Stripped from the key column to get the object's key.",
  }),
  references: setting("CATALOG_REFERENCES", {
    kind: catalogReferences,
    default: null,
    help: "Other columns whose values protect objects.",
  }),
  derived: setting("CATALOG_DERIVED", {
    kind: catalogDerived,
    default: null,
    help: "Objects that live and die with their file, such as thumbnails.",
  }),
  allowCascade: setting("CATALOG_ALLOW_CASCADE", {
    kind: truth,
    default: "false",
    help: "true: rows are deleted even where that cascades or fires triggers.",
  }),
};
