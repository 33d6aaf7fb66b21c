import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { SweepError } from "../../src/core/errors.ts";
import { parseXml } from "../../src/storage/xml.ts";

describe("a document is read:", () => {
  test.each([
    ["text, with line ends as they are", "<a>x\r\ny</a>", "x\r\ny"],
    ["the five entities", "<a>&lt;&gt;&amp;&quot;&apos;</a>", "<>&\"'"],
    ["character references, decimal and hexadecimal", "<a>&#13;&#xD;&#x1F600;</a>", "\r\r\u{1F600}"],
    ["an entity is decoded once", "<a>&amp;lt;</a>", "&lt;"],
    ["CDATA, in which nothing is decoded", "<a>1<![CDATA[<b>&amp;]]>2</a>", "1<b>&amp;2"],
    ["a comment is no text", "<a>1<!-- <b> -->2</a>", "12"],
    ["a declaration and a byte order mark", '\uFEFF<?xml version="1.0"?>\n<a>x</a>\n', "x"],
    ["attributes, also with a > in them", `<a xmlns="x>y" b='"'>x</a>`, "x"],
    ["an empty element", "<a/>", ""],
    ["control characters, which a store writes as its keys hold them", "<a>\u0007</a>", "\u0007"],
  ])("%s", (_what, source, text) => {
    expect(parseXml(source)).toEqual({ name: "a", children: [], text });
  });

  it("elements in elements, without the prefixes of their namespaces", () => {
    expect(parseXml("<s:a><b>1</b><c/><b>2</b></s:a>")).toEqual({
      name: "a",
      children: [
        { name: "b", children: [], text: "1" },
        { name: "c", children: [], text: "" },
        { name: "b", children: [], text: "2" },
      ],
      text: "",
    });
  });
});

describe("what is no whole document is corrupt:", () => {
  test.each([
    ["nothing", ""],
    ["text alone", "Bad Gateway"],
    ["an open element", "<a><b></b>"],
    ["an open tag", "<a><b"],
    ["an open closing tag", "<a></a"],
    ["elements that cross", "<a><b></a></b>"],
    ["two roots", "<a/><b/>"],
    ["text behind the root", "<a/>x"],
    ["an end without a beginning", "</a>"],
    ["a document type", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ["an unknown entity", "<a>&nbsp;</a>"],
    ["a bare ampersand", "<a>a & b</a>"],
    ["a surrogate", "<a>&#xD800;</a>"],
    ["a character beyond Unicode", "<a>&#x110000;</a>"],
    ["open CDATA", "<a><![CDATA[x</a>"],
    ["an open comment", "<a><!-- x</a>"],
    ["an open comment behind the root", "<a/><!-- x"],
    ["a tag without a name", "<a>< b></a>"],
    ["an attribute without a value", "<a b></a>"],
    ["elements without end", "<a>".repeat(1000)],
  ])("%s", (_what, source) => {
    expect(() => parseXml(source)).toThrow(SweepError);
    expect(() => parseXml(source)).toThrow("no whole XML document");
  });

  it("any document that is cut off anywhere", () => {
    const source = `<?xml version="1.0"?><r a="1"><k>a&amp;b</k><![CDATA[x]]><!-- c --><e/></r>`;
    for (let length = 0; length < source.length; length += 1) {
      expect(() => parseXml(source.slice(0, length)), source.slice(0, length)).toThrow("no whole XML document");
    }
  });

  it("and nothing makes it fail in another way, or hang", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "</",
      "/>",
      "a",
      "<a>",
      "</a>",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "&",
      "&amp;",
      "&#",
      ";",
      '"',
      "'",
      "=",
      " ",
      "<?",
      "?>",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          parseXml(pieces.join(""));
        } catch (error) {
          expect(error).toMatchObject({ name: "SweepError", kind: "corrupt" });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
