/** The request that a batch is, beside the one that the vendor's own client makes of it; and how an answer is read. */
import { join } from "node:path";
import { createClient, type InValue } from "@libsql/client/http";
import { expect, onTestFinished, test } from "vitest";
import type { Value } from "../../src/core/ports.ts";
import { HranaError, type PipelineMode, pipelineBody, readPipelineAnswer } from "../../src/database/hrana.ts";
import { plain, temporaryFolder } from "../support/database.ts";
import { startHranaServer } from "../support/hrana-server.ts";

type Json = Record<string, unknown>;

const VALUES: readonly Value[] = [
  null,
  7,
  1.5,
  2n ** 60n,
  "it's é \u{1F600}",
  new Uint8Array([0, 250, 1]),
  new Uint8Array(),
];
const SELECT = "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, ? AS g";

/** Of a request: its steps with their texts, which the vendor's client may send ahead, and whether the stream is closed. */
function meaningOf(body: string): unknown {
  const { requests } = JSON.parse(body) as { requests: Json[] };
  const texts = new Map(requests.map((request) => [request["sql_id"], request["sql"]]));
  const batch = requests.find(({ type }) => type === "batch")?.["batch"] as {
    steps: { stmt: Json; condition?: Json }[];
  };
  const steps = batch.steps.map(({ stmt, condition }) => {
    const text = String(stmt["sql"] ?? texts.get(stmt["sql_id"]));
    // A transaction says what it is in several ways: `BEGIN`, `BEGIN DEFERRED`.
    return { text: text.replace(/^BEGIN( DEFERRED)?$/, "BEGIN"), args: stmt["args"], condition: condition ?? null };
  });
  return { steps, closes: requests.at(-1)?.["type"] === "close" };
}

test.each(["read", "write"] as const)("a batch that is to %s is what @libsql/client would send", async (mode) => {
  let theirs = "";
  const client = createClient({
    url: "http://127.0.0.1:1",
    async fetch(request: Request) {
      theirs = await request.text();
      return new Response("", { status: 500 });
    },
  });
  const sent = client.batch(
    [
      { sql: SELECT, args: VALUES.map((value): InValue => (value === 7 ? 7n : value)) },
      { sql: "SELECT 1", args: [] },
    ],
    mode === "read" ? "deferred" : mode,
  );
  await expect(sent).rejects.toThrow();
  const ours = pipelineBody([plain(SELECT, VALUES), plain("SELECT 1")], mode);
  expect(meaningOf(ours)).toEqual(meaningOf(theirs));
});

test("the test server answers the vendor's client as it answers ours", async () => {
  const server = await startHranaServer({ fileAt: () => join(temporaryFolder(), "test.db") });
  onTestFinished(() => server.close());
  const client = createClient({ url: server.url, intMode: "bigint" });
  const [theirs] = await client.batch([{ sql: SELECT, args: VALUES.map((value): InValue => value) }], "deferred");
  const asked = await fetch(`${server.url}/v2/pipeline`, {
    method: "POST",
    body: pipelineBody([plain(SELECT, VALUES)], "read"),
  });
  const [[ours] = []] = readPipelineAnswer(await asked.text(), 1, "read").rows;
  const plainly = (value: unknown): unknown => {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  };
  const row = theirs?.rows[0] ?? {};
  expect(ours).toEqual(Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainly(value)])));
  expect(Object.keys(row)).toHaveLength(VALUES.length);
});

test("each request opens its stream and closes it, in whatever mode", () => {
  for (const mode of ["read", "write", "bare"] as const satisfies readonly PipelineMode[]) {
    const { baton, requests } = JSON.parse(pipelineBody([plain("SELECT 1")], mode)) as {
      baton: null;
      requests: Json[];
    };
    expect([baton, requests.map(({ type }) => type)]).toEqual([null, ["batch", "close"]]);
  }
});

