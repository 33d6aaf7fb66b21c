/** How much garbage the command keeps. */
import { setFlagsFromString } from "node:v8";

/**
 * Has V8 collect garbage once there is a tenth more than what is in use, and not only once there is several times as
 * much: over a million objects a run peaks 20 to 30 MiB lower, and is no slower, as little of a page outlives it. For a
 * process of our own alone; an application that embeds filesweep decides for itself. The flag is read anew at each
 * collection, so it may be set after the start (https://nodejs.org/api/v8.html#v8setflagsfromstringflags).
 */
export function keepHeapSmall(): void {
  if (!("Deno" in globalThis)) setFlagsFromString("--heap-growing-percent=10");
}
