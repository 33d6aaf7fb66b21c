import { describe, expect, it } from "vitest";
import { checkSettings, databaseInsideStore, readSettings, type SettingsContext } from "../../../src/core/settings.ts";

const NODE: SettingsContext = { runtime: "node" };
const ALL: SettingsContext = { runtime: "node" };
const WORKER: SettingsContext = { runtime: "workers" };
const KEYS = { S3_ACCESS_KEY_ID: "id", S3_SECRET_ACCESS_KEY: "key" };

function messagesOf(env: Readonly<Record<string, unknown>>, context: SettingsContext = NODE): string[] {
  const checked = checkSettings(env, context);
  return "problems" in checked ? checked.problems.map((problem) => problem.message) : [];
}

describe("file: is followed by a path, taken literally", () => {
  it.each([
    ["file:./data/uploads", "./data/uploads"],
    ["file:data", "data"],
    ["file:../data", "../data"],
    ["file:.", "."],
    ["file:/abs/dir", "/abs/dir"],
    ["file:///abs/dir", "/abs/dir"],
    ["file://localhost/abs/dir", "/abs/dir"],
    ["FILE:data", "data"],
    ["file:my files/a b", "my files/a b"],
    ["file: data", " data"],
    ["file:a%20b", "a%20b"],
    ["file:///a%20b", "/a%20b"],
    ["file:100%", "100%"],
    ["file:a#b", "a#b"],
    ["file:a?b=c", "a?b=c"],
    ["file:ümlaut/日本", "ümlaut/日本"],
    ["file:./~", "./~"],
    ["file:~tmp", "~tmp"],
    ["file:C:\\data", "C:\\data"],
  ])("%s is the path %s, for the store and the database", (url, path) => {
    expect(readSettings({ STORAGE_URL: url, DATABASE_URL: "file:/elsewhere.db" }, NODE).storage).toEqual({
      kind: "file",
      path,
    });
    if (path === ".") return;
    const { databaseUrl } = readSettings({ DATABASE_URL: url, STORAGE_URL: "file:/elsewhere" }, NODE);
    expect(databaseUrl).toEqual({ kind: "file", path, raw: url });
  });

  it.each([
    ["file:", "it names no path"],
    ["file://", "it names no path"],
    ["file://localhost", "it names no path"],
    ["file://data/uploads", "after file:// comes a host"],
    ["file://./data", "after file:// comes a host"],
    ["file:~/data", "~ is not expanded here"],
    ["file:~", "~ is not expanded here"],
    ["file:a\0b", "NUL"],
    ["./data", "it has no scheme"],
    [" file:data", "it has no scheme"],
  ])("%j is refused: %s", (url, reason) => {
    expect(messagesOf({ STORAGE_URL: url })[0]).toContain(reason);
    expect(messagesOf({ DATABASE_URL: url })[0]).toContain(reason);
  });

  it.each(["file:/", "file:///", "file://localhost/", "file:/.", "file://///", "file:/a/.."])(
    "%s is no store: it is the root of the file system",
    (url) => {
      expect(messagesOf({ STORAGE_URL: url })[0]).toContain("the root of the file system is no store");
    },
  );

  it.each(["file:data/", "file:/", "file:.", "file:..", "file:a/.."])("%s is no database: it is a folder", (url) => {
    expect(messagesOf({ DATABASE_URL: url, STORAGE_URL: "file:/elsewhere" })[0]).toContain(
      "it names a folder, not a file",
    );
  });

  it.each(["file::memory:", ":memory:", "file::memory:?cache=shared", "file:x?mode=memory&cache=shared"])(
    "%s is no database: a ledger must outlive the process",
    (url) => {
      expect(messagesOf({ DATABASE_URL: url })[0]).toContain("a database in memory forgets its ledger");
    },
  );

  it("has no meaning in a Worker", () => {
    expect(messagesOf({ DATABASE_URL: "file:a.db", STORAGE_URL: "file:b" }, WORKER)).toEqual([
      expect.stringContaining("a Worker has no file system"),
      expect.stringContaining("a Worker has no file system"),
    ]);
  });
});

