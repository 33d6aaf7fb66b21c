import { env } from "node:process";
import { defineConfig } from "vitest/config";

/** Where `.ci/run` wants the totals; without it only the summary on the terminal. */
const resultsFile = env.FILESWEEP_TEST_RESULTS;

/** The tests that are run once more against a remote database. */
const OVER_THE_WIRE = [
  "test/database/{catalog,desk,due,gate,holds,ledger,lease,records,schema}.test.ts",
  "test/stories/every-store.test.ts",
];

export default defineConfig({
  test: {
    environment: "node",
    // Processes, not threads: the tests load libSQL's native addon and start commands of their own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    // A test that is left focused would silence all the others.
    allowOnly: false,
    projects: [
      {
        extends: true,
        test: { name: "all", include: ["test/**/*.test.ts"], exclude: ["test/gateway/**", "test/browser/**"] },
      },
      // What holds of the embedded database holds of a remote one: the same tests, over the wire.
      {
        extends: true,
        test: { name: "remote", include: OVER_THE_WIRE, env: { FILESWEEP_TEST_DATABASE: "remote" } },
      },
    ],
    reporters: resultsFile ? ["default", ["json", { outputFile: resultsFile }]] : ["default"],
  },
});
