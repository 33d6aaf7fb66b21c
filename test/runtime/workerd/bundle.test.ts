/** The Worker's bundle: how large it is, what it holds, and that nothing happens when it is imported. */
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { type BuildResult, build } from "esbuild";
import { beforeAll, expect, it } from "vitest";
import { bundleOptions, CONFIGURATION } from "./bundle-options.ts";

/** The most that its users have to send, in bytes. */
const MOST_BYTES = 120_000;

let bundle: BuildResult<{ write: false; metafile: true }>;
let text = "";

beforeAll(async () => {
  bundle = await build({ ...bundleOptions(), format: "esm" });
  text = bundle.outputFiles[0]?.text ?? "";
});

it("is at most 120 kB, gzipped", () => {
  const bytes = gzipSync(text).length;
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
});

it("holds nothing of Node: no module, and no file that needs one", () => {
  const [output] = Object.values(bundle.metafile.outputs);
  expect(output?.imports).toEqual([]);
  const files = Object.keys(bundle.metafile.inputs);
  expect(files).toContain("src/storage/r2.ts");
  const nodeOnly = /^src\/(cli|cron\/node|storage\/filesystem|library\/(process|files|environment)|database\/embedded)/;
  expect(
    files.filter((file) => nodeOnly.test(file) || /node_modules\/(libsql|@libsql\/\w+-\w+-gnu)\//.test(file)),
  ).toEqual([]);
});

it("holds one router, and neither drizzle, nor the vendor's database client, nor a digest of its own, which weigh a sixth of it", () => {
  const heavy =
    /node_modules\/(@libsql\/|drizzle-orm\/|@noble\/|hono\/dist\/router\/(reg-exp|pattern|linear|smart)-router)/;
  expect(Object.keys(bundle.metafile.inputs).filter((file) => heavy.test(file))).toEqual([]);
});

it("does nothing when it is imported: it asks for no clock, chance, timer, request or log", async () => {
  const used: string[] = [];
  const trap = (name: string): (() => never) => {
    return () => {
      used.push(name);
      throw new Error(`${name} was used at import`);
    };
  };
  const sandbox = {
    fetch: trap("fetch"),
    setTimeout: trap("setTimeout"),
    setInterval: trap("setInterval"),
    queueMicrotask: trap("queueMicrotask"),
    console: { log: trap("console.log"), warn: trap("console.warn"), error: trap("console.error") },
    crypto: { getRandomValues: trap("getRandomValues"), randomUUID: trap("randomUUID"), subtle: {} },
    performance: { now: trap("performance.now") },
    TextEncoder,
    TextDecoder,
    URL,
    URLSearchParams,
    Headers,
    Request,
    Response,
    AbortSignal,
    AbortController,
    navigator: { userAgent: "Cloudflare-Workers" },
  };
  const context: Record<string, unknown> = { ...sandbox };
  const scripts = { format: "iife", globalName: "imported" } as const;
  const { outputFiles } = await build({ ...bundleOptions(), ...scripts });
  runInNewContext(`Date.now = () => fetch(); Math.random = () => fetch(); ${outputFiles[0]?.text}`, context);
  expect(used).toEqual([]);
  expect(context["imported"]).toHaveProperty("default.scheduled");
});

it("wrangler.toml keeps previews off production's bindings, observes, and ticks off the hour", () => {
  const { preview_urls, observability, limits, r2_buckets, vars, triggers } = CONFIGURATION;
  expect([preview_urls, observability?.enabled, limits]).toEqual([false, true, undefined]);
  expect(r2_buckets.map(({ binding }) => binding)).toEqual(["FILES"]);
  expect(vars["STORAGE_URL"]).toBe("r2://FILES/");
  const minutes = triggers.crons.map((cron) => Number(cron.split(" ")[0]));
  expect(minutes).toHaveLength(1);
  for (const minute of minutes) expect(minute % 5).not.toBe(0);
});
