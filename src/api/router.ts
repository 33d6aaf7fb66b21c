/** Hono without the routers that it chooses from: one is enough for some thirty routes, and 2 kB less of a Worker, gzipped. */
import type { Env, Hono } from "hono";
import { HonoBase } from "hono/hono-base";
import { TrieRouter } from "hono/router/trie-router";
import type { BlankEnv } from "hono/types";

/** An app without routes. To whoever mounts it, it is one like any other. */
export function createRouter<Variables extends Env = BlankEnv>(): Hono<Variables> {
  return new HonoBase<Variables>({ router: new TrieRouter() });
}
