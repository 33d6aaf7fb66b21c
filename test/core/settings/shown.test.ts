/** The settings as an operator may see them. */
import { describe, expect, it } from "vitest";
import { showSettings } from "../../../src/core/settings/shown.ts";
import { readSettings, SETTING_NAMES } from "../../../src/core/settings.ts";

const NODE = { runtime: "node" } as const;

function shown(env: Record<string, unknown>, name: string) {
  const found = showSettings(env, NODE).find((one) => one.name === name);
  return found === undefined ? null : { value: found.value, from: found.from };
}

describe("the settings that are shown", () => {
  it("are all there are, each with its default where nothing is given", () => {
    const all = showSettings({}, NODE);
    expect(all.map(({ name }) => name)).toEqual(SETTING_NAMES);
    expect(shown({}, "CLEANUP_MODE")).toEqual({ value: "remove", from: null });
    expect(shown({}, "NOTIFY_WEBHOOK_URL")).toEqual({ value: null, from: null });
  });

  it("tell what was given, and by which variable", () => {
    expect(shown({ CLEANUP_MODE: "plan" }, "CLEANUP_MODE")).toEqual({ value: "plan", from: "CLEANUP_MODE" });
    expect(shown({ TURSO_DATABASE_URL: "file:a.db" }, "DATABASE_URL")).toEqual({
      value: "file:a.db",
      from: "TURSO_DATABASE_URL",
    });
    expect(shown({ CATALOG_COLUMNS: { id: "id" } }, "CATALOG_COLUMNS")?.value).toBe('{"id":"id"}');
    expect(shown({ CLEANUP_ENABLED: false }, "CLEANUP_ENABLED")?.value).toBe("false");
  });

  it("hold no secret, whatever holds one", () => {
    const secret = "S3CR3T".repeat(6);
    const env = Object.fromEntries(
      showSettings({}, NODE).map(({ name }) => [name, `https://user:${secret}@host.example/${secret}?t=${secret}`]),
    );
    const secrets = showSettings({ ...env, ADMIN_TOKEN: secret }, NODE).filter(
      ({ name, secret: isSecret }) => isSecret || /_URL$|ENDPOINT/.test(name),
    );
    expect(secrets.length).toBeGreaterThan(8);
    expect(JSON.stringify(secrets)).not.toContain(secret);
    expect(shown({ ADMIN_TOKEN: secret }, "ADMIN_TOKEN")).toEqual({ value: "[redacted]", from: "ADMIN_TOKEN" });
    expect(shown(env, "PUBLIC_URL")?.value).toBe("https://host.example/…");
    expect(shown({ DATABASE_URL: `${secret} nonsense` }, "DATABASE_URL")?.value).toBe("[redacted]");
    expect(shown({ STORAGE_URL: "s3://bucket/prefix" }, "STORAGE_URL")?.value).toBe("s3://bucket/…");
  });

  it("go with the settings that are read", () => {
    expect(readSettings({ PORT: "80" }, NODE).shown.find(({ name }) => name === "PORT")?.value).toBe("80");
  });
});
