import { describe, expect, it } from "vitest";
import { buildCommand, expired, live, type Site, sharingSite } from "./support/command.ts";

buildCommand();

async function ids(site: Site, ...args: string[]): Promise<string[]> {
  const { items } = JSON.parse((await site.filesweep(["removals", "--json", ...args])).stdout);
  return items.map(({ id }: { id: string }) => id);
}

async function keys(site: Site, ...args: string[]): Promise<string[]> {
  const { code, stdout } = await site.filesweep(["removals", "--json", ...args]);
  expect(code).toBe(0);
  return JSON.parse(stdout)
    .items.map(({ key }: { key: string }) => key)
    .sort();
}

/** Two removed, a suspect, and one that the store refuses. */
async function sweptSite(): Promise<{ site: Site; run: string }> {
  const site = await sharingSite();
  site.put("folder/inside.txt");
  await site.insert(expired("4", "folder"), live("5", "folder/inside.txt"));
  const { stdout } = await site.filesweep(["run", "--json"]);
  return { site, run: JSON.parse(stdout).id };
}

describe("filesweep removals", () => {
  it("lists the ledger, by state, reason, run and beginning of the key", async () => {
    const { site, run } = await sweptSite();
    expect(await keys(site)).toEqual(["a.txt", "b/b.txt", "folder", "orphan.txt"]);
    expect(await keys(site, "--state", "removed")).toEqual(["a.txt", "b/b.txt"]);
    expect(await keys(site, "--reason", "unreferenced")).toEqual(["orphan.txt"]);
    expect(await keys(site, "--run", run, "--state", "failed")).toEqual(["folder"]);
    expect(await keys(site, "--run", "another")).toEqual([]);
    expect(await keys(site, "--key", "b/")).toEqual(["b/b.txt"]);
    const { stdout } = await site.filesweep(["removals"]);
    expect(stdout).toMatch(/^id +state +reason +size +since +key\n/);
    expect(stdout).toMatch(/^[\w-]+ +removed +expired +10 B +20\S+ \S+ UTC +a\.txt$/m);
    expect((await site.filesweep(["removals", "--key", "none"])).stdout).toBe("No removals.\n");
  });

  it("goes on behind --after, and says where", async () => {
    const { site } = await sweptSite();
    const first = JSON.parse((await site.filesweep(["removals", "--limit", "3", "--json"])).stdout);
    expect(first.items).toHaveLength(3);
    expect(first.nextCursor).toBe(first.items[2].id);
    const rest = JSON.parse((await site.filesweep(["removals", "--after", first.nextCursor, "--json"])).stdout);
    expect([rest.items.length, rest.nextCursor]).toEqual([1, null]);
    expect((await site.filesweep(["removals", "--limit", "3"])).stdout).toContain(`--after ${first.nextCursor}`);
  });

  it.each([
    [["--state", "gone"], /Allowed choices are suspected, due/],
    [["--reason", "old"], /Allowed choices are expired/],
    [["--limit", "0"], /whole number from 1 to 500/],
    [["--limit", "501"], /whole number from 1 to 500/],
    [["purge"], /too many arguments/],
    [["release"], /missing required argument/],
    [["--state", "failed", "release", "x"], /takes ids, and no --state/],
    [["release", "x", "--state", "failed"], /takes ids, and no --state/],
  ])("%j is exit code 2", async (args, message) => {
    const site = await sharingSite();
    const { code, stderr } = await site.filesweep(["removals", ...args]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});

describe("filesweep removals release", () => {
  it("keeps the object for good, while it stays as it is", async () => {
    const { site } = await sweptSite();
    const [id = ""] = await ids(site, "--state", "suspected");
    expect((await site.filesweep(["removals", "release", id])).stdout).toBe(`Released: 1 removal (${id})\n`);
    const { stdout } = await site.filesweep(["run", "--json"], { CLEANUP_QUARANTINE_HOURS: "0" });
    expect(JSON.parse(stdout).sweeps[2].kept).toMatchObject({ "released-by-operator": { count: 1 } });
    expect(site.has("orphan.txt")).toBe(true);
  });

  it("of several, one that it cannot be done for stops no other", async () => {
    const { site } = await sweptSite();
    const [suspected = ""] = await ids(site, "--state", "suspected");
    const [removed = ""] = await ids(site, "--state", "removed");
    const conflict = await site.filesweep(["removals", "release", removed, suspected, "--json"]);
    expect(conflict.code).toBe(1);
    expect(JSON.parse(conflict.stdout)).toEqual({
      done: [suspected],
      refused: [
        { id: removed, kind: "conflict", message: expect.stringContaining("is removed and cannot be released") },
      ],
    });
    const both = await site.filesweep(["removals", "release", "none", removed]);
    expect([both.code, both.stdout]).toEqual([2, ""]);
    expect(both.stderr).toMatch(/^filesweep: there is no removal none\nfilesweep: removal .* is removed/);
  });
});

describe("filesweep removals retry", () => {
  it("has a refused removal tried at once", async () => {
    const { site } = await sweptSite();
    const [id = ""] = await ids(site, "--state", "failed");
    const { code, stdout } = await site.filesweep(["removals", "retry", id]);
    expect([code, stdout]).toEqual([0, `Due again: 1 removal (${id})\n`]);
    expect(await ids(site, "--state", "due")).toEqual([id]);
    await site.filesweep(["run"]);
    expect(await ids(site, "--state", "failed")).toEqual([id]);
    const [suspect = ""] = await ids(site, "--state", "suspected");
    expect((await site.filesweep(["removals", "retry", suspect])).code).toBe(1);
  });
});
