import { MAX_KEY_BYTES } from "../core/safety.ts";

/**
 * Why `key` cannot name an object in a bucket under `prefix`, for a person, or null where it can: any text is a key whose
 * bytes, with the prefix, are at most 1,024.
 */
export function invalidObjectKey(key: string, prefix = ""): string | null {
  if (key === "") return "a key is not empty";
  if (/\p{Surrogate}/u.test(key)) return "a key is valid Unicode, without lone surrogates";
  const bytes = new TextEncoder().encode(prefix + key).length;
  if (bytes <= MAX_KEY_BYTES) return null;
  const whole = prefix === "" ? "" : "with the store's prefix ";
  return `a key has ${whole}at most ${MAX_KEY_BYTES} bytes, this one ${bytes}`;
}
