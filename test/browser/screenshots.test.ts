/** The pictures of the README: made of a real month, by `npm run screenshots`. */
import { mkdirSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { serve, TOKEN } from "../api/support.ts";
import { listen, openTab, signIn, startBrowser } from "./browser.ts";
import { createMonth } from "./month.ts";

/** Where they go: into the guides where that is asked for, else to where a test may write. */
const FOLDER =
  process.env["FILESWEEP_SCREENSHOTS"] === undefined
    ? fileURLToPath(new URL("../../node_modules/.cache/filesweep-screenshots/", import.meta.url))
    : fileURLToPath(new URL("../../docs/images/", import.meta.url));

const SIZES = {
  desktop: { width: 1240, height: 1000 },
  whole: { width: 1240, height: 1560 },
  phone: { width: 390, height: 844 },
} as const;

const PICTURES = [
  ["overview", "/dashboard", "light", "whole"],
  ["overview-dark", "/dashboard", "dark", "whole"],
  ["overview-phone", "/dashboard", "light", "phone"],
  ["hold", "/dashboard/holds", "light", "desktop"],
  ["hold-dark", "/dashboard/holds", "dark", "desktop"],
  ["ledger", "/dashboard/removals?reason=unreferenced", "light", "desktop"],
  ["ledger-dark", "/dashboard/removals?reason=unreferenced", "dark", "desktop"],
] as const;

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

test("the dashboard after a month, as the README shows it", async () => {
  const world = await createMonth();
  const nextRunAt = world.clock.now() + 3_600_000;
  const url = await listen(serve(world, { sweeper: { nextRunAt: () => nextRunAt } }).app);
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, path, colorScheme, size] of PICTURES) {
    const { page } = await openTab(browser, {
      viewport: SIZES[size],
      colorScheme,
      deviceScaleFactor: 1.5,
      timezoneId: "UTC",
    });
    await signIn(page, url, TOKEN);
    await page.goto(url + path);
    await page.screenshot({
      path: `${FOLDER}${name}.png`,
      ...(size === "phone" && { clip: { x: 0, y: 0, width: 390, height: 1400 }, fullPage: true }),
    });
  }
});
