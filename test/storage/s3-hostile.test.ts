/**
 * Whole runs over an S3 server that misbehaves. For each way: nothing is wrongly removed or reported missing, the error
 * is the stated one, and once the server behaves again a later run ends as it should.
 */
import { describe, expect, onTestFinished, test } from "vitest";
import { compareKeys } from "../../src/core/keys.ts";
import type { RunReport } from "../../src/core/model.ts";
import type { Store } from "../../src/core/ports.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/safety.ts";
import { retrying } from "../../src/storage/retrying.ts";
import { createS3Store } from "../../src/storage/s3.ts";
import { timed } from "../../src/storage/timed.ts";
import { createFakeClock, START } from "../support/fake-clock.ts";
import {
  type Answer,
  error,
  type Mischief,
  type S3Ask,
  type S3Server,
  startS3Server,
  WELL_BEHAVED,
} from "../support/s3-server.ts";
import { names } from "../support/site.ts";
import { type Bytes, createWorld, sweepOf, type World } from "../support/world.ts";

const PREFIX = "uploads/";
const LIVE = names("live", 12);
const GARBAGE = ["expired/1", "expired/2", "orphan/1", "orphan/2", "orphan/3"];
/** Beside the prefix: none of filesweep's business. */
const BESIDE = ["uploads", "uploads2/x", "other/y"];
/** Long enough for any answer that comes, and where a test waits for one that does not. */
const [PATIENCE_MS, IMPATIENCE_MS] = [20_000, 1500];

interface Site {
  readonly world: World;
  readonly server: S3Server;
}

/** Live files, expired ones, and orphans that are ripe at once, in pages of five. */
async function openSite(): Promise<Site> {
  const clock = createFakeClock();
  const server = await startS3Server(() => clock.now());
  onTestFinished(() => server.close());
  const store = createS3Store({ ...server.settings, prefix: PREFIX, now: () => clock.now() });
  const world = await createWorld({
    clock,
    bytes: () => bytesOf(store, server),
    wrapStore: coated(PATIENCE_MS),
    settings: { quarantineMs: 0, pageSize: 5, holdPercent: 100, holdExpiredPercent: 100 },
  });
  await world.insert(
    ...LIVE.map((key) => ({ key, created_at: START - 30 * DAY_MS })),
    ...["expired/1", "expired/2"].map((key) => ({ key, expires_at: START - HOUR_MS })),
  );
  world.put([...LIVE, ...GARBAGE]);
  for (const key of BESIDE) server.objects.set(key, { sizeBytes: 1, modifiedAt: 0 });
  return { world, server };
}

const noWait = async (): Promise<void> => {};

function coated(timeoutMs: number): (bare: Store) => Store {
  return (bare) => timed(retrying(bare, { wait: noWait, random: () => 0 }), timeoutMs);
}

/** A run that waits for no answer. */
async function runImpatiently({ world }: Site): Promise<RunReport> {
  return world.run(
    {},
    await world.createInstance({ settings: world.parts.settings, wrapStore: coated(IMPATIENCE_MS) }),
  );
}

function bytesOf(store: Store, { objects }: S3Server): Bytes {
  return {
    store,
    put: (key, modifiedAt) => void objects.set(PREFIX + key, { sizeBytes: 10, modifiedAt }),
    remove: (key) => void objects.delete(PREFIX + key),
    has: (key) => objects.has(PREFIX + key),
    keys: () =>
      [...objects.keys()]
        .filter((key) => key.startsWith(PREFIX))
        .map((key) => key.slice(PREFIX.length))
        .sort(compareKeys),
  };
}

function expectNothingWrong({ world, server }: Site, report: RunReport): void {
  expect(world.keys()).toEqual(expect.arrayContaining(LIVE));
  expect([...server.objects.keys()]).toEqual(expect.arrayContaining(BESIDE));
  expect(sweepOf(report, "missing-objects").kept["missing-object"]).toBeUndefined();
}

