/** What the S3 store sends, and what it makes of refusals, over an own server and a fetch that answers by hand. */
import { describe, expect, it, onTestFinished, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { createS3Store } from "../../src/storage/s3.ts";
import type { S3ClientOptions } from "../../src/storage/s3-client.ts";
import { listAll } from "../contract/listing.ts";
import { error, type S3Server, startS3Server } from "../support/s3-server.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
const OPTIONS: S3ClientOptions = {
  endpoint: null,
  region: "auto",
  accessKeyId: "key-id",
  secretAccessKey: "s3cret",
  sessionToken: null,
  forcePathStyle: false,
  bucket: "files",
  prefix: "",
  now: () => NOW,
};

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
  readonly headers: Headers;
}

/** A store whose requests are caught, and answered alike. */
function caught(
  options: Partial<S3ClientOptions>,
  answer: () => Response = emptyListing,
): { store: Store; sent: Sent[] } {
  const sent: Sent[] = [];
  const fetchByHand: typeof fetch = async (input, init = {}) => {
    sent.push({ url: String(input), init, headers: new Headers(init.headers) });
    return answer();
  };
  return { store: createS3Store({ ...OPTIONS, ...options, fetch: fetchByHand }), sent };
}

function emptyListing(): Response {
  return new Response("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
}

describe("the address of a bucket", () => {
  test.each<[string, Partial<S3ClientOptions>, string]>([
    ["on AWS", { region: "eu-west-1" }, "https://files.s3.eu-west-1.amazonaws.com/?"],
    ["on AWS without a region", {}, "https://files.s3.us-east-1.amazonaws.com/?"],
    ["on AWS, in the path", { forcePathStyle: true }, "https://s3.us-east-1.amazonaws.com/files/?"],
    [
      "on AWS, with a dot, which no certificate covers",
      { bucket: "my.files" },
      "https://s3.us-east-1.amazonaws.com/my.files/?",
    ],
    [
      "on a server of one's own",
      { endpoint: "http://10.0.0.1:9000", forcePathStyle: true },
      "http://10.0.0.1:9000/files/?",
    ],
    [
      "below a path",
      { endpoint: "https://s3.example.org/gate/", forcePathStyle: true },
      "https://s3.example.org/gate/files/?",
    ],
    ["in the host", { endpoint: "https://s3.example.org", forcePathStyle: false }, "https://files.s3.example.org/?"],
  ])("%s", async (_where, options, address) => {
    const { store, sent } = caught(options);
    await store.list({ after: null, limit: 5 });
    expect(sent[0]?.url.startsWith(address), sent[0]?.url).toBe(true);
  });
});

test("a request is signed by the clock that was handed in, follows no redirect, and shows no secret", async () => {
  const { store, sent } = caught({ region: "eu-west-1", sessionToken: "t0ken" });
  await store.list({ after: null, limit: 5 });
  const [request] = sent;
  expect(request?.headers.get("x-amz-date")).toBe("20261122T120000Z");
  expect(request?.headers.get("x-amz-security-token")).toBe("t0ken");
  expect(request?.headers.get("authorization")).toMatch(
    /^AWS4-HMAC-SHA256 Credential=key-id\/20261122\/eu-west-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, /,
  );
  expect(request?.init.redirect).toBe("manual");
  expect(JSON.stringify([request?.url, [...(request?.headers ?? [])]])).not.toContain("s3cret");
});

test("a prefix is asked for with its slash, and a page begins behind the key", async () => {
  const { store, sent } = caught({ prefix: "uploads/" });
  await store.list({ after: "a b+c/\u{1F600}", limit: 5000 });
  const query = new URL(sent[0]?.url ?? "").searchParams;
  expect(Object.fromEntries(query)).toEqual({
    "list-type": "2",
    "encoding-type": "url",
    "max-keys": "1000",
    prefix: "uploads/",
    "start-after": "uploads/a b+c/\u{1F600}",
  });
});

test("a directory bucket is refused before anything is asked", () => {
  expect(() => createS3Store({ ...OPTIONS, bucket: "files--usw2-az1--x-s3" })).toThrow("directory bucket");
});

describe("a refusal says what is wrong and what to do:", () => {
  const region = "<Region>eu-west-3</Region>";
  const cases: [string, number, string, string, string][] = [
    [
      "no such bucket",
      404,
      "NoSuchBucket",
      "not-found",
      "there is no bucket files at https://files.s3.us-east-1.amazonaws.com",
    ],
    ["a wrong key", 403, "InvalidAccessKeyId", "unauthorized", "does not know the key of S3_ACCESS_KEY_ID"],
    [
      "a wrong secret",
      403,
      "SignatureDoesNotMatch",
      "unauthorized",
      "S3_SECRET_ACCESS_KEY does not belong to S3_ACCESS_KEY_ID",
    ],
    ["no permission", 403, "AccessDenied", "unauthorized", "lack the permission"],
    ["an expired token", 400, "ExpiredToken", "unauthorized", "S3_SESSION_TOKEN and its key have to be renewed"],
    ["a wrong token", 400, "InvalidToken", "unauthorized", "does not know the token of S3_SESSION_TOKEN"],
    ["a clock that is off", 403, "RequestTimeTooSkewed", "unauthorized", "set this machine's clock"],
    ["a wrong region, told in the document", 400, "AuthorizationHeaderMalformed", "invalid", "set S3_REGION=eu-west-3"],
    ["a wrong region, told by a redirect", 301, "PermanentRedirect", "invalid", "set S3_REGION=eu-west-3"],
    ["a wish to slow down", 503, "SlowDown", "unavailable", "asks to slow down"],
    ["too many requests", 429, "TooManyRequests", "unavailable", "asks to slow down"],
    ["an error of its own", 500, "InternalError", "unavailable", "InternalError"],
    ["something unknown", 400, "Odd", "invalid", "HTTP 400, Odd: It says Odd."],
    ["something unknown, for now", 502, "Odd", "unavailable", "HTTP 502, Odd"],
  ];
  test.each(cases)("%s", async (_what, status, code, kind, told) => {
    const inner = /region/.test(_what) ? region : "";
    const { store } = caught({}, () => new Response(error(status, code, inner).body, { status }));
    await expect(store.list({ after: null, limit: 1 })).rejects.toMatchObject({
      name: "SweepError",
      kind,
      message: expect.stringContaining(told),
    });
  });

  test.each([
    ["a page of a proxy", 403, { "content-type": "text/html" }, "corrupt", "answered with a web page (HTTP 403)"],
    ["the page of a gateway", 502, { "content-type": "text/html" }, "unavailable", "HTTP 502"],
    ["a redirect to anywhere", 302, { location: "https://elsewhere.example.org" }, "invalid", "set S3_ENDPOINT"],
    ["a region in a header alone", 400, { "x-amz-bucket-region": "eu-west-3" }, "invalid", "set S3_REGION=eu-west-3"],
    ["a refusal without a word", 403, {}, "unauthorized", "HTTP 403"],
  ])("%s", async (_what, status, headers, kind, told) => {
    const body = "text/html" === new Headers(headers).get("content-type") ? "<html>x</html>" : null;
    const { store } = caught({}, () => new Response(body, { status, headers }));
    await expect(store.list({ after: null, limit: 1 })).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(told),
    });
    await expect(store.head("x")).rejects.toMatchObject({ kind: expect.any(String) });
  });

  it("where nobody answers, with the code of the network", async () => {
    const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const { store } = caught({}, () => {
      throw new TypeError("fetch failed", { cause });
    });
    await expect(store.list({ after: null, limit: 1 })).rejects.toMatchObject({
      kind: "unavailable",
      message: "listing s3://files/ failed: no answer from https://files.s3.us-east-1.amazonaws.com (ECONNREFUSED)",
    });
  });

  it("without secrets, and without what could break a line", async () => {
    const { store } = caught({}, () => new Response(error(400, "Odd\n\u001b[31m", "").body, { status: 400 }));
    const failure = await store.list({ after: null, limit: 1 }).catch((caughtError: unknown) => caughtError);
    expect(String(failure)).not.toMatch(/\p{Cc}|s3cret/u);
  });

  it("an answer longer than any that makes sense is not read to its end", async () => {
    const { store } = caught({}, () => new Response("x".repeat(9 * 1024 * 1024)));
    await expect(store.list({ after: null, limit: 1 })).rejects.toMatchObject({ kind: "corrupt" });
  });
});

