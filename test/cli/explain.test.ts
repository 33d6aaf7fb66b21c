import { describe, expect, it } from "vitest";
import { buildCommand, expired, live, sharingSite } from "./support/command.ts";

buildCommand();

describe("filesweep explain", () => {
  it.each<[string, RegExp[]]>([
    ["a.txt", [/^a\.txt\nObject: {2}10 B, modified 20/, /^Row: {5}1, active\n +expired-files: remove \(expired\)/m]],
    ["kept.txt", [/expired-files: keep \(not-due\)/, /orphaned-objects: keep \(still-protected\) a row protects it/]],
    ["orphan.txt", [/orphaned-objects: suspect \(unreferenced\)/, /Row: {5}none names it/]],
    ["gone.txt", [/Object: {2}none in the store/, /missing-objects: keep \(missing-object\)/]],
    ["held.txt", [/expired-files: keep \(on-hold\)/]],
  ])("%s: what each sweep would decide, and why", async (key, wanted) => {
    const site = await sharingSite();
    site.put("held.txt");
    await site.insert({ ...expired("7", "held.txt"), hold: 1 }, { ...expired("8", "gone.txt"), expires_at: null });
    const before = await site.fingerprint();
    const { code, stdout } = await site.filesweep(["explain", key]);
    for (const text of wanted) expect(stdout).toMatch(text);
    expect(code).toBe(0);
    expect(await site.fingerprint()).toBe(before);
  });

  const DAY_MS = 24 * 3600 * 1000;

  it.each<[string, Record<string, string | number>, string[]]>([
    ["of a live row that is older than the grace", { created_at: Date.now() - DAY_MS - 60_000 }, ["missing-object"]],
    ["of a younger one: its upload may be under way", { created_at: Date.now() - DAY_MS + 600_000 }, ["too-young"]],
    ["of one whose age cannot be read", { created_at: "soon" }, []],
    ["of one that protects, and is not live", { status: "uploading" }, []],
    ["of one whose key no object can have", { key: "../gone.txt" }, ["invalid-key"]],
  ])("says that an object is missing only as a run does: %s", async (_, row, reasons) => {
    const site = await sharingSite();
    await site.insert({ ...live("8", "gone.txt"), ...row });
    const { decisions } = JSON.parse((await site.filesweep(["explain", "8", "--json"])).stdout);
    expect(decisions.map(({ sweep, reason }: Record<string, unknown>) => [sweep, reason])).toEqual(
      reasons.map((reason) => ["missing-objects", reason]),
    );
    const { sweeps } = JSON.parse((await site.filesweep(["run", "--plan", "--json"])).stdout);
    const missing = sweeps.find(({ name }: { name: string }) => name === "missing-objects");
    const counted = Object.keys(missing.kept);
    expect(counted).toEqual(reasons.filter((reason) => reason !== "too-young"));
  });

  it("shows what became of a key, and that no row may name it for a while", async () => {
    const site = await sharingSite();
    await site.filesweep(["run"]);
    const { stdout } = await site.filesweep(["explain", "a.txt"]);
    expect(stdout).toMatch(/^Row: {5}1, expired$/m);
    expect(stdout).toMatch(/^Removal: [\w-]+: removed, expired, since 20.* UTC, ended 20.* UTC, by run [\w-]+$/m);
    expect(stdout).toMatch(/^Gate: {4}closed until 20/m);
    const document = JSON.parse((await site.filesweep(["explain", "a.txt", "--json"])).stdout);
    expect(document).toMatchObject({
      key: "a.txt",
      known: true,
      object: null,
      files: [{ id: "1", status: "expired" }],
    });
    expect(document.removals).toMatchObject([{ state: "removed", reason: "expired", bytes: 10 }]);
    expect(Date.parse(document.gate.until)).toBeGreaterThan(Date.now());
  });

  it("takes a key first, and a row's id where nothing has that key", async () => {
    const site = await sharingSite();
    const byId = JSON.parse((await site.filesweep(["explain", "2", "--json"])).stdout);
    expect([byId.key, byId.files[0].id]).toEqual(["b/b.txt", "2"]);
    site.put("2");
    const byKey = JSON.parse((await site.filesweep(["explain", "2", "--json"])).stdout);
    expect([byKey.key, byKey.files]).toEqual(["2", []]);
  });

  it.each([
    ["nowhere.txt", /^Nothing is known of nowhere\.txt: no object, no row and no removal has that key, and no row/],
    ["../etc/passwd", /^Nothing is known of \.\.\/etc\/passwd: .* No object of this store can have that key: /],
    ["a\u001b[2Jb", /^Nothing is known of "a\\u001b\[2Jb"/],
  ])("of %j, which exists nowhere, says so and exits with 0", async (about, text) => {
    const site = await sharingSite();
    const { code, stdout } = await site.filesweep(["explain", about]);
    expect(stdout).toMatch(text);
    expect(code).toBe(0);
    expect(JSON.parse((await site.filesweep(["explain", about, "--json"])).stdout)).toMatchObject({ known: false });
  });
});