/** Once the server behaves: a day later everything is as it should be. */
async function expectToConverge(site: Site): Promise<void> {
  site.server.mischief = WELL_BEHAVED;
  for (let runs = 0; runs < 2; runs += 1) {
    site.world.clock.advance(DAY_MS);
    expectNothingWrong(site, await site.world.run());
  }
  expect(site.world.keys()).toEqual(LIVE);
  expect(await site.world.ledger()).toEqual(GARBAGE.map((key) => `${key} removed`));
}

const only = (asked: S3Ask, change: (answer: Answer, query: URLSearchParams) => Answer): Mischief => {
  return (ask, answer, query) => (ask === asked ? change(answer, query) : answer);
};
/** The first listing of a run only looks whether the store is empty. */
const scanned = (change: (answer: Answer, query: URLSearchParams) => Answer): Mischief =>
  only("list", (answer, query) => (query.get("max-keys") === "10" ? answer : change(answer, query)));
const inBody =
  (change: (body: string) => string) =>
  (answer: Answer): Answer => ({ ...answer, body: change(answer.body ?? "") });
const contents = (body: string): string[] => body.match(/<Contents>.*?<\/Contents>/g) ?? [];
const withContents = (change: (all: string[]) => string[]) =>
  inBody((body) => body.replace(/<Contents>.*<\/Contents>/, change(contents(body)).join("")));
const PAGE = "<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>";
const html = (status: number): Answer => ({ status, headers: { "content-type": "text/html" }, body: PAGE });

describe("a listing that makes no sense fails the scan, and nothing of it is removed:", () => {
  test.each<[string, Mischief, string]>([
    ["it is in the wrong order", scanned(withContents((all) => all.reverse())), "out of order"],
    ["it repeats a key", scanned(withContents((all) => [...all.slice(0, 1), ...all])), "repeats itself"],
    [
      "it begins anew for each page",
      scanned((answer, query) =>
        query.get("start-after") === PREFIX
          ? answer
          : {
              ...answer,
              body: (answer.body ?? "")
                .replace(
                  /<Contents>.*<\/Contents>/,
                  contents(answer.body ?? "")
                    .slice(-1)
                    .join(""),
                )
                .replaceAll("live", "expired"),
            },
      ),
      "out of order",
    ],
    [
      "an empty page goes on with the token that it came by",
      scanned(
        inBody((body) =>
          body.replace(
            /<IsTruncated>.*/s,
            "<IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></ListBucketResult>",
          ),
        ),
      ),
      "does not advance",
    ],
    [
      "an empty page goes on without a token",
      scanned(inBody((body) => body.replace(/<IsTruncated>.*/s, "<IsTruncated>true</IsTruncated></ListBucketResult>"))),
      "does not advance",
    ],
    [
      "it leaves its prefix",
      scanned(withContents((all) => all.map((one) => one.replace("uploads%2F", "uploads2%2F")))),
      "leaves its prefix",
    ],
    ["it is cut off", scanned(inBody((body) => body.slice(0, body.length * 0.7))), "no whole XML document"],
    [
      "it is another document",
      scanned(() => ({ body: "<ListAllMyBucketsResult/>" })),
      "where a <ListBucketResult> was asked for",
    ],
    ["it is a web page", scanned(() => html(200)), "answered with a web page"],
    [
      "it is a success with an error in it",
      scanned(() => ({ ...error(500, "InternalError"), status: 200 })),
      "InternalError",
    ],
    [
      "it drips and never ends",
      scanned((answer) => ({ ...answer, connection: "drip" })),
      "did not answer a list within",
    ],
    [
      "the connection breaks",
      scanned((answer) => ({ ...answer, connection: "reset" })),
      "no answer from http://127.0.0.1",
    ],
    ["the bucket vanished", scanned(() => error(404, "NoSuchBucket")), "there is no bucket files"],
  ])("%s", async (_how, mischief, told) => {
    const site = await openSite();
    site.server.mischief = mischief;
    const report = await (told.startsWith("did not answer") ? runImpatiently(site) : site.world.run());
    const scan = sweepOf(report, "orphaned-objects");
    expect(scan.status).toBe("failed");
    expect(scan.error).toContain(told);
    expectNothingWrong(site, report);
    // What ended by its own row went all the same: one bad sweep never stops the others.
    expect(site.world.keys()).toEqual([...LIVE, "orphan/1", "orphan/2", "orphan/3"]);
    await expectToConverge(site);
  });
});

