/** Every route, with what is right and what is wrong, in Node: the list that each runtime is asked too. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createApp } from "../../src/api/app.ts";
import { createSweeper, type Sweeper } from "../../src/library/create-sweeper.ts";
import { type FolderSite, makeFolderSite } from "../runtime/folder-site.ts";
import { httpDoor, playScenario, TOKEN } from "../runtime/play-scenario.ts";
import { AWAY, startHranaServer } from "../support/hrana-server.ts";
import { checkRoutes, checkWithoutDatabase, checkWithoutStore, type Request } from "./route-cases.ts";

function open(site: FolderSite, more: Readonly<Record<string, string>> = {}): { sweeper: Sweeper; request: Request } {
  const sweeper = createSweeper({ env: { ...site.env, ADMIN_TOKEN: TOKEN, ...more }, log: () => {} });
  onTestFinished(() => sweeper.close());
  const app = createApp(sweeper);
  return { sweeper, request: async (path, init) => app.request(path, init) };
}

it("every route answers what is right, and refuses what is wrong, each with its problem", async () => {
  const site = await makeFolderSite();
  const { request } = open(site);
  await playScenario({ ...httpDoor(request), keys: site.keys });
  await checkRoutes(request, TOKEN);
});

it("without a database whatever needs it says so", async () => {
  const site = await makeFolderSite();
  const server = await startHranaServer({ fileAt: () => site.database });
  onTestFinished(() => server.close());
  const { sweeper, request } = open(site, { DATABASE_URL: server.url });
  await sweeper.open();
  server.disturb(() => AWAY);
  await checkWithoutDatabase(request, TOKEN);
});

it("without a store whatever needs it says so", async () => {
  const site = await makeFolderSite();
  const { sweeper, request } = open(site);
  await sweeper.open();
  await rename(join(site.folder, "uploads"), join(site.folder, "unmounted"));
  await checkWithoutStore(request, TOKEN);
  expect((await sweeper.runs({ limit: 5 })).items.map(({ status }) => status)).toEqual(["failed"]);
});
