/** The page that asks for the token. */
import { html } from "hono/html";
import { plainPage } from "../layout.ts";
import { type Html, hidden, to, type View } from "../view.ts";

export interface SignIn {
  /** Where to go after it, inside the dashboard. */
  readonly next: string;
  readonly wasWrong: boolean;
}

export function signInPage(view: View, { next, wasWrong }: SignIn): Html {
  return plainPage(view, {
    title: "Sign in",
    body: html`${wasWrong ? html`<p class="box bad" role="alert">That is not the token. It is the value of ADMIN_TOKEN where filesweep runs.</p>` : ""}
<form method="post" action="${to(view, "/sign-in")}" class="row">${hidden(view, { next })}
<input type="text" name="username" value="filesweep" autocomplete="username" hidden>
<label class="wide">Admin token <input type="password" name="token" autocomplete="current-password" required autofocus></label>
<button class="main">Sign in</button></form>
<p class="soft">You stay signed in for 12 hours, in this browser alone. Whoever changes ADMIN_TOKEN ends every session.</p>`,
  });
}

/** Where a token must not be typed: everybody on the way could read it. */
export function notSecurePage(view: Pick<View, "base">): Html {
  return plainPage(view, {
    title: "Not over this connection",
    body: html`<p>This page came over plain http from another machine. Whoever is on the way could read the token that you type, and the cookie that follows, so
signing in is off here: it works over https, and over plain http from this machine alone (localhost).</p>
<p>Behind a proxy that speaks https, set PUBLIC_URL to the address that browsers see, such as <code>https://files.example.com/filesweep</code>. From afar, a tunnel does as well:
<code>ssh -L 8787:127.0.0.1:8787 HOST</code>, and then <code>http://localhost:8787/dashboard</code>.</p>`,
  });
}

/** For a browser that came here by a link from elsewhere, without its cookie: asked again from this page, it sends it. */
export function onceMorePage(here: string): Html {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>filesweep</title>
<meta http-equiv="refresh" content="0;url=${here}"></head><body><main><h1>filesweep</h1><p><a href="${here}">Go on</a></p></main></body></html>`;
}
