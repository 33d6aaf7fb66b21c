/**
 * Who is signed in: a cookie that says until when, signed with a key derived from the token. Nothing is stored, so every
 * process that knows the token knows the session, and a new token ends all of them.
 */
import type { Context } from "hono";
import { parseSigned, serialize, serializeSigned } from "hono/utils/cookie";
import type { Instant } from "../../core/model.ts";
import { HOUR_MS } from "../../core/safety.ts";
import type { ApiParts } from "../parts.ts";

/** How long a person stays signed in, in milliseconds. */
export const SESSION_MS = 12 * HOUR_MS;

/** How long the form to sign in is good for, in milliseconds. */
const SIGN_IN_MS = HOUR_MS;

/** What a cookie is for. Each has a key of its own: what was signed for one is worth nothing as the other. */
const PURPOSES = {
  session: { cookie: "filesweep_session", lifeMs: SESSION_MS },
  signIn: { cookie: "filesweep_sign_in", lifeMs: SIGN_IN_MS },
} as const;

export type Purpose = keyof typeof PURPOSES;

/** A ticket that a cookie carries. `csrf` is what every form has to bring along: only a page of ours can know it. */
export interface Ticket {
  readonly csrf: string;
}

export interface Tickets {
  /** The ticket that the request's cookie carries; null where there is none that is good. */
  read(c: Context, purpose: Purpose): Promise<Ticket | null>;
  /** Hands out a ticket, signed with the key of `token`. */
  give(c: Context, purpose: Purpose, token: string): Promise<Ticket>;
  drop(c: Context, purpose: Purpose): void;
}

export interface CookieScope {
  /** The path that cookies are good for. */
  readonly path: string;
  readonly secure: boolean;
}

export function createTickets(
  { settings: { adminTokens }, now }: Pick<ApiParts, "settings" | "now">,
  scopeOf: (c: Context) => CookieScope,
): Tickets {
  return {
    async read(c, purpose) {
      const given = c.req.header("Cookie") ?? "";
      const { cookie } = PURPOSES[purpose];
      for (const token of adminTokens) {
        const { [cookie]: value } = await parseSigned(given, await keyOf(token, purpose), cookie);
        const ticket = typeof value === "string" ? toTicket(value, now()) : null;
        if (ticket !== null) return ticket;
      }
      return null;
    },
    async give(c, purpose, token) {
      const { cookie, lifeMs } = PURPOSES[purpose];
      const csrf = crypto.randomUUID();
      const scope = { ...scopeOf(c), httpOnly: true, sameSite: "Strict", maxAge: lifeMs / 1000 } as const;
      set(c, await serializeSigned(cookie, `${now() + lifeMs}.${csrf}`, await keyOf(token, purpose), scope));
      return { csrf };
    },
    drop(c, purpose) {
      set(c, serialize(PURPOSES[purpose].cookie, "", { ...scopeOf(c), maxAge: 0 }));
    },
  };
}

function set(c: Context, cookie: string): void {
  c.header("Set-Cookie", cookie, { append: true });
}

function toTicket(value: string, now: Instant): Ticket | null {
  const [until, csrf] = value.split(".");
  // What is no number is no time that has not come yet.
  return csrf !== undefined && Number(until) > now ? { csrf } : null;
}

/** HKDF (RFC 5869): from a cookie nobody learns the token, nor the key of another purpose. */
async function keyOf(token: string, purpose: Purpose): Promise<ArrayBuffer> {
  const bytes = new TextEncoder();
  const secret = await crypto.subtle.importKey("raw", bytes.encode(token), "HKDF", false, ["deriveBits"]);
  const info = bytes.encode(`filesweep dashboard ${purpose}`);
  return crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info }, secret, 256);
}
