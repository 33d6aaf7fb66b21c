/**
 * What went wrong with a remote database, as a person understands it: the one place that knows what servers and what
 * stands before them answer. Texts of theirs are shown in one case only, where a provider says why it blocks.
 *
 * Sources: libsql-server, `hrana/stmt.rs` (the codes of statements) and `error.rs` (the HTTP statuses).
 */
import { SweepError } from "../core/errors.ts";
import { CALL_TIMEOUT_MS } from "../core/safety.ts";
import { refusal, vendorError } from "./client-errors.ts";

/**
 * Whether asking again may do better.
 *
 * - `never`: it would be answered the same
 * - `always`: what failed had no effect
 * - `harmless`: it may have had its effect, and the answer was lost; right only where twice is as good as once
 */
export type Again = "never" | "always" | "harmless";

/** A call that failed. Stays inside the client. */
export class RemoteFailure extends Error {
  override readonly name = "RemoteFailure";
  readonly error: SweepError;
  readonly again: Again;

  constructor(error: SweepError, again: Again) {
    super(error.message);
    this.error = error;
    this.again = again;
  }
}

/** The database as messages name it, and whether a token goes along. */
export interface Named {
  readonly name: string;
  readonly hasToken: boolean;
}

/** No answer came: the connection failed, or broke. */
export function connectionFailure({ name }: Named, cause: unknown): RemoteFailure {
  const code = codeOf(cause);
  const neverSent = NEVER_SENT.has(code);
  const text = neverSent ? `the database ${name} cannot be reached` : `the connection to the database ${name} failed`;
  const error = new SweepError("unavailable", code === "" ? text : `${text} (${code})`, { cause });
  return new RemoteFailure(error, neverSent ? "always" : "harmless");
}

/** Node's codes of what failed before anything was sent. */
const NEVER_SENT: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);

/** Node hides the reason in a cause, and behind several addresses in a list of them. Other runtimes have no code. */
function codeOf(error: unknown): string {
  if (error instanceof Error && error.name === "NotCapable") return "Deno runs without --allow-net";
  for (let one = error; one instanceof Error; one = one.cause) {
    if ("code" in one && typeof one.code === "string") return one.code;
    const [first] = one instanceof AggregateError ? one.errors : [];
    if (first instanceof Error && "code" in first) return String(first.code);
  }
  return "";
}

/** No answer came in time, all attempts together. */
export function lateFailure({ name }: Named, cause: unknown): RemoteFailure {
  const text = `the database ${name} did not answer within ${CALL_TIMEOUT_MS / 1000} s`;
  return new RemoteFailure(new SweepError("unavailable", text, { cause }), "never");
}

/** An answer that is none: a page of a proxy, half a document, something else that listens there. */
function senselessAnswer({ name }: Named, cause: unknown): RemoteFailure {
  const text = `${name} answered, but not as a libSQL server does; is that the database's address, and is there a proxy or a sign-in page before it?`;
  return new RemoteFailure(new SweepError("unavailable", text, { cause }), "harmless");
}

