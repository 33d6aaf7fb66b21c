/** The dashboard in a real Chromium, over the app as Node serves it. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { HOUR_MS } from "../../src/core/safety.ts";
import { serve, TOKEN } from "../api/support.ts";
import { createWorld, type World } from "../support/world.ts";
import { expectAccessible, listen, openTab, signIn, startBrowser } from "./browser.ts";
import { createMonth, HOSTILE_KEYS } from "./month.ts";
import { expectAllAccessible, playStory } from "./story.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

/** The month, and an orphan that was seen once. */
async function monthWithSuspect(): Promise<World> {
  const world = await createMonth();
  world.store.put("late/orphan.bin", { sizeBytes: 10, modifiedAt: world.clock.now() - 30 * HOUR_MS });
  await world.run();
  return world;
}

const doctor = async () => ({
  status: "warning" as const,
  checks: [
    { name: "database" as const, status: "ok" as const, kind: null, found: "it answers", needed: null, mend: null },
    {
      name: "gate" as const,
      status: "warning" as const,
      kind: null,
      found: "it is open",
      needed: "a gate",
      mend: "filesweep doctor --install-gate",
    },
  ],
});

describe.each([
  ["with JavaScript", true],
  ["without JavaScript", false],
] as const)("%s", (_, javaScriptEnabled) => {
  it("an operator plans, approves a hold, sees the run end, keeps an orphan, and signs out", async () => {
    const world = await monthWithSuspect();
    const url = await listen(serve(world).app);
    const tab = await openTab(browser, { javaScriptEnabled });
    await playStory(tab, {
      url,
      token: TOKEN,
      hasScript: javaScriptEnabled,
      suspect: "late/orphan.bin",
      afterwards: /93 orphaned objects/,
    });
    expect(world.keys().filter((key) => key.startsWith("imports/"))).toEqual([]);
    expect(world.keys()).toContain("late/orphan.bin");
  });
});

describe.each(["light", "dark"] as const)("in the %s theme axe finds nothing", (colorScheme) => {
  it.each([
    ["desktop", { width: 1240, height: 900 }],
    ["phone", { width: 360, height: 740 }],
  ] as const)("on a %s", async (_, viewport) => {
    const world = await monthWithSuspect();
    const url = await listen(serve(world, { sweeper: { doctor } }).app);
    const tab = await openTab(browser, { colorScheme, viewport });
    await tab.page.goto(`${url}/dashboard/sign-in`);
    await expectAccessible(tab.page, "sign-in");
    await signIn(tab.page, url, TOKEN);
    const [run] = await world.rows<{ id: string }>("SELECT id FROM filesweep_runs ORDER BY id DESC LIMIT 1");
    const [hold] = await world.rows<{ id: string }>("SELECT id FROM filesweep_holds ORDER BY id DESC LIMIT 1");
    const hostile = HOSTILE_KEYS.map((key) => `/explain?key=${encodeURIComponent(key)}`);
    await expectAllAccessible(tab, url, [
      `/runs/${run?.id}`,
      `/holds/${hold?.id}`,
      "/removals?state=failed",
      ...hostile,
    ]);
  });
});

describe("a run under way", () => {
  /** A store whose listings wait until the test lets them go. */
  function gated(): { wrapStore: (store: Store) => Store; open(): void } {
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    return {
      open: () => open(),
      wrapStore: (store) => ({
        ...store,
        list: async (options) => {
          if (options.limit > 10) await opened;
          return store.list(options);
        },
      }),
    };
  }

  it("is seen under way, and then at its end, without the reader doing anything", async () => {
    const world = await createWorld();
    await world.upload({ key: "old", expires_at: world.clock.now() - HOUR_MS });
    const gate = gated();
    const on = await world.createInstance({ wrapStore: gate.wrapStore });
    const url = await listen(serve(world, { on }).app);
    const { page, complaints } = await openTab(browser);
    await signIn(page, url, TOKEN);
    await page.getByRole("button", { name: "Run now" }).click();
    await page.locator("[data-live] .lead", { hasText: "running" }).waitFor();
    gate.open();
    await page.locator(".lead", { hasText: "completed" }).waitFor();
    expect(await page.locator(".lead").innerText()).toContain("Removed 1 expired file");
    expect(await page.locator("[data-live]").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("works slice by slice while the page is open, where nothing else works it off", async () => {
    const world = await createWorld();
    for (let n = 0; n < 30; n += 1) await world.upload({ key: `old/${n}`, expires_at: world.clock.now() - HOUR_MS });
    const on = await world.createInstance({ settings: { maxRemovals: 10 } });
    const url = await listen(serve(world, { on }).app);
    const { page } = await openTab(browser);
    await signIn(page, url, TOKEN);
    await page.getByRole("button", { name: "Run now" }).click();
    await page.locator(".lead", { hasText: "Removed 30 expired files" }).waitFor();
  });
});

describe("times", () => {
  it("are in the reader's zone, with UTC at hand", async () => {
    const world = await createWorld();
    await world.run();
    const url = await listen(serve(world).app);
    const { page } = await openTab(browser, { timezoneId: "Asia/Tokyo" });
    await signIn(page, url, TOKEN);
    const time = page.locator("main time").first();
    expect(await time.innerText()).toBe("22 Nov 2026, 21:00");
    expect(await time.getAttribute("title")).toBe("2026-11-22 12:00 UTC");
  });

  it("are in UTC, and say so, without JavaScript", async () => {
    const world = await createWorld();
    await world.run();
    const url = await listen(serve(world).app);
    const { page } = await openTab(browser, { javaScriptEnabled: false });
    await signIn(page, url, TOKEN);
    expect(await page.locator("main time").first().innerText()).toBe("2026-11-22 12:00 UTC");
  });
});

describe("by keyboard alone", () => {
  it("one gets in, past the navigation, and to the buttons, and sees where one is", async () => {
    const world = await createWorld();
    const url = await listen(serve(world).app);
    const { page } = await openTab(browser);
    await page.goto(`${url}/dashboard`);
    await page.keyboard.type(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").innerText()).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").innerText()).toContain("Plan now");
    const outline: unknown = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    expect(outline).toBe("solid");
  });
});

describe("a link from another site", () => {
  it("leads to the page, and not to the sign-in, for somebody who is signed in", async () => {
    const world = await createWorld();
    const url = await listen(serve(world).app);
    const elsewhere = url.replace("127.0.0.1", "localhost");
    const { page } = await openTab(browser);
    await signIn(page, url, TOKEN);
    await page.goto(`${elsewhere}/healthz`);
    await page.evaluate(`location.href = "${url}/dashboard/holds"`);
    await page.getByRole("heading", { name: "Holds" }).waitFor();
  });
});
