/** The same sitting against the Worker in workerd, and against a Deno process: pages that work the same everywhere. */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DAY_MS } from "../../src/core/safety.ts";
import { openFileClient } from "../../src/database/embedded-client.ts";
import { startDeno } from "../runtime/deno/start-deno.ts";
import { makeFolderSite } from "../runtime/folder-site.ts";
import { TOKEN } from "../runtime/play-scenario.ts";
import { SCENARIO_OBJECTS, SCENARIO_SETTINGS, scenarioRows } from "../runtime/scenario.ts";
import { seedDatabase } from "../runtime/seed-database.ts";
import { startDatabase, startWorker } from "../runtime/workerd/start-worker.ts";
import { plain, temporaryFolder } from "../support/database.ts";
import { openTab, signIn, startBrowser } from "./browser.ts";
import { expectAllAccessible, playStory } from "./story.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

const SUSPECT = "orphan-old.bin";
const AFTERWARDS = /^completed Removed 8 expired files/;

describe.each([
  ["with JavaScript", true],
  ["without JavaScript", false],
] as const)("%s", (_, javaScriptEnabled) => {
  it("an operator works with a Deno process as with any", async () => {
    const site = await makeFolderSite();
    const path = join(site.folder, "uploads", SUSPECT);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "0123456789");
    utimesSync(path, new Date(Date.now() - 30 * DAY_MS), new Date(Date.now() - 30 * DAY_MS));
    const deno = await startDeno(site);
    expect(await deno.tick()).toBe("tick ok");
    const tab = await openTab(browser, { javaScriptEnabled });
    await playStory(tab, {
      url: deno.url,
      token: TOKEN,
      hasScript: javaScriptEnabled,
      suspect: SUSPECT,
      afterwards: AFTERWARDS,
    });
    expect(await site.keys()).toContain(SUSPECT);
  });

  it("an operator works with a Worker as with any: what one request may not finish, the open page does", async () => {
    const file = await seedDatabase(temporaryFolder(), scenarioRows());
    const database = await startDatabase(file);
    const vars = { DATABASE_URL: database.url, STORAGE_URL: "r2://FILES/", ADMIN_TOKEN: TOKEN, ...SCENARIO_SETTINGS };
    const worker = await startWorker({ vars });
    await worker.put(SCENARIO_OBJECTS);
    expect(await worker.tick()).toBe("ok");
    const tab = await openTab(browser, { javaScriptEnabled });
    await playStory(tab, {
      url: worker.url,
      token: TOKEN,
      hasScript: javaScriptEnabled,
      suspect: SUSPECT,
      afterwards: AFTERWARDS,
      beforeLedger: () => addSuspect(file),
    });
    await signIn(tab.page, worker.url, TOKEN);
    if (javaScriptEnabled) await expectAllAccessible(tab, worker.url, []);
  });
});

/** R2 has no older objects to offer: the ledger is told of one. */
async function addSuspect(file: string): Promise<void> {
  const client = await openFileClient(file);
  await client.batch(
    [
      plain(
        `INSERT INTO filesweep_removals (id, key, state, reason, sweep, run_id, size_bytes, created_at, first_seen_at)
          VALUES ('zz-suspect', ?, 'suspected', 'unreferenced', 'orphaned-objects', 'run', 10, ?, ?)`,
        [SUSPECT, Date.now(), Date.now()],
      ),
    ],
    "write",
  );
  client.close();
}
