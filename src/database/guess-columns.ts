/** What the columns of a table that exists already may mean, from their names: for a person to check. Pure. */
import { COLUMN_FIELDS, type ColumnField } from "../core/settings.ts";

/** Names without case and separators, the likeliest first. */
const LIKELY: Readonly<Record<ColumnField, readonly string[]>> = {
  id: ["id", "uuid", "guid", "fileid", "uid", "slug", "code", "token"],
  key: [
    "key",
    "objectkey",
    "storagekey",
    "filekey",
    "s3key",
    "r2key",
    "blobkey",
    "path",
    "filepath",
    "storagepath",
    "objectname",
    "storagename",
    "storedname",
    "diskname",
    "filename",
    "hash",
    "sha256",
    "checksum",
    "location",
    "url",
    "name",
    "file",
  ],
  status: ["status", "state", "filestatus"],
  expiresAt: [
    "expiresat",
    "expiryat",
    "expireat",
    "expireson",
    "expires",
    "expiry",
    "expireson",
    "expiration",
    "expirationdate",
    "expirydate",
    "expiredat",
    "validuntil",
    "availableuntil",
    "expirationtime",
    "expirytime",
  ],
  downloadedAt: ["downloadedat", "lastdownloadedat", "lastdownloadat", "lastdownload", "lastaccessedat", "accessedat"],
  createdAt: [
    "createdat",
    "created",
    "createdon",
    "creationdate",
    "datecreated",
    "uploadedat",
    "uploadedon",
    "uploaddate",
    "insertedat",
    "addedat",
    "timestamp",
  ],
  deletedAt: ["deletedat", "deletedon", "removedat", "archivedat"],
  size: ["sizebytes", "size", "filesize", "bytesize", "bytes", "length", "contentlength"],
  hold: ["hold", "onhold", "legalhold", "pinned", "keep", "locked", "protected"],
  downloads: ["downloads", "downloadcount", "downloadscount", "numdownloads", "hits", "timesdownloaded"],
  maxDownloads: ["maxdownloads", "downloadlimit", "downloadslimit", "maxdownloadcount", "maxhits", "alloweddownloads"],
};

export interface Guess {
  /** Lines to paste: `CATALOG_COLUMNS`, and with no status column how rows end. */
  readonly lines: readonly string[];
  /** Of the fields that must have a column, those for which none is likely. */
  readonly missing: readonly ColumnField[];
}

/** A guess of `CATALOG_COLUMNS`. No column serves twice. */
export function guessColumns(columns: readonly { readonly name: string }[]): Guess {
  const left = new Map(columns.map(({ name }) => [name.toLowerCase().replace(/[^a-z0-9]/g, ""), name]));
  const guessed: Partial<Record<ColumnField, string>> = {};
  for (const field of COLUMN_FIELDS) {
    const likely = LIKELY[field].find((name) => left.has(name));
    const column = likely === undefined ? undefined : left.get(likely);
    if (likely === undefined || column === undefined) continue;
    guessed[field] = column;
    left.delete(likely);
  }
  const missing = (["id", "key"] as const).filter((field) => guessed[field] === undefined);
  const filled = {
    ...Object.fromEntries(missing.map((field) => [field, `YOUR_${field.toUpperCase()}_COLUMN`])),
    ...guessed,
  };
  const lines = [`CATALOG_COLUMNS='${JSON.stringify(filled).replaceAll("'", "\\u0027")}'`];
  if (guessed.status === undefined) lines.push("CATALOG_EXPIRED_ACTION=delete");
  return { lines, missing };
}