describe("other schemes", () => {
  it.each([
    "libsql://db.example.org",
    "LIBSQL://db.example.org",
    "https://db.example.org",
    "https://db.example.org/a/path",
    "http://127.0.0.1:8080",
    "http://[::1]:65535/",
  ])("%s is a remote database", (url) => {
    const remote = { kind: "remote", url, raw: url };
    expect(readSettings({ DATABASE_URL: url }, NODE).databaseUrl).toEqual(remote);
    expect(readSettings({ DATABASE_URL: url, STORAGE_URL: "r2://FILES" }, WORKER).databaseUrl).toEqual(remote);
  });

  it.each([
    ["DATABASE_URL", "postgres://user:secret@host/db"],
    ["DATABASE_URL", "wss://db.example.org"],
    ["DATABASE_URL", "C:\\data\\x.db"],
    ["STORAGE_URL", "gs://bucket"],
    ["STORAGE_URL", "https://bucket.s3.example.org"],
  ])("%s of %s is refused with what is allowed", (name, url) => {
    const [message = ""] = messagesOf({ [name]: url });
    expect(message).toMatch(/; allowed: file:(PATH|DIR), relative to the working directory or absolute/);
    expect(message).not.toContain("secret");
  });

  it.each([
    "libsql://",
    "https:/x",
    "libsql://user:HIDDEN@host",
    "libsql://host?authToken=HIDDEN",
    "https://a b",
    "http://host:port",
    "http://host:65536",
    "http://[::1",
  ])("%s is no remote database, and shows no token", (url) => {
    const [message = ""] = messagesOf({ DATABASE_URL: url });
    expect(message).toContain("DATABASE_URL");
    expect(message).not.toContain("HIDDEN");
  });

  it.each([
    ["s3://bucket", "bucket", ""],
    ["s3://bucket/", "bucket", ""],
    ["s3://bucket/uploads", "bucket", "uploads/"],
    ["s3://bucket/a/b c/", "bucket", "a/b c/"],
  ])("%s is the bucket %s and the prefix %j, which ends at a slash", (url, bucket, prefix) => {
    expect(readSettings({ STORAGE_URL: url, ...KEYS }, ALL).storage).toEqual({ kind: "s3", bucket, prefix });
  });

  it.each(["s3:bucket", "s3://", "s3:///x", "s3://ab", "s3://bucket//x", "s3://bucket/a//b", "s3://b--usw2-az1--x-s3"])(
    "%s is no bucket",
    (url) => {
      expect(messagesOf({ STORAGE_URL: url, ...KEYS }, ALL)).toHaveLength(1);
    },
  );

  it("r2: works inside a Worker; elsewhere the error gives the s3: form", () => {
    const env = { DATABASE_URL: "libsql://db", STORAGE_URL: "r2://FILES/uploads" };
    expect(readSettings(env, WORKER).storage).toEqual({ kind: "r2", binding: "FILES", prefix: "uploads/" });
    expect(messagesOf(env, ALL)[0]).toContain(
      "here write s3://BUCKET/uploads/ with S3_ENDPOINT=https://ACCOUNT_ID.r2.",
    );
    expect(messagesOf({ ...env, STORAGE_URL: "r2://a-b" }, WORKER)).toHaveLength(1);
  });
});

describe("the database may not lie in the store, where it would look like an orphan", () => {
  it.each([
    ["/srv/uploads/x.db", "/srv/uploads", true],
    ["/srv/uploads/deep/er/x.db", "/srv/uploads/", true],
    ["/srv/uploads", "/srv/uploads", true],
    ["/srv/x.db", "/srv/uploads", false],
    ["/srv/uploads2/x.db", "/srv/uploads", false],
    ["/srv/uploads.db", "/srv/uploads", false],
    ["/srv/uploads/../x.db", "/srv/uploads", false],
    ["/srv/./other/../uploads//x.db", "/srv/uploads", true],
    ["/x.db", "/", true],
    ["/srv/Uploads/x.db", "/srv/uploads", true],
    ["/srv/u\u0308/x.db", "/srv/\u00fc", true],
    ["C:\\data\\uploads\\x.db", "c:\\data\\uploads", true],
    ["C:/data/uploads/x.db", "C:\\data\\uploads", true],
    ["D:\\data\\x.db", "C:\\data", false],
    ["/srv/a\\b", "/srv/a", false],
  ])("%s in %s: %s", (database, store, inside) => {
    expect(databaseInsideStore(database, store)).toBe(inside);
  });

  it.each([
    ["file:./data/uploads/x.db", "file:./data/uploads", true],
    ["file:data/x.db", "file:./data", true],
    ["file:x.db", "file:.", true],
    ["file:x.db", "file:..", true],
    ["file:a/../b/x.db", "file:b", true],
    ["file:../x.db", "file:.", false],
    ["file:../uploads2/x.db", "file:../uploads", false],
    ["file:/srv/u/x.db", "file:///srv/u", true],
    ["file:/srv/x.db", "file:/srv/u", false],
    ["file:./data/filesweep.db", "file:./data/uploads", false],
    // One relative, one absolute: only the door knows the working directory.
    ["file:x.db", "file:/srv", false],
    ["file:/srv/x.db", "file:.", false],
  ])("DATABASE_URL=%s with STORAGE_URL=%s is an error: %s", (database, store, refused) => {
    const messages = messagesOf({ DATABASE_URL: database, STORAGE_URL: store });
    expect(messages).toEqual(
      refused
        ? [
            "DATABASE_URL names a file inside the folder of STORAGE_URL, where it would look like an orphan and be removed; keep them apart",
          ]
        : [],
    );
  });
});