describe("a listing that is odd, but makes sense:", () => {
  test("an empty page with a continuation is not the end", async () => {
    const site = await openSite();
    // Each page comes only when its token is shown, and an empty one before it.
    site.server.mischief = scanned((answer, query) => {
      if (query.has("continuation-token")) return answer;
      const token = query.get("start-after") ?? "";
      return inBody((body) =>
        body.replace(
          /<IsTruncated>.*/s,
          `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken></ListBucketResult>`,
        ),
      )(answer);
    });
    const report = await site.world.run();
    expect(report.status).toBe("completed");
    expectNothingWrong(site, report);
    expect(site.world.keys()).toEqual(LIVE);
  });

  test("a page behind which a key stands that is none of it", async () => {
    const site = await openSite();
    const behind = "<!-- <Key>uploads%2Fzzz</Key> --><EncodingType>url</EncodingType></ListBucketResult>";
    site.server.mischief = scanned(inBody((body) => body.replace("</ListBucketResult>", behind)));
    const report = await site.world.run();
    expect(report.status).toBe("completed");
    expectNothingWrong(site, report);
    expect(site.world.keys()).toEqual(LIVE);
    const pages = Math.ceil((LIVE.length + GARBAGE.length) / 5);
    // What that key made filesweep ask for is listed in vain: a call more for each page but the last.
    expect(sweepOf(report, "orphaned-objects").seen.count).toBe(LIVE.length + 3);
    expect(site.server.asked.filter(({ ask }) => ask === "list").length).toBeLessThanOrEqual(2 * pages);
  });

  test("a listing that lies, and ends before its end, makes no row miss its object", async () => {
    const site = await openSite();
    site.server.mischief = scanned(
      inBody((body) => body.replace(/<IsTruncated>true<\/IsTruncated>/, "<IsTruncated>false</IsTruncated>")),
    );
    const report = await site.world.run();
    expect(sweepOf(report, "missing-objects").kept["changed-meanwhile"]?.count).toBeGreaterThan(0);
    expectNothingWrong(site, report);
    await expectToConverge(site);
  });

  test.each<[string, Answer]>([
    ["the page of a proxy", html(404)],
    ["an error", { status: 500 }],
  ])("a look-up that is answered with %s is no definite `not found`", async (_what, answer) => {
    const site = await openSite();
    // The object is not shown, and its look-up goes wrong.
    const hide = scanned(withContents((all) => all.filter((one) => !one.includes("00003"))));
    site.server.mischief = (ask, honest, query) => (ask === "head" ? answer : hide(ask, honest, query));
    const report = await site.world.run();
    expect(sweepOf(report, "missing-objects").failed.count).toBe(1);
    expectNothingWrong(site, report);
    await expectToConverge(site);
  });
});

