/** `filesweep serve`, the built command as a process of its own. */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { checkRoutes, checkWithoutDatabase, checkWithoutStore, type Request } from "../../api/route-cases.ts";
import { buildCommand, start } from "../../cli/support/command.ts";
import { AWAY, startHranaServer } from "../../support/hrana-server.ts";
import { type FolderSite, makeFolderSite } from "../folder-site.ts";
import { httpDoor, playScenario, TOKEN } from "../play-scenario.ts";

buildCommand();

interface Service {
  readonly request: Request;
  /** Ends it as an operator does, and answers its exit code. */
  end(): Promise<number | null>;
}

async function serve(site: FolderSite, more: Readonly<Record<string, string>> = {}): Promise<Service> {
  // The schedule is off: a tick is what the test asks for.
  const own = { PORT: "0", ADMIN_TOKEN: TOKEN, CLEANUP_ENABLED: "false", CLEANUP_FIRST_RUN: "hold" };
  const service = start(site.folder, ["serve"], { ...site.env, ...own, ...more });
  onTestFinished(() => void service.child.kill("SIGKILL"));
  let stderr = "";
  service.child.stderr?.on("data", (text: string) => {
    stderr += text;
  });
  await service.saw('"service.started"');
  const url = /"url":"([^"]+)"/.exec(stderr)?.[1] ?? "";
  return {
    request: (path, init) => fetch(`${url}${path}`, init),
    async end() {
      service.child.kill("SIGTERM");
      return (await service.ended).code;
    },
  };
}

it("filesweep serve tells of the scenario what is checked in", async () => {
  const site = await makeFolderSite();
  const { request, end } = await serve(site);
  await playScenario({ ...httpDoor(request), keys: site.keys });
  await checkRoutes(request, TOKEN);
  expect(await end()).toBe(0);
});

it("without a database whatever needs it says so", async () => {
  const site = await makeFolderSite();
  const database = await startHranaServer({ fileAt: () => site.database });
  onTestFinished(() => database.close());
  const { request } = await serve(site, { DATABASE_URL: database.url });
  database.disturb(() => AWAY);
  await checkWithoutDatabase(request, TOKEN);
});

it("without a store whatever needs it says so", async () => {
  const site = await makeFolderSite();
  const { request } = await serve(site);
  await rename(join(site.folder, "uploads"), join(site.folder, "unmounted"));
  await checkWithoutStore(request, TOKEN);
});
