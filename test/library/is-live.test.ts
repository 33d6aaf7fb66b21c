import { describe, expect, it } from "vitest";
import { type FileState, isLive } from "../../src/index.ts";
import { START } from "../support/fake-clock.ts";

const FILE = { status: "active", expiresAt: null, downloads: 0, maxDownloads: null } satisfies FileState;

describe("isLive", () => {
  it.each<[string, boolean, FileState]>([
    ["a file without an end", true, FILE],
    ["a row that knows nothing but its key", true, {}],
    ["a millisecond before its expiry", true, { ...FILE, expiresAt: START + 1 }],
    ["at its expiry: the grace is for downloads under way", false, { ...FILE, expiresAt: START }],
    ["an expiry in seconds, the later reading", true, { ...FILE, expiresAt: START / 1000 + 1 }],
    ["an expiry in seconds that has passed", false, { ...FILE, expiresAt: START / 1000 }],
    ["an expiry as a Date", false, { ...FILE, expiresAt: new Date(START) }],
    ["an expiry as a bigint", false, { ...FILE, expiresAt: BigInt(START) }],
    ["an expiry that cannot be read", true, { ...FILE, expiresAt: "end of term" }],
    ["an invalid Date", true, { ...FILE, expiresAt: new Date("nonsense") }],
    ["an expiry at or before 1970", true, { ...FILE, expiresAt: 0 }],
    ["one download left", true, { ...FILE, downloads: 2, maxDownloads: 3 }],
    ["no download left, at once", false, { ...FILE, downloads: 3, maxDownloads: 3 }],
    ["downloads as bigints", false, { ...FILE, downloads: 3n, maxDownloads: 3n }],
    ["a limit of 0 is none", true, { ...FILE, downloads: 3, maxDownloads: 0 }],
    ["used up, and its expiry cannot be read", false, { ...FILE, downloads: 3, maxDownloads: 3, expiresAt: "soon" }],
    ["marked expired", false, { ...FILE, status: "expired" }],
    ["an unknown status", false, { ...FILE, status: "uploading" }],
    ["a status that is NULL", false, { ...FILE, status: null }],
    ["deleted", false, { ...FILE, deletedAt: START }],
    ["not deleted", true, { ...FILE, deletedAt: null }],
  ])("%s: %s", (_what, live, file) => {
    expect(isLive(file, START)).toBe(live);
  });

  it("takes the statuses of a mapped table", () => {
    const options = { live: ["ready", "shared"] };
    expect(isLive({ status: "shared" }, START, options)).toBe(true);
    expect(isLive({ status: "active" }, START, options)).toBe(false);
  });
});
