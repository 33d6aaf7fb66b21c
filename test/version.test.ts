import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { VERSION } from "../src/core/version.ts";

it("the program knows its version as package.json has it", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  expect(VERSION).toBe(manifest.version);
});
