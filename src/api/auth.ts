/** Tokens: who may use the API. */
import type { Context, MiddlewareHandler } from "hono";
import { Problem } from "./problem.ts";

/** Tells whether a token is one of those that are configured. */
export interface TokenCheck {
  readonly isConfigured: boolean;
  /** Takes the same time whatever is right about a token, its length included. */
  accepts(token: string): Promise<boolean>;
}

/** @param tokens none, one, or two while one replaces the other */
export function createTokenCheck(tokens: readonly string[]): TokenCheck {
  return {
    isConfigured: tokens.length > 0,
    async accepts(given) {
      return tokens.map((token) => isSame(token, given)).includes(true);
    },
  };
}

/**
 * Looks at every character of the token, however long the guess is and wherever it is wrong: the time that it takes tells
 * nothing of either. hono's own comparison makes six digests for that, in another thread, behind whatever a run has there.
 */
function isSame(token: string, given: string): boolean {
  let difference = token.length ^ given.length;
  // Behind the end of the guess there is NaN, which differs like any other character.
  for (let index = 0; index < token.length; index += 1) difference |= token.charCodeAt(index) ^ given.charCodeAt(index);
  return difference === 0;
}

export interface TokenRequirement {
  readonly check: TokenCheck;
  /** The setting that holds the tokens. */
  readonly setting: string;
}

/** Lets pass who shows a token: `Authorization: Bearer TOKEN`. */
export function requireToken(requirement: TokenRequirement): MiddlewareHandler {
  return async (c, next) => {
    await checkToken(c, requirement);
    await next();
  };
}

/** @throws Problem 401, or 503 where no token is configured */
export async function checkToken(c: Context, requirement: TokenRequirement): Promise<void> {
  requireConfigured(requirement);
  const { check } = requirement;
  const [, scheme, token] = /^(\S+)(?: +(\S+))? *$/.exec(c.req.header("Authorization") ?? "") ?? [];
  if (scheme === undefined) throw unauthorized("send the token as Authorization: Bearer TOKEN");
  if (scheme.toLowerCase() !== "bearer" || token === undefined) {
    throw unauthorized("the Authorization header is of another scheme; send Authorization: Bearer TOKEN");
  }
  if (!(await check.accepts(token))) throw unauthorized("the token is not the right one", ', error="invalid_token"');
}

/** @throws Problem 503 where no token is configured */
export function requireConfigured({ check, setting }: TokenRequirement): void {
  if (check.isConfigured) return;
  throw new Problem(
    503,
    "not-configured",
    `no token is configured: set ${setting} to at least 32 random characters (openssl rand -hex 32 makes some) and start filesweep again`,
  );
}

function unauthorized(detail: string, error = ""): Problem {
  return new Problem(401, "unauthorized", detail, {
    headers: { "WWW-Authenticate": `Bearer realm="filesweep"${error}` },
  });
}
