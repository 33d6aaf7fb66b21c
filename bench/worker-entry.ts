/** The Worker of `npm run bench:worker`: a tick on request, since workerd itself keeps no schedule, and a bucket to go with it. */
import worker, { type WorkerContext, type WorkerEnv } from "../src/cron/cloudflare.ts";
import type { R2Binding } from "../src/storage/r2.ts";

/** The keys of the bench, in order. */
export function keyAt(index: number): string {
  return `uploads/2026/${String(index).padStart(8, "0")}.bin`;
}

/** As much of a bucket as a tick without a marker asks for. On Cloudflare it is outside of the Worker, and takes none of its CPU. */
function bucketOf(count: number, uploaded: Date): R2Binding {
  return {
    async list({ limit, startAfter = "" }) {
      const from = startAfter === "" ? 0 : Number.parseInt(startAfter.slice(keyAt(0).indexOf("0000")), 10) + 1;
      const size = Math.max(0, Math.min(limit, count - from));
      const objects = Array.from({ length: size }, (_, index) => ({
        key: keyAt(from + index),
        size: 10,
        uploaded,
        etag: "0123456789abcdef0123456789abcdef",
      }));
      return { objects, truncated: from + size < count };
    },
    head: async () => null,
    get: async () => null,
    put: async () => null,
    delete: async () => {},
  };
}

// biome-ignore lint/style/noDefaultExport: workerd asks for one
export default {
  async fetch(request: Request, env: WorkerEnv, _context: WorkerContext): Promise<Response> {
    if (new URL(request.url).pathname === "/tick") {
      const objects = Number(env["BENCH_OBJECTS"]);
      const bucket = objects > 0 ? { FILES: bucketOf(objects, new Date(0)) } : {};
      await worker.scheduled({}, { ...env, ...bucket });
    }
    return new Response("done");
  },
};
