/** The right to write. */
import type { Instant } from "../model.ts";

/** Who holds the lease when it cannot be had. */
export interface LeaseHolder {
  readonly holder: string;
  readonly expiresAt: Instant;
}

/** Exists for the compiler alone, so that nothing else can pass for a lease. */
export declare const leaseBrand: unique symbol;

/**
 * The right to write. Only the lease makes one; whatever writes asks for it. Every round trip that is made with it
 * fails as a whole once the lease is lost, and renews it otherwise.
 */
export interface HeldLease {
  readonly [leaseBrand]: true;
  readonly holder: string;
  /** How far the runtime's clock is from the database's, in milliseconds, at the least: the time a call took is given in its favour. */
  readonly clockSkewMs: number;
  /** Rises with every holder: what was attempted under a smaller one was attempted by somebody before. */
  readonly fence: number;
  /** Never more than what is really left: counted from before the last renewal was sent. */
  timeLeftMs(): number;
}

/**
 * Writes marked "queued" make no round trip of their own: they go, in order and in the same transaction, with the next
 * round trip that is made with the lease.
 */
export interface Leases {
  /** Takes the lease if nobody holds it, by the database's clock. */
  acquire(holder: string): Promise<HeldLease | LeaseHolder>;
  /** Writes what is queued and renews the lease. @throws LeaseLostError */
  renew(held: HeldLease): Promise<void>;
  /** Writes what is queued and gives the lease back. @throws LeaseLostError */
  release(held: HeldLease): Promise<void>;
}
