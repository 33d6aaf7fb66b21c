import { expect, it, onTestFinished } from "vitest";
import { buildCommand, start } from "../../cli/support/command.ts";
import { makeFolderSite } from "../folder-site.ts";
import { httpDoor, playScenario, TOKEN } from "../play-scenario.ts";

buildCommand();

it("filesweep serve tells of the scenario what is checked in", async () => {
  const site = await makeFolderSite();
  // The schedule is off: a tick is what the test asks for.
  const env = { ...site.env, PORT: "0", ADMIN_TOKEN: TOKEN, CLEANUP_ENABLED: "false", CLEANUP_FIRST_RUN: "hold" };
  const service = start(site.folder, ["serve"], env);
  onTestFinished(() => void service.child.kill("SIGKILL"));
  let stderr = "";
  service.child.stderr?.on("data", (text: string) => {
    stderr += text;
  });
  await service.saw('"service.started"');
  const url = /"url":"([^"]+)"/.exec(stderr)?.[1] ?? "";
  await playScenario({ ...httpDoor((path, init) => fetch(`${url}${path}`, init)), keys: site.keys });
  service.child.kill("SIGTERM");
  expect((await service.ended).code).toBe(0);
});
