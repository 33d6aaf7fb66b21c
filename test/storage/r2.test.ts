import { afterAll, beforeAll } from "vitest";
import { describeStore, type StoreHarness } from "../contract/store.ts";
import { BUCKET_TRAITS } from "../support/bucket-traits.ts";
import { remoteStore, startWorkerd, type Workerd } from "../support/workerd.ts";

let workerd: Workerd;

beforeAll(async () => {
  workerd = await startWorkerd();
});
afterAll(() => workerd.close());

async function makeR2Harness(): Promise<StoreHarness> {
  const locked: string[] = [];
  return {
    store: remoteStore(workerd),
    shortPages: remoteStore(workerd, { maxPage: 3 }),
    put: async (key, { sizeBytes = 3 } = {}) => void (await workerd.call({ about: "put", keys: [key], sizeBytes })),
    putAll: async (keys) => void (await workerd.call({ about: "put", keys, sizeBytes: 3 })),
    exists: async (key) => (await workerd.call({ about: "exists", key })) === true,
    remove: async (key) => void (await workerd.call({ about: "remove", key })),
    async makeUndeletable(key) {
      locked.push(key);
      await workerd.call({ about: "lock", keys: locked });
    },
    beginUpload: null,
    async close() {
      await workerd.call({ about: "lock", keys: [] });
      await workerd.call({ about: "empty" });
    },
  };
}

describeStore("the R2 store in workerd", makeR2Harness, BUCKET_TRAITS);
