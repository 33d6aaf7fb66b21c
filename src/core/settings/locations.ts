import { accept, type Input, type Kind, type Parsed, refuse, type SettingsContext } from "./definition.ts";

/** Where the catalog is. */
export type DatabaseLocation =
  /** `path` as it was written, relative to the working directory unless absolute. Literal: nothing in it is encoded. */
  | { readonly kind: "file"; readonly path: string; readonly raw: string }
  | { readonly kind: "remote"; readonly url: string; readonly raw: string };

/** Where the objects are. A `prefix` is empty or ends in `/`. */
export type StorageLocation =
  /** `path` as it was written, relative to the working directory unless absolute. Literal: nothing in it is encoded. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "r2"; readonly binding: string; readonly prefix: string };

const REMOTE_SCHEMES: ReadonlySet<string> = new Set(["libsql", "https", "http"]);

function splitScheme(text: string): { scheme: string; rest: string } | null {
  const match = /^([a-z][a-z0-9+.-]*):([\s\S]*)$/i.exec(text);
  return match === null ? null : { scheme: (match[1] ?? "").toLowerCase(), rest: match[2] ?? "" };
}

/**
 * The path in what follows `file:`, taken literally: `%20`, `#` and `?` are characters of the name, in the forms
 * `file:///ABS` and `file://localhost/ABS` too. `new URL` is not used: it makes `/data` of `file:./data`.
 */
export function parseFilePath(rest: string): Parsed<string> {
  let path = rest;
  if (rest.startsWith("//")) {
    const slash = rest.indexOf("/", 2);
    const host = slash === -1 ? rest.slice(2) : rest.slice(2, slash);
    if (host !== "" && host.toLowerCase() !== "localhost") {
      return refuse("after file:// comes a host; write file:PATH for a relative and file:///PATH for an absolute path");
    }
    path = slash === -1 ? "" : rest.slice(slash);
  }
  if (path === "") return refuse("it names no path");
  if (path.includes("\0")) return refuse("it holds a NUL character");
  if (path === "~" || path.startsWith("~/")) {
    return refuse("~ is not expanded here; write the home directory out (or file:./~ for a folder of that name)");
  }
  return accept(path);
}

const NO_FILE_SYSTEM = "a Worker has no file system";

function parseDatabase(text: string, context: SettingsContext): Parsed<DatabaseLocation> {
  if (/^(file:)?:memory:/i.test(text) || /^file:.*[?&]mode=memory/i.test(text)) {
    return refuse("a database in memory forgets its ledger when the process ends, and what was to be removed with it");
  }
  const url = splitScheme(text);
  if (url === null) return refuse("it has no scheme; for a file write file:PATH");
  if (REMOTE_SCHEMES.has(url.scheme)) return parseRemote(text, url.rest);
  if (url.scheme !== "file") return refuse();
  if (context.runtime === "workers") return refuse(NO_FILE_SYSTEM);
  const path = parseFilePath(url.rest);
  if (!path.ok) return path;
  if (/(^|\/)\.{0,2}$/.test(path.value)) return refuse("it names a folder, not a file");
  return accept({ kind: "file", path: path.value, raw: text });
}

