import { describe, expect, it } from "vitest";
import { type CatalogSettings, checkSettings, readSettings, type SettingsContext } from "../../../src/core/settings.ts";

const ALL: SettingsContext = { runtime: "node" };
type Env = Readonly<Record<string, unknown>>;

function messagesOf(env: Env): string[] {
  const checked = checkSettings(env, ALL);
  return "problems" in checked ? checked.problems.map((problem) => problem.message) : [];
}

describe("a mapping of the application's table", () => {
  it.each<[name: string, field: keyof CatalogSettings, given: unknown, value: unknown]>([
    ["CATALOG_TABLE", "table", "My Files", "My Files"],
    ["CATALOG_WHERE", "where", '{"bucket":"a","n":1,"x":null}', { bucket: "a", n: 1, x: null }],
    ["CATALOG_COLUMNS", "columns", '{"id":"i","key":"k","status":"s"}', { id: "i", key: "k", status: "s" }],
    [
      "CATALOG_STATUS",
      "status",
      { live: ["a", "b"], expired: "x", deleted: ["d"] },
      { live: ["a", "b"], expired: "x", deleted: ["d"] },
    ],
    ["CATALOG_EXPIRED_ACTION", "expiredAction", "delete", "delete"],
    ["CATALOG_TIME", "times", "epoch-s", { form: "epoch-s", zone: "UTC" }],
    ["CATALOG_TIMEZONE", "times", "Europe/Berlin", { form: "auto", zone: "Europe/Berlin" }],
    ["CATALOG_KEY_PREFIX", "keyPrefix", "/files/", "/files/"],
    [
      "CATALOG_REFERENCES",
      "references",
      '[{"table":"t","column":"c"}]',
      [{ table: "t", column: "c", stripPrefix: null, format: "text" }],
    ],
    [
      "CATALOG_REFERENCES",
      "references",
      [{ table: "t", column: "c", stripPrefix: "/", format: "json-array" }],
      [{ table: "t", column: "c", stripPrefix: "/", format: "json-array" }],
    ],
    ["CATALOG_DERIVED", "derived", '["{key}.thumb.jpg"]', ["{key}.thumb.jpg"]],
  ])("%s (%s) may be %j", (name, field, given, value) => {
    expect(readSettings({ [name]: given }, ALL).catalog[field]).toEqual(value);
  });

  it.each<[name: string, given: unknown, reason: string]>([
    ["CATALOG_TABLE", { a: 1 }, "allowed: the name of a table"],
    ["CATALOG_WHERE", "bucket=a", "it is not valid JSON"],
    ["CATALOG_WHERE", "{}", "at least one column"],
    ["CATALOG_WHERE", '{"a":["b"]}', '"a" must have a text'],
    ["CATALOG_COLUMNS", '{"id":"i"}', "id and key must name a column"],
    ["CATALOG_COLUMNS", '{"id":"i","key":"k","expires":"e"}', "did you mean expiresAt?"],
    ["CATALOG_COLUMNS", '{"id":"i","key":"k","hold":7}', "hold must name a column"],
    ["CATALOG_COLUMNS", "[]", "it is not an object"],
    ["CATALOG_STATUS", '{"live":[],"expired":"x"}', "live must be a list of at least one text"],
    ["CATALOG_STATUS", '{"live":["a"],"expired":"a"}', '"a" is live and not live at once'],
    ["CATALOG_STATUS", '{"live":["a"],"expired":"x","deleted":["a"]}', '"a" is live and not live at once'],
    ["CATALOG_STATUS", '{"live":["a"]}', "expired must be a text"],
    ["CATALOG_TIME", "epoch", "allowed: auto, epoch-ms, epoch-s, iso"],
    ["CATALOG_TIMEZONE", "Mars/Olympus", "no time zone"],
    ["CATALOG_REFERENCES", '{"table":"t","column":"c"}', "it is not a list"],
    ["CATALOG_REFERENCES", '[{"table":"t"}]', "a table and a column"],
    ["CATALOG_REFERENCES", '[{"table":"t","column":"c","prefix":"x"}]', "did you mean stripPrefix?"],
    ["CATALOG_REFERENCES", '[{"table":"t","column":"c","format":"json"}]', "format must be text or json-array"],
    ["CATALOG_DERIVED", '["{key}"]', "must hold {key} once"],
    ["CATALOG_DERIVED", '["thumb.jpg"]', "must hold {key} once"],
  ])("%s may not be %j: %s", (name, given, reason) => {
    const messages = messagesOf({ [name]: given, CATALOG_EXPIRED_ACTION: "delete" });
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(reason);
  });

  it("without a status column must say that expired rows are deleted", () => {
    const env = { CATALOG_COLUMNS: '{"id":"i","key":"k"}' };
    expect(messagesOf(env)[0]).toContain("set CATALOG_EXPIRED_ACTION=delete");
    expect(messagesOf({ ...env, CATALOG_EXPIRED_ACTION: "delete" })).toEqual([]);
  });

  it.each<[Env, boolean]>([
    [{}, false],
    [{ CATALOG_TIME: "iso" }, false],
    [{ CATALOG_TABLE: "files" }, true],
    [{ CATALOG_COLUMNS: '{"id":"i","key":"k","status":"s"}' }, true],
  ])("%j is mapped: %s; then left-overs are our own and old records stay, unless told otherwise", (env, mapped) => {
    const settings = readSettings(env, ALL);
    expect(settings.catalog.mapped).toBe(mapped);
    expect(settings.leftovers).toBe(mapped ? "own" : "all");
    expect(settings.oldFilesMs === null).toBe(mapped);
    const told = readSettings({ ...env, CLEANUP_LEFTOVERS: "all", CLEANUP_OLD_FILES_DAYS: "7" }, ALL);
    expect(told).toMatchObject({ leftovers: "all", oldFilesMs: 7 * 86_400_000 });
  });
});
