import { env } from "node:process";
import { defineConfig } from "vitest/config";

/** The tests that need a real S3 server: `npm run test:s3` starts it. */
const resultsFile = env.FILESWEEP_S3_TEST_RESULTS;

export default defineConfig({
  test: {
    environment: "node",
    include: ["test/gateway/**/*.test.ts"],
    pool: "forks",
    // One file after the other: one of them kills the gateway.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    allowOnly: false,
    reporters: resultsFile ? ["default", ["json", { outputFile: resultsFile }]] : ["default"],
  },
});
