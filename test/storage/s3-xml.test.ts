import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  foreseeLastKey,
  parseDeleteResult,
  parseError,
  parseInstant,
  parseListing,
  parseUploads,
  parseVersioning,
  renderDelete,
} from "../../src/storage/s3-xml.ts";
import { parseXml } from "../../src/storage/xml.ts";

const CONTENTS =
  "<Contents><Key>a</Key><LastModified>2026-11-22T12:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size></Contents>";
const listing = (inner: string, truncated = "false"): string =>
  `<ListBucketResult><IsTruncated>${truncated}</IsTruncated>${inner}</ListBucketResult>`;

describe("a listing", () => {
  it("holds keys, sizes, instants and etags", () => {
    expect(parseListing(listing(CONTENTS))).toEqual({
      objects: [{ key: "a", sizeBytes: 5, modifiedAt: Date.UTC(2026, 10, 22, 12), etag: "e" }],
      isTruncated: false,
      token: null,
    });
  });

  it("says whether it goes on, and where", () => {
    expect(parseListing(listing("<NextContinuationToken>t</NextContinuationToken>", "true"))).toEqual({
      objects: [],
      isTruncated: true,
      token: "t",
    });
  });

  test.each([
    [
      "encoded, where the store says so",
      "<EncodingType>url</EncodingType>",
      "a%2Bb+c%0A%F0%9F%98%80",
      "a+b c\n\u{1F600}",
    ],
    ["as they are, where it does not", "", "a%2Bb+c", "a%2Bb+c"],
  ])("keys are %s", (_how, encoding, key, decoded) => {
    const { objects } = parseListing(listing(`${encoding}<Contents><Key>${key}</Key><Size>0</Size></Contents>`));
    expect(objects).toEqual([{ key: decoded, sizeBytes: 0, modifiedAt: null, etag: null }]);
  });

  test.each([
    ["another document", "<ListAllMyBucketsResult/>"],
    ["no word on whether it goes on", `<ListBucketResult>${CONTENTS}</ListBucketResult>`],
    ["a doubtful word on it", listing(CONTENTS, "perhaps")],
    ["an object without a key", listing("<Contents><Size>5</Size></Contents>")],
    ["an object without a size", listing("<Contents><Key>a</Key></Contents>")],
    ["a size that is none", listing("<Contents><Key>a</Key><Size>-1</Size></Contents>")],
    ["a size beyond all numbers", listing("<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>")],
    [
      "a key that is not encoded as it should be",
      listing("<EncodingType>url</EncodingType><Contents><Key>%FF</Key><Size>5</Size></Contents>"),
    ],
  ])("with %s is corrupt", (_what, text) => {
    expect(() => parseListing(text)).toThrow("makes no sense");
  });
});

describe("the last key of a page, before it is read,", () => {
  const page = (keys: string, truncated = "true", encoding = "<EncodingType>url</EncodingType>"): string =>
    listing(`${encoding}<Contents><Key>a</Key></Contents>${keys}`, truncated);
  const contents = (key: string): string => `<Contents><Key>${key}</Key><Size>5</Size></Contents>`;

  it("is the one that reading finds, whatever characters it has", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (key) => {
        expect(foreseeLastKey(page(contents(encodeURIComponent(key))))).toBe(key);
      }),
    );
    expect(foreseeLastKey(page(contents("a+b%2Bc")))).toBe("a b+c");
  });

  test.each([
    ["of the last page", page(contents("b"), "false")],
    ["of a page that does not say whether it is the last", page(contents("b"), "perhaps")],
    ["that is not encoded", page(contents("b"), "true", "")],
    ["that holds an entity, or more than text", page(contents("b&amp;c")) + page(contents("<i>b</i>"))],
    ["that is encoded wrongly", page(contents("%FF"))],
    ["of a page without objects", listing("<EncodingType>url</EncodingType>", "true")],
    ["of a page that is cut off within it", page(contents("b")).slice(0, page("").length)],
    ["of nothing", ""],
  ])("is not told %s", (_what, text) => {
    expect(foreseeLastKey(text)).toBeNull();
  });
});