test.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN])(
  "%d is not sent as something else",
  (value) => {
    expect(() => pipelineBody([plain("SELECT ?", [value])], "read")).toThrow(expect.objectContaining({ kind: "bug" }));
  },
);

const rows = (cols: readonly string[], ...values: unknown[][]): Json => ({
  cols: cols.map((name) => ({ name })),
  rows: values,
});
const one = rows(["v"], [{ type: "integer", value: "1" }]);
const none = rows([]);
const answer = (results: unknown, errors: unknown = [null, null, null, null]): string =>
  JSON.stringify({
    results: [{ type: "ok", response: { type: "batch", result: { step_results: results, step_errors: errors } } }],
  });
const holding = (value: unknown): string => answer([none, rows(["v"], [value]), none, null]);

test("a blob arrives with its padding and without", () => {
  for (const base64 of ["AP8=", "AP8"]) {
    expect(readPipelineAnswer(holding({ type: "blob", base64 }), 1, "read").rows).toEqual([
      [{ v: new Uint8Array([0, 255]) }],
    ]);
  }
});

test.each<[string, string, string]>([
  [
    "the BEGIN",
    answer([null, null, null, null], [{ code: "A", message: "m" }, null, null, { code: "Z", message: "z" }]),
    "A",
  ],
  ["a statement", answer([none, null, null, none], [null, { code: "B", message: "m" }, null, null]), "B"],
  ["the COMMIT", answer([none, one, null, none], [null, null, { code: "C", message: "m" }, null]), "C"],
  ["the whole batch", JSON.stringify({ results: [{ type: "error", error: { code: "D", message: "m" } }] }), "D"],
])("the error of %s is the batch's", (_, text, code) => {
  let thrown: unknown;
  try {
    readPipelineAnswer(text, 1, "read");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(HranaError);
  expect(thrown).toMatchObject({ code });
});

test("what the ROLLBACK met after a COMMIT is nobody's error", () => {
  const text = answer([none, one, none, null], [null, null, null, { code: "SQLITE_ERROR", message: "no transaction" }]);
  expect(readPipelineAnswer(text, 1, "write").rows).toEqual([[{ v: 1 }]]);
});

test.each([
  { what: "of all steps", each: { rows_read: 3, rows_written: 2 }, counted: { read: 12, written: 8 } },
  { what: "nothing where the server does not count", each: {}, counted: { read: 0, written: 0 } },
])("rows read and written are summed: $what", ({ each, counted }) => {
  const text = answer([none, one, none, none].map((result) => ({ ...result, ...each })));
  expect(readPipelineAnswer(text, 1, "write").counted).toEqual(counted);
});

test.each<[string, string]>([
  ["text", "not JSON"],
  ["null", "null"],
  ["no results", "{}"],
  ["an empty list of results", `{"results":[]}`],
  ["another kind of response", `{"results":[{"type":"ok","response":{"type":"close"}}]}`],
  ["a COMMIT that was left out", answer([none, one, null, null])],
  ["a statement that was left out", answer([none, null, none, null])],
  ["fewer steps than were sent", answer([none, one])],
  ["a row longer than its columns", answer([none, rows(["v"], [{ type: "null" }, { type: "null" }]), none, null])],
  ["a row that is none", answer([none, { cols: [], rows: [7] }, none, null])],
  ["an integer as a number, which may be another by now", holding({ type: "integer", value: 2 ** 53 })],
  ["an integer that is none", holding({ type: "integer", value: "1.5" })],
  ["a float that JSON could not hold", holding({ type: "float", value: null })],
  ["a blob that is no base64", holding({ type: "blob", base64: "*" })],
  ["a type that nobody knows", holding({ type: "date", value: "x" })],
  ["no value", holding(null)],
])("no rows are read from an answer with %s", (_, text) => {
  expect(() => readPipelineAnswer(text, 1, "read")).toThrow();
  expect(() => readPipelineAnswer(text, 1, "read")).not.toThrow(HranaError);
});