/** What an HTTP status says. `body` is the beginning of the answer. */
export function statusFailure(named: Named, status: number, body: string): RemoteFailure {
  const { name, hasToken } = named;
  const unavailable = (text: string): SweepError => new SweepError("unavailable", `the database ${name} ${text}`);
  if (isBlocked(body) || status === 402) return new RemoteFailure(unavailable(blockedText(body)), "never");
  if (status === 401) {
    const text = hasToken
      ? `refused the token (401): it is wrong, expired, or of another database; set DATABASE_AUTH_TOKEN to a valid one`
      : `wants a token (401): set DATABASE_AUTH_TOKEN`;
    return new RemoteFailure(new SweepError("unauthorized", `the database ${name} ${text}`), "never");
  }
  if (status === 403) {
    const text = `the database ${name} does not let this token in (403): it needs one that may read and write; set DATABASE_AUTH_TOKEN`;
    return new RemoteFailure(new SweepError("unauthorized", text), "never");
  }
  // As a file that is absent: what a setting names is not there. To whoever asked filesweep something, it is that
  // filesweep has no database, not that what they asked for does not exist.
  if (status === 404 || /namespace .{1,200} doesn't exist/i.test(body)) {
    const text = `there is no database at ${name} (${status}): set DATABASE_URL to the one that holds the catalog`;
    return new RemoteFailure(new SweepError("unavailable", text), "never");
  }
  // A browser-like runtime shows no status of a redirect that it does not follow.
  if (status === 0 || (status >= 300 && status < 400)) {
    const text = `answers that it is elsewhere (${status}): set DATABASE_URL to the address of the database itself`;
    return new RemoteFailure(unavailable(text), "never");
  }
  if (status === 429) return new RemoteFailure(unavailable("takes no more requests for now (429)"), "always");
  if (status >= 500) {
    return new RemoteFailure(
      unavailable(`failed to answer (${status}); it, or a proxy before it, is down`),
      "harmless",
    );
  }
  return new RemoteFailure(
    unavailable(`refused the request (${status}); is that the address of a libSQL server?`),
    "never",
  );
}

/** What reading an answer throws: a statement that the server refused, or an answer that is none. */
export function statementFailure(named: Named, error: unknown): RemoteFailure {
  const { code, message } = vendorError(error);
  const { name } = named;
  const unavailable = (text: string, again: Again): RemoteFailure =>
    new RemoteFailure(new SweepError("unavailable", `the database ${name} ${text}`, { cause: error }), again);
  if (code === "BLOCKED") return unavailable(blockedText(message), "never");
  if (/^SQLITE_(BUSY|LOCKED)|^TRANSACTION_BUSY/.test(code)) {
    return unavailable("is kept locked by another connection", "always");
  }
  // Turso gives a transaction 5 seconds, and rolls it back then.
  if (/^TRANSACTION_TIMEOUT|^STREAM_EXPIRED|^SQLITE_INTERRUPT/.test(code)) {
    return unavailable("took too long for a transaction, and rolled it back", "always");
  }
  // A replica hands writes on to the primary, and what that one refused comes back in other words.
  if (code === "PROXY_ERROR" && /constraint failed/i.test(message)) {
    return new RemoteFailure(refusal({ code: "SQLITE_CONSTRAINT", message }, name), "never");
  }
  if (code === "PROXY_ERROR") return unavailable("could not reach its primary", "harmless");
  if (code === "RESPONSE_TOO_LARGE") {
    const text = `the database ${name} does not send answers of that size: set CLEANUP_PAGE_SIZE to less`;
    return new RemoteFailure(new SweepError("invalid", text, { cause: error }), "never");
  }
  if (/^SQLITE_(AUTH|PERM)/.test(code)) {
    const text = `the database ${name} does not let this token write: it needs one that may read and write`;
    return new RemoteFailure(new SweepError("unauthorized", text, { cause: error }), "never");
  }
  if (/^SQLITE_(CANTOPEN|FULL|IOERR|NOMEM|PROTOCOL|READONLY)/.test(code)) {
    return unavailable(`cannot be read or written by its server (${code})`, "never");
  }
  if (!isRefusal(code)) return senselessAnswer(named, error);
  return new RemoteFailure(refusal(error, name), "never");
}

/** Of what the server says of a statement, as against an answer that could not be read. */
function isRefusal(code: string): boolean {
  return /^(SQLITE|SQL|ARGS)_/.test(code);
}

function isBlocked(text: string): boolean {
  return /operation was blocked|upgrade your plan/i.test(text);
}

/** A provider stops a database whose plan is used up, and says so in its own words. */
function blockedText(text: string): string {
  const reason = /operation was blocked: ([^"\n]{1,160})/i.exec(text)?.[1];
  return `is blocked by its provider; is the plan's quota used up?${reason === undefined ? "" : ` It says: ${reason}`}`;
}
