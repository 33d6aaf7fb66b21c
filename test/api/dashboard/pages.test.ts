/** What the pages show and do, as a browser without JavaScript meets them. */
import { describe, expect, it } from "vitest";
import { SweepError } from "../../../src/core/errors.ts";
import { DAY_MS, HOUR_MS } from "../../../src/core/safety.ts";
import { due, heldSite, knownSite, names } from "../../support/site.ts";
import { createWorld, type World } from "../../support/world.ts";
import { type Served, type ServedOptions, serve } from "../support.ts";
import { signedIn, type Visitor } from "./visitor.ts";

const PAGES = ["", "/holds", "/runs", "/removals", "/explain", "/settings"] as const;

const HOSTILE = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  "a\u202etxt.exe",
  "tab\there",
  `${"x".repeat(1000)}`,
];

async function visit(world: World, options: ServedOptions = {}): Promise<{ visitor: Visitor; served: Served }> {
  const served = serve(world, options);
  return { visitor: await signedIn(served.app), served };
}

/** Orphans seen once: they wait in quarantine. */
async function quarantine(...keys: string[]): Promise<World> {
  const world = await createWorld();
  world.put(keys);
  await world.run();
  return world;
}

const idIn = (text: string, what: string): string => new RegExp(`/dashboard/${what}/([\\w-]+)`).exec(text)?.[1] ?? "";

