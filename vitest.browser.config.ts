import { env } from "node:process";
import { defineConfig } from "vitest/config";

/** The tests that need a real Chromium: `npm run test:browser`. */
const resultsFile = env.FILESWEEP_BROWSER_TEST_RESULTS;

export default defineConfig({
  test: {
    environment: "node",
    include: ["test/browser/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    allowOnly: false,
    reporters: resultsFile ? ["default", ["json", { outputFile: resultsFile }]] : ["default"],
  },
});
