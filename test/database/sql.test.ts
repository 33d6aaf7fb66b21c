/** The template that statements are written with. */
import { expect, test } from "vitest";
import type { Value } from "../../src/core/ports.ts";
import { sql } from "../../src/database/sql.ts";

test.each<Value>(["it's", "", 0, 1.5, 2n ** 60n, null, new Uint8Array([1])])(
  "a value is a parameter, whatever is in it, and never text: %s",
  (value) => {
    expect(sql`SELECT ${value}`).toMatchObject({ sql: "SELECT ?", args: [value] });
  },
);

test("a part brings its parameters to its place", () => {
  const part = sql`b = ${2} AND c = ${"three"}`;
  const whole = sql`SELECT ${1} WHERE ${part} AND d = ${null}`;
  expect(whole.sql).toBe("SELECT ? WHERE b = ? AND c = ? AND d = ?");
  expect(whole.args).toEqual([1, 2, "three", null]);
});

test("parts are joined in order, with what stands between them", () => {
  const { sql: text, args } = sql.join([sql`${1}`, sql`${2}`, sql`${3}`], sql`, `);
  expect([text, args]).toEqual(["?, ?, ?", [1, 2, 3]]);
  expect(sql.join([], sql`, `).sql).toBe("");
});

test.each([
  ["files", `"files"`],
  [`a"b`, `"a""b"`],
  [`x"; DROP TABLE files; --`, `"x""; DROP TABLE files; --"`],
])("a name is quoted: %s", (name, quoted) => {
  expect(sql`SELECT * FROM ${sql.identifier(name)}`.sql).toBe(`SELECT * FROM ${quoted}`);
});

test.each([undefined, true, {}, [1], () => 1])(
  "what is no value is a bug, and not sent as something else: %s",
  (given) => {
    // The compiler refuses it; what comes in as `any` is not asked.
    expect(() => sql`SELECT ${given as unknown as Value}`).toThrow(expect.objectContaining({ kind: "bug" }));
  },
);
