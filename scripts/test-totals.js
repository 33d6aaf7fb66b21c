/**
 * Prints the closing line of test runs, `12 passed, 0 failed`, from vitest's JSON results, and fails unless every test of
 * each ran and passed. A file that could not be loaded counts as one failure, a skipped or unfinished test is named as such.
 *
 * Usage: node scripts/test-totals.js RESULTS.json …
 */
import { readFileSync } from "node:fs";
import process from "node:process";

const runs = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, "utf8")));
const sum = (countOf) => runs.reduce((total, run) => total + countOf(run), 0);
const unloadedOf = ({ testResults }) =>
  testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;

const passed = sum((run) => run.numPassedTests);
const failed = sum((run) => run.numFailedTests + unloadedOf(run));
const skipped = sum((run) => run.numTotalTests - run.numPassedTests - run.numFailedTests);

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
const isWhole = runs.length > 0 && runs.every((run) => run.success && run.numPassedTests > 0);
process.exitCode = isWhole && failed === 0 && skipped === 0 ? 0 : 1;
