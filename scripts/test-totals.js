/**
 * Prints the closing line of a test run, `12 passed, 0 failed`, from vitest's JSON results, and fails unless every test
 * ran and passed. A file that could not be loaded counts as one failure, a skipped or unfinished test is named as such.
 *
 * Usage: node scripts/test-totals.js RESULTS.json
 */
import { readFileSync } from "node:fs";
import process from "node:process";

const results = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));

const unloaded = results.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
const passed = results.numPassedTests;
const failed = results.numFailedTests + unloaded.length;
const skipped = results.numTotalTests - passed - results.numFailedTests;

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = results.success && passed > 0 && failed === 0 && skipped === 0 ? 0 : 1;
