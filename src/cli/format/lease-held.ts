/** Another holder has the lease: who, and until when. Pure. */

import { instantText } from "../../core/documents/numbers.ts";
import type { LeaseHolder } from "../../core/ports.ts";

export function leaseHeldText({ holder, expiresAt }: LeaseHolder): string {
  return `another filesweep is at work on this database: ${holder} holds the lease until ${instantText(expiresAt)} and may renew it; try again later`;
}

/** The same in place of a result; `until` in ISO 8601. */
export function leaseHeldJson(lease: LeaseHolder): {
  readonly error: {
    readonly kind: "lease-held";
    readonly message: string;
    readonly holder: string;
    readonly until: string;
  };
} {
  const { holder, expiresAt } = lease;
  const until = new Date(expiresAt).toISOString();
  return { error: { kind: "lease-held", message: leaseHeldText(lease), holder, until } };
}
