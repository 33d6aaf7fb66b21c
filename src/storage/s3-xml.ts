/** The documents of the S3 protocol, read and written. Pure. What does not say what it should is `corrupt`. */
import { SweepError } from "../core/errors.ts";
import type { ListedObject, ListedUpload, UploadName, Versioning } from "../core/ports.ts";
import { parseXml, type XmlElement } from "./xml.ts";

/** A page of ListObjectsV2. Keys are those of the bucket, with the store's prefix. */
export interface S3Listing {
  readonly objects: readonly ListedObject[];
  readonly isTruncated: boolean;
  /** Where a truncated listing goes on. */
  readonly token: string | null;
}

/** A page of ListMultipartUploads. */
export interface S3Uploads {
  readonly uploads: readonly ListedUpload[];
  readonly next: UploadName | null;
}

/** What an `<Error>` says. */
export interface S3Error {
  readonly code: string;
  readonly message: string;
  /** The right one, where the request was signed for another. */
  readonly region: string | null;
}

/** @throws SweepError `corrupt` */
export function parseListing(text: string): S3Listing {
  const root = documentOf(text, "ListBucketResult");
  const decode = keyDecoder(root);
  const objects = childrenOf(root, "Contents").map((element): ListedObject => {
    const etag = textOf(element, "ETag");
    return {
      key: decode(required(element, "Key")),
      sizeBytes: parseSize(required(element, "Size")),
      modifiedAt: parseInstant(textOf(element, "LastModified")),
      etag: etag === null || etag === "" ? null : unquote(etag),
    };
  });
  return { objects, isTruncated: isTruncated(root), token: textOf(root, "NextContinuationToken") };
}

/**
 * The last key of a page that is not the last one, found without reading the page: that takes about as long as the
 * store takes to list another. Null where it does not catch the eye; what it says is to be compared with the page.
 */
export function foreseeLastKey(text: string): string | null {
  const key = text.slice(text.lastIndexOf("<Key>") + 5, text.lastIndexOf("</Key>"));
  const isPlain = text.includes("<IsTruncated>true<") && text.includes("<EncodingType>url<") && /^[^<&]+$/.test(key);
  return isPlain ? decodeUrl(key) : null;
}

/** @throws SweepError `corrupt` */
export function parseUploads(text: string): S3Uploads {
  const root = documentOf(text, "ListMultipartUploadsResult");
  const decode = keyDecoder(root);
  const uploads = childrenOf(root, "Upload").map(
    (element): ListedUpload => ({
      key: decode(required(element, "Key")),
      uploadId: required(element, "UploadId"),
      initiatedAt: parseInstant(textOf(element, "Initiated")),
    }),
  );
  if (!isTruncated(root)) return { uploads, next: null };
  const [key, uploadId] = [textOf(root, "NextKeyMarker"), textOf(root, "NextUploadIdMarker")];
  const next = key === null || uploadId === null ? uploads.at(-1) : { key: decode(key), uploadId };
  if (next === undefined) throw corrupt("it is truncated and does not say where it goes on");
  return { uploads, next: { key: next.key, uploadId: next.uploadId } };
}

/**
 * What a DeleteObjects became, for each key that the answer names: null where it is gone.
 * @throws SweepError `corrupt`
 */
export function parseDeleteResult(text: string): Map<string, S3Error | null> {
  const root = documentOf(text, "DeleteResult");
  const answers = new Map<string, S3Error | null>();
  for (const element of childrenOf(root, "Deleted")) answers.set(required(element, "Key"), null);
  // Behind the others: a key that both lists name was not deleted.
  for (const element of childrenOf(root, "Error")) answers.set(required(element, "Key"), errorOf(element));
  return answers;
}

/** @throws SweepError `corrupt` */
export function parseVersioning(text: string): Versioning {
  const status = textOf(documentOf(text, "VersioningConfiguration"), "Status");
  if (status === "Enabled") return "enabled";
  if (status === "Suspended") return "suspended";
  return status === null ? "none" : "unknown";
}

/** What an answer says went wrong; null where it is no error of S3, such as the HTML page of a proxy. */
export function parseError(text: string): S3Error | null {
  try {
    const root = parseXml(text);
    return root.name === "Error" ? errorOf(root) : null;
  } catch {
    return null;
  }
}

/** The body of a DeleteObjects. */
export function renderDelete(keys: readonly string[]): string {
  const objects = keys.map((key) => `<Object><Key>${escapeText(key)}</Key></Object>`).join("");
  return `<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${objects}</Delete>`;
}

/** An HTTP date or an ISO 8601 instant with its zone; null for anything else, so that the age is unknown. */
export function parseInstant(text: string | null): number | null {
  if (text === null || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$|^[A-Z][a-z]{2}, .* GMT$/.test(text)) return null;
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? null : instant;
}

/** A size as S3 writes it. @throws SweepError `corrupt` */
export function parseSize(text: string): number {
  const size = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(size)) throw corrupt("a size is no number");
  return size;
}

/** An etag without its quotes: listings of some stores carry them, some not. */
export function unquote(etag: string): string {
  return etag.replace(/^"([^"]*)"$/, "$1");
}

function documentOf(text: string, name: string): XmlElement {
  const root = parseXml(text);
  if (root.name !== name) throw corrupt(`it is a <${root.name.slice(0, 40)}> where a <${name}> was asked for`);
  return root;
}

/** Keys arrive percent-encoded, as was asked for; as they are from a store that does not say that it encoded them. */
function keyDecoder(root: XmlElement): (text: string) => string {
  if (textOf(root, "EncodingType") !== "url") return (text) => text;
  return (text) => {
    const key = decodeUrl(text);
    if (key === null) throw corrupt("a key is not percent-encoded UTF-8");
    return key;
  };
}

function decodeUrl(text: string): string | null {
  try {
    return text.includes("%") || text.includes("+") ? decodeURIComponent(text.replaceAll("+", " ")) : text;
  } catch {
    return null;
  }
}

function isTruncated(root: XmlElement): boolean {
  const text = required(root, "IsTruncated");
  if (text !== "true" && text !== "false") throw corrupt("it does not say whether it is truncated");
  return text === "true";
}

function errorOf(element: XmlElement): S3Error {
  return {
    code: textOf(element, "Code") ?? "",
    message: textOf(element, "Message") ?? "",
    region: textOf(element, "Region"),
  };
}

function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

function textOf(element: XmlElement, name: string): string | null {
  return element.children.find((child) => child.name === name)?.text ?? null;
}

function required(element: XmlElement, name: string): string {
  const text = textOf(element, name);
  if (text === null) throw corrupt(`a <${element.name}> has no <${name}>`);
  return text;
}

function corrupt(why: string): SweepError {
  return new SweepError("corrupt", `the store's answer makes no sense: ${why}`);
}

const NAMED: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos" };

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped
const ESCAPED = /[&<>"'\u0000-\u0008\u000B-\u001F\u007F-\u009F\uFFFE\uFFFF]/g;

/** Control characters as references: as they are, a reader may refuse them, or take a carriage return for a line's end. */
function escapeText(text: string): string {
  return text.replace(ESCAPED, (character) => `&${NAMED[character] ?? `#${character.charCodeAt(0)}`};`);
}
