import { v7 } from "uuid";
import type { MakeId } from "../core/ports.ts";

/** Random bytes that one id is made of. */
const ID_BYTES = 16;

/** Ids whose random bytes are drawn at once: asking for them takes far longer than what is done with them. */
const DRAWN_AT_ONCE = 256;

/**
 * Makes UUIDs of version 7, each greater than the one before, also where the clock goes back or many are made in one
 * millisecond. Draws its first random bytes when it makes its first id: a Worker may draw none before a request.
 */
export function createIds(now: () => number): MakeId {
  const pool = new Uint8Array(ID_BYTES * DRAWN_AT_ONCE);
  let used = pool.length;
  let msecs = Number.NEGATIVE_INFINITY;
  let seq = 0;
  return () => {
    if (used === pool.length) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    const random = pool.subarray(used, used + ID_BYTES);
    used += ID_BYTES;
    const at = now();
    if (at > msecs) {
      msecs = at;
      // 31 of the 32 bits that a sequence has: no number of ids in a millisecond overflows it.
      seq = new DataView(pool.buffer, random.byteOffset).getUint32(0) >>> 1;
    } else {
      seq += 1;
    }
    return v7({ random, msecs, seq });
  };
}
