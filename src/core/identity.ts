/**
 * Do this database and this store belong together? A marker in the store has a twin in the database, with an epoch that
 * each removing run raises, the database's first. Whichever of the two was put back, exchanged or lost, it shows.
 */
import type { HoldCause } from "./model.ts";

/** What `.filesweep/identity.json` in the store says. */
export interface Marker {
  /** The pair's name: the same in store and database. */
  readonly instance: string;
  readonly epoch: number;
}

/** What the database remembers of the pair. */
export interface Twin extends Marker {
  /** False until the marker's put was answered. */
  readonly confirmed: boolean;
  /** The store was empty when the two were made a pair, so that nobody has looked at what it holds. */
  readonly metEmpty?: boolean;
}

export type IdentityCause = Extract<HoldCause, "first-contact" | "wrong-pair" | "marker-lost" | "restored-backup">;

export type IdentityVerdict =
  /** They know each other. */
  | { readonly kind: "known" }
  /** Neither has met anybody, and there is nothing to lose: they are made a pair. */
  | { readonly kind: "new" }
  /** A person has to look. */
  | { readonly kind: "hold"; readonly cause: IdentityCause };

export interface IdentityEvidence {
  /** `unreadable`: there is one, and it is not ours to understand. */
  readonly marker: Marker | "unreadable" | null;
  readonly twin: Twin | null;
  /** Apart from filesweep's own corner. */
  readonly storeIsEmpty: boolean;
  /** False: there is no marker, and the database alone remembers the first contact. */
  readonly usesMarker: boolean;
}

/** Pure. */
export function judgeIdentity({ marker, twin, storeIsEmpty, usesMarker }: IdentityEvidence): IdentityVerdict {
  if (!usesMarker) {
    if (twin !== null) return { kind: "known" };
    return storeIsEmpty ? { kind: "new" } : { kind: "hold", cause: "first-contact" };
  }
  if (marker === null) {
    if (twin === null) return storeIsEmpty ? { kind: "new" } : { kind: "hold", cause: "first-contact" };
    if (twin.confirmed) return { kind: "hold", cause: "marker-lost" };
    // The put was never confirmed: it is put again. But what looked empty may have been a folder that was not mounted, in
    // which the put failed; what is there now nobody has looked at.
    return twin.metEmpty === true && !storeIsEmpty ? { kind: "hold", cause: "first-contact" } : { kind: "known" };
  }
  if (marker === "unreadable" || twin === null || marker.instance !== twin.instance) {
    return { kind: "hold", cause: "wrong-pair" };
  }
  return marker.epoch > twin.epoch ? { kind: "hold", cause: "restored-backup" } : { kind: "known" };
}

export function renderMarker({ instance, epoch }: Marker): string {
  return `${JSON.stringify({ filesweep: 1, instance, epoch })}\n`;
}

/** What a marker's text says; `unreadable` where it says nothing that this version understands. */
export function parseMarker(text: string): Marker | "unreadable" {
  try {
    const data: unknown = JSON.parse(text);
    if (typeof data !== "object" || data === null) return "unreadable";
    if (!("instance" in data) || typeof data.instance !== "string") return "unreadable";
    if (!("epoch" in data) || typeof data.epoch !== "number" || !Number.isSafeInteger(data.epoch)) return "unreadable";
    return { instance: data.instance, epoch: data.epoch };
  } catch {
    return "unreadable";
  }
}
