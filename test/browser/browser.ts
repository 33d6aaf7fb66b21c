/** A real Chromium, Debian's, and what every page that it shows has to keep. */
import { existsSync } from "node:fs";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import process from "node:process";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";

const CANDIDATES = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** @throws Error where there is no Chromium: a test of pages without a browser would be none */
export async function startBrowser(): Promise<Browser> {
  const executablePath = CANDIDATES.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined) {
    throw new Error("no Chromium: install it (apt-get install chromium), or set CHROMIUM to its path");
  }
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

export interface Tab {
  readonly page: Page;
  /** What the console said, and what the network refused. */
  readonly complaints: readonly string[];
}

/** A window of its own, with cookies of its own; ends with the test. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ timezoneId: "Europe/Berlin", locale: "en-GB", ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on("console", (message) => void complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => void complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (
      new URL(request.url()).hostname !== new URL(page.url() === "about:blank" ? request.url() : page.url()).hostname
    ) {
      complaints.push(`another host: ${request.url()}`);
    }
  });
  return { page, complaints };
}

/** On a port of this machine; ends with the test. Answers the address. */
export async function listen(app: Hono): Promise<string> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("it does not listen");
  return `http://127.0.0.1:${address.port}`;
}

export async function signIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(`${url}/dashboard`);
  await page.getByLabel("Admin token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** WCAG 2.2 A and AA, and axe's own best practices: no violation. The policy of the pages forbids what is injected, so the debugger evaluates it. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  const { readFileSync } = await import("node:fs");
  await page.evaluate(readFileSync(AXE, "utf8"));
  const violations = await page.evaluate(async () => {
    // Made by the line above.
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations: found } = await axe.run();
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
  });
  expect(violations, where).toEqual([]);
}