test.each([
  ["2026-11-22T12:00:00.000Z", Date.UTC(2026, 10, 22, 12)],
  ["2026-11-22T12:00:00Z", Date.UTC(2026, 10, 22, 12)],
  ["Sun, 22 Nov 2026 12:00:00 GMT", Date.UTC(2026, 10, 22, 12)],
  ["2026-11-22T12:00:00", null],
  ["2026-13-22T12:00:00Z", null],
  ["yesterday", null],
  ["1795348800", null],
  ["", null],
  [null, null],
])("the instant %j is %j: what is not certain is unknown, and keeps the object", (text, instant) => {
  expect(parseInstant(text)).toBe(instant);
});

describe("a list of uploads", () => {
  const upload =
    "<Upload><Key>a%20b</Key><UploadId>u/1+2</UploadId><Initiated>2026-11-22T12:00:00.000Z</Initiated></Upload>";
  const uploads = (inner: string, truncated: boolean): string =>
    `<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>${truncated}</IsTruncated>${inner}</ListMultipartUploadsResult>`;

  it("holds keys, ids and instants; ids are not encoded", () => {
    expect(parseUploads(uploads(upload, false))).toEqual({
      uploads: [{ key: "a b", uploadId: "u/1+2", initiatedAt: Date.UTC(2026, 10, 22, 12) }],
      next: null,
    });
  });

  it("goes on where it says, or behind its last", () => {
    const markers = "<NextKeyMarker>z%20</NextKeyMarker><NextUploadIdMarker>9</NextUploadIdMarker>";
    expect(parseUploads(uploads(upload + markers, true)).next).toEqual({ key: "z ", uploadId: "9" });
    expect(parseUploads(uploads(upload, true)).next).toEqual({ key: "a b", uploadId: "u/1+2" });
    expect(() => parseUploads(uploads("", true))).toThrow("does not say where it goes on");
  });
});

describe("the answer to a delete", () => {
  it("names each key, gone or refused", () => {
    const error = "<Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error>";
    expect(parseDeleteResult(`<DeleteResult><Deleted><Key>a</Key></Deleted>${error}</DeleteResult>`)).toEqual(
      new Map([
        ["a", null],
        ["b", { code: "AccessDenied", message: "no", region: null }],
      ]),
    );
  });

  it("of a key that is both deleted and refused says that it was refused", () => {
    const text =
      "<DeleteResult><Error><Key>a</Key><Code>X</Code></Error><Deleted><Key>a</Key></Deleted></DeleteResult>";
    expect(parseDeleteResult(text).get("a")).toMatchObject({ code: "X" });
  });

  it("is corrupt where it is something else, or names no key", () => {
    expect(() => parseDeleteResult("<Error><Code>SlowDown</Code></Error>")).toThrow("makes no sense");
    expect(() => parseDeleteResult("<DeleteResult><Deleted/></DeleteResult>")).toThrow("makes no sense");
    expect(() => parseDeleteResult("<DeleteResult><Deleted>")).toThrow("no whole XML");
  });
});

test("any key that a delete asks for is read back as it is, control characters and line ends included", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }).filter((key) => key.isWellFormed())), (keys) => {
      const read = parseXml(renderDelete(keys)).children.map((object) => object.children[0]?.text);
      expect(read).toEqual(keys);
    }),
  );
  expect(renderDelete(["a\r\n"])).toContain("a&#13;\n");
});

test.each([
  ["<VersioningConfiguration/>", "none"],
  ["<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", "enabled"],
  ["<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", "suspended"],
  ["<VersioningConfiguration><Status>Odd</Status></VersioningConfiguration>", "unknown"],
])("%s: %s", (text, versioning) => {
  expect(parseVersioning(text)).toBe(versioning);
});

test("what is no error of S3 is none", () => {
  expect(parseError("<Error><Code>C</Code><Message>m</Message><Region>r</Region></Error>")).toEqual({
    code: "C",
    message: "m",
    region: "r",
  });
  for (const text of ["", "<html>502</html>", "<ListBucketResult/>", "<Error>"]) expect(parseError(text)).toBeNull();
});
