/**
 * `npm run dev:worker`: the Worker on this machine, in workerd, on Node 20 too (the wrangler command needs Node 22): with
 * an R2 bucket of sample objects, and a remote database over a file. All of it is gone when it ends.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createTestHarness } from "wrangler";
import type { R2Binding } from "../src/storage/r2.ts";
import { SCENARIO_OBJECTS, scenarioRows } from "../test/runtime/scenario.ts";
import { seedDatabase } from "../test/runtime/seed-database.ts";
import { startHranaServer } from "../test/support/hrana-server.ts";

/** Good on this machine, while this runs. */
const TOKEN = "only-for-this-machine-0123456789";

const folder = mkdtempSync(join(tmpdir(), "filesweep-dev-"));
const file = await seedDatabase(folder, scenarioRows());
const database = await startHranaServer({ fileAt: (path) => (path === "" ? file : null) });
const harness = createTestHarness({
  root: fileURLToPath(new URL("..", import.meta.url)),
  workers: [
    {
      configPath: "./wrangler.toml",
      vars: { STORAGE_URL: "r2://FILES/", DATABASE_URL: database.url, ADMIN_TOKEN: TOKEN },
    },
  ],
});
const { url } = await harness.listen();
const worker = harness.getWorker<{ FILES: R2Binding }>();
const { FILES } = await worker.getEnv();
for (const key of SCENARIO_OBJECTS) await FILES.put(key, "0123456789");

const address = url.href.replace(/\/$/, "");
process.stdout.write(`The Worker listens on ${address}, with ${SCENARIO_OBJECTS.length} objects in its bucket. Ctrl+C ends it.

  a tick:    curl '${address}/cdn-cgi/handler/scheduled'
  or a run:  curl -X POST -H 'Authorization: Bearer ${TOKEN}' -H 'Prefer: wait=25' ${address}/admin/cleanup
  its hold:  curl -H 'Authorization: Bearer ${TOKEN}' ${address}/admin/holds
  approve:   curl -X POST -H 'Authorization: Bearer ${TOKEN}' ${address}/admin/holds/ID/approve
`);

let ending = false;
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  await harness.close();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end());
