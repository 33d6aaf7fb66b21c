/** What the doctor says of database and store: whether they are there, what they allow, and what time they have. Pure. */
import type { SweepError } from "../errors.ts";
import type { Instant } from "../model.ts";
import type { Trial, Versioning } from "../ports.ts";
import { CLOCK_TOLERANCE_MS, PROBE_KEY } from "../safety.ts";
import { type Check, type CheckName, ok, problem, unknown, warning } from "./check.ts";

/** Where the settings lead, with absolute paths. */
export interface Places {
  readonly database: string;
  readonly store: string;
}

export function judgePaths({ database, store }: Places): Check {
  return ok("paths", `database ${database}, store ${store}`);
}

/** @param failure why the database cannot be used; null where it can */
export function judgeDatabase(place: string, failure: SweepError | null, answeredAfterMs: number): Check {
  if (failure === null)
    return ok("database", `${place} answers (${Math.round(answeredAfterMs)} ms), and can be written`);
  return problem("database", "unreachable", failure.message, {
    needed: "the database that holds the catalog, readable and writable for this process",
    mend: "DATABASE_URL",
  });
}

/** @param look what a short listing showed; the failure where there is none */
export function judgeStore(place: string, look: { readonly isEmpty: boolean } | SweepError): Check {
  if ("isEmpty" in look) {
    return ok(
      "store",
      look.isEmpty ? `${place} is empty, and can be listed` : `${place} holds objects, and can be listed`,
    );
  }
  return problem("store", "unreachable", look.message, {
    needed: "the store that holds the objects, readable for this process",
    mend: "STORAGE_URL",
  });
}

export interface PermissionEvidence {
  /** `no-marker`: the settings say that nothing is written to the store. */
  readonly trial: Trial | SweepError | "no-marker";
  readonly mode: "remove" | "plan";
}

/** Tried on an object of filesweep's own. What a store allows under another prefix is another question. */
export function judgePermissions({ trial, mode }: PermissionEvidence): Check {
  if (trial === "no-marker") {
    return unknown(
      "permissions",
      "put and delete were not tried: CLEANUP_IDENTITY_MARKER=false says that nothing is written to the store",
    );
  }
  if (!("put" in trial)) return unknown("permissions", `put and delete could not be tried: ${trial.message}`);
  const refused = (["put", "head", "delete"] as const).flatMap((call) => {
    const why = trial[call];
    return why === null ? [] : [`${call}: ${why}`];
  });
  if (refused.length === 0) return ok("permissions", `list, head, put and delete are allowed (tried on ${PROBE_KEY})`);
  const found = `the store refused, on ${PROBE_KEY}, ${refused.join("; ")}`;
  const needed = "the right to list, read, put and delete objects";
  // A plan needs neither put nor delete.
  return mode === "plan"
    ? warning("permissions", found, { needed })
    : problem("permissions", "failing", found, { needed });
}

/** A folder that sorts its listing otherwise is refused by the listing itself, as a directory bucket is by its name. */
export function judgeBucket(versioning: Versioning | SweepError): Check {
  if (typeof versioning !== "string")
    return unknown("bucket", `whether it keeps versions is not known: ${versioning.message}`);
  switch (versioning) {
    case "none":
      return ok("bucket", "what is deleted is gone: the store keeps no versions");
    case "unknown":
      return unknown("bucket", "the store does not tell whether it keeps versions of what is deleted");
    default: {
      const kept =
        versioning === "enabled" ? "the bucket keeps versions" : "the bucket kept versions once, and may hold some";
      return warning("bucket", `${kept}: a delete adds a marker, and frees no byte`, {
        needed: "a rule that ends old versions, or a bucket without versions",
        mend: "a lifecycle rule with NoncurrentVersionExpiration on the bucket",
      });
    }
  }
}

export interface ClockEvidence {
  /** The runtime's clock before the database was asked, and after. */
  readonly askedAt: Instant;
  readonly answeredAt: Instant;
  readonly databaseAt: Instant;
  /** How far the store's clock is off; null where its answers carry none. */
  readonly storeSkewMs: number | null;
}

export function judgeClocks({ askedAt, answeredAt, databaseAt, storeSkewMs }: ClockEvidence): Check {
  const off = [
    { whose: "database", skewMs: Math.max(0, askedAt - databaseAt, databaseAt - answeredAt) },
    ...(storeSkewMs === null ? [] : [{ whose: "store", skewMs: storeSkewMs }]),
  ];
  const apart = off.filter(({ skewMs }) => skewMs > CLOCK_TOLERANCE_MS);
  if (apart.length === 0) {
    const told = off.map(({ whose, skewMs }) => `${whose} ${Math.round(skewMs / 1000)} s`).join(", ");
    return ok("clocks", `apart from this machine's at least: ${told}`);
  }
  const told = apart.map(({ whose, skewMs }) => `the ${whose}'s clock is ${Math.round(skewMs / 60_000)} minutes off`);
  return problem("clocks", "held", `by this machine's, ${told.join(", ")}: no age can be told`, {
    needed: `clocks that differ by no more than ${CLOCK_TOLERANCE_MS / 60_000} minutes`,
    mend: "set the clocks by NTP",
  });
}

/** Of what could not be looked at, because something before it is broken. */
export function notLookedAt(names: readonly CheckName[], because: string): Check[] {
  return names.map((name) => unknown(name, `not looked at: ${because}`));
}
