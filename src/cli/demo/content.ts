/** The bytes of the demo's files: a few at both ends and a hole between them, so that real sizes take little disk. */
import { Buffer } from "node:buffer";
import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import type { Instant } from "../../core/model.ts";
import { createRandom, seedOf } from "./random.ts";

/** How much is written at either end. Together less than a disk's block. */
const END_BYTES = 256;

/** How much is read at once. */
const CHUNK_BYTES = 1 << 20;

const HOLE = Buffer.alloc(CHUNK_BYTES);

/** What tells a file's bytes: they follow from its key and its size. */
export interface Content {
  readonly key: string;
  readonly sizeBytes: number;
}

/** The first and the last bytes of a file. The first ones say what it is, to whoever opens it. */
function endsOf({ key, sizeBytes }: Content): { readonly first: Buffer; readonly last: Buffer } {
  const length = Math.min(END_BYTES, Math.floor(sizeBytes / 2));
  const random = createRandom(seedOf(key));
  const noise = (): Buffer => Buffer.from(Array.from({ length }, () => random.between(0, 255)));
  const first = noise();
  first.write(`Made by filesweep demo: ${key}\n`);
  return { first, last: noise() };
}

/** Writes a file anew, last modified at `modifiedAt`. */
export async function writeContent(root: string, content: Content, modifiedAt: Instant): Promise<void> {
  const file = path.join(root, content.key);
  await mkdir(path.dirname(file), { recursive: true });
  const { first, last } = endsOf(content);
  const handle = await open(file, "wx");
  try {
    await handle.write(first, 0, first.length, 0);
    await handle.write(last, 0, last.length, content.sizeBytes - last.length);
    await handle.utimes(new Date(modifiedAt), new Date(modifiedAt));
  } finally {
    await handle.close();
  }
}

/** Reads a file from its first byte to its last: whether it is there, and every byte is what was written. */
export async function isIntact(root: string, content: Content): Promise<boolean> {
  const handle = await open(path.join(root, content.key)).catch(() => null);
  if (handle === null) return false;
  try {
    if ((await handle.stat()).size !== content.sizeBytes) return false;
    const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, content.sizeBytes));
    for (let offset = 0; offset < content.sizeBytes; ) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0 || !expectedAt(content, offset, bytesRead).equals(buffer.subarray(0, bytesRead)))
        return false;
      offset += bytesRead;
    }
    return true;
  } finally {
    await handle.close();
  }
}

function expectedAt(content: Content, offset: number, length: number): Buffer {
  const tailAt = content.sizeBytes - END_BYTES;
  if (offset >= END_BYTES && offset + length <= tailAt) return HOLE.subarray(0, length);
  const { first, last } = endsOf(content);
  const expected = Buffer.alloc(length);
  if (offset < first.length) first.copy(expected, 0, offset);
  const lastAt = content.sizeBytes - last.length;
  last.copy(expected, Math.max(0, lastAt - offset), Math.max(0, offset - lastAt));
  return expected;
}
