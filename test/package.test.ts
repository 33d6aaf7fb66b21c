/** The package: what is in it, and that its two manifests say the same. `npm run package:check` has its types looked at. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

function manifest(name: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, name), "utf8"));
}

/** The entries of package.json, as the sources that they are built from. */
function sourcesOf({ exports }: Manifest): Record<string, string> {
  const entries = Object.entries(exports).flatMap(([entry, target]) => {
    if (typeof target === "string") return [];
    expect(target.types).toBe(target.default.replace(/\.js$/, ".d.ts"));
    return [[entry, target.default.replace("./dist/", "./src/").replace(/\.js$/, ".ts")]];
  });
  return Object.fromEntries(entries);
}

it("package.json and deno.json have the same version, license and entries, and each entry is there", () => {
  const [npm, jsr] = [manifest("package.json"), manifest("deno.json")];
  expect([jsr.version, jsr.license]).toEqual([npm.version, npm.license]);
  expect(jsr.exports).toEqual(sourcesOf(npm));
  expect(Object.values(sourcesOf(npm)).filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
  const entries = ["/api", "/client", "/cloudflare", "/deno", "/lambda", "/node", "/testing"];
  for (const entry of ["", ...entries]) expect(npm.exports).toHaveProperty([`.${entry}`]);
});

it("npm pack takes what was built and what a user reads, and nothing else", () => {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const [packed]: [{ files: { path: string }[] }] = JSON.parse(
    execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  );
  const paths = packed.files.map(({ path }) => path);
  const beside = [
    ".dev.vars.example",
    ".env.example",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "package.json",
    "wrangler.toml",
  ];
  expect(paths.filter((path) => !path.startsWith("dist/")).sort()).toEqual(beside);
  expect(paths.filter((path) => path.startsWith("dist/") && !/\.(js|d\.ts)$/.test(path))).toEqual([]);
  for (const source of Object.values(sourcesOf(manifest("package.json")))) {
    expect(paths).toContain(source.replace("./src/", "dist/").replace(/\.ts$/, ".js"));
  }
});