describe("every page", () => {
  it.each(PAGES)("%s is kept by nobody, framed by nobody, and loads nothing but its own", async (path) => {
    const { visitor } = await visit(await createWorld());
    const response = await visitor.get(`/dashboard${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Security-Policy")).toBe(
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    });
    const text = await response.text();
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
    expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(text.match(/<h1>/g)).toHaveLength(1);
    const forms = text.match(/<form method="post"[^>]*>/g) ?? [];
    expect(text.match(/name="csrf"/g)).toHaveLength(forms.length);
  });

  it("shows what a stranger wrote as text, and what would not be seen by its code point", async () => {
    const world = await quarantine(...HOSTILE);
    const { visitor } = await visit(world);
    const pages = ["/removals", ...HOSTILE.map((key) => `/explain?key=${encodeURIComponent(key)}`)];
    for (const page of pages) {
      const text = await visitor.page(`/dashboard${page}`);
      // A field shows again what its reader looked for.
      expect(text.replace(/ value="[^"]*"/g, "")).not.toMatch(/<script>|<img|\u202e|\t/);
    }
    const ledger = await visitor.page("/dashboard/removals");
    expect(ledger).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(ledger).toContain(`a<span class="code-point">U+202E</span>txt.exe`);
    expect(ledger).toContain(`tab<span class="code-point">U+0009</span>here`);
  });

  it("tells of what cannot be reached, and nothing of how", async () => {
    const secret = "postgres://user:T0K3N@db SELECT";
    const down = async (): Promise<never> => {
      throw new SweepError("unavailable", "the database cannot be reached", { cause: new Error(secret) });
    };
    const { visitor } = await visit(await createWorld(), { sweeper: { status: down, runs: down } });
    for (const path of ["/dashboard", "/dashboard/runs"]) {
      const response = await visitor.get(path);
      expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "10"]);
      const text = await response.text();
      expect(text).toContain("The database cannot be reached.");
      expect(text).toContain(response.headers.get("X-Request-Id"));
      expect(text).not.toContain("T0K3N");
    }
  });

  it.each(["/nothing", "/runs/nothing", "/holds/nothing", "/removals/nothing"])(
    "that is not there, such as %s, is told as a page",
    async (path) => {
      const { visitor } = await visit(await createWorld());
      const response = await visitor.get(`/dashboard${path}`);
      expect([response.status, response.headers.get("Content-Type")]).toEqual([404, "text/html; charset=UTF-8"]);
      expect(await response.text()).toContain("<h1>Not found</h1>");
    },
  );

  it.each([
    "/removals?state=nonsense",
    "/removals?cursor=x",
    "/removals?limit=501",
    "/holds?status=x",
    "/runs?cursor=aG9sZHM6eA",
  ])("says what is wrong with %s, and does not repeat it", async (path) => {
    const { visitor } = await visit(await createWorld());
    const response = await visitor.get(`/dashboard${path}`);
    expect(response.status).toBe(400);
    const text = await response.text();
    expect(text).toContain("allowed:");
    expect(text).not.toContain("nonsense");
  });
});

describe("a form", () => {
  const refused = async (send: (visitor: Visitor) => Promise<Response>, status = 401): Promise<void> => {
    const world = await createWorld();
    const { visitor, served } = await visit(world);
    expect((await send(visitor)).status).toBe(status);
    expect((await served.sweeper.runs({ limit: 1 })).items).toEqual([]);
  };

  it("without the page's secret is refused", () =>
    refused((visitor) => visitor.post("/dashboard/runs", { mode: "plan", csrf: "" })));
  it("with another's secret is refused", () =>
    refused((visitor) => visitor.post("/dashboard/runs", { mode: "plan", csrf: crypto.randomUUID() })));
  it.each(["cross-site", "same-site", "none"])("that a browser says comes %s is refused", (from) =>
    refused((visitor) => visitor.post("/dashboard/runs", { mode: "plan" }, { "Sec-Fetch-Site": from })),
  );
  it("of another type is refused", () =>
    refused((visitor) => visitor.post("/dashboard/runs", { mode: "plan" }, { "Content-Type": "text/plain" }), 415));
  it("that is too large is refused", () =>
    refused((visitor) => visitor.post("/dashboard/runs", { mode: "x".repeat(70_000) }), 413));
  it("with a mode that there is not is refused", () =>
    refused((visitor) => visitor.post("/dashboard/runs", { mode: "destroy" }), 400));
});

describe("a run", () => {
  it("that plans changes nothing of the application's, and is shown with what it would do", async () => {
    const world = await createWorld();
    await world.upload({ key: "old", expires_at: world.clock.now() - HOUR_MS });
    const { visitor, served } = await visit(world);
    const before = await world.dumpOfOthers();
    const response = await visitor.post("/dashboard/runs", { mode: "plan" });
    await Promise.all(served.background);
    expect(await world.dumpOfOthers()).toEqual(before);
    const text = await visitor.page(response);
    expect(text).toContain("<h1>Plan</h1>");
    expect(text).toContain("Would remove 1 expired file");
  });

  it("that removes is seen to its end, and leads to its removals", async () => {
    const world = await createWorld();
    await world.upload({ key: "old", expires_at: world.clock.now() - HOUR_MS });
    const { visitor, served } = await visit(world);
    const response = await visitor.post("/dashboard/runs", { mode: "remove" });
    await Promise.all(served.background);
    const text = await visitor.page(response);
    expect(text).toContain("Removed 1 expired file");
    expect(text).not.toContain("data-live");
    expect(world.keys()).not.toContain("old");
    const [, link = ""] = /href="(\/dashboard\/removals\?run=[^"]+)"/.exec(text) ?? [];
    expect(await visitor.page(link)).toContain("removed");
  });

  it("is not started twice: the page says who is at work", async () => {
    const world = await createWorld();
    const { visitor } = await visit(world);
    await world.parts.database.leases.acquire("somebody-else");
    const response = await visitor.post("/dashboard/runs", { mode: "remove" });
    expect(response.status).toBe(409);
    expect(await response.text()).toContain("somebody-else");
  });

  it("that waits for its next slice goes on by a button, and by itself where this reader started it", async () => {
    const world = await knownSite(1);
    await world.insert(...due(30));
    world.put(names("due", 30));
    const on = await world.createInstance({ settings: { maxRemovals: 10 } });
    const { visitor, served } = await visit(world, { on });
    const response = await visitor.post("/dashboard/runs", { mode: "remove" });
    await Promise.all(served.background);
    let text = await visitor.page(response);
    expect(text).toContain("Stopped early");
    expect(text).toMatch(/data-live[\s\S]*data-go-on/);
    const id = idIn(text, "runs");
    expect(await visitor.page(`/dashboard/runs/${id}`)).not.toMatch(/data-live|data-go-on/);
    for (let slices = 1; text.includes("Go on now") && slices < 10; slices += 1) {
      const next = await visitor.post(`/dashboard/runs/${id}/go-on`);
      await Promise.all(served.background);
      text = await visitor.page(next);
    }
    expect(text).toContain("Removed 30 expired files");
    expect(text).toContain(`/dashboard/removals?run=${id}`);
  });

  it("that waits is cancelled", async () => {
    const world = await heldSite();
    const { visitor } = await visit(world);
    const id = idIn(await visitor.page("/dashboard/runs"), "runs");
    expect(await visitor.page(await visitor.post(`/dashboard/runs/${id}/cancel`))).toContain("cancelled");
  });
});

describe("a hold", () => {
  it("is told on the first page: why, what, and the two answers", async () => {
    const { visitor } = await visit(await heldSite());
    const text = await visitor.page("/dashboard");
    expect(text).toContain("One decision waits for you");
    expect(text).toContain("too-many-expired");
    expect(text).toContain("Approve 200 items (2 kB)");
    expect(text).toContain("Keep, and silence");
    expect(text).toContain("95 more of 200");
  });

  it("that is approved lets its run go on", async () => {
    const world = await heldSite();
    const { visitor, served } = await visit(world);
    const text = await visitor.page("/dashboard/holds");
    const asOf = /name="asOf" value="([^"]+)"/.exec(text)?.[1] ?? "";
    const response = await visitor.post(`/dashboard/holds/${idIn(text, "holds")}/approve`, { asOf });
    await Promise.all(served.background);
    expect(await visitor.page(response)).toContain("Removed 200 expired files");
    expect(world.keys().filter((key) => key.startsWith("due/"))).toEqual([]);
  });

  it("that a run looked at again since the page was made is not approved: more may be in it than its reader saw", async () => {
    const world = await heldSite();
    const { visitor, served } = await visit(world);
    const text = await visitor.page("/dashboard/holds");
    const id = idIn(text, "holds");
    const asOf = /name="asOf" value="([^"]+)"/.exec(text)?.[1] ?? "";
    world.clock.advance(HOUR_MS);
    await world.run();
    for (const seen of [{ asOf }, {}]) {
      const response = await visitor.post(`/dashboard/holds/${id}/approve`, seen);
      expect([response.status, await response.text()]).toEqual([409, expect.stringContaining("look at it again")]);
    }
    expect((await served.sweeper.holdById(id))?.status).toBe("open");
  });

  it("that is silenced is a hold all the same", async () => {
    const world = await heldSite();
    const { visitor } = await visit(world);
    const id = idIn(await visitor.page("/dashboard/holds"), "holds");
    const text = await visitor.page(await visitor.post(`/dashboard/holds/${id}/cancel`));
    expect(text).toContain("Held, and silenced");
    expect(text).toContain("Approve");
    expect(world.keys().filter((key) => key.startsWith("due/"))).toHaveLength(200);
  });
});

describe("the ledger", () => {
  it("is searched by key, state, reason and run, and keeps what was searched for", async () => {
    const { visitor } = await visit(await quarantine("a/1", "a/2", "b/1"));
    const text = await visitor.page("/dashboard/removals?key=a%2F&state=suspected&reason=&run=");
    expect(text).toContain("a/1");
    expect(text).not.toContain("b/1");
    expect(text).toContain(`name="key" value="a/"`);
    expect(text).toContain("<option selected>suspected</option>");
    expect(text).toContain(
      `href="/dashboard/removals.csv?key=a%2F&amp;state=suspected"`.replace(
        /key=a%2F&amp;state=suspected/,
        "state=suspected&amp;key=a%2F",
      ),
    );
  });

  it("is turned over page by page", async () => {
    const { visitor } = await visit(await quarantine(...names("orphan", 120)));
    const seen = new Set<string>();
    for (let path: string | undefined = "/dashboard/removals?state=suspected"; path !== undefined; ) {
      const text = await visitor.page(path);
      for (const [, key = ""] of text.matchAll(/explain\?key=[^"]*"><bdi class="foreign">(orphan[^<]*)</g)) {
        expect(seen.has(key)).toBe(false);
        seen.add(key);
      }
      path = /rel="next" href="([^"]+)"/.exec(text)?.[1]?.replaceAll("&amp;", "&");
    }
    expect(seen.size).toBe(120);
  });

  it("lets a person keep an object in quarantine, and returns to the search", async () => {
    const world = await quarantine("orphan");
    const { visitor } = await visit(world);
    const text = await visitor.page("/dashboard/removals?state=suspected");
    const response = await visitor.post(`/dashboard/removals/${idIn(text, "removals")}/release`, {
      back: "/dashboard/removals?state=suspected",
    });
    expect([response.status, response.headers.get("Location")]).toEqual([303, "/dashboard/removals?state=suspected"]);
    world.clock.advance(2 * DAY_MS);
    await world.run();
    expect(world.keys()).toContain("orphan");
  });

  it("lets a person retry what was refused, and nothing else", async () => {
    const world = await createWorld();
    await world.upload({ key: "locked", expires_at: world.clock.now() - HOUR_MS });
    world.store.refuse("locked", "AccessDenied");
    await world.run();
    const { visitor } = await visit(world);
    const text = await visitor.page("/dashboard/removals?state=failed");
    expect(text).toContain("AccessDenied");
    const id = idIn(text, "removals");
    await visitor.page(await visitor.post(`/dashboard/removals/${id}/retry`, { back: "https://evil.example" }));
    expect(await world.ledger()).toEqual(["locked due"]);
    world.store.refuse("locked", null);
    await world.run();
    const again = await visitor.post(`/dashboard/removals/${id}/retry`);
    expect([again.status, await again.text()]).toEqual([409, expect.stringContaining("cannot be retried")]);
  });

  it.each([
    ["removals.csv", "text/csv; charset=utf-8"],
    ["removals.ndjson", "application/x-ndjson"],
  ])("is had as %s by who is signed in", async (name, type) => {
    const { visitor } = await visit(await quarantine("orphan"));
    const response = await visitor.get(`/dashboard/${name}?state=suspected`);
    expect(response.headers.get("Content-Type")).toBe(type);
    expect(await response.text()).toContain("orphan");
  });
});

describe("explain", () => {
  it("says of a key what each sweep would decide, and why", async () => {
    const { visitor } = await visit(await quarantine("orphan"));
    const text = await visitor.page("/dashboard/explain?key=orphan&id=");
    expect(text).toContain("orphaned-objects");
    expect(text).toContain("no row names it");
    expect(text).toContain("In the ledger");
  });

  it("finds the key of a row; of another id it says that there is none", async () => {
    const world = await createWorld();
    await world.upload({ id: "row-1", key: "live" });
    const { visitor } = await visit(world);
    expect(await visitor.page("/dashboard/explain?id=row-1&key=")).toContain("the object");
    expect(await visitor.page("/dashboard/explain?id=row-2")).toContain("No row has that id");
    expect(await visitor.page("/dashboard/explain?key=nobody")).toContain("Nothing is known of");
  });
});

describe("settings", () => {
  it("are shown, secrets aside", async () => {
    const shown = [
      { name: "CLEANUP_MODE", value: "plan", from: "environment", secret: false, help: "What it does." },
      { name: "ADMIN_TOKEN", value: null, from: "environment", secret: true, help: "Who may." },
      { name: "PUBLIC_URL", value: null, from: null, secret: false, help: "Where." },
    ];
    const { visitor } = await visit(await createWorld(), { settings: { shown } });
    const text = await visitor.page("/dashboard/settings");
    expect(text).toContain("set; not shown");
    expect(text).toContain("not set");
    expect(text).not.toContain("a".repeat(16));
  });
});

describe("doctor", () => {
  it("shows each check, and what mends it", async () => {
    const doctor = async () => ({
      status: "problem" as const,
      checks: [
        {
          name: "gate" as const,
          status: "problem" as const,
          kind: "held" as const,
          found: "the gate is <gone>",
          needed: "it",
          mend: "filesweep migrate",
        },
      ],
    });
    const { visitor } = await visit(await createWorld(), { sweeper: { doctor } });
    const text = await visitor.page("/dashboard/doctor");
    expect(text).toContain("the gate is &lt;gone&gt;");
    expect(text).toContain("<code>");
    expect(text).toContain("Something keeps a run from its work");
  });
});
