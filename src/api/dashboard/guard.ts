/** Who gets in, and what every answer of the dashboard carries. */
import type { Context, MiddlewareHandler } from "hono";
import type { ApiParts } from "../parts.ts";
import { Problem } from "../problem.ts";
import type { CookieScope, Ticket } from "./session.ts";

/** What a page may load, and where its forms may go: this host, and nothing written into the page itself. */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const secureHeaders: MiddlewareHandler = async (c, next) => {
  c.header("Content-Security-Policy", POLICY);
  c.header("Referrer-Policy", "no-referrer");
  c.header("X-Frame-Options", "DENY");
  c.header("Cross-Origin-Opener-Policy", "same-origin");
  await next();
};

/** Where browsers reach the app: by `PUBLIC_URL` where it is set, else by the address of the request. */
export interface Place {
  /** The path before `/dashboard`; may be empty. */
  readonly base: string;
  readonly scope: CookieScope;
  /** Whether a token may be typed here: over https, or on the way from this machine to itself. */
  readonly mayType: boolean;
}

export function placeOf(c: Context, { href, settings }: Pick<ApiParts, "href" | "settings">): Place {
  const seen = new URL(settings.publicUrl ?? c.req.url);
  const base = new URL(href(c, "/"), seen).pathname.replace(/\/$/, "");
  const secure = seen.protocol === "https:";
  return {
    base,
    scope: { path: `${base}/dashboard`, secure },
    mayType: secure || isLoopback(seen.hostname),
  };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * The fields of a form that one of our pages was sent with. A browser says where a form comes from; the ticket's secret
 * is asked for all the same, for those that do not.
 * @throws Problem 401 where it is not ours, 400 where it is no form
 */
export async function readForm(c: Context, ticket: Ticket): Promise<Readonly<Record<string, string>>> {
  const from = c.req.header("Sec-Fetch-Site");
  if (from !== undefined && from !== "same-origin") throw notOurs();
  if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(c.req.header("Content-Type") ?? "")) {
    throw new Problem(415, "invalid", "a form of this dashboard is expected");
  }
  const fields = Object.fromEntries(new URLSearchParams(await c.req.text()));
  if (fields["csrf"] !== ticket.csrf) throw notOurs();
  return fields;
}

function notOurs(): Problem {
  return new Problem(
    401,
    "unauthorized",
    "the form is not from this page, or too old: go back, load the page anew and try again",
  );
}

/** Where to go on inside the dashboard: nothing that leads elsewhere. */
export function inside(base: string, wanted: string | undefined): string {
  const home = `${base}/dashboard`;
  if (wanted === undefined || !URL.canParse(wanted, "http://here.invalid")) return home;
  const url = new URL(wanted, "http://here.invalid");
  const isInside = url.pathname === home || url.pathname.startsWith(`${home}/`);
  return url.origin === "http://here.invalid" && isInside ? `${url.pathname}${url.search}` : home;
}
