import * as v from "valibot";
import { it, onTestFinished } from "vitest";
import { Run } from "../../../src/api/schemas.ts";
import { toRunJson } from "../../../src/core/documents/run.ts";
import { createSweeper } from "../../../src/library/create-sweeper.ts";
import { makeFolderSite } from "../folder-site.ts";
import { playScenario } from "../play-scenario.ts";

it("the library in Node tells of the scenario what is checked in", async () => {
  const site = await makeFolderSite();
  const sweeper = createSweeper({ env: site.env, log: () => {} });
  onTestFinished(() => sweeper.close());
  await playScenario({
    tick: () => sweeper.run({ trigger: "schedule" }),
    async approve(hold) {
      await sweeper.approve(hold);
      await sweeper.run({ trigger: "schedule" });
    },
    async lastRun() {
      const [run] = (await sweeper.runs({ limit: 1 })).items;
      return v.parse(Run, JSON.parse(JSON.stringify(run && toRunJson(run))));
    },
    keys: site.keys,
  });
});
