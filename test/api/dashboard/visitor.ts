/** A person at the dashboard, with a browser that keeps cookies and runs no script. */
import type { Hono } from "hono";
import { TOKEN } from "../support.ts";

export interface Visitor {
  /** Without a redirect being followed. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** A form, with the secret of the page that was looked at last unless `fields` say otherwise. */
  post(path: string, fields?: Record<string, string>, headers?: Record<string, string>): Promise<Response>;
  /** The page at an address, or after a form; redirects are followed. */
  page(of: string | Response): Promise<string>;
  /** Cookies by name; they can be changed. */
  readonly cookies: Map<string, string>;
}

export function createVisitor(app: Pick<Hono, "request">, origin = "http://localhost"): Visitor {
  const cookies = new Map<string, string>();
  let csrf = "";

  async function ask(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (cookies.size > 0) headers.set("Cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await app.request(new URL(path, origin).href, { ...init, headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === "" || /max-age=0/i.test(cookie)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }

  const visitor: Visitor = {
    cookies,
    get: (path, headers = {}) => ask(path, { headers }),
    post: (path, fields = {}, headers = {}) =>
      ask(path, { method: "POST", body: new URLSearchParams({ csrf, ...fields }), headers }),
    async page(of) {
      let response = typeof of === "string" ? await visitor.get(of) : of;
      for (let hops = 0; response.status === 303 && hops < 5; hops += 1) {
        response = await visitor.get(response.headers.get("Location") ?? "");
      }
      const text = await response.text();
      csrf = /name="csrf" value="([^"]+)"/.exec(text)?.[1] ?? "";
      return text;
    },
  };
  return visitor;
}

/** Somebody who has signed in, and looks at the first page. */
export async function signedIn(app: Pick<Hono, "request">, origin?: string, token: string = TOKEN): Promise<Visitor> {
  const visitor = createVisitor(app, origin);
  await visitor.page("/dashboard");
  await visitor.page(await visitor.post("/dashboard/sign-in", { token, next: "" }));
  return visitor;
}
