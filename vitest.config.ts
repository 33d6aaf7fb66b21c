import { env } from "node:process";
import { defineConfig } from "vitest/config";

/** Where `.ci/run` wants the totals; without it only the summary on the terminal. */
const resultsFile = env.FILESWEEP_TEST_RESULTS;

export default defineConfig({
  test: {
    environment: "node",
    include: ["test/**/*.test.ts"],
    // Processes, not threads: the tests load libSQL's native addon and start commands of their own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    // A test that is left focused would silence all the others.
    allowOnly: false,
    reporters: resultsFile ? ["default", ["json", { outputFile: resultsFile }]] : ["default"],
  },
});
