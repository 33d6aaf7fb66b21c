/** What keeps a row whatever its times say. Shared by every sweep that ends rows. */
import { isIgnored } from "../keys.ts";
import type { KeepReason } from "../model.ts";
import type { FileRow, Value } from "../ports.ts";

/**
 * Why a row must not be ended, or null. Pure.
 * @param invalidKey why a key cannot name an object of the store, or null
 */
export function vetoOf(
  file: Pick<FileRow, "id" | "key" | "hold">,
  ignorePrefixes: readonly string[],
  invalidKey: (key: string) => string | null,
): KeepReason | null {
  if (isOnHold(file.hold)) return "on-hold";
  if (typeof file.key !== "string" || file.id === null || invalidKey(file.key) !== null) return "invalid-key";
  return isIgnored(file.key, ignorePrefixes) ? "ignored-prefix" : null;
}

/** Anything but a clear no keeps the file. */
function isOnHold(hold: Value): boolean {
  return !(hold === null || hold === 0 || hold === "" || hold === "0" || hold === "false");
}
