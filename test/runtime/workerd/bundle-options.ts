/** The Worker's configuration, and how wrangler bundles it. */
import { builtinModules } from "node:module";
import { fileURLToPath } from "node:url";
import type { BuildOptions } from "esbuild";
import { unstable_readConfig as readConfig } from "wrangler";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** As much of wrangler's configuration as is looked at; its own type needs a package that is not installed. */
interface Configuration {
  readonly main: string;
  readonly minify?: boolean;
  readonly keep_names?: boolean;
  readonly preview_urls: boolean;
  readonly observability?: { readonly enabled: boolean };
  readonly limits?: unknown;
  readonly r2_buckets: readonly { readonly binding: string }[];
  readonly vars: Readonly<Record<string, unknown>>;
  readonly triggers: { readonly crons: readonly string[] };
}

export const CONFIGURATION: Configuration = readConfig({ config: `${ROOT}wrangler.toml` });

/** As wrangler bundles: the conditions and the target are its own, and Node's modules stay outside. */
export function bundleOptions() {
  return {
    absWorkingDir: ROOT,
    entryPoints: [CONFIGURATION.main],
    bundle: true,
    minify: CONFIGURATION.minify ?? false,
    // Wrangler's own default: it then writes a call for each function, which brings its name back.
    keepNames: CONFIGURATION.keep_names ?? true,
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["browser", "module", "main"],
    platform: "neutral",
    external: ["node:*", "cloudflare:*", ...builtinModules],
    write: false,
    metafile: true,
    logLevel: "silent",
  } satisfies BuildOptions;
}
