/** The Worker as it is deployed, with its subrequests counted, and refused beyond a limit as the platform refuses them. */
import worker, { type WorkerContext, type WorkerEnv } from "../../../src/cron/cloudflare.ts";
import type { R2Binding } from "../../../src/storage/r2.ts";

/** Calls since they were last asked for. */
let calls = { fetches: 0, bucket: 0 };
let limit = Number.POSITIVE_INFINITY;
let refusesBucket = false;

function count(what: keyof typeof calls): void {
  calls[what] += 1;
  // The form in which R2 tells its errors.
  if (refusesBucket && what === "bucket") throw new Error("list: Not allowed. (10003)");
  if (calls.fetches + calls.bucket > limit) throw new Error("Too many subrequests.");
}

const fetched = globalThis.fetch;
globalThis.fetch = async (...request: Parameters<typeof fetch>) => {
  count("fetches");
  return fetched(...request);
};

function countedBucket(bucket: R2Binding): R2Binding {
  const counted = <A extends unknown[], R>(call: (...args: A) => Promise<R>): ((...args: A) => Promise<R>) => {
    return async (...args) => {
      count("bucket");
      return call(...args);
    };
  };
  return {
    list: counted((options) => bucket.list(options)),
    head: counted((key) => bucket.head(key)),
    get: counted((key) => bucket.get(key)),
    put: counted((key, value) => bucket.put(key, value)),
    delete: counted((keys) => bucket.delete(keys)),
  };
}

/** One for each environment, as the Worker itself goes by which it is. */
const environments = new WeakMap<WorkerEnv, WorkerEnv>();

function countedEnv(env: WorkerEnv): WorkerEnv {
  const known = environments.get(env);
  if (known !== undefined) return known;
  // What `startWorker` binds.
  const counted = env["FILES"] === undefined ? env : { ...env, FILES: countedBucket(env["FILES"] as R2Binding) };
  environments.set(env, counted);
  return counted;
}

async function putAll(bucket: R2Binding, keys: readonly string[]): Promise<Response> {
  for (let from = 0; from < keys.length; from += 100) {
    await Promise.all(keys.slice(from, from + 100).map((key) => bucket.put(key, "0123456789")));
  }
  return new Response(null, { status: 204 });
}

export default {
  async fetch(request: Request, env: WorkerEnv, context: WorkerContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/objects") return putAll(env["FILES"] as R2Binding, (await request.json()) as string[]);
    if (pathname !== "/calls") return worker.fetch(request, countedEnv(env), context);
    const answer = Response.json(calls);
    calls = { fetches: 0, bucket: 0 };
    refusesBucket = searchParams.has("refuse-bucket");
    limit = Number(searchParams.get("limit") ?? Number.POSITIVE_INFINITY);
    return answer;
  },
  scheduled: (controller: unknown, env: WorkerEnv) => worker.scheduled(controller, countedEnv(env)),
};
