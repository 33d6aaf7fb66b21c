/** A Worker that runs a store of ours in workerd and lets a test call it: over R2's binding, or over S3. */
import { SweepError } from "../../src/core/errors.ts";
import type { DeleteRequest, ListAsk, Store } from "../../src/core/ports.ts";
import { createR2Store, type R2Binding } from "../../src/storage/r2.ts";
import { createS3Store } from "../../src/storage/s3.ts";
import type { StoreCall, Told } from "./workerd.ts";

interface Env {
  readonly BUCKET: R2Binding;
}

/** Keys that the bucket refuses to delete, as one does whose rules lock them. */
let locked: readonly string[] = [];

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    // Ours: `callWorker` wrote it.
    const call = (await request.json()) as StoreCall;
    try {
      return Response.json({ answer: (await answer(call, env)) ?? null });
    } catch (error) {
      const kind = error instanceof SweepError ? error.kind : "bug";
      return Response.json({ error: { kind, message: error instanceof Error ? error.message : String(error) } });
    }
  },
};

async function answer(call: StoreCall, env: Env): Promise<unknown> {
  switch (call.about) {
    case "put":
      await Promise.all(call.keys.map((key) => env.BUCKET.put(key, "x".repeat(call.sizeBytes))));
      return null;
    case "exists":
      return (await env.BUCKET.head(call.key)) !== null;
    case "remove":
      return env.BUCKET.delete([call.key]);
    case "lock":
      locked = call.keys;
      return null;
    case "empty":
      return empty(env.BUCKET);
    case "store":
      return callStore(storeOf(call, env), call);
  }
}

function storeOf(call: StoreCall & { about: "store" }, env: Env): Store {
  if (call.s3 !== undefined) return createS3Store({ ...call.s3, now: () => Date.now() });
  const bucket = lockable(call.maxPage === undefined ? env.BUCKET : shortPaged(env.BUCKET, call.maxPage));
  return createR2Store({ bucket, binding: "BUCKET", prefix: call.prefix });
}

function callStore(store: Store, { method, args, aborted }: StoreCall & { about: "store" }): unknown {
  const signal = aborted ? AbortSignal.abort() : undefined;
  const [first] = args;
  // The test's own arguments, of the method that it names.
  if (method === "list")
    return telling((sent) => store.list({ ...(first as ListAsk), ...(signal && { signal }), sent }));
  if (method === "delete") return telling((sent) => store.delete(first as DeleteRequest[], signal, sent));
  const withSignal = method === "listUploads" ? [{ ...(first as object), signal }] : [...args, signal];
  return (store[method] as (...all: unknown[]) => unknown)(...withSignal);
}

/** What is called cannot travel: whether it was called can. */
async function telling<Answer>(call: (sent: () => void) => Promise<Answer>): Promise<Told<Answer>> {
  let sent = false;
  const answer = await call(() => {
    sent = true;
  });
  return { answer, sent };
}

function shortPaged(bucket: R2Binding, maxPage: number): R2Binding {
  return bound(bucket, { list: (options) => bucket.list({ ...options, limit: Math.min(options.limit, maxPage) }) });
}

function lockable(bucket: R2Binding): R2Binding {
  return bound(bucket, {
    async delete(keys) {
      // The form in which R2 tells its errors.
      if (keys.some((key) => locked.includes(key))) throw new Error("delete: The object is locked by a rule. (10069)");
      await bucket.delete(keys);
    },
  });
}

function bound(bucket: R2Binding, changed: Partial<R2Binding>): R2Binding {
  return {
    list: (options) => bucket.list(options),
    head: (key) => bucket.head(key),
    get: (key) => bucket.get(key),
    put: (key, value) => bucket.put(key, value),
    delete: (keys) => bucket.delete(keys),
    ...changed,
  };
}

async function empty(bucket: R2Binding): Promise<void> {
  for (;;) {
    const { objects } = await bucket.list({ limit: 1000 });
    if (objects.length === 0) return;
    await bucket.delete(objects.map(({ key }) => key));
  }
}
