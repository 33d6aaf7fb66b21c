/** Hono without the routers that it chooses from: one is enough for some thirty routes, and 2 kB less of a Worker, gzipped. */
import type { Env, Hono } from "hono";
import { HonoBase } from "hono/hono-base";
import { TrieRouter } from "hono/router/trie-router";
import type { BlankEnv } from "hono/types";
import { getPath } from "hono/utils/url";

/**
 * An app without routes. To whoever mounts it, it is one like any other.
 * @param base a path that may stand before that of a request: a proxy takes it away, or does not
 */
export function createRouter<Variables extends Env = BlankEnv>(base = ""): Hono<Variables> {
  return new HonoBase<Variables>({
    router: new TrieRouter(),
    getPath(request) {
      const path = getPath(request);
      return path.startsWith(`${base}/`) ? path.slice(base.length) : path;
    },
  });
}
