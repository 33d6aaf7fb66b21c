/**
 * What names a folder's objects have. A key is valid when it is, byte for byte, what the listing shows and what the
 * file system finds under it. Any other name is shown in a rendering that holds a backslash, which no valid key does.
 */
import { Buffer } from "node:buffer";
import { MAX_KEY_BYTES } from "../core/safety.ts";
import type { Path } from "./filesystem-calls.ts";

/** NAME_MAX of Linux, macOS and the BSDs, in bytes. */
const MAX_NAME_BYTES = 255;

/** A UTF-16 unit makes at most three bytes of UTF-8, so that most keys need no counting. */
const MAX_BYTES_PER_UNIT = 3;

/** Why `key` cannot name an object of a folder, for a person, or null where it can. */
export function invalidFolderKey(key: string): string | null {
  if (key === "") return "a key is not empty";
  if (key.includes("\0")) return "a key holds no NUL";
  if (key.includes("\\")) return "a key of a folder holds no backslash";
  if (/\p{Surrogate}/u.test(key)) return "a key is valid Unicode, without lone surrogates";
  if (isLonger(key, MAX_KEY_BYTES))
    return `a key has at most ${MAX_KEY_BYTES} bytes, this one ${Buffer.byteLength(key)}`;
  if (key.startsWith("/")) return "a key does not begin with a slash";
  if (key.endsWith("/")) return "a key of a folder does not end with a slash";
  for (const segment of key.split("/")) {
    if (segment === "") return "a key of a folder holds no empty segment (//)";
    if (segment === "." || segment === "..") return `a key of a folder holds no segment ${segment}`;
    if (isLonger(segment, MAX_NAME_BYTES)) return `a segment of a folder's key has at most ${MAX_NAME_BYTES} bytes`;
  }
  return null;
}

function isLonger(text: string, bytes: number): boolean {
  return text.length * MAX_BYTES_PER_UNIT > bytes && Buffer.byteLength(text) > bytes;
}

/** Whether a name that was read as text may have lost bytes: what is not UTF-8 arrives as U+FFFD. */
export function mayBeMangled(name: string): boolean {
  return name.includes("\uFFFD");
}

/** The rendering of a name: itself, unless it holds a backslash, which is doubled. */
export function renderName(name: string): string {
  return name.includes("\\") ? name.replaceAll("\\", "\\\\") : name;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The rendering of a name given in bytes: what is not UTF-8 becomes `\xFF`, byte by byte. No two names have the same. */
export function renderBytes(name: Uint8Array): string {
  const whole = decode(name);
  if (whole !== null) return renderName(whole);
  let rendered = "";
  for (let at = 0; at < name.length; ) {
    const character = firstCharacter(name.subarray(at, at + 4));
    rendered += character === null ? `\\x${hex(name[at] ?? 0)}` : renderName(character);
    at += character === null ? 1 : Buffer.byteLength(character);
  }
  return rendered;
}

function firstCharacter(bytes: Uint8Array): string | null {
  for (let length = 1; length <= bytes.length; length += 1) {
    const character = decode(bytes.subarray(0, length));
    if (character !== null) return character;
  }
  return null;
}

function decode(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

/** The path of an entry of `directory`, whose name is given in its rendering. */
export function entryPath(directory: Path, rendered: string): Path {
  if (typeof directory === "string" && !rendered.includes("\\")) return `${directory}/${rendered}`;
  return Buffer.concat([Buffer.from(directory), Buffer.from("/"), originalBytes(rendered)]);
}

function originalBytes(rendered: string): Buffer {
  const parts = rendered.split(/(\\\\|\\x[0-9A-F]{2})/);
  return Buffer.concat(
    parts.map((part) => {
      if (part === "\\\\") return Buffer.from("\\");
      return part.startsWith("\\x") ? Buffer.from(part.slice(2), "hex") : Buffer.from(part);
    }),
  );
}
