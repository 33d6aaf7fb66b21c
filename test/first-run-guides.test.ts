/** The guides in docs/, followed to the letter: their SQL, their settings and their commands, in their order. */
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { HOUR_MS } from "../src/core/safety.ts";
import { openFileClient } from "../src/database/embedded-client.ts";
import { buildCommand, makeSite, type Site } from "./cli/support/command.ts";
import { plain } from "./support/database.ts";

buildCommand();

const DOCS = fileURLToPath(new URL("../docs", import.meta.url));

/** The contents of a guide's fenced blocks of a language. */
function blocks(guide: string, language: string): string[] {
  const text = readFileSync(join(DOCS, guide), "utf8");
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, of, body]) =>
    of === language ? [body ?? ""] : [],
  );
}

interface Told {
  readonly line: string;
  readonly code: number | null;
  readonly stdout: string;
}

/** Runs the guide's commands: `HOLD` is the id that `status` showed last; what a line says of its exit code holds. */
async function follow(site: Site, guide: string): Promise<Told[]> {
  const told: Told[] = [];
  let hold = "";
  for (const line of blocks(guide, "sh").flatMap((block) => block.trim().split("\n"))) {
    const [, command = "", to, allowed = 0] =
      /^npx filesweep (.*?)(?: > (\S+))?(?: +# exit code (\d+))?$/.exec(line) ?? [];
    const args = command.replace("HOLD", hold).split(" ");
    const { code, stdout, stderr } = await site.filesweep(args, { CLEANUP_FIRST_RUN: "", LOG_LEVEL: "error" });
    expect([line, code], stderr).toEqual([line, Number(allowed)]);
    if (to !== undefined) writeFileSync(join(site.folder, to), stdout);
    hold = /filesweep approve ([\w-]+)/.exec(stdout)?.[1] ?? hold;
    told.push({ line, code, stdout });
  }
  return told;
}

/** The application of the first guide: two files that are live, one that has expired, and an object that no row names. */
async function application(): Promise<Site> {
  const guide = "from-an-existing-application.md";
  const made = await makeSite({ prepared: false });
  const site: Site = {
    ...made,
    database: join(made.folder, "app.db"),
    store: join(made.folder, "media"),
  };
  mkdirSync(join(site.store, "2026"), { recursive: true });
  writeFileSync(join(site.folder, "filesweep.env"), blocks(guide, "ini").join(""));
  const now = Math.floor(Date.now() / 1000);
  const day = (24 * HOUR_MS) / 1000;
  const client = await openFileClient(site.database);
  await client.batch([plain(blocks(guide, "sql").join(""))], "write");
  for (const [path, expires] of [
    ["media/2026/a.png", now + day],
    ["media/2026/b.png", null],
    ["media/2026/c.png", now - day],
  ] as const) {
    const sql = "INSERT INTO uploads (path, bytes, created, expires) VALUES (?, 3, ?, ?)";
    await client.batch([plain(sql, [path, now - 9 * day, expires])], "write");
  }
  client.close();
  for (const name of ["a", "b", "c", "nobodys"]) {
    writeFileSync(join(site.store, `2026/${name}.png`), name);
    utimesSync(join(site.store, `2026/${name}.png`), now - 9 * day, now - 9 * day);
  }
  return site;
}

describe("the guides, followed to the letter,", () => {
  it("lead from an existing application to the first approved run, through an upgrade, and away again", async () => {
    const site = await application();
    const has = (name: string): boolean => existsSync(join(site.store, `2026/${name}.png`));
    const told = await follow(site, "from-an-existing-application.md");
    expect(told[0]?.stdout).toMatch(/^Warning \(indexes\)/);
    expect(readFileSync(join(site.folder, "decisions.ndjson"), "utf8")).toContain('"reason":"unreferenced"');
    expect(told.at(-1)?.stdout).toMatch(/^Removed 1 expired file/);
    expect(["a", "b", "c", "nobodys"].map(has)).toEqual([true, true, false, true]);
    const look = await site.filesweep(["--env-file", "filesweep.env", "doctor"], { LOG_LEVEL: "error" });
    expect(look.stdout).toMatch(/^Nothing is wrong\./);

    const upgraded = await follow(site, "upgrading.md");
    expect(upgraded.find(({ line }) => line.endsWith("migrate"))?.stdout).toContain("is up to date");
    expect(upgraded.find(({ line }) => line.endsWith("doctor"))?.stdout).toMatch(/^Nothing is wrong\./);

    await follow(site, "leaving.md");
    expect(JSON.parse(readFileSync(join(site.folder, "removals.json"), "utf8")).items.length).toBeGreaterThan(0);
    expect(["a", "b", "c", "nobodys"].map(has)).toEqual([true, true, false, true]);
    expect(existsSync(join(site.store, ".filesweep"))).toBe(false);
  });
});
