import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryPath, invalidFolderKey, renderBytes, renderName } from "../../src/storage/filesystem-names.ts";

const X255 = "x".repeat(255);

describe("a key of a folder is valid", () => {
  it.each([
    ["with one byte", "x"],
    ["with a segment of 255 bytes", `${"\u00E9".repeat(127)}x/y`],
    ["with 1,024 bytes", `${X255}/${X255}/${X255}/${"x".repeat(254)}/x`],
    ["with dots that are no segment", "...", "..a/a../.a"],
    ["with control characters", "\u0001\n\u007F"],
    ["with what replaces mangled bytes", "\uFFFD"],
    ["with a surrogate pair", "\u{1F600}"],
  ])("%s", (_, ...keys) => {
    for (const key of keys) expect(invalidFolderKey(key)).toBeNull();
  });
});

describe("a key of a folder is not valid", () => {
  it.each([
    ["when it is empty", "", /empty/],
    ["with a segment of 256 bytes", `${"\u00E9".repeat(128)}/y`, /255 bytes/],
    ["with 1,025 bytes", `${X255}/${X255}/${X255}/${X255}/xx`, /1024 bytes, this one 1026/],
    ["with a slash at the beginning", "/x", /begin/],
    ["with a slash at the end", "x/", /end/],
    ["with an empty segment", "a//b", /empty segment/],
    ["with a segment .", "a/./b", /segment \./],
    ["with a segment ..", "..", /segment \.\./],
    ["with a backslash", "a\\b", /backslash/],
    ["with a NUL", "a\0", /NUL/],
    ["with half a surrogate pair", "a\uD83D", /Unicode/],
    ["with the halves in the wrong order", "\uDE00\uD83D", /Unicode/],
  ])("%s", (_, key, reason) => {
    expect(invalidFolderKey(key)).toMatch(reason);
  });
});

describe("the rendering of a name", () => {
  const anyName = fc
    .uint8Array({ minLength: 1, maxLength: 12 })
    .filter((bytes) => !bytes.includes(0) && !bytes.includes(0x2f));
  // Bytes that come close to each other's renderings, and to UTF-8's boundaries.
  const closeName = fc
    .array(fc.constantFrom(0x5c, 0x78, 0x46, 0x41, 0xff, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0), {
      minLength: 1,
    })
    .map((bytes) => Uint8Array.from(bytes));
  const name = fc.oneof(anyName, closeName);

  it("leads back to exactly the name's bytes, so that no two names have the same", () => {
    fc.assert(
      fc.property(name, (bytes) => {
        const path = Buffer.from(entryPath("/root", renderBytes(bytes)));
        expect(path).toEqual(Buffer.concat([Buffer.from("/root/"), bytes]));
      }),
      { numRuns: 2000 },
    );
  });

  it("is a valid key only for a name that is the same text", () => {
    fc.assert(
      fc.property(name, (bytes) => {
        const rendered = renderBytes(bytes);
        if (invalidFolderKey(rendered) === null) expect(Buffer.from(rendered)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it("is the same whether a name is read as text or as bytes", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(fc.property(text, (each) => renderBytes(Buffer.from(each)) === renderName(each)));
  });
});
