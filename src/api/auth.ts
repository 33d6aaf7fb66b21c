/** Tokens: who may use the API. */
import type { Context, MiddlewareHandler } from "hono";
import { sha256 } from "hono/utils/crypto";
import { Problem } from "./problem.ts";

/** Tells whether a token is one of those that are configured. */
export interface TokenCheck {
  readonly isConfigured: boolean;
  /** Takes the same time whatever is right about the token, its length included. */
  accepts(token: string): Promise<boolean>;
}

/** @param tokens none, one, or two while one replaces the other */
export function createTokenCheck(tokens: readonly string[]): TokenCheck {
  let digests: Promise<string[]> | null = null;
  return {
    isConfigured: tokens.length > 0,
    async accepts(token) {
      digests ??= Promise.all(tokens.map(digest));
      const given = await digest(token);
      const answers = (await digests).map((one) => isSame(one, given));
      return answers.includes(true);
    },
  };
}

/**
 * Looks at every character of both. Digests are of one length, and whoever guesses cannot choose how one begins. hono's
 * own comparison would hash the two once more, for each token of each request.
 */
function isSame(digest: string, given: string): boolean {
  let difference = digest.length ^ given.length;
  for (let index = 0; index < digest.length; index += 1)
    difference |= digest.charCodeAt(index) ^ given.charCodeAt(index);
  return difference === 0;
}

async function digest(text: string): Promise<string> {
  return (await sha256(text)) ?? "";
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
export async function checkToken(c: Context, { check, setting }: TokenRequirement): Promise<void> {
  if (!check.isConfigured) {
    throw new Problem(
      503,
      "not-configured",
      `no token is configured: set ${setting} to at least 32 random characters (openssl rand -hex 32 makes some) and start filesweep again`,
    );
  }
  const [, scheme, token] = /^(\S+)(?: +(\S+))? *$/.exec(c.req.header("Authorization") ?? "") ?? [];
  if (scheme === undefined) throw unauthorized("send the token as Authorization: Bearer TOKEN");
  if (scheme.toLowerCase() !== "bearer" || token === undefined) {
    throw unauthorized("the Authorization header is of another scheme; send Authorization: Bearer TOKEN");
  }
  if (!(await check.accepts(token))) throw unauthorized("the token is not the right one", ', error="invalid_token"');
}

function unauthorized(detail: string, error = ""): Problem {
  return new Problem(401, "unauthorized", detail, {
    headers: { "WWW-Authenticate": `Bearer realm="filesweep"${error}` },
  });
}
