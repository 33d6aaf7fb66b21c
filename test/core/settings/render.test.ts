import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";
import { readSettings, renderEnvExample, renderSettingsTable, SETTING_NAMES } from "../../../src/core/settings.ts";

const ROOT = new URL("../../../", import.meta.url);
const FILES = [
  ["env", ".env.example"],
  ["dev-vars", ".dev.vars.example"],
] as const;

describe("the example files", () => {
  it.each(FILES)(
    "for %s, %s is what the table says (`npx vitest run test/core/settings -u` writes it)",
    async (target, file) => {
      await expect(renderEnvExample(target)).toMatchFileSnapshot(fileURLToPath(new URL(file, ROOT)));
    },
  );

  it.each(FILES)("for %s, %s lists every setting, commented out", async (_target, file) => {
    const text = await readFile(new URL(file, ROOT), "utf8");
    expect(Object.keys(parseEnv(text))).toEqual([]);
    expect([...text.matchAll(/^#([A-Z][A-Z0-9_]*)=/gm)].map((match) => match[1])).toEqual(SETTING_NAMES);
  });

  it("uncommented, mean the same as no file at all", () => {
    const uncommented = parseEnv(renderEnvExample("env").replace(/^#(?=[A-Z][A-Z0-9_]*=)/gm, ""));
    expect(Object.keys(uncommented).sort()).toEqual([...SETTING_NAMES].sort());
    const { CATALOG_TABLE, ...env } = uncommented;
    expect(CATALOG_TABLE).toBe("files"); // naming the default table is a mapping, and so means more than its default
    const { shown: _, ...read } = readSettings(env, { runtime: "node" });
    const { shown: __, ...standard } = readSettings({}, { runtime: "node" });
    expect(read).toEqual(standard);
  });
});

describe("the table for the README", () => {
  it("has a row of four cells for every setting, with its default", () => {
    const rows = renderSettingsTable()
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    expect(rows.map((row) => /^\| `(\w+)`/.exec(row)?.[1])).toEqual(SETTING_NAMES);
    for (const row of rows) expect(row.match(/(?<!\\)\|/g), row).toHaveLength(5);
    expect(rows).toContain(
      "| `CLEANUP_GATE_MINUTES` | `10` | a number from 5 to 5256000, in minutes | How long after its removal no row may name a key. Longer than the application takes from object to row. |",
    );
  });
});
