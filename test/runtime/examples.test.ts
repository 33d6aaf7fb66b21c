/** The examples are run: each the smallest project that works. They import the package by its name, as it was built. */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { createTestHarness } from "wrangler";
import { temporaryFolder } from "../support/database.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const example = (path: string): string => join(ROOT, "examples", path);

/** Starts a program in a folder of its own, and answers the address that it tells of. */
async function addressOf(command: string, args: readonly string[]): Promise<string> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "data/uploads"), { recursive: true });
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], PORT: "0", CLEANUP_ENABLED: "false" };
  const child = spawn(command, args, { cwd: folder, env });
  onTestFinished(() => void child.kill("SIGKILL"));
  let told = "";
  return new Promise((resolve, reject) => {
    const hear = (text: Buffer): void => {
      told += text.toString();
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(told) ?? [];
      if (url !== undefined) resolve(url);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("close", () => reject(new Error(`ended without an address:\n${told}`)));
  });
}

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;

it("examples/embedded: an application with filesweep inside gives away what is live", async () => {
  const url = await addressOf(process.execPath, [example("embedded/app.js")]);
  expect(await statusOf(`${url}/filesweep/healthz`)).toBe(200);
  expect(await statusOf(`${url}/filesweep/readyz`)).toBe(200);
  expect([await statusOf(`${url}/download/new.txt`), await statusOf(`${url}/download/old.txt`)]).toEqual([200, 404]);
});

it("examples/deno: serves, and keeps the schedule", async () => {
  const deno = join(ROOT, "node_modules/.bin/deno");
  const args = ["run", "--allow-all", "--no-prompt", "--config", join(ROOT, "deno.json"), example("deno/main.ts")];
  const url = await addressOf(deno, args);
  expect(await statusOf(`${url}/readyz`)).toBe(200);
});

it("examples/cloudflare: the Worker starts, and says what is missing", async () => {
  const harness = createTestHarness({ root: example("cloudflare"), workers: [{ configPath: "./wrangler.toml" }] });
  onTestFinished(() => harness.close());
  await harness.listen();
  const answer = await harness.fetch("/healthz");
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({
    kind: "not-configured",
    detail: expect.stringContaining("DATABASE_URL"),
  });
});