test.each([
  { aheadMs: 0, skewMs: 0 },
  { aheadMs: -1000, skewMs: 0 },
  { aheadMs: 400_000, skewMs: 400_000 },
  { aheadMs: -400_000, skewMs: 399_000 },
])("a store whose answers are dated $aheadMs ms ahead is $skewMs ms off at the least", async ({ aheadMs, skewMs }) => {
  const date = new Date(NOW + aheadMs).toUTCString();
  const { store } = caught({}, () => new Response(error(404, "NoSuchBucket").body, { status: 404, headers: { date } }));
  expect(store.clockSkewMs()).toBeNull();
  await store.list({ after: null, limit: 1 }).catch(() => {});
  expect(store.clockSkewMs()).toBe(skewMs);
});

describe("over a server:", () => {
  async function open(
    prefix = "uploads/",
  ): Promise<{ server: S3Server; store: Store; put: (...keys: string[]) => void }> {
    const server = await startS3Server();
    onTestFinished(() => server.close());
    const put = (...keys: string[]): void => {
      for (const key of keys) server.objects.set(key, { sizeBytes: 3, modifiedAt: NOW });
    };
    return { server, store: createS3Store({ ...server.settings, prefix, now: () => Date.now() }), put };
  }
  const asked = ({ asked: all }: S3Server): string[] => all.map(({ request }) => request.replace(/\?.*/, "?"));

  it("`uploads` means `uploads/`: what lies beside it, and a console's folder of that name, is not seen", async () => {
    const { server, store, put } = await open();
    put("uploads", "uploads/", "uploads/a", "uploads2/b", "uploadsx", "other/c");
    expect((await listAll(store)).keys).toEqual(["a"]);
    await store.delete([{ key: "a" }, { key: "b" }]);
    expect([...server.objects.keys()]).toEqual(["uploads", "uploads/", "uploads2/b", "uploadsx", "other/c"]);
  });

  it("where the next page begins is told before this one is read, which waits for who is told", async () => {
    const { server, store, put } = await open();
    put("uploads/a", "uploads/b c", "uploads/d");
    const order: string[] = [];
    const list = (after: string | null) =>
      store.list({
        after,
        limit: 2,
        foreseen: async (next) => {
          order.push(`foreseen: ${next}`);
          await new Promise((resolve) => setImmediate(resolve));
          order.push("and acted on");
        },
      });
    const first = await list(null);
    order.push(`read: ${first.next}`);
    expect(order).toEqual(["foreseen: b c", "and acted on", "read: b c"]);
    await list("b c");
    expect(order).toHaveLength(3);
    // Of a refusal nothing is foreseen, whatever it holds.
    server.mischief = (_ask, answer) => ({ ...answer, status: 500 });
    await expect(list(null)).rejects.toMatchObject({ kind: "unavailable" });
    expect(order).toHaveLength(3);
  });

  it("a key's room is what the prefix leaves of 1,024 bytes", async () => {
    const { store } = await open();
    expect(store.invalidKey("x".repeat(1016))).toBeNull();
    expect(store.invalidKey("x".repeat(1017))).toBe(
      "a key has with the store's prefix at most 1024 bytes, this one 1025",
    );
  });

  const AMBIGUOUS = ["../x", "a/./b", "a/../b", "a//b", "/a", "..", ".", "a/.."];
  it("keys that no URL can hold are never in one: they are looked up in a listing, and deleted in a batch", async () => {
    const { server, store, put } = await open("");
    const twins = ["x", "a/b", "b", "a"];
    put(...AMBIGUOUS, ...twins);
    for (const key of AMBIGUOUS) expect(await store.head(key)).toMatchObject({ key, sizeBytes: 3 });
    expect(await store.head("a/../c")).toBeNull();
    const outcomes = await store.delete(AMBIGUOUS.map((key) => ({ key })));
    expect(outcomes).toEqual(AMBIGUOUS.map((key) => ({ key, outcome: "gone" })));
    expect([...server.objects.keys()]).toEqual(twins);
    expect(new Set(asked(server))).toEqual(new Set(["GET /files/?", "POST /files/?"]));
  });

  it("an upload under such a key is refused, not aborted by another's address", async () => {
    const { server, store } = await open("");
    expect(await store.abortUpload({ key: "a/../b", uploadId: "1" })).toMatchObject({ outcome: "refused" });
    expect(server.asked).toEqual([]);
  });

  it("a key with a control character goes in a batch of its own, and by its address where the store takes no such batch", async () => {
    const { server, store, put } = await open("");
    const keys = ["a", "bell\u0007", "b", "li\nne"];
    put(...keys);
    expect(await store.delete(keys.map((key) => ({ key })))).toEqual(keys.map((key) => ({ key, outcome: "gone" })));
    expect(asked(server)).toEqual(["POST /files/?", "POST /files/?", "POST /files/?"]);

    put(...keys);
    server.asked.length = 0;
    for (const key of ["bell\u0007", "li\nne"]) server.refusesBatchesWith.add(key);
    expect(await store.delete(keys.map((key) => ({ key })))).toEqual(keys.map((key) => ({ key, outcome: "gone" })));
    const byAddress = asked(server).filter((request) => request.startsWith("DELETE"));
    expect(byAddress.sort()).toEqual(["DELETE /files/bell%07", "DELETE /files/li%0Ane"]);
  });

  it("a key with blanks at an end is never in a document, where some servers take them away", async () => {
    const { server, store, put } = await open("");
    const keys = [" x", "x ", "\n", "x\uFEFF"];
    put(...keys, "x");
    expect(await store.delete(keys.map((key) => ({ key })))).toEqual(keys.map((key) => ({ key, outcome: "gone" })));
    expect([...server.objects.keys()]).toEqual(["x"]);
    expect(asked(server).some((request) => request.startsWith("POST"))).toBe(false);
  });

  it("what a store claims of such a key is not taken at its word", async () => {
    const { server, store, put } = await open("");
    put("x ");
    // Understands another key, and finds nothing to delete.
    server.mischief = (ask, answer) => {
      if (ask === "delete") put("x ");
      return answer;
    };
    expect(await store.delete([{ key: "x " }])).toMatchObject([{ outcome: "refused" }]);
  });

  it("a batch that is refused for one of its keys is halved until that one is found", async () => {
    const { server, store, put } = await open("");
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    put(...keys);
    server.refusesBatchesWith.add("k7");
    const outcomes = await store.delete(keys.map((key) => ({ key })));
    expect(outcomes.filter(({ outcome }) => outcome !== "gone")).toEqual([
      { key: "k7", outcome: "refused", error: expect.stringContaining("MalformedXML") },
    ]);
    expect([...server.objects.keys()]).toEqual(["k7"]);
  });

  it("1,001 keys go in two requests", async () => {
    const { server, store } = await open("");
    await store.delete(Array.from({ length: 1001 }, (_, index) => ({ key: `k${index}` })));
    expect(asked(server)).toEqual(["POST /files/?", "POST /files/?"]);
  });

  it("uploads beside the prefix are not seen, and those under it are named relative to it", async () => {
    const { server, store } = await open();
    for (const key of ["uploads/a", "uploads2/b", "c"]) {
      server.uploads.set(`${key} 1`, { key, uploadId: "1", initiatedAt: NOW });
    }
    const page = await store.listUploads({ after: null, limit: 10 });
    expect(page).toEqual({ uploads: [{ key: "a", uploadId: "1", initiatedAt: NOW }], next: null });
    expect(await store.abortUpload({ key: "a", uploadId: "1" })).toEqual({ outcome: "gone" });
    expect([...server.uploads.keys()]).toEqual(["uploads2/b 1", "c 1"]);
  });

  it("keys of uploads are asked for as they are: a store that encodes them need not say so", async () => {
    const { server, store } = await open("");
    const keys = ["%20", "a b+c", "bell\u0007"];
    for (const key of keys) server.uploads.set(`${key} 1`, { key, uploadId: "1", initiatedAt: NOW });
    const page = await store.listUploads({ after: null, limit: 10 });
    expect(page).toMatchObject({ uploads: keys.map((key) => ({ key })) });
    expect(server.asked.map(({ request }) => request)).toEqual([expect.not.stringContaining("encoding-type")]);
  });

  test.each([
    [501, "NotImplemented"],
    [405, "MethodNotAllowed"],
  ])("a server that answers %i %s to a list of uploads cannot list them", async (status, code) => {
    const { server, store } = await open();
    server.mischief = () => error(status, code);
    expect(await store.listUploads({ after: null, limit: 10 })).toBe("not-supported");
    expect(await store.versioning()).toBe("unknown");
  });
});
