/** The application's table. */
import type { Instant, RemovalReason, RemovalState, Tally } from "../model.ts";
import type { HeldLease } from "./lease.ts";
import type { AttemptContext, Condemned } from "./ledger.ts";
import type { ObjectLook } from "./store.ts";

export type Value = string | number | bigint | Uint8Array | null;

/** What a row's status says. Anything that is neither live nor expired (being uploaded, deleted, unknown) is no sweep's to end. */
export type Standing = "live" | "expired" | "other";

/** A row of the catalog, as far as decisions need it. Values are as stored: nothing about their type is certain. */
export interface FileRow {
  readonly id: Value;
  /** The object's key, a text, where the row names exactly one. Anything else names none that could be removed. */
  readonly key: Value;
  readonly sizeBytes: number;
  readonly expiresAt: Value;
  readonly downloadedAt: Value;
  readonly createdAt: Value;
  readonly downloads: Value;
  readonly maxDownloads: Value;
  readonly hold: Value;
  readonly status: Value;
  readonly standing: Standing;
  /** Which row it is and all that was judged, in an adapter's own form: it is claimed only while this is unchanged. */
  readonly version: unknown;
}

/** Where the search for due rows stands; an adapter's own form, JSON. */
export type CatalogCursor = { readonly [field: string]: unknown };

/** The instants up to which an end counts as come. */
export interface Cutoffs {
  readonly expiredBefore: Instant;
  readonly downloadedBefore: Instant;
}

/** The instants up to which a record counts as old. Null: that kind is off. */
export interface OldCutoffs {
  readonly downloadedBefore: Instant;
  readonly expiredBefore: Instant | null;
}

/** Which rows of a search: up to `limit`, behind a place. */
export interface RowPage {
  readonly after: CatalogCursor | null;
  readonly limit: number;
}

export interface DuePage {
  readonly files: readonly FileRow[];
  /** The place of the last row of this page, null where there is none. */
  readonly last: CatalogCursor | null;
  /** Where the next page goes on; null where no due rows are left. */
  readonly next: CatalogCursor | null;
}

/** A row to end, and the removal its key gets if it was the last to protect it. */
export interface Claim {
  readonly file: FileRow;
  readonly key: string;
  readonly reason: RemovalReason;
  readonly removalId: string;
  /** False for a row that protects nothing any more: its end removes no object. */
  readonly takesAlong: boolean;
  /** The objects that live and die with this one, and the removal each gets. They are no items of any sweep. */
  readonly derived: readonly { readonly key: string; readonly removalId: string }[];
}

export interface ClaimAnswer {
  /** Those whose rows were still as judged, and are ended now. */
  readonly ended: ReadonlySet<Claim>;
  readonly condemned: readonly Condemned[];
  /** The page that was asked for along with it, as it is after these rows ended; null where none was. */
  readonly next: DuePage | null;
}

/** Which object a key's rows protect, and what the ledger holds for it. */
export interface KeyFacts {
  /** A row names it; false also where only other keys do. */
  readonly referenced: boolean;
  readonly removal: {
    readonly state: RemovalState;
    readonly firstSeenAt: Instant | null;
    readonly firstSeenRun: string | null;
    readonly sizeBytes: number;
    readonly modifiedAt: Instant | null;
    readonly etag: string | null;
  } | null;
  /** The ledger holds an earlier removal of this key, and its object went. */
  readonly removedBefore: boolean;
  /** A person kept the object that looked like this. */
  readonly kept: ObjectLook | null;
}

/** A page of a listing, and the stretch of keys that it covers: `after` (excluded, null: the beginning) to `to` (included, null: the end). */
export interface ListedStretch {
  readonly after: string | null;
  readonly to: string | null;
  readonly keys: readonly string[];
  /** Rows made later are not missed: their objects may still be on their way. Null: rows are not looked for. */
  readonly madeBefore: Instant | null;
  /** At most so many missing rows at once; a full answer is asked on from its last key. */
  readonly missingLimit: number;
}

export interface Comparison {
  /** A key of the page that is not in here is protected. */
  readonly unprotected: ReadonlyMap<string, KeyFacts>;
  readonly missing: readonly { readonly key: string; readonly sizeBytes: number }[];
}

/** The application's table. */
export interface Catalog {
  /** Whether it says when a row was made. Where it does not, nobody can tell a missing object from one on its way. */
  readonly knowsAges: boolean;
  /** One round trip: the next rows whose end may have come, in a fixed order. */
  due(held: HeldLease, page: RowPage & Cutoffs): Promise<DuePage>;
  /**
   * One round trip, one transaction: ends the rows that are still as judged; nominates each key that nothing protects
   * any more; condemns those and closes the gate for them. Then reads the page `next`, as {@link Catalog.due} does.
   */
  claim(
    held: HeldLease,
    claims: readonly Claim[],
    run: AttemptContext,
    next?: (RowPage & Cutoffs) | null,
  ): Promise<ClaimAnswer>;
  /** One round trip, for plans: which of the keys something would still protect after the due rows up to `upTo` ended. */
  protectedAfter(
    held: HeldLease,
    keys: readonly string[],
    upTo: { cursor: CatalogCursor } & Cutoffs,
  ): Promise<ReadonlySet<string>>;
  /** One round trip: how many rows are due, and the first of them. With `madeBy`, rows made later do not count. */
  countDue(
    held: HeldLease,
    cutoffs: Cutoffs,
    sample: number,
    madeBy?: Instant,
  ): Promise<{ due: Tally; files: readonly FileRow[] }>;
  /** One round trip: how many live rows there are, counted no further than `limit`. */
  countLive(held: HeldLease, limit: number): Promise<number>;
  /** One round trip: the next rows whose record may be old, in a fixed order. */
  old(held: HeldLease, page: RowPage & OldCutoffs): Promise<DuePage>;
  /** One round trip: what else of the application a deleted row would change: tables that cascade, triggers that fire. */
  deletionReach(held: HeldLease): Promise<readonly string[]>;
  /** One round trip: how many of the rows that {@link Catalog.old} brings would go, and the first of them. */
  countOld(
    held: HeldLease,
    cutoffs: OldCutoffs & { live: "keep" | "remove"; liveExpiredBefore: Instant },
    sample: number,
    madeBy?: Instant,
  ): Promise<{ due: Tally; files: readonly FileRow[] }>;
  /**
   * One round trip, one transaction: like {@link Catalog.claim}, but the rows are deleted. A key that a deleted row was
   * the last to protect is nominated and condemned. `next` is a page as {@link Catalog.old} brings it.
   */
  erase(
    held: HeldLease,
    claims: readonly Claim[],
    run: AttemptContext,
    next?: (RowPage & OldCutoffs) | null,
  ): Promise<ClaimAnswer>;
  /** One round trip, for plans: which of the keys some row but these would still protect. */
  protectedBeside(
    held: HeldLease,
    keys: readonly string[],
    rows: readonly Pick<FileRow, "version">[],
  ): Promise<ReadonlySet<string>>;
  /**
   * One round trip for a page of a listing: what is known of those of its keys that no row protects, and the live rows
   * in its stretch that it did not show.
   */
  compare(held: HeldLease, page: ListedStretch): Promise<Comparison>;
}
