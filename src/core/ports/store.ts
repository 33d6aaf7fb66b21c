/** Where the bytes are. Each method is at most one request per page or batch. */
import type { Instant } from "../model.ts";

/** An object as a listing shows it. */
export interface ListedObject {
  /** Relative to the store's prefix. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Last modification; null where the store does not know. */
  readonly modifiedAt: Instant | null;
  /** Null where the store has none (a folder). */
  readonly etag: string | null;
  /** Set on what can be seen but must not be touched: a symbolic link, a device, a name that is no valid key. */
  readonly oddity?: "not-a-regular-file" | "invalid-key";
}

/** Which objects to list. */
export interface ListAsk {
  /** The key behind which the page begins; null: at the beginning. */
  readonly after: string | null;
  readonly limit: number;
  readonly signal?: AbortSignal;
  /**
   * Called once the request is on its way: what keeps this process busy may begin. Again where it is made again; never
   * where none can be made.
   */
  readonly sent?: () => void;
  /**
   * Called with the key behind which the next page seems to begin, where the answer shows that before it is read as a
   * whole; and waited for, so that the next page can be asked for before this one is read. The page's `next` decides.
   */
  readonly foreseen?: (next: string) => Promise<void>;
}

export interface ListPage {
  /** In UTF-8 byte order of the key, all after the key asked for. May be fewer than the limit, or none, without being the end. */
  readonly objects: readonly ListedObject[];
  /** Where the next page goes on: every key up to and including this was covered. Null at the end of the store. */
  readonly next: string | null;
}

/** What an object looked like: enough to tell whether it is still the same. */
export type ObjectLook = Pick<ListedObject, "sizeBytes" | "modifiedAt" | "etag">;

/** An object to delete. With `expected`, a store that can compare deletes only what still looks like that. */
export interface DeleteRequest {
  readonly key: string;
  readonly expected?: ObjectLook;
}

/**
 * What became of one key of a delete batch.
 *
 * - `gone`: the object does not exist any more (or never did)
 * - `changed`: it is not what was expected, and was left alone
 * - `refused`: the store answered, and the object is still there
 * - `unknown`: no answer; it may be gone, or go later
 */
export interface DeleteOutcome {
  readonly key: string;
  readonly outcome: "gone" | "changed" | "refused" | "unknown";
  /** For `refused` and `unknown`: why, for a person. */
  readonly error?: string;
}

/** Names one multipart upload. Two uploads of the same key differ in their id. */
export interface UploadName {
  readonly key: string;
  readonly uploadId: string;
}

/** A multipart upload that was begun, and neither completed nor aborted. Its parts take up room, and no listing of objects shows them. */
export interface ListedUpload extends UploadName {
  /** When it was begun; null where the store does not know. */
  readonly initiatedAt: Instant | null;
}

export interface UploadPage {
  /** In UTF-8 byte order of the key, none before the key asked for. May be fewer than the limit, or none, without being the end. */
  readonly uploads: readonly ListedUpload[];
  /** Where the next page goes on; null at the end. That upload need not exist any more. */
  readonly next: UploadName | null;
}

/**
 * What became of an upload that was to be aborted. Aborting deletes no object, not even one that an upload of the same
 * key has made.
 *
 * - `gone`: the upload does not exist any more (or was completed meanwhile, which is no concern of an abort)
 * - `refused`: the store answered, and the upload is still there
 */
export type AbortOutcome =
  | { readonly outcome: "gone" }
  | { readonly outcome: "refused" /** Why, for a person. */; readonly error: string };

/** Whether the store keeps older versions of what is deleted: then a delete frees nothing. `unknown`: it does not tell. */
export type Versioning = "none" | "enabled" | "suspended" | "unknown";

/** What a store allowed on an object of filesweep's own: for each call null where it was allowed, else why not, for a person. */
export interface Trial {
  readonly put: string | null;
  readonly head: string | null;
  readonly delete: string | null;
}

/** What sweeps and plans see of a store: nothing in it can delete. */
export interface ReadableStore {
  /** For people and logs, such as `file:/srv/uploads`. Holds no secret. */
  readonly name: string;
  /**
   * One page of the listing, in UTF-8 byte order of the key.
   * @throws SweepError `unavailable` when the store cannot be read, `corrupt` when its answer makes no sense. A store
   * that is missing, or not mounted, is an error and never an empty page.
   */
  list(ask: ListAsk): Promise<ListPage>;
  /** The object under exactly this key, or null on a definite "not found". */
  head(key: string, signal?: AbortSignal): Promise<ListedObject | null>;
  /** The text of the identity marker in filesweep's own corner, or null on a definite "not found". */
  readMarker(signal?: AbortSignal): Promise<string | null>;
  /**
   * One page of the multipart uploads that are under way, or `not-supported` where the store has none, or cannot list them.
   * @throws SweepError as {@link ReadableStore.list}
   */
  listUploads(options: {
    after: UploadName | null;
    limit: number;
    signal?: AbortSignal;
  }): Promise<UploadPage | "not-supported">;
  /** Whether what is deleted is kept as an older version. For a person who looks: no run asks. */
  versioning(signal?: AbortSignal): Promise<Versioning>;
  /**
   * How far the store's clock is from the runtime's, in milliseconds, at the least, by the last answer that carried one;
   * null where none did. Makes no call.
   */
  clockSkewMs(): number | null;
  /** Why `key` cannot name an object of this store, or null where it can. */
  invalidKey(key: string): string | null;
}

/** Where the bytes are. */
export interface Store extends ReadableStore {
  /** Puts the identity marker, the only object that a run ever writes; null takes it away again. */
  writeMarker(text: string | null, signal?: AbortSignal): Promise<void>;
  /**
   * Puts one object of filesweep's own, `.filesweep/probe`, looks it up and deletes it, to learn what is allowed. Nobody
   * can name another key here; deletes of objects stay with the remover.
   * @throws SweepError `unavailable` when the store cannot be reached
   */
  tryOut(signal?: AbortSignal): Promise<Trial>;
  /**
   * Deletes up to 1,000 objects, one outcome per key, in the order asked for. One bad key never stops the others.
   * @param sent called once the request is on its way, as in {@link ListAsk}
   * @throws SweepError when nothing is known of any key (a lost answer, a store that cannot be reached).
   */
  delete(requests: readonly DeleteRequest[], signal?: AbortSignal, sent?: () => void): Promise<DeleteOutcome[]>;
  /**
   * Aborts one multipart upload.
   * @throws SweepError when nothing is known of it (a lost answer, a store that cannot be reached)
   */
  abortUpload(upload: UploadName, signal?: AbortSignal): Promise<AbortOutcome>;
}