function parseRemote(text: string, rest: string): Parsed<DatabaseLocation> {
  if (/[?#@]/.test(rest))
    return refuse("user, password and query do not belong here; the token goes into DATABASE_AUTH_TOKEN");
  const match = /^\/\/(?:[^\s/\\:[\]]+|\[[\da-f:.]+\])(?::(\d+))?(?:\/[^\s\\]*)?$/i.exec(rest);
  if (match === null || Number(match[1] ?? 0) > 65_535) return refuse("it names no host, or no port of one");
  return accept({ kind: "remote", url: text, raw: text });
}

function parseStorage(text: string, context: SettingsContext): Parsed<StorageLocation> {
  const url = splitScheme(text);
  if (url === null) return refuse("it has no scheme; for a folder write file:DIR");
  if (url.scheme === "s3") return parseS3(url.rest);
  if (url.scheme === "r2") return parseR2(url.rest, context);
  if (url.scheme !== "file") return refuse();
  if (context.runtime === "workers") return refuse(NO_FILE_SYSTEM);
  const path = parseFilePath(url.rest);
  if (!path.ok) return path;
  if (path.value.startsWith("/") && segments(path.value).length === 0)
    return refuse("the root of the file system is no store");
  return accept({ kind: "file", path: path.value });
}

/** `//NAME/PREFIX`, the prefix with a closing slash (`uploads` means `uploads/`); null where it is not of that form. */
function splitBucket(rest: string): { name: string; prefix: string } | null {
  const match = /^\/\/([^/]+)(?:\/([\s\S]*))?$/.exec(rest);
  if (match === null) return null;
  const prefix = match[2] ?? "";
  if (prefix.startsWith("/") || prefix.includes("//") || prefix.includes("\0")) return null;
  return { name: match[1] ?? "", prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/` };
}

function parseS3(rest: string): Parsed<StorageLocation> {
  const split = splitBucket(rest);
  if (split === null || !/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(split.name)) {
    return refuse("it must read s3://BUCKET or s3://BUCKET/PREFIX, without empty path segments");
  }
  // Source: AWS, "Directory buckets": names end in --x-s3, and listings come in no order.
  if (split.name.endsWith("--x-s3")) return refuse("directory buckets list their objects in no order");
  return accept({ kind: "s3", bucket: split.name, prefix: split.prefix });
}

function parseR2(rest: string, context: SettingsContext): Parsed<StorageLocation> {
  const split = splitBucket(rest);
  if (context.runtime !== "workers") {
    const prefix = split === null || split.prefix === "" ? "" : `/${split.prefix}`;
    return refuse(
      `r2: works inside a Worker only; here write s3://BUCKET${prefix} with S3_ENDPOINT=https://ACCOUNT_ID.r2.cloudflarestorage.com`,
    );
  }
  if (split === null || !/^[a-z_$][\w$]*$/i.test(split.name)) {
    return refuse("it must read r2://BINDING or r2://BINDING/PREFIX, without empty path segments");
  }
  if (context.hasBucket?.(split.name) === false) {
    return refuse(
      `this Worker has no R2 binding ${split.name}; add one to its configuration: [[r2_buckets]] with binding = "${split.name}" and bucket_name`,
    );
  }
  return accept({ kind: "r2", binding: split.name, prefix: split.prefix });
}

function locationKind<T>(allowed: string, parse: (text: string, context: SettingsContext) => Parsed<T>): Kind<T> {
  return {
    allowed,
    parse: (input: Input, context) => ("text" in input ? parse(input.text, context) : refuse()),
  };
}

export const databaseLocation: Kind<DatabaseLocation> = locationKind(
  "file:PATH, relative to the working directory or absolute; libsql://HOST, https://HOST or http://HOST",
  parseDatabase,
);

export const storageLocation: Kind<StorageLocation> = locationKind(
  "file:DIR, relative to the working directory or absolute; s3://BUCKET/PREFIX; in a Worker r2://BINDING/PREFIX",
  parseStorage,
);

/** The segments of an absolute path, compared as a careful person would: without regard to case and Unicode form. */
function segments(path: string): string[] {
  const windows = /^([a-z]:|\\\\)/i.test(path);
  const found: string[] = [];
  for (const segment of path.split(windows ? /[\\/]/ : "/")) {
    if (segment === "..") found.pop();
    else if (segment !== "" && segment !== ".") found.push(segment.normalize("NFC").toLowerCase());
  }
  return found;
}

/**
 * Tells whether the database's file lies in the store's folder, where it would look like an orphan and be removed.
 * Both are absolute, and links are best resolved before. In doubt (paths that differ in case alone) it is inside.
 */
export function databaseInsideStore(databasePath: string, storePath: string): boolean {
  const database = segments(databasePath);
  return segments(storePath).every((segment, index) => database[index] === segment);
}

/** Stands for a working directory nobody has told the core: deep enough for any number of `..` a person writes. */
const UNKNOWN_DIRECTORY = "/\0".repeat(64);

/** Goes on after the variable's name; also for the door that compares the resolved paths. */
export const DATABASE_INSIDE_STORE =
  "names a file inside the folder of STORAGE_URL, where it would look like an orphan and be removed; keep them apart";

/**
 * {@link databaseInsideStore} for paths as they were written: what can be said without the working directory. Where one
 * is relative and the other absolute that is nothing, and only the door that resolves them can tell.
 */
export function writtenInsideStore(databasePath: string, storePath: string): boolean {
  const absolute = (path: string): boolean => /^([\\/]|[a-z]:[\\/])/i.test(path);
  if (absolute(databasePath) !== absolute(storePath)) return false;
  const root = absolute(storePath) ? "" : `${UNKNOWN_DIRECTORY}/`;
  return databaseInsideStore(root + databasePath, root + storePath);
}
