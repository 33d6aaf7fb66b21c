import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readInstant } from "../../src/core/catalog-time.ts";
import { isSweepError } from "../../src/core/errors.ts";
import { type ImportRules, readTinyDb } from "../../src/core/tinydb.ts";

const RULES: ImportRules = {
  keyOf: (path) => ({ key: path.replace("uploads/", "") }),
  readTime: (value) => readInstant(value, { form: "auto", zone: "Europe/Berlin" }),
};

/** A document as Buzzdrop writes it. */
const DOCUMENT = {
  id: "a1",
  original_name: "report.pdf",
  path: "uploads/a1",
  created_at: "2026-01-02T03:04:05.123456",
  downloaded_at: null,
  uploaded_by: "ann",
  expiry_at: "2026-07-02T03:04:05.000001",
  status: "active",
  decryption_success: null,
  type: "file",
  shared_with: ["bob"],
  downloaded_by_ip: null,
};

const read = (...documents: unknown[]) =>
  readTinyDb(JSON.stringify({ _default: Object.fromEntries(documents.map((one, index) => [index + 1, one])) }), RULES);

describe("a document of Buzzdrop's", () => {
  it("becomes a row: local times in the zone, a part of a millisecond as a whole one", () => {
    expect(read(DOCUMENT)).toEqual({
      files: [
        {
          id: "a1",
          key: "a1",
          originalName: "report.pdf",
          uploadedBy: "ann",
          status: "active",
          createdAt: Date.UTC(2026, 0, 2, 2, 4, 5, 124),
          expiresAt: Date.UTC(2026, 6, 2, 1, 4, 5, 1),
          downloadedAt: null,
          downloads: 0,
        },
      ],
      warnings: [],
      problems: [],
    });
  });

  it("that was downloaded has used its one download up", () => {
    const { files } = read({ ...DOCUMENT, downloaded_at: "2026-01-03T00:00:00.5" });
    expect(files).toMatchObject([{ downloads: 1, downloadedAt: Date.UTC(2026, 0, 2, 23, 0, 0, 500) }]);
  });

  it.each([
    ["soon", "soon"],
    ["2026-02-30T00:00:00", "2026-02-30T00:00:00"],
    // SQLite would make numbers of these, and instants of those.
    ["20260101", '"20260101"'],
    [" 17 ", '" 17 "'],
    ["1e9", '"1e9"'],
    ["", '""'],
    [-5, '"-5"'],
    [true, "true"],
    [{ $date: 1 }, '{"$date":1}'],
  ])("whose expiry cannot be read keeps it as a text, and is told of: %j", (expiry_at, text) => {
    const { files, warnings } = read({ ...DOCUMENT, expiry_at });
    expect(files).toMatchObject([{ expiresAt: text }]);
    expect(warnings).toEqual([
      expect.stringMatching(/^document 1 of _default: expiry_at .* is no time that can be read/),
    ]);
    expect(Number.isNaN(Number(text))).toBe(true);
  });

  it("without an expiry never expires; without a status it is live; without a beginning the table's default stands", () => {
    const { files, warnings } = read({ id: "a", path: "uploads/a" });
    expect(files).toMatchObject([{ expiresAt: null, status: "active", createdAt: null, originalName: null }]);
    expect(warnings).toEqual([]);
  });

  it("with a field that nobody knows is imported, and told of once for all documents", () => {
    const { files, warnings } = read({ ...DOCUMENT, colour: 1 }, { ...DOCUMENT, id: "b", colour: 2 });
    expect(files).toHaveLength(2);
    expect(warnings).toEqual([
      'document 1 of _default (and 1 more): the field "colour" is not known, and was left out',
    ]);
  });

  it("with a status that nobody knows keeps it, and is told of", () => {
    const { files, warnings } = read({ ...DOCUMENT, status: "deleted" });
    expect(files).toMatchObject([{ status: "deleted" }]);
    expect(warnings).toEqual([expect.stringContaining('the status "deleted"')]);
  });
});

describe("a document that names no file", () => {
  it.each([
    ["without an id", { ...DOCUMENT, id: undefined }, "document 2 of _default has no id"],
    ["with an id that is null", { ...DOCUMENT, id: null }, "document 2 of _default has no id"],
    ["with an empty path", { ...DOCUMENT, path: "" }, "document 2 of _default has no path"],
    ["without both", {}, "document 2 of _default has no id and no path"],
    ["that is no object", 5, "document 2 of _default has no id and no path"],
    ["whose path the database would cut", { ...DOCUMENT, path: "a\0b" }, "document 2 of _default has no path"],
    ["whose id is no Unicode", { ...DOCUMENT, id: "\ud800" }, "document 2 of _default has no id"],
    [
      "with the id of another",
      { ...DOCUMENT, path: "uploads/b" },
      "document 2 of _default has the id of document 1 of _default",
    ],
  ])("is a problem, named by its number: %s", (_, document, problem) => {
    expect(read(DOCUMENT, document).problems).toEqual([expect.stringContaining(problem)]);
  });

  it("that says the same as another is no problem", () => {
    expect(read(DOCUMENT, DOCUMENT)).toMatchObject({ problems: [], files: [{ id: "a1" }] });
  });

  it("is named each, whatever table it is in", () => {
    const text = JSON.stringify({ _default: { 3: {}, 9: DOCUMENT }, old: { 4: {} } });
    expect(readTinyDb(text, RULES).problems).toEqual([
      expect.stringContaining("document 3 of _default"),
      expect.stringContaining("document 4 of old"),
    ]);
  });
});

describe("the file", () => {
  it.each(["", "  \n", "{}", '{"_default":{}}'])("without documents imports nothing: %j", (text) => {
    expect(readTinyDb(text, RULES)).toEqual({ files: [], warnings: [], problems: [] });
  });

  it.each(["{", "[]", "null", '{"_default":[]}', '{"_default":5}'])("that is no database is refused: %s", (text) => {
    expect(() => readTinyDb(text, RULES)).toThrow(expect.objectContaining({ kind: "invalid" }));
  });

  it("of any JSON is understood or refused, and never makes a row without id and key", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          const { files } = readTinyDb(JSON.stringify({ t: { 1: value, 2: { id: "x", path: value } } }), RULES);
          for (const { id, key } of files) expect([id, key]).not.toContain("");
        } catch (error) {
          expect(isSweepError(error, "invalid")).toBe(true);
        }
      }),
    );
  });
});
