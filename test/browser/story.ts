/** What an operator does in one sitting, the same against every runtime: with JavaScript, and without. */
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { expectAccessible, signIn, type Tab } from "./browser.ts";

/** A site as the story needs it: something is held, and an orphan is in quarantine. */
export interface Scene {
  readonly url: string;
  readonly token: string;
  readonly hasScript: boolean;
  /** The key of an orphan in quarantine. */
  readonly suspect: string;
  /** What the run has removed once the hold is approved, as its page says it. */
  readonly afterwards: string | RegExp;
  /** What happens before the ledger is looked at. */
  readonly beforeLedger?: () => Promise<void>;
}

/**
 * Signs in, plans, approves the hold, watches the run to its end, keeps the orphan, signs out. The console stays silent
 * and nothing is asked of another host.
 */
export async function playStory({ page, complaints }: Tab, scene: Scene): Promise<void> {
  await signIn(page, scene.url, scene.token);

  await page.getByRole("button", { name: "Plan now" }).click();
  await page.getByRole("heading", { name: "Plan", exact: true }).waitFor();
  await untilItEnds(page, scene.hasScript);
  expect(await page.getByRole("main").innerText()).toContain("A plan decides everything and removes nothing");

  await page.getByRole("link", { name: "Overview" }).click();
  await page
    .getByRole("button", { name: /^Approve/ })
    .first()
    .click();
  await page.getByRole("heading", { name: "Run", exact: true }).waitFor();
  await untilItEnds(page, scene.hasScript);
  expect(await page.locator(".lead").innerText()).toMatch(scene.afterwards);

  await scene.beforeLedger?.();
  await page.getByRole("link", { name: "Ledger" }).click();
  await page.getByLabel("State").selectOption("suspected");
  await page.getByRole("button", { name: "Search" }).click();
  const row = page.getByRole("row").filter({ hasText: scene.suspect });
  await row.getByRole("button", { name: "Keep it" }).click();
  await page.getByLabel("State").selectOption("released");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("row").filter({ hasText: scene.suspect }).getByText("kept (operator)").waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.goto(`${scene.url}/dashboard`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect(complaints).toEqual([]);
}

/** Where the run works slice by slice the page goes on by itself, or by its button where there is no JavaScript. */
async function untilItEnds(page: Page, hasScript: boolean): Promise<void> {
  const state = page.locator(".lead .state");
  for (let looks = 0; looks < 60; looks += 1) {
    const status = await state.innerText();
    if (status !== "running" && status !== "paused") return;
    if (status === "paused" && !hasScript) await page.getByRole("button", { name: "Go on now" }).click();
    // The page changes by itself, or is loaded again by itself.
    else
      await page
        .locator(".lead .state", { hasNotText: status })
        .waitFor({ timeout: 8000 })
        .catch(() => undefined);
  }
  throw new Error("the run did not end");
}

/** Every page that the links lead to, once, and one of each kind that has an id. */
export const PAGES = ["", "/holds", "/runs", "/removals", "/explain", "/doctor", "/settings"] as const;

/** axe, on each page of somebody who is signed in. */
export async function expectAllAccessible(
  { page, complaints }: Tab,
  url: string,
  more: readonly string[],
): Promise<void> {
  for (const path of [...PAGES, ...more]) {
    await page.goto(`${url}/dashboard${path}`);
    await expectAccessible(page, path);
    await expectNoSidewaysScroll(page, path);
  }
  expect(complaints).toEqual([]);
}

/** A page is as wide as its window, whatever a name is: tables scroll in themselves. */
async function expectNoSidewaysScroll(page: Page, where: string): Promise<void> {
  const excess = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  expect(excess, `${where} is wider than its window`).toBeLessThanOrEqual(0);
}