describe("the answer to a delete:", () => {
  async function stateOf({ world }: Site, key: string): Promise<string | undefined> {
    return (await world.removals()).find((removal) => removal.key === key)?.state;
  }

  test("an error for one key is that key's alone: it is `failed`, retried, and its row stays ended", async () => {
    const site = await openSite();
    site.server.denied.add(`${PREFIX}expired/1`);
    const report = await site.world.run();
    expect(sweepOf(report, "expired-files")).toMatchObject({ removed: { count: 1 }, failed: { count: 1 } });
    expect(await stateOf(site, "expired/1")).toBe("failed");
    expect((await site.world.removals()).find(({ key }) => key === "expired/1")?.error).toBe("AccessDenied: Denied.");
    expect(Object.values(await site.world.statuses()).filter((status) => status === "expired")).toHaveLength(2);
    site.server.denied.clear();
    await expectToConverge(site);
  });

  test.each<[string, Mischief]>([
    [
      "a connection that breaks after the effect, on every try",
      only("delete", (answer) => ({ ...answer, connection: "reset" })),
    ],
    ["an answer that never ends", only("delete", (answer) => ({ ...answer, connection: "drip" }))],
    [
      "an answer that is cut off",
      only(
        "delete",
        inBody((body) => body.slice(0, 40)),
      ),
    ],
    ["a success with an error in it", only("delete", () => ({ ...error(500, "InternalError"), status: 200 }))],
    ["a web page", only("delete", () => html(200))],
    ["an answer that names no key", only("delete", () => ({ body: "<DeleteResult/>" }))],
    [
      "an answer that names other keys",
      only(
        "delete",
        inBody((body) => body.replaceAll("<Key>", "<Key>x")),
      ),
    ],
    ["a refusal of the credentials", only("delete", () => error(403, "ExpiredToken"))],
  ])("after %s the keys stay condemned, behind the gate, until an attempt is answered", async (what, mischief) => {
    const site = await openSite();
    site.server.mischief = mischief;
    const report = await (what.includes("never ends") ? runImpatiently(site) : site.world.run());
    expectNothingWrong(site, report);
    expect(await stateOf(site, "expired/1")).toBe("condemned");
    const gate = await site.world.rows("SELECT key FROM filesweep_gate WHERE leaves_at IS NULL ORDER BY key");
    expect(gate).toEqual(expect.arrayContaining([{ key: "expired/1" }, { key: "expired/2" }]));
    await expectToConverge(site);
  });

  test("a connection that breaks once after the effect is asked again, and then the key is gone", async () => {
    const site = await openSite();
    let broken = 0;
    site.server.mischief = only("delete", (answer) => {
      broken += 1;
      return broken === 1 ? { ...answer, connection: "reset" } : answer;
    });
    const report = await site.world.run();
    expect(report.status).toBe("completed");
    expect(site.world.keys()).toEqual(LIVE);
  });
});

test("a store that asks to slow down, and then answers, is waited for", async () => {
  const site = await openSite();
  let requests = 0;
  site.server.mischief = (_ask, answer) => {
    requests += 1;
    return requests % 3 === 0 ? error(503, "SlowDown") : answer;
  };
  const report = await site.world.run();
  expect(report.status).toBe("completed");
  expect(site.world.keys()).toEqual(LIVE);
});

test.each<[string, Answer, string]>([
  ["a web page", html(200), "is not an identity marker"],
  ["an error that is not `not found`", error(403, "AccessDenied"), "lack the permission"],
  ["the end of another bucket", error(404, "NoSuchBucket"), "there is no bucket"],
])("a marker that is answered with %s fails the run before anything is touched", async (_what, answer, told) => {
  const site = await openSite();
  const before = await site.world.dumpOfOthers();
  site.server.mischief = only("get", () => answer);
  const report = await site.world.run();
  expect(report.status).toBe("failed");
  expect(report.sweeps[0]?.error).toContain(told);
  site.server.mischief = WELL_BEHAVED;
  expect(await site.world.dumpOfOthers()).toEqual(before);
  await expectToConverge(site);
});

test("a store whose clock is over 5 minutes off holds the run", async () => {
  const site = await openSite();
  const late = new Date(START + 6 * 60_000).toUTCString();
  site.server.mischief = (_ask, answer) => ({ ...answer, headers: { ...answer.headers, date: late } });
  const report = await site.world.run();
  expect(report.holds.map(({ cause }) => cause)).toEqual(["clock-skew"]);
  expect(report.holds[0]?.detail).toContain("of the store");
  expect(site.world.keys()).toEqual([...GARBAGE.slice(0, 2), ...LIVE, ...GARBAGE.slice(2)]);
});
