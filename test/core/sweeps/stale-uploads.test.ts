import { expect, test } from "vitest";
import type { ListedUpload } from "../../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../../src/core/safety.ts";
import { decideUpload } from "../../../src/core/sweeps/stale-uploads.ts";
import { START } from "../../support/fake-clock.ts";

const SETTINGS = { uploadGraceMs: 168 * HOUR_MS, ignorePrefixes: ["tmp/"] };
const UPLOAD: ListedUpload = { key: "a.bin", uploadId: "1", initiatedAt: START - 30 * DAY_MS };

test.each<[string, Partial<ListedUpload>, string]>([
  ["aborts one that is older than the grace", { initiatedAt: START - 168 * HOUR_MS - 1 }, "remove stale-upload"],
  ["keeps one of exactly the grace", { initiatedAt: START - 168 * HOUR_MS }, "keep too-young"],
  ["keeps one that is younger", { initiatedAt: START - 1 }, "keep too-young"],
  ["keeps one of the future", { initiatedAt: START + DAY_MS }, "keep too-young"],
  ["keeps one of unknown age", { initiatedAt: null }, "keep unknown-age"],
  ["keeps one whose age is no number", { initiatedAt: Number.NaN }, "keep too-young"],
  ["keeps one under an ignored prefix", { key: "tmp/a.bin" }, "keep ignored-prefix"],
  ["keeps one in filesweep's own corner", { key: ".filesweep/a.bin" }, "keep ignored-prefix"],
  ["aborts one whose key only begins like it", { key: "tmp" }, "remove stale-upload"],
  ["keeps one whose key holds a NUL", { key: "a\0b" }, "keep invalid-key"],
  ["keeps one whose key is no Unicode", { key: "a\uD83D" }, "keep invalid-key"],
])("stale-uploads %s", (_rule, fields, decision) => {
  const { verdict, reason } = decideUpload({ ...UPLOAD, ...fields }, START, SETTINGS);
  expect(`${verdict} ${reason}`).toBe(decision);
});
